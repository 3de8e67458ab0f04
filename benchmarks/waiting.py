"""How long threads should spin before they sleep: wall and processor seconds, on an idle machine and beside busy work.

    python benchmarks/waiting.py [--repeats 3] [--only restore train ...]

Threads that wait by spinning are quick to go on, and take the processor from whoever has work: another process, or
another thread of this one. PyTorch's (libgomp) spin for milliseconds by default; `grids` sets GOMP_SPINCOUNT, unless
GOMP_SPINCOUNT or OMP_WAIT_POLICY is set. Each row runs one command in a fresh process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from common import GRIDS, machine, run_process, table
from PIL import Image

from grids.images import builtin_photos

POLICIES = {
    "PyTorch's default": {"GOMP_SPINCOUNT": "300000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "never spin": {"OMP_WAIT_POLICY": "PASSIVE"},
}
DEGRADE = """
import grids, time, torch
from grids.degradations import ELEVEN, degradation
images = torch.rand(16, 3, 256, 256)
for _ in range(6):
    for name in ELEVEN:
        degradation(name)(images, torch.Generator().manual_seed(0), 0.5)
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """What is run, by name."""
    photo = folder / "photo.png"
    Image.open(builtin_photos()[0]).convert("RGB").crop((0, 0, 256, 256)).save(photo)
    restore = ["restore", str(photo), "-o", str(folder / "out.png"), "--group", "C1", "--tile", "128", "-q"]
    few = ["--iterations", "20", "--tasks", "jpeg,gaussian_noise"]
    train = ["train", "builtin", *few, "-q", "--out", str(folder / "OUT.safetensors")]
    similarity = ["similarity", "builtin", "--patches", "16", "-q", "--out", str(folder / "OUT")]
    return {
        "restore, 256 x 256 in tiles of 128": [*GRIDS, *restore],
        "train, 20 steps": [*GRIDS, *train],
        "similarity, 16 patches": [*GRIDS, *similarity],
        "degrade, 6 x 11 batches of 16 x 256 x 256": [sys.executable, "-c", DEGRADE],
    }


def timed(command: list[str], setting: dict[str, str], number: int) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    wall, usage = run_process([part.replace("OUT", f"out{number}") for part in command], **setting)
    return wall, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the waiting of threads costs.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="commands that begin with one of these")
    options = parser.parse_args()
    repeats = options.repeats
    print(machine(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        number = 0
        for label, command in commands(Path(name)).items():
            if options.only and label.split(",")[0] not in options.only:
                continue
            for beside in (False, True):
                found: dict[str, list[tuple[float, float]]] = {policy: [] for policy in POLICIES}
                other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if beside else None
                try:
                    for _ in range(repeats):  # the policies take turns, since machines drift
                        for policy, setting in POLICIES.items():
                            number += 1
                            found[policy].append(timed(command, setting, number))
                finally:
                    if other is not None:
                        other.kill()
                cells = [sorted(runs)[repeats // 2] for runs in found.values()]
                rows.append(
                    (label, "one busy process" if beside else "idle", *(f"{w:.1f} ({c:.1f})" for w, c in cells))
                )
                print(rows[-1], flush=True)
    print("\nMedian seconds of wall time, in brackets of processor time\n")
    print(table(("command", "machine", *POLICIES), rows))
