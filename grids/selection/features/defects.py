"""Impulses, strokes and noise: how much there is of what stands out decides what a restorer can gain."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from grids.images.libraries import opencv
from grids.images.tensors import to_8_bit, to_numpy, to_pixels
from grids.results import FloatArray
from grids.selection.features.patches import is_shown
from grids.selection.features.windows import choose_windows

STEPS = (4, 8, 16, 32, 64, 128)
"""Levels by which a pixel differs from the median of its 3 x 3."""
WIDTHS = (3, 7, 13, 21)
"""Sides of squares, pixels: what is narrower vanishes under an opening or a closing."""
NEAR = 12
"""Levels from black or white: JPEG moves them."""
CLEAR = 48
"""Levels by which something must stand out."""
BLOCK = 16
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.95)
TONES = (0.25, 0.5)
"""Between dark, middle and bright blocks: noise of light grows with brightness, other noise does not."""
FLAT = 0.2
"""The quantile of the noise of blocks of one tone, low enough to be that of flat ones."""
FLOOR = 1e-4
"""Added to shares and levels before their logarithm."""


def defect_statistics(image: Tensor, visible: Tensor | None = None) -> Tensor:
    """Logarithms of shares and levels of what stands out, at full size.

    Shares of values by how far they are from the median of their 3 x 3, and the root of the mean square of that
    distance; shares of black and of white pixels, and of those among them that are no part of anything wide, for four
    widths (top-hats of the grey image: what impulses and strokes cover); of blocks of 16 x 16 the level of noise (the
    residual of Immerkaer, Fast Noise Variance Estimation, CVIU 1996): quantiles of the grey image and of colour, and a
    low quantile of dark, middle and bright blocks. Of a large image means over windows.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        visible: (H, W) bool, which pixels count; None for all.

    Returns:
        (32,).
    """
    windows = choose_windows(image.shape[-2], image.shape[-1], visible)
    shown = torch.ones(image.shape[-2:], dtype=torch.bool) if visible is None else visible
    values = np.mean([_describe(image[:, *window], shown[window].numpy()) for window in windows], 0)
    return torch.from_numpy(np.log(values + FLOOR))


def _describe(window: Tensor, shown: np.ndarray) -> FloatArray:
    """(32,): shares and levels, of pixels that are shown, (H, W) bool."""
    cv2 = opencv()
    pixels = to_pixels(window) if window.is_floating_point() else to_8_bit(to_numpy(window))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.concatenate((_impulses(pixels, shown), _strokes(grey, shown), _noise(pixels, grey, shown)))


def _impulses(pixels: np.ndarray, shown: np.ndarray) -> FloatArray:
    """(7,): shares of values far from their neighbours' median, and the root of the mean square of that distance."""
    cv2 = opencv()
    far = cv2.absdiff(pixels, cv2.medianBlur(pixels, 3))[shown]
    counts = np.bincount(far.ravel(), minlength=256) / far.size
    above = counts[::-1].cumsum()[::-1]
    return np.array([*above[list(STEPS)], np.sqrt((counts * np.arange(256) ** 2).sum()) / 255])


def _strokes(grey: np.ndarray, shown: np.ndarray) -> FloatArray:
    """(10,): shares of black and of white, and of what of them vanishes under each width."""
    cv2, found = opencv(), []
    for plane in (grey, 255 - grey):  # white is black in the negative
        black = plane <= NEAR
        found.append(black[shown].mean())
        for width in WIDTHS:
            closed = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, np.ones((width, width), np.uint8))
            found.append((black & (closed >= plane + np.float32(CLEAR)))[shown].mean())
    return np.array(found)


def _noise(pixels: np.ndarray, grey: np.ndarray, shown: np.ndarray) -> FloatArray:
    """(15,): the noise of blocks, as a share of the range of levels."""
    cv2 = opencv()
    red, green, _ = (plane.astype(np.float32) for plane in cv2.split(pixels))
    light = grey.astype(np.float32)
    own, colour = _block_noise(light), _block_noise(red - green)
    tones, shares = (
        cv2.resize(plane, own.shape[::-1], interpolation=cv2.INTER_AREA) for plane in (light / 255, np.float32(shown))
    )
    looked_at = is_shown(torch.from_numpy(shares)).numpy()
    own, colour, tones = own[looked_at], colour[looked_at], tones[looked_at]
    edges = (-np.inf, *TONES, np.inf)
    parts = [own[(tones >= low) & (tones < high)] for low, high in itertools.pairwise(edges)]
    low_noise = [float(np.quantile(part if part.size else own, FLAT)) for part in parts]
    return np.concatenate((np.quantile(own, QUANTILES), np.quantile(colour, QUANTILES), low_noise)) / 255


def _block_noise(plane: np.ndarray) -> np.ndarray:
    """(rows, columns): the root mean square of the residual in each block, as the deviation of white noise."""
    cv2 = opencv()
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6  # of unit gain for white noise
    residual = cv2.filter2D(plane, -1, mask, borderType=cv2.BORDER_REFLECT)
    size = [max(1, side // BLOCK) for side in plane.shape]
    return np.asarray(np.sqrt(cv2.resize(residual**2, size[::-1], interpolation=cv2.INTER_AREA)))
