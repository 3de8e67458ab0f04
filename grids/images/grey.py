"""Grey pictures: three equal channels in memory, one in a file.

A network gives three channels that differ a little. Their mean is nearer to the truth than they are, or than any one of
them, whatever is restored; noise is another matter: the mean of three draws would be fainter than what was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.images.tensors import Pixels

if TYPE_CHECKING:
    from torch import Tensor


def has_equal_channels(pixels: Pixels) -> bool:
    """Whether (H, W, 3) pixels are grey all over."""
    first = pixels[..., 0]
    return bool((pixels[..., 1] == first).all() and (pixels[..., 2] == first).all())


def average_channels(images: Tensor) -> Tensor:
    """(..., 3, H, W) -> the same, every channel the mean of the three: what a restorer made of a grey picture."""
    return images.mean(-3, keepdim=True).expand_as(images)


def take_one_channel(images: Tensor) -> Tensor:
    """(..., 3, H, W) -> the same, every channel the green one: a grey picture with damage that was drawn in colour."""
    return images[..., 1:2, :, :].expand_as(images)
