"""PSNR and SSIM of batches: RGB, no border crop, both images rounded to 8 bit."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.errors import ImageError

MOST = 100.0
"""dB, for images that are equal: a mean must stay finite."""
WINDOW = 11
"""Side of the window of SSIM, pixels."""
STRIP = 2**19
"""Pixels of a photograph that are compared at once."""


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """The peak signal-to-noise ratio of every image of a batch: 10 log10(255^2 / mean squared error).

    Both are rounded to 8 bit first, as files would hold them; the mean is over all pixels and R, G and B.

    Args:
        images, targets: (B, 3, H, W) in [0, 1]; values outside are clipped. They must be on one device.

    Returns:
        (B,) float64, dB; at most 100, also for images that are equal, so that a mean over images stays finite.

    >>> round(psnr(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 10 / 255)).item(), 2)
    28.13
    """
    error = (to_8_bit(images) - to_8_bit(targets)).double().square().mean(dim=(1, 2, 3))
    return _decibels(error)


def image_psnr(first: Tensor, second: Tensor) -> float:
    """The peak signal-to-noise ratio of two images, or of two whole batches as if each were one image.

    Unlike `psnr` it clips nothing and puts no limit to the result.

    Args:
        first, second: of equal shape, RGB in [0, 1]; both are rounded to multiples of 1/255 first.

    Returns:
        dB; inf if they are equal after rounding.
    """
    difference = first.mul(255).round() - second.mul(255).round()
    error = float(difference.cpu().double().square().mean())
    return 10 * math.log10(255.0**2 / error) if error else math.inf


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """The structural similarity of every image of a batch, the mean over R, G and B. Source: Wang et al., IEEE TIP
    2004.

    An 11 x 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariances, only where the window fits:
    scikit-image's structural_similarity with gaussian_weights=True, use_sample_covariance=False.

    Args:
        images, targets: (B, 3, H, W) in [0, 1], 11 pixels a side or more. Values outside are clipped, and both are
            rounded to 8 bit. They must be on one device.

    Returns:
        (B,) float64, at most 1, which equal images have.

    Raises:
        ImageError: a side is shorter than 11 pixels.
    """
    x, y = to_8_bit(images).double(), to_8_bit(targets).double()
    return ssim_map(x, y, peak=255.0).mean(dim=(1, 2, 3))


def ssim_map(x: Tensor, y: Tensor, peak: float, padding: int = 0) -> Tensor:
    """The structural similarity at every place of the window, channel by channel; constants as in `ssim`.

    It can be differentiated. Nothing is clipped or rounded.

    Args:
        x, y: (B, 3, H, W), float32 or float64, of the same type and on one device.
        peak: the value of white, such as 1 or 255.
        padding: zeros around the images, pixels.

    Returns:
        (B, 3, H - 10 + 2 padding, W - 10 + 2 padding), of the type of x.

    Raises:
        ImageError: a padded side is shorter than 11 pixels.
    """
    if min(x.shape[-2:]) + 2 * padding < WINDOW:
        raise ImageError(f"SSIM needs {WINDOW} pixels a side, but an image is {x.shape[-1]} x {x.shape[-2]}")
    offsets = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = (window / window.sum()).expand(3, 1, 1, WINDOW)

    def mean(values: Tensor) -> Tensor:
        rows = F.conv2d(values, window, padding=(0, padding), groups=3)
        return F.conv2d(rows, window.transpose(2, 3), padding=(padding, 0), groups=3)

    mx, my = mean(x), mean(y)
    vx, vy, covariance = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    return (2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def whole_scores(image: Tensor, target: Tensor) -> tuple[float, float]:
    """PSNR and SSIM of one photograph of any size.

    It is compared in strips of about half a megapixel, since the float64 copies of a large photograph would fill the
    memory. The result is that of `psnr` and `ssim` on the whole, up to rounding.

    Args:
        image, target: (3, H, W) in [0, 1], 11 pixels a side or more; values outside are clipped.

    Returns:
        PSNR in dB, at most 100, and SSIM, at most 1.

    Raises:
        ImageError: a side is shorter than 11 pixels.
    """
    height, width = target.shape[-2:]
    rows = max(1, STRIP // width)
    errors, sums = 0.0, 0.0
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        errors += float((to_8_bit(image[:, strip]) - to_8_bit(target[:, strip])).double().square().sum())
    places = max(1, height - WINDOW + 1)  # `ssim` refuses fewer rows
    for top in range(0, places, rows):
        count = min(rows, places - top)
        strip = slice(top, top + count + WINDOW - 1)
        sums += count * float(ssim(image[None, :, strip], target[None, :, strip]))
    return _decibels(torch.tensor(errors / target.numel(), dtype=torch.float64)).item(), sums / places


def _decibels(error: Tensor) -> Tensor:
    return (10 * torch.log10(255.0**2 / error.clamp_min(1e-9))).clamp_max(MOST)


def to_8_bit(images: Tensor) -> Tensor:
    """Values in [0, 1] as the levels of an 8-bit file, still as floating-point numbers.

    Args:
        images: any shape; values outside are clipped to [0, 1].

    Returns:
        The same shape, float32, whole numbers from 0 to 255. `images` stays as it is.

    >>> to_8_bit(torch.tensor([-1.0, 0.5, 2.0]))
    tensor([  0., 128., 255.])
    """
    return images.float().clamp(0, 1).mul(255).round()
