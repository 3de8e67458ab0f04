"""Flat ground: drawings and screenshots have it, photographs hardly."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from grids.images.tensors import to_8_bit, to_numpy, to_pixels

BLOCK = 16
"""Side of the blocks, pixels."""
MOST = 1
"""Levels of 255 by which the pixels of a flat block differ, at most."""
SHARE = 0.25
"""Of an image's blocks; photographs have fewer, with strokes drawn over them or without."""


def is_flat(image: Tensor, visible: Tensor | None = None) -> bool:
    """Whether a quarter of an image or more is one colour within each block of 16 x 16 pixels.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16, on the CPU.
        visible: (H, W) bool, which pixels count; None for all. Blocks with others are left out.

    Returns:
        False also where there is no whole block.

    >>> is_flat(Tensor(3, 32, 32).fill_(0.5))
    True
    """
    pixels = to_pixels(image) if image.is_floating_point() else to_8_bit(to_numpy(image))
    blocks = _blocks(pixels).reshape(-1, BLOCK * BLOCK, 3)
    if visible is not None:
        blocks = blocks[_blocks(visible.numpy()).reshape(-1, BLOCK * BLOCK).all(1)]
    if not len(blocks):
        return False
    spread = blocks.max(1).astype(int) - blocks.min(1)
    return bool((spread.max(1) <= MOST).mean() >= SHARE)


def is_one_colour(image: Tensor, visible: Tensor | None = None) -> bool:
    """Whether all pixels of an image are equal: nothing can be told from it.

    Args:
        image: (3, H, W).
        visible: (H, W) bool, which pixels count; None for all.

    >>> is_one_colour(Tensor(3, 1, 1).fill_(0.5))
    True
    """
    pixels = image.flatten(1) if visible is None else image[:, visible]
    return bool((pixels == pixels[:, :1]).all())


def _blocks(values: np.ndarray) -> np.ndarray:
    """(H, W, ...) -> (rows, columns, side, side, ...), of whole blocks."""
    rows, columns = values.shape[0] // BLOCK, values.shape[1] // BLOCK
    cut = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, *values.shape[2:])
    return cut.swapaxes(1, 2)
