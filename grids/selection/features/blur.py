"""What blur an image shows as a whole: the point-spread function found in it, and what undoing it promises."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grids.networks.deconvolution import is_sure
from grids.psf import PSF, estimate_psf, expected_gain
from grids.psf.estimate import Family

FAMILIES: tuple[Family, ...] = ("gaussian", "disc", "streak", "box")
SIZE = 16
"""Of what `blur_statistics` returns."""
FAINT = 0.05
"""Evidence and misfits count from here on."""
MOST_MISFIT = 20.0
THIN = 0.3
"""Pixels: the width of no blur."""


def blur_statistics(image: Tensor, visible: Tensor | None = None) -> Tensor:
    """The blur of an image, as `estimate_psf` finds it.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16, on the CPU.
        visible: (H, W) bool, which pixels count; None for all.

    Returns:
        (16,): whether something was found; logarithms of evidence, misfit, noise and width; how long it is against its
        breadth; the gain of `expected_gain`, dB; which family it is of (four numbers). Then whether `Deconvolution`
        acts on such a blur as it ships, and, where it does, gain, evidence, width and noise again. Zeros where
        `estimate_psf` finds none: too few windows, or hardly a frequency above the noise.

    Raises:
        ImageError: the image is not (3, H, W).
    """
    psf = estimate_psf(image, visible)
    return torch.zeros(SIZE) if psf is None else torch.tensor(_numbers(psf))


def _numbers(psf: PSF) -> list[float]:
    width, elongation = _extent(psf.kernel)
    evidence = math.log(max(psf.evidence, 0.0) + FAINT)
    misfit = math.log(min(max(psf.misfit, FAINT), MOST_MISFIT))
    noise, gain = math.log(psf.noise), expected_gain(psf)
    family = [float(psf.shape.family == one) for one in FAMILIES]
    acted_on = [1.0, gain, evidence, width, noise] if is_sure(psf) else [0.0] * 5
    return [1.0, evidence, misfit, noise, width, elongation, gain, *family, *acted_on]


def _extent(kernel: Tensor) -> tuple[float, float]:
    """The logarithm of the width of a kernel, pixels, and 1 less breadth by length: standard deviations along and
    across it."""
    at = torch.arange(kernel.shape[-1], dtype=torch.float64) - kernel.shape[-1] // 2
    weights = kernel.double()
    yy, xx = (weights.sum(axis) @ at.square() for axis in (1, 0))
    shear = at @ weights @ at
    middle, half = (xx + yy) / 2, torch.hypot((xx - yy) / 2, shear)
    long, broad = ((middle + sign * half).clamp_min(0).sqrt() for sign in (1, -1))
    width = torch.log((xx + yy).sqrt() + THIN)
    return float(width), float(1 - (broad + THIN) / (long + THIN))
