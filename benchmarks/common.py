"""What the benchmark scripts share: where the data lies, what machine this is, and how a table looks."""

from __future__ import annotations

import csv
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch

import grids
from grids.io import write_bytes

GRIDS = [sys.executable, "-c", "from grids.cli import main; main()"]
"""The command line."""
DATA = Path(os.environ.get("GRIDS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def need(path: Path) -> Path:
    """The path, or an end with one line that says what is missing."""
    if not path.exists():
        raise SystemExit(f"this benchmark needs '{path}'; set GRIDS_DATA to the folder of the photographs")
    return path


def split_files(split: str) -> list[Path]:
    """The training photographs of one split (fit, val or calib) of data/train/split.csv."""
    with need(DATA / "train" / "split.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    return [DATA / "train" / row["file"] for row in rows]


def machine() -> str:
    """One line about the processor, the threads and the versions, to be printed above every table."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{name}, {torch.get_num_threads()} threads{gpu}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, grids {grids.__version__}"
    )


def run_process(command: Sequence[str], **environment: str) -> tuple[float, resource.struct_rusage]:
    """Wall seconds of a command, the start of Python included, and what it used; its output is thrown away."""
    start, quiet = time.perf_counter(), os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, quiet, 1)]
    child = os.posix_spawn(command[0], list(command), os.environ | environment, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    os.close(quiet)
    if status:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")
    return time.perf_counter() - start, usage


def write_magnified(file: Path, image: torch.Tensor, quality: int) -> None:
    """Write an image (3, H, W) as JPEG, every pixel as four; values outside [0, 1] are clipped."""
    pixels = image.clamp(0, 1).repeat_interleave(2, 1).repeat_interleave(2, 2).mul(255).round().byte()
    bgr = pixels.flip(0).permute(1, 2, 0).contiguous().numpy()
    write_bytes(file, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [list(map(str, header)), ["---"] * len(header), *(list(map(str, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(call: Callable[[], Any], repeats: int = 5, warm_up: int = 1) -> float:
    """The median time of a call."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
