"""PSNR and SSIM of batches: RGB, no border crop, both images rounded to 8 bit."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 100.0
"""dB, for images that are equal: a mean must stay finite."""
WINDOW = 11
"""Side of the window of SSIM, pixels."""
STRIP = 2**19
"""Pixels of a photograph that are compared at once."""


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """PSNR of every image of a batch.

    Args:
        images, targets: (B, 3, H, W) in [0, 1]; images may leave it, and are clipped.

    Returns:
        (B,) float64, dB; at most 100.
    """
    error = (to_8_bit(images) - to_8_bit(targets)).double().square().mean(dim=(1, 2, 3))
    return _decibels(error)


def image_psnr(first: Tensor, second: Tensor) -> float:
    """PSNR in dB of two images or batches in [0, 1]: RGB, no border crop, both rounded to 8 bit; inf if equal."""
    difference = first.mul(255).round() - second.mul(255).round()
    error = float(difference.cpu().double().square().mean())
    return 10 * math.log10(255.0**2 / error) if error else math.inf


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """SSIM of every image of a batch, the mean over R, G and B. Source: Wang et al., IEEE TIP 2004.

    An 11 x 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariances, only where the window fits:
    scikit-image's structural_similarity with gaussian_weights=True, use_sample_covariance=False.

    Args:
        images, targets: (B, 3, H, W) in [0, 1], 11 pixels a side or more.

    Returns:
        (B,) float64.
    """
    x, y = to_8_bit(images).double(), to_8_bit(targets).double()
    return ssim_map(x, y, peak=255.0).mean(dim=(1, 2, 3))


def ssim_map(x: Tensor, y: Tensor, peak: float, padding: int = 0) -> Tensor:
    """SSIM at every place of the window.

    Args:
        x, y: (B, 3, H, W), float32 or float64, of the same type.
        peak: the value of white.
        padding: zeros around the images, pixels.

    Returns:
        (B, 3, H - 10 + 2 padding, W - 10 + 2 padding), of the type of x.
    """
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
    """PSNR in dB and SSIM of one photograph (3, H, W), strip by strip: the doubles of a whole one are many."""
    height, width = target.shape[-2:]
    rows = max(1, STRIP // width)
    errors, sums = 0.0, 0.0
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        errors += float((to_8_bit(image[:, strip]) - to_8_bit(target[:, strip])).double().square().sum())
    places = height - WINDOW + 1
    for top in range(0, places, rows):
        count = min(rows, places - top)
        strip = slice(top, top + count + WINDOW - 1)
        sums += count * float(ssim(image[None, :, strip], target[None, :, strip]))
    return _decibels(torch.tensor(errors / target.numel(), dtype=torch.float64)).item(), sums / places


def _decibels(error: Tensor) -> Tensor:
    return (10 * torch.log10(255.0**2 / error.clamp_min(1e-9))).clamp_max(MOST)


def to_8_bit(images: Tensor) -> Tensor:
    """Clipped and rounded to 0 .. 255, float32."""
    return images.float().clamp(0, 1).mul(255).round()
