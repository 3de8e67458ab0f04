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
    """Rows that begin at multiples of `step`, strip after strip; the last takes the rest, too.

    Where windows of `step` rows stand closer than side by side, by a stride, all rows are one strip.
    """
    rows = max(1, PIXELS // (step * width)) * step if stride in (None, step) else height
    starts = range(0, max(1, height - step + 1), rows)
    for start in starts:
        yield slice(start, height if start == starts[-1] else start + rows)


def take(image: Tensor, rows: slice) -> Tensor:
    """Rows of (C, H, W), which may be a view of a photograph's pixels, as float32 in [0, 1]."""
    return to_unit(image[:, rows].contiguous())


def pool(image: Tensor, side: int, stride: int | None = None, ceil_mode: bool = False) -> Tensor:
    """The means over squares of (C, H, W), of any type: as `torch.nn.functional.avg_pool2d`."""
    height, width = image.shape[-2:]
    parts = strips(height, width, side, stride)
    return torch.cat([F.avg_pool2d(take(image, rows), side, stride, ceil_mode=ceil_mode) for rows in parts], 1)
