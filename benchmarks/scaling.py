"""Time and memory of `grids similarity` against the number of patches, two degradations and clean.

    python benchmarks/scaling.py [100 200 400 800 1600 3200]

Each size runs as a process of its own, start of Python included.
"""

from __future__ import annotations

import sys
import tempfile

from common import DATA, GRIDS, machine, need, run_process, table

KINDS = "gaussian_blur,gaussian_noise"


def run(patches: int) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of one run."""
    with tempfile.TemporaryDirectory() as out:
        command = [*GRIDS, "similarity", str(DATA / "eval" / "bsds100"), "--degradations", KINDS]
        wall, usage = run_process([*command, "--patches", str(patches), "--out", out, "--quiet"])
        return wall, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    need(DATA / "eval" / "bsds100")
    sizes = [int(size) for size in sys.argv[1:]] or [100, 200, 400, 800, 1600, 3200]
    print(machine(), flush=True)
    rows = []
    for size in sizes:
        wall, memory = run(size)
        rows.append(
            (size, f"{wall:.1f}", f"{1000 * wall / size / 3:.1f}", f"{memory:.2f}", f"{size * 4.194304e-3:.1f}")
        )
        print(rows[-1], flush=True)
    print(table(("patches", "seconds", "ms per patch and row", "peak memory, GB", "features of one row, GB"), rows))
