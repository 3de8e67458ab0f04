"""What a command imports before it has something to draw, and how soon `grids select` begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_profiles import save_grouping

from grids.cli import COMMANDS
from grids.networks import build
from grids.restoration.models import save_restorer

HEAVY = (
    *("torch", "numpy", "cv2", "pandas", "matplotlib", "skimage", "networkx", "lightning_fabric", "jinja2", "sympy"),
    *("scipy.special", "scipy.linalg", "scipy.optimize", "scipy.stats", "scipy.cluster", "scipy.ndimage"),
    "torch.utils.flop_counter",
)
NUMBERS = {"numpy"}
TENSORS = {"torch", "numpy"}
SPECIAL = {"scipy.special", "scipy.linalg"}
"""Releases of scipy before 1.17 import both."""
FITS = TENSORS | SPECIAL
STATISTICS = {f"scipy.{name}" for name in ("special", "linalg", "optimize", "ndimage", "stats")}
ALLOWED = {
    "compare builtin builtin": NUMBERS | STATISTICS,
    "degradations": TENSORS,
    "degrade a.png --kind jpeg -o o.png": TENSORS,
    "degrade in --kind jpeg -o out": FITS,
    "evaluate m.safetensors in": FITS,
    "faces in -o faces": FITS,
    "group --dry-run": NUMBERS | SPECIAL,
    "group in --degradations jpeg,ringing": FITS,
    "networks": set(),
    "profile in --run run": FITS,
    "recipes": FITS,
    "restore a.png": FITS,
    "select a.png": FITS,
    "similarity in --patches 8": FITS,
    "similarity --show": NUMBERS,
    "train in --tasks jpeg": FITS,
    "train-descriptor in": FITS,
}
"""A command -> the heavy modules that it may import before it opens an image, or in all where it opens none."""

# Ends with the first image: what is imported then, and the time that the processor took.
UNTIL_IMAGES = """
import os, sys, time
from PIL import Image
from grids.cli import run
def tell(*_, **__):
    found = [name for name in sys.argv[1].split() if name in sys.modules]
    print("found", time.process_time(), *found, flush=True)
    os._exit(0)
Image.open = tell
code = run(sys.argv[2:])
assert code == 0, code
tell()
"""


def started(folder: Path, *arguments: str) -> tuple[float, set[str]]:
    """The seconds of a command until it opens an image, of one CPU, and the heavy modules that it has imported."""
    command = [sys.executable, "-c", UNTIL_IMAGES, " ".join(HEAVY), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    _, seconds, *names = done.stdout.splitlines()[-1].split()
    return float(seconds), set(names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that look like photographs until somebody opens them, a restorer and a run."""
    made = tmp_path_factory.mktemp("start")
    (made / "in").mkdir()
    for name in ("a.png", *(f"in/{i}.png" for i in range(8))):
        (made / name).write_bytes(b"no image yet")
    save_grouping(made / "run", ("jpeg",), ("ringing",))
    save_restorer(made / "m.safetensors", build("unet"), {"preset": "unet", "tasks": ["jpeg"]})
    return made


def test_every_command_is_in_the_table() -> None:
    assert {text.split()[0] for text in ALLOWED} == COMMANDS.keys()


@pytest.mark.parametrize("text", ALLOWED)
def test_a_command_imports_what_it_computes_with(folder: Path, text: str) -> None:
    _, found = started(folder, *text.split())
    assert found <= ALLOWED[text], sorted(found - ALLOWED[text])


def test_help_imports_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys\nfrom grids.cli import COMMANDS, run\nrun(['--help'])\n"
        "assert not [name for name in sys.modules if name.startswith('grids.commands')]\n"
        "run(['nothing'])\nfor name in COMMANDS: assert run([name, '--help']) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_select_begins_soon_after_torch(folder: Path) -> None:
    """The best of a few pairs, run one after the other, so that other work on the machine counts for both."""
    alone = "import torch, time; print(time.process_time())"
    times = []
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True)
        times.append(started(folder, "select", "a.png")[0] / float(done.stdout))
    assert min(times) < 1.6, times
