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
import importlib
import math
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skimage.filters
import skimage.restoration
import skimage.util
import torch
from common import machine, seconds, table
from torch import Tensor

from grids.degradations import Degradation, degradation, kernels
from grids.degradations.resampling import DOWN, UP
from grids.degradations.table import TABLE
from grids.metrics import image_psnr

BATCH, SIDE, SEVERITY = 16, 256, 0.5
GPU_BATCH, GPU_TARGET = 64, 2000
ANGLE = 30.0

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rival:
    """What another library offers for one degradation.

    Args:
        call: degrades one image (H, W, 3), or with `batched` a whole tensor (B, 3, H, W).
        eight_bit: it takes and gives uint8, so it is compared with our rounded result.
        least_db: how near its result must be to ours; None where chance decides.
    """

    call: Callable[[Any], Any]
    batched: bool = False
    eight_bit: bool = False
    least_db: float | None = None


def pictures(count: int) -> Tensor:
    """A batch with edges and texture, on the 8-bit grid."""
    noise = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    smooth = kernels.filter_separable(noise, kernels.gaussian_taps(torch.full((count,), 3.0), 21))
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


def cut_kernel(name: str) -> Tensor:
    """The kernel of a degradation at severity 0.5, without the zeros around it."""
    one = torch.ones(1)
    kernel = {
        "motion_blur": lambda: kernels.streak(19 * one, ANGLE * one, 33),
        "ringing": lambda: kernels.sinc(1.525 * one, 21),
        "defocus_blur": lambda: kernels.disc(3 * one, 11),
    }[name]()[0]
    used = kernel.abs() > 1e-7
    middle = len(kernel) // 2
    reach = int((used.nonzero() - middle).abs().max())
    return kernel[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1].contiguous()


# ---------------------------------------------------------------- OpenCV


def _opencv_filter(name: str) -> Callable[[Pixels], Pixels]:
    kernel = np.ascontiguousarray(cut_kernel(name).flip(0, 1).numpy())
    return lambda image: cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def _opencv_ramp_and_box(image: Pixels) -> Pixels:
    padded = np.pad(image, ((7, 7), (7, 7), (0, 0)), mode="linear_ramp")
    return cv2.blur(padded, (5, 5))[7:-7, 7:-7]


def _opencv_down_and_up(image: Pixels) -> Pixels:
    small = round(SIDE / 2.75)
    return cv2.resize(
        cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
    )


