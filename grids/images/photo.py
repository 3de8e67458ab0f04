"""A photograph in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grids.errors import ImageError

if TYPE_CHECKING:
    import torch

Pixels = npt.NDArray[Any]  # uint8 or uint16


@dataclass(frozen=True, eq=False)
class Photo:
    """An image file in memory, upright.

    Args:
        pixels: (H, W, 3) RGB, uint8 or uint16, its EXIF rotation applied.
        alpha: (H, W) opacity of the same dtype, or None where the file has none.
        path: where it was read from.
        exif: the EXIF block ("Exif", two zeros, a TIFF header, ...), its orientation reset to 1.
        icc: the RGB colour profile. The pixels are as stored: no profile is applied.

    Raises:
        ImageError: the arrays have another shape or dtype.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    path: Path | None = None
    exif: bytes | None = None
    icc: bytes | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype not in (np.uint8, np.uint16):
            raise ImageError(f"a photo must be (H, W, 3) of uint8 or uint16, but got {shape} of {dtype}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            got = f"{self.alpha.shape} of {self.alpha.dtype}"
            raise ImageError(f"alpha must be {shape[:2]} of {dtype}, like the pixels, but got {got}")

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def bits(self) -> int:
        """Bits per channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    def tensor(self) -> torch.Tensor:
        """The pixels as float32 in [0, 1], shape (3, H, W), on the CPU."""
        import torch

        planes = self.pixels.transpose(2, 0, 1).astype(np.float32, order="C")
        return torch.from_numpy(planes).div_(float(np.iinfo(self.pixels.dtype).max))

    def with_pixels(self, images: torch.Tensor) -> Photo:
        """This photo with other pixels, clipped and rounded to its bit depth; alpha and metadata stay.

        Args:
            images: (3, H, W), floating point, [0, 1], on any device.

        Raises:
            ImageError: another shape, not floating point, or not finite.
        """
        pixels = _quantize(images, self.bits)
        if pixels.shape != self.pixels.shape:
            was, got = f"{self.width} x {self.height}", f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise ImageError(f"the new pixels must be {was}, the size of the photo, but are {got}")
        return replace(self, pixels=pixels)

    def with_16_bits(self) -> Photo:
        """This photo with 16 bits a channel: for pixels that 8 cannot hold."""
        if self.bits == 16:
            return self
        alpha = None if self.alpha is None else self.alpha.astype(np.uint16) * 257
        return replace(self, pixels=self.pixels.astype(np.uint16) * 257, alpha=alpha)


def to_8_bit(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """uint8 or uint16 pixels as uint8, rounded."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray(pixels, dtype=np.uint8)


@dataclass(frozen=True)
class Skipped:
    """A file that `read_photos` passed over, and why (the reason does not repeat the path)."""

    path: Path
    reason: str


def photo_from_tensor(images: torch.Tensor, bits: int = 8) -> Photo:
    """A photo without metadata from a tensor, clipped and rounded.

    Args:
        images: (3, H, W), floating point, [0, 1], on any device.
        bits: 8 or 16 a channel.

    Raises:
        ImageError: another shape or bit depth, not floating point, or not finite.
    """
    if bits not in (8, 16):
        raise ImageError(f"a photo has 8 or 16 bits a channel, but {bits} were asked for")
    return Photo(_quantize(images, bits))


def _quantize(images: torch.Tensor, bits: int) -> Pixels:
    import torch

    if images.ndim != 3 or images.shape[0] != 3 or not images.is_floating_point():
        raise ImageError(f"pixels must be (3, H, W), floating point, but got {tuple(images.shape)} of {images.dtype}")
    images = images.detach().to("cpu", torch.float32)
    if not bool(torch.isfinite(images).all()):
        raise ImageError("pixels must be finite, but some are NaN or infinite")
    rounded = images.clamp(0, 1).mul(2**bits - 1).round().numpy()
    return np.ascontiguousarray(rounded.transpose(1, 2, 0)).astype(np.uint8 if bits == 8 else np.uint16)
