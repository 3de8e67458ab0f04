"""Parts of a large image that are looked at in its place."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from grids.selection.features.patches import is_shown

WINDOW, WINDOWS = 256, 4
"""Of an image of more pixels than these windows have, four by four of them are looked at, evenly spaced."""


def choose_windows(height: int, width: int, visible: Tensor | None = None) -> list[tuple[slice, slice]]:
    """Rows and columns of the image, or of windows of a large one.

    Args:
        height: of the image, pixels.
        width: the same.
        visible: (H, W) bool, at least one of them: windows that show too little are left out; None for all.

    Returns:
        One pair of slices or more, row by row.
    """
    if height * width <= (WINDOW * WINDOWS) ** 2:
        return [(slice(0, height), slice(0, width))]
    windows = list(itertools.product(_spans(height), _spans(width)))
    if visible is None:
        return windows
    shown = is_shown(torch.stack([visible[window].float().mean() for window in windows]))
    return list(itertools.compress(windows, shown.tolist()))


def _spans(side: int) -> list[slice]:
    """Rows or columns of windows, evenly spaced."""
    if side <= WINDOW:
        return [slice(0, side)]
    return [slice(start := k * (side - WINDOW) // (WINDOWS - 1), start + WINDOW) for k in range(WINDOWS)]
