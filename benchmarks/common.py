"""What the benchmark scripts share: where the data lies, what machine this is, and how a table looks."""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import cv2
import torch
import torch.nn.functional as F
from torch import nn

import grids
from grids import weights
from grids.devices import computes_in_bf16
from grids.images import list_images, read_photo
from grids.io import make_folder, write_bytes, write_text

GRIDS = [sys.executable, "-c", "from grids.cli import main; main()"]
"""The command line."""
DATA = Path(os.environ.get("GRIDS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


WEIGHTS = Path(weights.__file__).parent
"""What ships in the package."""
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
LOSS = 0.1
"""dB; where what decides by itself loses more, that counts as harm."""
LEARNT_FROM = "603 images: 303 tiles of wallpaper photographs, 300 of BSDS500's train and test splits"
"""Split fit, as the manifest of the weights calls it."""
SMALL, ALIKE = 16, 0.98
"""Sides of thumbnails, and the correlation from which on two show one photograph."""
Network = TypeVar("Network", bound=nn.Module)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Of the options of a script, whose help is its docstring as it stands."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_work_options(options: argparse.ArgumentParser) -> None:
    """What scripts that train for hours have in common."""
    options.add_argument("--worker", default="0/1", metavar="K/N", help="every n-th piece of the work, from the k-th")
    options.add_argument("--seconds", type=float, default=float("inf"), help="then it ends; the same call goes on")
    options.add_argument("--device", default="cpu")
    options.add_argument("--threads", type=int, help="of PyTorch")


def parse_work(options: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options that were given, `threads` heeded, `worker` as two numbers."""
    given = options.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    given.worker = tuple(map(int, given.worker.split("/")))
    return given


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


@cache
def _learnt_thumbnails() -> torch.Tensor:
    """Of all photographs of data/train: (N, 3 * SMALL^2)."""
    files = [file for split in ("fit", "val", "calib", "skip") for file in split_files(split)]
    return torch.stack([_thumbnail(file) for file in files])


def _thumbnail(file: Path) -> torch.Tensor:
    """What correlates to 1 with that of the same photograph: of mean 0 and length 1."""
    small = F.adaptive_avg_pool2d(read_photo(file).tensor(), SMALL).flatten()
    return F.normalize(small - small.mean(), dim=0)


def was_learnt(file: Path) -> bool:
    """Whether a photograph of data/train shows the same: rain100h, for one, is made of photographs of BSDS."""
    return float((_learnt_thumbnails() @ _thumbnail(file)).max()) > ALIKE


def eval_photographs(name: str) -> list[Path]:
    """The photographs of a set of data/eval."""
    return list_images([need(DATA / "eval" / name)])


def machine() -> str:
    """One line about the processor, the threads and the versions, to be printed above every table."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    instructions = torch.backends.cpu.get_cpu_capability() + ", bf16" * computes_in_bf16(torch.device("cpu"))
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{name} ({instructions}), {torch.get_num_threads()} threads{gpu}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, grids {grids.__version__}"
    )


def keep_settings(folder: Path, settings: str, name: str = "settings.json") -> None:
    """Write what a folder is of beside what is trained in it, or end with one line where it is of something else."""
    file = folder / name
    if not file.exists():
        write_text(make_folder(folder) / file.name, settings)
    elif file.read_text() != settings:
        raise SystemExit(f"'{folder}' is of a training with other settings ({file.name}): choose another --folder")


def read_records(file: Path) -> list[Any]:
    """What the lines of a file hold as JSON; nothing where there is no such file.

    A last line without its end is passed over: a worker is writing it, or was killed then.
    """
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def append_record(file: Path, record: Mapping[str, object]) -> None:
    """Add a line; in one piece, since several workers may write. A last one without its end is removed before."""
    torn = file.exists() and (text := file.read_bytes()) and not text.endswith(b"\n")
    if torn:
        write_bytes(file, text[: text.rfind(b"\n") + 1])
    place = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(place, (json.dumps(record) + "\n").encode())
    finally:
        os.close(place)


def remove_weights(names: Iterable[str]) -> None:
    """Take files out of the package, and their entries out of the manifest of the weights."""
    entries = weights.manifest()
    for name in names:
        del entries[name]
        (WEIGHTS / name).unlink(missing_ok=True)
    _write_manifest(entries)


def enter_in_manifest(file: Path, what: str, **more: object) -> None:
    """Say in the manifest of the weights what a file beside it is."""
    entries = weights.manifest()
    entries[file.name] = {"sha256": weights.sha256(file), "what": what, "licence": "MIT", **more}
    _write_manifest(entries)


def _write_manifest(entries: Mapping[str, object]) -> None:
    write_text(WEIGHTS / "manifest.json", json.dumps(entries, indent=1) + "\n")


def channels_last(network: Network) -> Network:
    """The network in the memory format that is fastest for convolutions on a CPU."""
    # PyTorch's signature of Module.to leaves out this argument, which its documentation has
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def read_pixels(file: Path) -> cv2.typing.MatLike:
    """The pixels of an image as OpenCV reads them, (H, W, 3) uint8 BGR."""
    pixels = cv2.imread(str(need(file)))
    if pixels is None:
        raise SystemExit(f"'{file}' is no image that OpenCV reads")
    return pixels


def halved(folder: Path, target: Path) -> Path:
    """The photographs of a folder at half their width and height, as PNG."""
    target.mkdir(parents=True, exist_ok=True)
    for file in list_images([folder]):
        pixels = read_pixels(file)
        size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        cv2.imwrite(str(target / f"{file.stem}.png"), cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return target


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


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [list(map(str, header)), ["---"] * len(header), *(list(map(str, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(call: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> float:
    """The median time of a call."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
