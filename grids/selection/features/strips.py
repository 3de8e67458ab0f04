"""An image strip by strip: as floating point the whole of it would take four times the memory of its pixels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.images.tensors import to_unit

PIXELS = 2**22
"""Of a strip, about."""


def strips(height: int, width: int, step: int, stride: int | None = None) -> Iterator[slice]:
    """Cut the rows of an image into strips of about `PIXELS` pixels (4 million), which begin at multiples of `step`.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        step: rows of a window that must not be torn apart, such as a block.
        stride: rows from one window to the next; None for `step`. Where it is another number, all rows are one strip.

    Yields:
        Rows, from the first to the last one; the last strip takes the rest, too.

    >>> list(strips(10, 2**22, 4))
    [slice(0, 4, None), slice(4, 10, None)]
    """
    rows = max(1, PIXELS // (step * width)) * step if stride in (None, step) else height
    starts = range(0, max(1, height - step + 1), rows)
    for start in starts:
        yield slice(start, height if start == starts[-1] else start + rows)


def take(image: Tensor, rows: slice) -> Tensor:
    """Take some rows of an image as floating point.

    Args:
        image: (C, H, W), floating point, uint8, uint16 or bool, any strides: a view of a photograph's pixels will do.
            It is not changed.
        rows: which rows.

    Returns:
        (C, h, W), float32, white being 1; it may share the memory of an image that is float32 already.
    """
    return to_unit(image[:, rows].contiguous())


def pool(image: Tensor, side: int, stride: int | None = None, ceil_mode: bool = False) -> Tensor:
    """The means over squares of an image, as `torch.nn.functional.avg_pool2d`, but strip by strip, to save memory.

    Args:
        image: (C, H, W), floating point, uint8, uint16 or bool.
        side: of a square, pixels.
        stride: pixels from one square to the next; None for `side`.
        ceil_mode: whether squares that are cut by the right or the lower border count, with the pixels that they have.

    Returns:
        (C, h, w), float32, white being 1.
    """
    height, width = image.shape[-2:]
    parts = strips(height, width, side, stride)
    return torch.cat([F.avg_pool2d(take(image, rows), side, stride, ceil_mode=ceil_mode) for rows in parts], 1)
