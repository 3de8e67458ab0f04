"""Pixels (H, W, 3) of 8 or 16 bits and tensors in [0, 1]: here alone the one becomes the other.

Nothing is imported from torch before it is needed: who only reads and writes photographs does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from grids.errors import ImageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Pixels = npt.NDArray[Any]  # uint8 or uint16

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as JPEG has them."""


def to_8_bit(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Pixels with 8 bits a channel.

    Args:
        pixels: uint8 or uint16, any shape.

    Returns:
        uint8 of the same shape: the nearest levels, 65535 becoming 255; uint8 pixels themselves, not copied.
    """
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray(pixels, dtype=np.uint8)


def to_16_bit(pixels: Pixels) -> npt.NDArray[np.uint16]:
    """Pixels with 16 bits a channel.

    Args:
        pixels: uint8 or uint16, any shape.

    Returns:
        uint16 of the same shape: 257 times the levels of 8 bits, so that 0 and white stay what they are; uint16 pixels
        themselves, not copied.
    """
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * np.uint16(257)


def to_tensor(pixels: Pixels) -> Tensor:
    """Pixels as numbers in [0, 1], colours first, as PyTorch has them.

    Args:
        pixels: (H, W, 3) of uint8 or uint16.

    Returns:
        (3, H, W) float32, white being 1, on the CPU; a copy.
    """
    import torch

    planes = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    return torch.from_numpy(planes).div_(float(np.iinfo(pixels.dtype).max))


def to_pixels(image: Tensor, bits: int = 8) -> Pixels:
    """Numbers in [0, 1] as pixels, clipped and rounded; the reverse of `to_tensor`.

    Args:
        image: (3, H, W), floating point, [0, 1], on any device.
        bits: 8 or 16.

    Returns:
        (H, W, 3) of uint8 or uint16, contiguous.

    Raises:
        ImageError: another shape, not floating point, or not finite.
    """
    rounded = checked_image(image).clamp(0, 1).mul(2**bits - 1).round().numpy()
    return np.ascontiguousarray(rounded.transpose(1, 2, 0)).astype(np.uint8 if bits == 8 else np.uint16)


def checked_image(image: Tensor) -> Tensor:
    """An image as float32 on the CPU, its values as they are, without gradient.

    Args:
        image: on any device.

    Returns:
        (3, H, W); the memory of `image` where it was such a tensor already.

    Raises:
        ImageError: it is not (3, H, W) with H and W above 0, not floating point, or not finite.
    """
    import torch

    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or not image.is_floating_point():
        raise ImageError(f"an image must be (3, H, W), floating point, but is {tuple(image.shape)} of {image.dtype}")
    if not bool(torch.isfinite(image).all()):
        raise ImageError("an image must be finite, but holds NaN or infinite values")
    return image.detach().to("cpu", torch.float32)


def mirror_index(size: int, margin: int, whole: int, device: torch.device) -> Tensor:
    """Which rows (or columns) of an image lie where, if it is mirrored about its border pixels, again and again.

    Args:
        size: rows of the image, 1 or more.
        margin: how many come before its first.
        whole: how many are wanted, the margin among them.
        device: where the result lies.

    Returns:
        (whole,), whole numbers from 0 to size - 1.
    """
    import torch

    period = max(2 * (size - 1), 1)
    index = (torch.arange(whole, device=device) - margin) % period
    return torch.minimum(index, period - index) if size > 1 else torch.zeros_like(index)


def byte_planes(pixels: Pixels) -> Tensor:
    """Pixels as bytes, colours first: a quarter of the memory of `to_tensor`. `to_unit` makes numbers of them.

    Args:
        pixels: (H, W, 3) of uint8 or uint16; the latter are rounded to 8 bits.

    Returns:
        (3, H, W) uint8, on the CPU; a contiguous copy.
    """
    import torch

    return torch.from_numpy(to_8_bit(pixels).transpose(2, 0, 1).copy())


def planes_of(pixels: Pixels) -> Tensor:
    """Pixels as a tensor of their own type, colours first, without a copy; `to_unit` makes numbers of any part.

    Args:
        pixels: (H, W, 3) of uint8 or uint16. Read-only ones are copied, as a tensor cannot be read-only.

    Returns:
        (3, H, W) of the same type, on the CPU; a view of the same memory, so not contiguous.
    """
    import torch

    # a tensor can neither be read-only, of which PyTorch warns, nor run backwards
    if not pixels.flags.writeable or min(pixels.strides) < 0:
        pixels = pixels.copy()
    return torch.from_numpy(pixels).permute(2, 0, 1)


def to_numpy(planes: Tensor) -> Pixels:
    """(3, H, W) of uint8 or uint16, on the CPU -> (H, W, 3), one after another in memory."""
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())


def to_unit(images: Tensor) -> Tensor:
    """Images of any type as float32, white being 1.

    Args:
        images: any shape: uint8 and uint16 are divided by 255 and 65535; floating point and bool keep their values.

    Returns:
        The same shape and device; float32 images themselves, not copied.
    """
    import torch

    if images.is_floating_point() or images.dtype == torch.bool:
        return images.float()
    return images.float().div_(torch.iinfo(images.dtype).max)


def to_bytes(images: Tensor) -> Tensor:
    """Numbers in [0, 1] as bytes, rounded to the nearest level.

    Args:
        images: any shape; values outside [0, 1] are not clipped and give wrong bytes.

    Returns:
        uint8 of the same shape, on the same device.
    """
    return images.mul(255).round().byte()


def round_to_8_bit(images: Tensor) -> Tensor:
    """The nearest multiples of 1/255 in [0, 1], as an 8-bit file would hold them.

    Args:
        images: any shape, floating point; values outside [0, 1] are clipped.

    Returns:
        The same shape and type, a new tensor.
    """
    return images.mul(255).round().clamp(0, 255).div(255)


def crop_middle(image: Tensor, side: int) -> Tensor:
    """The middle of an image, at most a square of a given side.

    Args:
        image: (..., H, W).
        side: pixels; an axis that has fewer is kept whole.

    Returns:
        (..., at most side, at most side), a view of `image`.
    """
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
