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
    """Whether pixels are grey all over: red, green and blue are equal everywhere.

    Args:
        pixels: (H, W, 3) of any dtype.

    Returns:
        True where no pixel has a colour.
    """
    first = pixels[..., 0]
    return bool((pixels[..., 1] == first).all() and (pixels[..., 2] == first).all())


def average_channels(images: Tensor) -> Tensor:
    """Make a restored picture grey: every channel becomes the mean of the three.

    Args:
        images: (..., 3, H, W), floating point, what a restorer made of a grey picture.

    Returns:
        The same shape; the three channels share their memory, so do not write into it.
    """
    return images.mean(-3, keepdim=True).expand_as(images)


def take_one_channel(images: Tensor) -> Tensor:
    """Make a degraded picture grey: every channel becomes the green one, so that noise keeps its strength.

    Args:
        images: (..., 3, H, W), a grey picture with damage that was drawn in colour.

    Returns:
        The same shape, a view of `images`: do not write into it.
    """
    return images[..., 1:2, :, :].expand_as(images)
