"""What other libraries offer for our degradations at severity 0.5, their kernels ready-made, for `synthesizers.py`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import skimage.filters
import skimage.restoration
import skimage.util
import torch
from torch import Tensor

from grids.psf import shapes

BATCH, SIDE = 16, 256
ANGLE = 30.0

Pixels = cv2.typing.MatLike
"""(H, W, 3)."""


@dataclass(frozen=True)
class Rival:
    """What another library offers for one degradation.

    Args:
        call: degrades one image.
        eight_bit: it takes and gives uint8, so it is compared with our rounded result.
        least_db: how near its result must be to ours; None where chance decides.
    """

    call: Callable[[Pixels], Pixels]
    eight_bit: bool = False
    least_db: float | None = None


@dataclass(frozen=True)
class BatchRival:
    """The same of a library that takes tensors.

    Args:
        call: degrades a batch (B, 3, H, W) of float32.
        least_db: as above.
    """

    call: Callable[[Tensor], Tensor]
    least_db: float | None = None
    eight_bit: ClassVar[bool] = False


Rivals = Mapping[str, Rival | BatchRival]
"""By the names of degradations."""


def cut_kernel(name: str) -> Tensor:
    """The kernel of a degradation at severity 0.5, without the zeros around it."""
    one = torch.ones(1)
    kernel = {
        "motion_blur": lambda: shapes.streak(19 * one, ANGLE * one, 33),
        "ringing": lambda: shapes.sinc(1.525 * one, 21),
        "defocus_blur": lambda: shapes.disc(3 * one, 11),
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
    decoded = cv2.imdecode(cv2.imencode(".jpg", image, options)[1], cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def _opencv_lines(image: Pixels) -> Pixels:
    out = image.copy()
    for x0, y0, x1, y1 in np.random.default_rng(0).integers(0, SIDE, (8, 4)).tolist():
        cv2.line(out, (x0, y0), (x1, y1), (0, 0, 0), 8)
    return out


def _opencv_gaussian(image: Pixels) -> Pixels:
    noise = cv2.randn(np.empty(image.shape, np.float32), np.zeros(3), np.full(3, 30 / 255))
    return cv2.add(image, noise, dst=noise)


def _opencv_gaussian_8_bit(image: Pixels) -> Pixels:
    noise = cv2.randn(np.empty(image.shape, np.int16), np.zeros(3), np.full(3, 30.0))
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def _opencv_salt_pepper(image: Pixels) -> Pixels:
    draw = cv2.randu(np.empty(image.shape[:2], np.float32), np.zeros(1), np.ones(1))
    out = image.copy()
    out[draw < 0.06] = 0
    out[draw < 0.03] = 255 if image.dtype == np.uint8 else 1
    return out


def _gaussian_window(image: Pixels) -> Pixels:
    return cv2.GaussianBlur(image, (21, 21), 2.5, borderType=cv2.BORDER_REFLECT_101)


def opencv(eight_bit: bool) -> Rivals:
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


def scikit_image() -> Rivals:
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


def kornia() -> Rivals:
    importlib.import_module("kornia")
    from kornia.augmentation import RandomGaussianNoise, RandomSaltAndPepperNoise
    from kornia.enhance import jpeg_codec_differentiable
    from kornia.filters import filter2d, gaussian_blur2d

    def filtered(name: str) -> BatchRival:
        kernel = cut_kernel(name).expand(BATCH, -1, -1)
        return BatchRival(lambda images: filter2d(images, kernel, "reflect"), least_db=40)

    quality = torch.full((BATCH,), 35.0)
    return {
        **{name: filtered(name) for name in ("motion_blur", "ringing", "defocus_blur")},
        "gaussian_blur": BatchRival(
            lambda images: gaussian_blur2d(images, (21, 21), (2.5, 2.5), "reflect"), least_db=40
        ),
        "jpeg": BatchRival(lambda images: jpeg_codec_differentiable(images, quality), least_db=30),
        "gaussian_noise": BatchRival(RandomGaussianNoise(std=30 / 255, p=1.0)),
        "salt_pepper": BatchRival(RandomSaltAndPepperNoise(amount=0.06, salt_vs_pepper=0.5, p=1.0)),
    }


def imagecorruptions() -> Rivals:
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
