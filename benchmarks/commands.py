"""Whole-process time and memory of the commands that users wait for, the start of Python included.

python benchmarks/commands.py
"""

from __future__ import annotations

import tempfile

from common import DATA, GRIDS, machine, run_process, table


def run(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB."""
    with tempfile.TemporaryDirectory() as out:
        seconds, usage = run_process([*GRIDS, *(argument.replace("OUT", out) for argument in arguments)])
        return seconds, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    print(machine(), flush=True)
    commands = [(["--help"], 11), (["similarity", "--show"], 5), (["group", "--out", "OUT"], 5)]
    commands.append((["similarity", "builtin", "--out", "OUT"], 3))
    kodak = DATA / "eval" / "kodak24"
    if kodak.exists():
        commands.append((["similarity", str(kodak), "--out", "OUT"], 3))
    rows = []
    for arguments, repeats in commands:
        runs = sorted(run(arguments) for _ in range(repeats))
        name = " ".join(["grids", *arguments]).replace(str(kodak), "kodak24")
        rows.append(
            (
                f"`{name}`",
                f"{runs[repeats // 2][0]:.2f}",
                f"{runs[0][0]:.2f}",
                f"{runs[-1][0]:.2f}",
                f"{runs[0][1]:.2f}",
            )
        )
    print(table(("command", "median s", "min", "max", "peak memory, GB"), rows))
