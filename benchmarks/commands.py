"""Whole-process time and memory of the commands that users wait for, the start of Python included.

python benchmarks/commands.py
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from common import DATA, machine, table

MAIN = [sys.executable, "-c", "from grids.cli import main; main()"]


def run(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB."""
    with tempfile.TemporaryDirectory() as out:
        arguments = [argument.replace("OUT", out) for argument in arguments]
        quiet = os.open(os.devnull, os.O_WRONLY)
        start = time.perf_counter()
        child = os.posix_spawn(
            sys.executable, [*MAIN, *arguments], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)]
        )
        _, status, usage = os.wait4(child, 0)
        os.close(quiet)
        if status:
            raise SystemExit(f"{' '.join(arguments)}: exit status {status}")
        return time.perf_counter() - start, usage.ru_maxrss / 1e6


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
