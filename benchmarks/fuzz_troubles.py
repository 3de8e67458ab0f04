"""`fuzz.py troubles`: full disks, folders that vanish or become read-only, and several processes in one run folder.

The same command, given again when the trouble is over, must come to the result of an undisturbed run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from common import table
from fuzz_fixtures import grids, make_photographs, shrink_networks
from fuzz_runs import COMMAND, NOBODY, Ended, begin, differing, end, result

FULL, GONE, AT_ONCE = 20, 10, 5
"""Full disks; folders deleted while a run works in them, and as many made read-only; times that four processes begin at
once."""
MOST = 5
"""Runs for such a folder, at most: some end before their moment comes."""
PROCESSES = 4
ROOM = 2**26
"""Bytes of a disk that is full no more."""


def cause_troubles(seed: int) -> int:
    """Cause all of them, print what came of each sort, and return how many faults there were."""
    rng = Random(seed)
    shrink_networks()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path(folder).chmod(0o777)  # nobody writes there, too
        make_photographs(Path(folder))
        grids(*COMMAND, "--out", "whole", here=Path(folder))
        begun = time.monotonic()
        again = end(begin(Path("again")), Path("again"))
        seconds, whole = time.monotonic() - begun, result(Path("whole"))
        assert again.code == 0 and not differing(whole, result(Path("again")))
        moments = (rng.uniform(0, 0.8 * seconds) for _ in iter(int, 1))
        found = {
            "full disks": _full_disks(rng, whole),
            "folders deleted meanwhile": _disturbed(whole, moments, partial(shutil.rmtree, ignore_errors=True)),
            "folders made read-only meanwhile": _disturbed(whole, moments, partial(_permit, mode=0o555)),
            f"{PROCESSES} processes at once": _at_once(whole),
        }
    rows = [(what, times, hits, len(faults)) for what, (times, hits, faults) in found.items()]
    print(table(("trouble", "times", "ended by it", "faults"), rows))
    print(f"\nseed {seed}, the undisturbed run takes {seconds:.1f} s")
    faults = [f"{what}: {fault}" for what, (_, _, some) in found.items() for fault in some]
    print("\n".join(faults))
    return len(faults)


Told = tuple[int, int, list[str]]
"""How often something was tried, how often a run ended by it, and the faults."""


def _full_disks(rng: Random, whole: dict[str, Any]) -> Told:
    """Disks of random sizes below what the run needs, in steps of a page; none where only root may make them."""
    if os.geteuid() != 0:
        return 0, 0, []
    needed = sum(file.stat().st_size for file in Path("whole").rglob("*") if file.is_file())
    faults, hits = [], 0
    for _ in range(FULL):
        size = rng.randrange(4096, needed, 4096)
        with _disk(Path("disk"), size) as resize:
            out = Path("disk/run")
            hit = end(begin(out), out)
            hits += hit.code != 0
            faults += _refusal(hit, f"{size} bytes")
            resize(ROOM)
            faults += _goes_on(out, whole, f"{size} bytes")
    return FULL, hits, faults


@contextmanager
def _disk(place: Path, size: int) -> Iterator[Callable[[int], object]]:
    """A disk of so many bytes in memory, and a function that makes it another size."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o"]
    subprocess.run([*command, f"size={size}", "tmpfs", place], check=True)
    try:
        yield lambda larger: subprocess.run([*command, f"remount,size={larger}", "tmpfs", place], check=True)
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()


def _disturbed(whole: dict[str, Any], moments: Iterator[float], act: Callable[[Path], object]) -> Told:
    """The folder of a run is acted on at random moments while it goes on."""
    faults, hits, done = [], 0, list[Path]()

    def disturb(out: Path) -> None:
        done.append(out)
        act(out)

    for number in range(MOST * GONE):
        out, moment = Path(f"disturbed-{number}"), next(moments)
        out.mkdir()
        as_nobody = os.geteuid() == 0
        if as_nobody:
            os.chown(out, NOBODY, NOBODY)
        hit = end(begin(out, as_nobody=as_nobody), out, partial(disturb, out), moment)
        hits += hit.code != 0
        faults += _refusal(hit, f"after {moment:.2f} s")
        if out.exists():
            _permit(out, 0o755)
        faults += _goes_on(out, whole, f"after {moment:.2f} s")
        shutil.rmtree(out)
        if len(done) == GONE:
            break
    return len(done), hits, faults


def _permit(out: Path, mode: int) -> None:
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
        folder.chmod(mode)


def _at_once(whole: dict[str, Any]) -> Told:
    """One works, the others say which process it is."""
    faults, hits = [], 0
    for number in range(AT_ONCE):
        out = Path(f"shared-{number}")
        children = [begin(out, f"err-{k}") for k in range(PROCESSES)]
        ended = [end(child, out, err=f"err-{k}") for k, child in enumerate(children)]
        working = [child for child, one in zip(children, ended, strict=True) if one.code == 0]
        others = [one for one in ended if one.code != 0]
        hits += len(others)
        if len(working) != 1:
            faults.append(f"{len(working)} of {PROCESSES} worked")
        for one in others:
            faults += _refusal(one, f"folder {number}")
            if not any(str(child) in " ".join(one.said) for child in working):
                faults.append(f"which process works is not said: {one.said}")
        faults += [f"folder {number}: {name}" for name in differing(whole, result(out))]
    return AT_ONCE, hits, faults


def _refusal(ended: Ended, what: str) -> list[str]:
    """What is wrong with how a run ended: by exit code 1 and a line, or well."""
    if ended.fault:
        return [f"{what}: {ended.fault}"]
    return [] if ended.code in (0, 1) else [f"{what}: exit code {ended.code}: {ended.said}"]


def _goes_on(out: Path, whole: dict[str, Any], what: str) -> list[str]:
    """What is wrong with the same command again."""
    ended = end(begin(out), out)
    if ended.code:
        return [f"{what}: does not go on: {ended.said}"]
    return [f"{what}: {name}" for name in differing(whole, result(out))]
