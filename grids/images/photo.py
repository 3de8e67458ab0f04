"""A photograph in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grids.errors import ImageError
from grids.images.grey import average_channels, has_equal_channels
from grids.images.metadata import Metadata
from grids.images.tensors import Pixels, checked_image, planes_of, to_16_bit, to_pixels, to_tensor

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Photo:
    """An image file in memory, upright.

    Args:
        pixels: (H, W, 3) RGB, uint8 or uint16, its EXIF rotation applied.
        alpha: (H, W) opacity of the same dtype, or None where the file has none.
        path: where it was read from.
        metadata: what the file says beside the pixels.
        pages: how many the file has, pages of a TIFF or frames of an animation: the photo is the first.
        grey: its files have one channel; the three of the pixels are equal.

    Raises:
        ImageError: the arrays have another shape or dtype, or a grey photograph has colours.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    path: Path | None = None
    metadata: Metadata = field(default_factory=Metadata)
    pages: int = 1
    grey: bool = False

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype not in (np.uint8, np.uint16):
            raise ImageError(f"a photo must be (H, W, 3) of uint8 or uint16, but got {shape} of {dtype}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            got = f"{self.alpha.shape} of {self.alpha.dtype}"
            raise ImageError(f"alpha must be {shape[:2]} of {dtype}, like the pixels, but got {got}")
        if self.grey and not has_equal_channels(self.pixels):
            raise ImageError("a grey photo must have three equal channels, but they differ")

    @property
    def height(self) -> int:
        """Rows of the upright photograph."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the upright photograph."""
        return int(self.pixels.shape[1])

    @property
    def bits(self) -> int:
        """Bits per channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    def tensor(self) -> Tensor:
        """The pixels as numbers, for networks and degradations.

        Alpha plays no part: colours of transparent pixels are as the file holds them (see `grids.images.transparency`).

        Returns:
            (3, H, W) float32 in [0, 1], on the CPU: a copy, four or two times as large as the pixels.
        """
        return to_tensor(self.pixels)

    def planes(self) -> Tensor:
        """The pixels as they are stored, as a tensor: `to_unit` makes numbers in [0, 1] of any part of it.

        Returns:
            (3, H, W), uint8 or uint16, on the CPU: a view of the pixels, so do not write into it; a copy where these
            are read-only.
        """
        return planes_of(self.pixels)

    def with_pixels(self, images: Tensor) -> Photo:
        """This photo with other pixels, clipped and rounded to its bit depth; alpha and metadata stay.

        A grey photo stays grey: its pixels become the means of the channels.

        Args:
            images: (3, H, W), floating point, [0, 1], on any device; the size of the photo.

        Returns:
            A new photo; this one stays as it is.

        Raises:
            ImageError: another shape, not floating point, or not finite.
        """
        pixels = to_pixels(average_channels(checked_image(images)) if self.grey else images, self.bits)
        if pixels.shape != self.pixels.shape:
            was, got = f"{self.width} x {self.height}", f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise ImageError(f"the new pixels must be {was}, the size of the photo, but are {got}")
        return replace(self, pixels=pixels)

    def with_16_bits(self) -> Photo:
        """This photo with 16 bits a channel: for pixels that 8 cannot hold.

        The values are multiplied by 257, so that 0 and white stay what they are; nothing is gained by it until other
        pixels come (`with_pixels`).

        Returns:
            A new photo; this one where it has 16 bits already.
        """
        if self.bits == 16:
            return self
        alpha = None if self.alpha is None else to_16_bit(self.alpha)
        return replace(self, pixels=to_16_bit(self.pixels), alpha=alpha)


@dataclass(frozen=True)
class Skipped:
    """A file that `read_photos` passed over.

    Args:
        path: the file.
        reason: why it cannot be used, in a line that does not repeat the path.
    """

    path: Path
    reason: str


def photo_from_tensor(images: Tensor, bits: int = 8) -> Photo:
    """A photo without metadata from a tensor, clipped and rounded.

    Args:
        images: (3, H, W), floating point, [0, 1], on any device.
        bits: 8 or 16 a channel.

    Raises:
        ImageError: another shape or bit depth, not floating point, or not finite.

    >>> import torch
    >>> photo_from_tensor(torch.full((3, 2, 4), 0.5)).pixels[0, 0]
    array([128, 128, 128], dtype=uint8)
    """
    if bits not in (8, 16):
        raise ImageError(f"a photo has 8 or 16 bits a channel, but {bits} were asked for")
    return Photo(to_pixels(images, bits))
