"""Grain: how much even the smoothest parts of an image vary, in brightness and in colour, finely and coarsely.

The noise of a camera is faint and soft, and finer in brightness than in colour, since colours were interpolated and the
file was saved as JPEG. A mask that looks for white noise sees little of it; the deviation of smooth blocks holds all.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grids.images.libraries import opencv
from grids.images.tensors import LUMA, to_8_bit, to_numpy, to_pixels
from grids.results import FloatArray
from grids.selection.features.patches import is_shown
from grids.selection.features.windows import choose_windows

BLOCK = 8
"""Side of the blocks, pixels."""
QUANTILES = (0.02, 0.1, 0.25)
"""Of the blocks: low ones, which are those of smooth parts."""
REDUCED = (1, 2)
"""Factors that the image is reduced by: fine grain is gone at half the size, coarse grain is not."""


def grain_statistics(image: Tensor, visible: Tensor | None = None) -> Tensor:
    """Logarithms of low quantiles of the standard deviation within blocks of 8 x 8.

    Of brightness (luma Y of ITU-R BT.601) and of the colour differences B - Y and R - Y, at full size and at half the
    size, as log(1 + levels of 255). Of a large image means over windows.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        visible: (H, W) bool, which pixels count; None for all.

    Returns:
        (18,): for each size, for each of the three planes, the three quantiles.
    """
    height, width = image.shape[-2:]
    shown = np.ones((height, width), np.float32) if visible is None else visible.numpy().astype(np.float32)
    windows = choose_windows(height, width, visible)
    levels = np.mean([_deviations(_planes(image[:, *window]), shown[window]) for window in windows], 0)
    return torch.from_numpy(np.log1p(levels))


def _planes(window: Tensor) -> np.ndarray:
    """(H, W, 3) float32: Y, B - Y and R - Y, levels."""
    pixels = (to_pixels(window) if window.is_floating_point() else to_8_bit(to_numpy(window))).astype(np.float32)
    luma = pixels @ np.array(LUMA, np.float32)
    return np.stack((luma, pixels[..., 2] - luma, pixels[..., 0] - luma), -1)


def _deviations(planes: np.ndarray, shown: np.ndarray) -> FloatArray:
    """(18,): quantiles over the blocks, levels."""
    cv2, found = opencv(), []
    for factor in REDUCED:
        size = tuple(max(1, side // factor) for side in shown.shape[::-1])
        small, shares = (cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (planes, shown))
        seen = torch.from_numpy(_blocks(shares).mean(1))
        # what is visible may lie in a last row or column that is no whole block
        spread = _blocks(small).std(1)[is_shown(seen).numpy()] if seen.any() else small[shares > 0].std(0)[None]
        found.append(np.quantile(spread, QUANTILES, axis=0).T.ravel())
    return np.concatenate(found)


def _blocks(values: np.ndarray) -> np.ndarray:
    """(H, W, ...) -> (blocks, pixels of a block, ...), of whole blocks; a side that is shorter is one block."""
    high, wide = (min(BLOCK, side) for side in values.shape[:2])
    rows, columns = values.shape[0] // high, values.shape[1] // wide
    cut = values[: rows * high, : columns * wide].reshape(rows, high, columns, wide, *values.shape[2:])
    return cut.swapaxes(1, 2).reshape(rows * columns, high * wide, *values.shape[2:])
