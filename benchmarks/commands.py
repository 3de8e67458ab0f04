"""Whole-process time and memory of the commands that users wait for, the start of Python included.

python benchmarks/commands.py
python benchmarks/commands.py --against CHECKOUT      # CPU seconds of many commands, in turns with another checkout
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from common import DATA, GRIDS, machine, parser, run_process, table

from grids.images import builtin_photos

HERE = Path(__file__).parents[1]
COMMANDS = (
    "--help",
    "networks",
    "recipes",
    "degradations",
    "similarity --show",
    "similarity builtin --patches 48 --out OUT",
    "compare builtin builtin",
    "group --out OUT",
    "group --dry-run",
    "degrade PHOTO --kind jpeg -o OUT/x.png",
    "select PHOTO",
    "restore PHOTO -o OUT/x.png",
    "evaluate START PHOTO --tasks jpeg --as-made",
    "train builtin --tasks jpeg --iterations 60 --out OUT/x.safetensors",
)


def run(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB."""
    with tempfile.TemporaryDirectory() as out:
        seconds, usage = run_process([*GRIDS, *(argument.replace("OUT", out) for argument in arguments)])
        return seconds, usage.ru_maxrss / 1e6


def cpu_seconds(checkout: Path, command: str) -> float:
    """Of one run of a checkout's command line."""
    with tempfile.TemporaryDirectory() as out:
        known = {
            "OUT": out,
            "PHOTO": str(builtin_photos()[0]),
            "START": str(HERE / "grids/weights/unet_start.safetensors"),
        }
        for name, value in known.items():
            command = command.replace(name, value)
        _, usage = run_process([*GRIDS, *command.split()], PYTHONPATH=str(checkout))
        return usage.ru_utime + usage.ru_stime


def compare(other: Path, repeats: int) -> None:
    """A row a command: medians of both, and of the ratios pair by pair."""
    rows = []
    for command in COMMANDS:
        pairs = [(cpu_seconds(HERE, command), cpu_seconds(other, command)) for _ in range(repeats)]
        now, before = (median(times) for times in zip(*pairs, strict=True))
        ratio = median(a / b for a, b in pairs)
        rows.append((f"`grids {command}`", f"{now:.2f}", f"{before:.2f}", f"{ratio:.2f}"))
    print(table(("command", "CPU s here", "there", "here / there"), rows))


def measure() -> None:
    """Wall seconds and memory of a few commands."""
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


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--against", type=Path, metavar="CHECKOUT")
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    print(machine(), flush=True)
    if given.against is not None:
        compare(given.against.absolute(), given.repeats)
    else:
        measure()
