"""Images per second of every degradation at 256 x 256, beside the libraries that can do the same.

    python benchmarks/synthesizers.py                   # this processor: a table with ratios, about a minute
    python benchmarks/synthesizers.py --device cuda     # a GPU: images per second, batch 64, target 2000

What is counted: pixels in memory to pixels in memory, at severity 0.5, for a batch of 16. Ours gets one float32
tensor and includes drawing its parameters and building its kernels; the others get images in the layout they like best
and their kernels ready-made, cut to what is not zero. Float columns neither round nor convert on either side (ours
clips); 8-bit columns end rounded on both sides. Libraries that take one image at a time run in a loop and in a pool of
as many threads as torch has, and the faster of the two counts. Where a deterministic result is not the same (40 dB, for
kornia's approximate JPEG 30), the script stops.
"""

from __future__ import annotations

import grids  # noqa: F401  isort: skip - before torch, since it sets how long torch's threads spin

import argparse
import math
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import cv2
import numpy as np
import torch
from common import machine, seconds, table
from rivals import ANGLE, BATCH, SIDE, BatchRival, Pixels, Rival, Rivals, imagecorruptions, kornia, opencv, scikit_image
from torch import Tensor

from grids.degradations import Degradation, degradation, kernels
from grids.degradations.resampling import DOWN, UP
from grids.degradations.table import TABLE
from grids.metrics import image_psnr
from grids.psf import shapes

SEVERITY = 0.5
GPU_BATCH, GPU_TARGET = 64, 2000


def pictures(count: int) -> Tensor:
    """A batch with edges and texture, on the 8-bit grid."""
    noise = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    smooth = kernels.filter_separable(noise, shapes.gaussian_taps(torch.full((count,), 3.0), 21))
    steps = (torch.arange(SIDE) // 32 % 2).float() * 0.4
    return (steps + 2 * (smooth - 0.5) + 0.3).clamp(0, 1).mul(255).round().div(255)


def fixed_parameters(kind: Degradation, images: Tensor) -> dict[str, Tensor]:
    """Severity 0.5, with what else is drawn set to what the others are given."""
    parameters = kind.sample(images.shape, torch.Generator().manual_seed(0), SEVERITY)
    count = len(images)
    if kind.name == "super_resolution":
        parameters |= {
            "down": torch.full((count,), DOWN.index("area")),
            "up": torch.full((count,), UP.index("bicubic")),
        }
    if kind.name == "motion_blur":
        parameters["angle"] = torch.full((count,), ANGLE)
    return parameters


def ours(kind: Degradation, images: Tensor, rounded: bool) -> float:
    generator = torch.Generator().manual_seed(0)
    fixed = fixed_parameters(kind, images)

    def call() -> Tensor:
        drawn = kind.sample(images.shape, generator, SEVERITY)
        return kind.apply(
            images, drawn | {name: fixed[name] for name in ("down", "up", "angle") if name in fixed}, rounded
        )

    return len(images) / seconds(call, repeats=15, warm_up=3)


def layouts(images: Tensor, eight_bit: bool) -> list[Pixels]:
    batch = images.permute(0, 2, 3, 1)
    batch = batch.mul(255).round().byte() if eight_bit else batch
    return [np.ascontiguousarray(image) for image in batch.numpy()]


def check_same(kind: Degradation, rival: Rival | BatchRival, images: Tensor, name: str) -> None:
    """Stop where a rival does not do what we do."""
    if rival.least_db is None:
        return
    expected = kind.apply(images, fixed_parameters(kind, images), rival.eight_bit)[0]
    if isinstance(rival, BatchRival):
        got = rival.call(images)[0]
    else:
        image = layouts(images[:1], rival.eight_bit)[0]
        # OpenCV's codec takes BGR
        flip = kind.name == "jpeg"
        result = rival.call(np.ascontiguousarray(image[..., ::-1]) if flip else image)
        got = torch.from_numpy(np.ascontiguousarray(result[..., ::-1] if flip else result)).permute(2, 0, 1).float()
        got = got / 255 if rival.eight_bit else got
    same = image_psnr(got.clamp(0, 1), expected)
    if same < rival.least_db:
        raise SystemExit(f"{name} does not do the same {kind.name}: {same:.1f} dB")


def theirs(rival: Rival | BatchRival, images: Tensor) -> float:
    if isinstance(rival, BatchRival):
        return len(images) / seconds(lambda: rival.call(images), repeats=15)
    batch = layouts(images, rival.eight_bit)
    alone = seconds(lambda: [rival.call(image) for image in batch], repeats=15)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        together = seconds(lambda: list(pool.map(rival.call, batch)), repeats=15)
    cv2.setNumThreads(threads)
    return len(images) / min(alone, together)


def offers(build: Callable[[], Rivals]) -> tuple[Rivals, str]:
    """What a library offers, or why it cannot be asked."""
    try:
        return build(), "-"
    except Exception as error:  # packages that no longer fit what they import break in many ways
        return {}, f"does not import: {type(error).__name__}: {error}".splitlines()[0]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def measure_cpu() -> str:
    images = pictures(BATCH)
    columns: dict[str, tuple[Rivals, str]] = {
        "OpenCV float": (opencv(eight_bit=False), "-"),
        "OpenCV 8 bit": (opencv(eight_bit=True), "-"),
        "scikit-image": (scikit_image(), "-"),
        "kornia": offers(kornia),
        "imagecorruptions": offers(imagecorruptions),
    }
    rows = []
    for kind in TABLE:
        speed = {rounded: ours(kind, images, rounded) for rounded in (False, True)}
        row = [kind.name, number(speed[False]), number(speed[True])]
        for name, (rivals, why) in columns.items():
            rival = rivals.get(kind.name)
            if rival is None:
                row.append("-" if rivals else why)
                continue
            check_same(kind, rival, images, name)
            rate = theirs(rival, images)
            row.append(f"{number(rate)} ({speed[rival.eight_bit] / rate:.2f} x)")
        rows.append(row)
    for name, (rivals, why) in columns.items():
        if not rivals:
            print(f"{name}: {why}\n")
    return table(["degradation", "grids float", "grids 8 bit", *columns], shortened(rows))


def shortened(rows: Sequence[list[str]]) -> list[list[str]]:
    """The reason why a library is missing fills every cell of its column: keep it short there."""
    return [["does not import" if cell.startswith("does not import") else cell for cell in row] for row in rows]


def measure_gpu() -> str:
    if not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device here")
    images = pictures(GPU_BATCH).cuda()
    generator = torch.Generator(device="cuda").manual_seed(0)
    rows = []
    for name in (kind.name for kind in TABLE):
        kind = degradation(name)

        def call(kind: Degradation = kind) -> None:
            kind(images, generator)
            torch.cuda.synchronize()

        rate = GPU_BATCH / seconds(call, repeats=20, warm_up=5)
        rows.append(
            [name, number(rate), "yes" if rate >= GPU_TARGET else f"no, {math.ceil(rate / GPU_TARGET * 100)} %"]
        )
    return table(["degradation", f"images/s, batch {GPU_BATCH}", f"at least {GPU_TARGET}"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Images per second of every degradation at 256 x 256.")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    device = parser.parse_args().device
    warnings.simplefilter("ignore")
    print(machine() + f"; OpenCV {cv2.__version__}, scikit-image {version('scikit-image')}")
    print(f"GOMP_SPINCOUNT {os.environ.get('GOMP_SPINCOUNT')}\n")
    if device == "cuda":
        print(measure_gpu())
    else:
        print(measure_cpu())
        print("\nImages/s; in brackets how many times as fast grids is, its float or 8-bit column against theirs.")
