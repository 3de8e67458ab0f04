"""How many files and functions of the package a reader has to know to follow an image, a group, a degradation, a step.

    python benchmarks/walks.py [--package FOLDER] [--only image step] [--list]

Counted are the functions that are called, in whatever thread, and the files that they stand in; not what importing
calls, and comprehensions belong to the function around them. Of a training step only what a longer training calls more
often counts. Photographs are made up and trainings are tiny. FOLDER is another checkout, to compare with this one. Each
way has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType

import numpy as np
from PIL import Image

SMALL = ("--crop", "16", "--batch", "2", "--from-scratch", "--device", "cpu", "--quiet")
TASKS = "jpeg,gaussian_noise"
WAYS = {
    "image": "`grids select PHOTO`",
    "group": "`grids group PHOTOS`, two tasks",
    "degradation": "`grids degrade PHOTO --kind jpeg`",
    "step": "a step of `grids train PHOTOS`, two tasks",
}
Functions = Counter[tuple[str, str, int]]
"""Calls by file, name and line."""


def make_photographs(folder: Path) -> list[Path]:
    """Write six pictures of 160 x 144 with edges and texture into a new folder."""
    folder.mkdir()
    y, x = np.mgrid[:144, :160]
    files = []
    for number in range(6):
        noise = np.random.default_rng(number).normal(0, 6, (144, 160, 3))
        planes = [60 * ((x + 9 * number) // 24 % 2) + 40 * np.sin(y / (4 + k)) + x / 2 + 40 for k in range(3)]
        files.append(folder / f"{number}.png")
        Image.fromarray((np.stack(planes, 2) + noise).clip(0, 255).astype(np.uint8)).save(files[-1])
    return files


@contextmanager
def followed(root: Path) -> Iterator[Functions]:
    """Count calls of the functions below a folder."""
    calls = Functions()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(root)) and is_function(code):
            key = (str(Path(code.co_filename).relative_to(root)), code.co_qualname, code.co_firstlineno)
            if key in calls or not is_importing(frame, root):
                calls[key] += 1

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def is_function(code: CodeType) -> bool:
    """Whether it is neither the body of a module or class, nor a comprehension."""
    return bool(code.co_flags & CO_OPTIMIZED) and (code.co_name == "<lambda>" or not code.co_name.startswith("<"))


def is_importing(frame: FrameType | None, root: Path) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(str(root)):
            return True
        frame = frame.f_back
    return False


def follow(way: str, folder: Path) -> Functions:
    """The calls of one way."""
    import grids
    from grids.cli import run

    photographs = make_photographs(folder / "photographs")
    root = Path(grids.__file__).parent

    def called(*arguments: object) -> Functions:
        with followed(root) as calls:
            status = run(list(map(str, arguments)))
        if status:
            raise SystemExit(status)
        return calls

    if way == "image":
        return called("select", photographs[0])
    if way == "degradation":
        return called("degrade", photographs[0], "--kind", "jpeg", "--out", folder / "out.png")
    if way == "group":
        given = (folder / "photographs", "--degradations", TASKS, "--iterations", 4, "--out", folder / "run")
        return called("group", *given, *SMALL)
    short, long = (
        called("train", folder / "photographs", "--tasks", TASKS, *SMALL, "--iterations", steps, "--out", file)
        for steps, file in ((8, folder / "short.safetensors"), (24, folder / "long.safetensors"))
    )
    return long - short


def follow_alone(way: str, package: Path) -> Functions:
    """The same in a process of its own, with the package of a checkout."""
    command = [sys.executable, __file__, "--follow", way, "--package", str(package)]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr}")
    return Functions(
        {(file, name, line): calls for file, name, line, calls in json.loads(done.stdout.splitlines()[-1])}
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--package", type=Path, default=Path(__file__).parents[1], help="a checkout")
    options.add_argument("--only", nargs="+", choices=tuple(WAYS), default=tuple(WAYS), help="some of the ways")
    options.add_argument("--list", action="store_true", help="the functions, too")
    options.add_argument("--follow", choices=tuple(WAYS), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.follow:
        with tempfile.TemporaryDirectory() as place:
            print(json.dumps([[*key, calls] for key, calls in sorted(follow(chosen.follow, Path(place)).items())]))
    else:
        from common import table  # not above: it imports this checkout's package

        found = {way: follow_alone(way, chosen.package.resolve()) for way in chosen.only}
        cells = [(WAYS[way], len({file for file, _, _ in calls}), len(calls)) for way, calls in found.items()]
        print(table(("what is followed", "files", "functions"), cells))
        for way, calls in found.items() if chosen.list else ():
            print(f"\n{WAYS[way]}\n", *(f"{file}:{line} {name}" for file, name, line in sorted(calls)), sep="\n")
