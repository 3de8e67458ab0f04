"""The power spectrum of an image: blurs differ in the shape of their kernels, which is plainest there."""

from __future__ import annotations

import functools
import itertools
import math

import torch
from torch import Tensor

from grids.selection.features.patches import choose_patches

SIDE = 64
"""Of a patch, pixels."""
COUNT = 48
FLOOR = 1e-9
"""Added to powers before their logarithm; rounding to 8 bit has 1e-6."""
RINGS = (0.02, 0.04, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.24, 0.27, 0.30, 0.33, 0.37, 0.41, 0.45, 0.5, 0.6, 0.71)
"""Edges of the rings of frequency, cycles per pixel; those up to 0.5 are split into near the axes and between them."""
COLOUR_RINGS = (0.03, 0.08, 0.15, 0.22, 0.30, 0.38, 0.45, 0.71)
WIDE_RINGS = (0.03, 0.1, 0.2, 0.35)
ORIENTATIONS = 8
BLOCK = 8
"""Side of a JPEG block, pixels."""


def spectrum_statistics(image: Tensor, visible: Tensor | None = None) -> Tensor:
    """Logarithms of mean powers in the spectra of detailed patches, each under a Hann window.

    Of the grey image: rings of frequency, each near the axes and between them (square and round kernels differ there);
    three wide rings in eight orientations, each ring sorted by power, so that a streak's direction does not count but
    its presence does; and the multiples of 1/8 along the axes against their neighbours (JPEG blocks may show there).
    Of the colour differences blue - green and red - green: rings.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        visible: as for `choose_patches`.

    Returns:
        (78,).
    """
    patches = choose_patches(image, COUNT, SIDE, visible)
    red, green, blue = patches.unbind(1)
    grey, first, second = (_power(plane) for plane in (patches.mean(1), blue - green, red - green))
    oriented = _log(_orientations() @ grey.flatten()).view(-1, ORIENTATIONS).sort(1).values
    colours = [_log(_rings(COLOUR_RINGS, split=False) @ power.flatten()) for power in (first, second)]
    return torch.cat((_log(_rings(RINGS, split=True) @ grey.flatten()), oriented.flatten(), *colours, _blocks(grey)))


def _power(planes: Tensor) -> Tensor:
    """(N, 64, 64) -> (64, 33): the mean power over the patches."""
    window = torch.hann_window(SIDE, periodic=False)
    window = window[:, None] * window
    window = window / window.square().mean().sqrt()
    centred = (planes - planes.mean((-1, -2), keepdim=True)) * window
    return torch.fft.rfft2(centred).abs().square().mean(0) / SIDE**2


def _log(power: Tensor) -> Tensor:
    return torch.log(power + FLOOR)


@functools.cache
def _frequencies() -> tuple[Tensor, Tensor]:
    """Radius in cycles per pixel and angle in [-pi/2, pi/2] of every coefficient, (64, 33) each."""
    down, across = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]
    return torch.hypot(down, across), torch.atan2(down, across.expand(SIDE, -1))


@functools.cache
def _rings(edges: tuple[float, ...], split: bool) -> Tensor:
    """(bins, 64 * 33): each row averages one bin."""
    radius, angle = _frequencies()
    from_axis = angle.abs() % (math.pi / 2)
    near = (from_axis < math.pi / 8) | (from_axis > 3 * math.pi / 8)
    bins = []
    for low, high in itertools.pairwise(edges):
        ring = (radius >= low) & (radius < high)
        bins += [ring & near, ring & ~near] if split and high <= 0.5 else [ring]
    return _averages(bins)


@functools.cache
def _orientations() -> Tensor:
    """(rings * 8, 64 * 33): each row averages one orientation of a wide ring."""
    radius, angle = _frequencies()
    bins = []
    for low, high in itertools.pairwise(WIDE_RINGS):
        for k in range(ORIENTATIONS):
            middle = -math.pi / 2 + (k + 0.5) * math.pi / ORIENTATIONS
            # a little more than half the step: none falls between two
            bins.append((radius >= low) & (radius < high) & ((angle - middle).abs() < math.pi / 16 + 1e-6))
    return _averages(bins)


def _averages(bins: list[Tensor]) -> Tensor:
    rows = torch.stack(bins).flatten(1).float()
    return rows / rows.sum(1, keepdim=True)


def _blocks(power: Tensor) -> Tensor:
    """Power at k / 8 cycles per pixel along either axis, against that beside it; (8,), logarithms of ratios."""
    found = []
    for k in range(1, BLOCK // 2 + 1):
        place = k * SIDE // BLOCK
        beside = [other for other in (place - 3, place - 2, place + 2, place + 3) if other <= SIDE // 2]
        found += [_log(along[:, place].mean()) - _log(along[:, beside].mean()) for along in (power[:3], power[:, :3].T)]
    return torch.stack(found)