def _opencv_jpeg(image: Pixels) -> Pixels:
    options = [cv2.IMWRITE_JPEG_QUALITY, 35, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    return cv2.imdecode(cv2.imencode(".jpg", image, options)[1], cv2.IMREAD_COLOR)


def _opencv_lines(image: Pixels) -> Pixels:
    out = image.copy()
    for x0, y0, x1, y1 in np.random.default_rng(0).integers(0, SIDE, (8, 4)).tolist():
        cv2.line(out, (x0, y0), (x1, y1), (0, 0, 0), 8)
    return out


def _opencv_gaussian(image: Pixels) -> Pixels:
    noise = cv2.randn(np.empty(image.shape, np.float32), (0, 0, 0), (30 / 255,) * 3)
    return cv2.add(image, noise, dst=noise)


def _opencv_gaussian_8_bit(image: Pixels) -> Pixels:
    noise = cv2.randn(np.empty(image.shape, np.int16), (0, 0, 0), (30, 30, 30))
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def _opencv_salt_pepper(image: Pixels) -> Pixels:
    draw = cv2.randu(np.empty(image.shape[:2], np.float32), 0, 1)
    out = image.copy()
    out[draw < 0.06] = 0
    out[draw < 0.03] = 255 if image.dtype == np.uint8 else 1
    return out


def _gaussian_window(image: Pixels) -> Pixels:
    return cv2.GaussianBlur(image, (21, 21), 2.5, borderType=cv2.BORDER_REFLECT_101)


def opencv(eight_bit: bool) -> dict[str, Rival]:
    def same(call: Callable[[Pixels], Pixels]) -> Rival:
        return Rival(call, eight_bit=eight_bit, least_db=40)

    def chance(call: Callable[[Pixels], Pixels]) -> Rival:
        return Rival(call, eight_bit=eight_bit)

    found = {
        "gaussian_blur": same(_gaussian_window),
        "super_resolution": same(_opencv_down_and_up),
        "inpainting": chance(_opencv_lines),
        "gaussian_noise": chance(_opencv_gaussian_8_bit if eight_bit else _opencv_gaussian),
        "salt_pepper": chance(_opencv_salt_pepper),
    }
    found |= {name: same(_opencv_filter(name)) for name in ("motion_blur", "ringing", "defocus_blur")}
    if eight_bit:
        return found | {"jpeg": same(_opencv_jpeg)}
    return found | {"richardson_lucy": same(_opencv_ramp_and_box)}


# ---------------------------------------------------------------- scikit-image


def _scikit_richardson_lucy(image: Pixels) -> Pixels:
    padded = np.pad(image, ((7, 7), (7, 7), (0, 0)), mode="linear_ramp")
    psf = np.full((5, 5, 1), 1 / 25, np.float32)
    return skimage.restoration.richardson_lucy(padded, psf, num_iter=1)[7:-7, 7:-7]


def scikit_image() -> dict[str, Rival]:
    return {
        # radius 10, as ours
        "gaussian_blur": Rival(
            lambda image: skimage.filters.gaussian(image, 2.5, mode="mirror", truncate=4, channel_axis=-1), least_db=40
        ),
        "richardson_lucy": Rival(_scikit_richardson_lucy, least_db=40),
        "poisson_noise": Rival(lambda image: skimage.util.random_noise(image, "poisson")),
        "gaussian_noise": Rival(lambda image: skimage.util.random_noise(image, "gaussian", var=(30 / 255) ** 2)),
    }


# ---------------------------------------------------------------- kornia, imagecorruptions


def kornia() -> dict[str, Rival]:
    importlib.import_module("kornia")
    from kornia.augmentation import RandomGaussianNoise, RandomSaltAndPepperNoise
    from kornia.enhance import jpeg_codec_differentiable
    from kornia.filters import filter2d, gaussian_blur2d

    def filtered(name: str) -> Rival:
        kernel = cut_kernel(name).expand(BATCH, -1, -1)
        return Rival(lambda images: filter2d(images, kernel, "reflect"), batched=True, least_db=40)

    quality = torch.full((BATCH,), 35.0)
    found = {name: filtered(name) for name in ("motion_blur", "ringing", "defocus_blur")}
    return found | {
        "gaussian_blur": Rival(
            lambda images: gaussian_blur2d(images, (21, 21), (2.5, 2.5), "reflect"), batched=True, least_db=40
        ),
        "jpeg": Rival(lambda images: jpeg_codec_differentiable(images, quality), batched=True, least_db=30),
        "gaussian_noise": Rival(RandomGaussianNoise(std=30 / 255, p=1.0), batched=True),
        "salt_pepper": Rival(RandomSaltAndPepperNoise(amount=0.06, salt_vs_pepper=0.5, p=1.0), batched=True),
    }


def imagecorruptions() -> dict[str, Rival]:
    """Its nearest fixed severities: noise 30.6 / 255, 60 photons, a disc of radius 3, JPEG quality 25."""
    corrupt = importlib.import_module("imagecorruptions").corrupt

    def at(name: str, severity: int) -> Rival:
        return Rival(lambda image: corrupt(image, severity, name), eight_bit=True)

    return {
        "gaussian_noise": at("gaussian_noise", 2),
        "poisson_noise": at("shot_noise", 1),
        "defocus_blur": at("defocus_blur", 1),
        "jpeg": at("jpeg_compression", 1),
    }


# ---------------------------------------------------------------- measuring


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


def check_same(kind: Degradation, rival: Rival, images: Tensor, name: str) -> None:
    """Stop where a rival does not do what we do."""
    if rival.least_db is None:
        return
    expected = kind.apply(images, fixed_parameters(kind, images), rival.eight_bit)[0]
    if rival.batched:
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


def theirs(rival: Rival, images: Tensor) -> float:
    if rival.batched:
        return len(images) / seconds(lambda: rival.call(images), repeats=15)
    batch = layouts(images, rival.eight_bit)
    alone = seconds(lambda: [rival.call(image) for image in batch], repeats=15)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        together = seconds(lambda: list(pool.map(rival.call, batch)), repeats=15)
    cv2.setNumThreads(threads)
    return len(images) / min(alone, together)


def offers(build: Callable[[], dict[str, Rival]]) -> tuple[dict[str, Rival], str]:
    """What a library offers, or why it cannot be asked."""
    try:
        return build(), "-"
    except Exception as error:  # packages that no longer fit what they import break in many ways
        return {}, f"does not import: {type(error).__name__}: {error}".splitlines()[0]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def measure_cpu() -> str:
    images = pictures(BATCH)
    columns: dict[str, tuple[dict[str, Rival], str]] = {
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
    print(machine() + f"; OpenCV {cv2.__version__}, scikit-image {skimage.__version__}")
    print(f"GOMP_SPINCOUNT {os.environ.get('GOMP_SPINCOUNT')}\n")
    if device == "cuda":
        print(measure_gpu())
    else:
        print(measure_cpu())
        print("\nImages/s; in brackets how many times as fast grids is, its float or 8-bit column against theirs.")
