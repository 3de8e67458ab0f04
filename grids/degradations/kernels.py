"""Convolutions, each image with a kernel of its own.

On a CPU OpenCV filters and enlarges: several times as fast as PyTorch, to the same result but for the last bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.devices import for_each
from grids.images.libraries import opencv
from grids.images.tensors import mirror_index

REACH, AREA = 4, 2**15
"""OpenCV is faster than PyTorch with kernels of so many pixels from the middle to the edge, and in images so small."""


def filter2d(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve every image with its own kernel; the border is mirrored about its pixels (101).

    On a CPU OpenCV does it where the kernel or the image is small, and PyTorch elsewhere and where gradients are
    needed.

    Args:
        images: (B, C, H, W) float32; they stay as they are.
        kernels: (B, k, k), k odd, on the device of `images`.

    Returns:
        (B, C, H, W), not clipped.
    """
    flipped = kernels.flip(-1, -2)
    if not on_cpu(images, kernels):
        return _convolve(images, flipped)
    reach = _reach(flipped)
    # by an image's own kernel and size: its batch decides no more than the order of sums
    small = (reach <= REACH) | (images.shape[-2] * images.shape[-1] <= AREA)
    if not bool(small.any()):
        return _convolve(images, _cut(flipped, int(reach.max())))
    result = images.new_empty(images.shape)
    if not bool(small.all()):
        result[~small] = _convolve(images[~small], _cut(flipped[~small], int(reach[~small].max())))
    cv2, numbers = opencv(), small.nonzero().flatten().tolist()
    used = {i: _cut(flipped[i], int(reach[i])).contiguous().numpy() for i in numbers}

    def work(k: int) -> None:
        i = numbers[k]
        for source, target in planes(images[i], result[i]):
            cv2.filter2D(source, -1, used[i], target)

    for_each(len(numbers), work, images[0].numel())
    return result


def filter_separable(images: Tensor, taps: Tensor) -> Tensor:
    """Convolve every image with its own taps along both axes; the border is mirrored about its pixels (101).

    On a CPU OpenCV does it, unless gradients are needed.

    Args:
        images: (B, C, H, W) float32; they stay as they are.
        taps: (B, k), k odd, each row symmetric (not checked), on the device of `images`.

    Returns:
        (B, C, H, W), not clipped.
    """
    if not on_cpu(images, taps):
        padded = reflect(images, taps.shape[-1] // 2)
        return _depthwise(_depthwise(padded, taps[:, None, :]), taps[:, :, None])
    result, cv2, rows = images.new_empty(images.shape), opencv(), taps.numpy()

    def work(i: int) -> None:
        for source, target in planes(images[i], result[i]):
            cv2.sepFilter2D(source, -1, rows[i], rows[i], target)

    for_each(len(images), work, images[0].numel())
    return result


def on_cpu(*tensors: Tensor) -> bool:
    """Whether OpenCV may do the work: on a CPU, where nobody differentiates through it.

    Args:
        tensors: all that the work reads.

    Returns:
        False where any of them lies elsewhere or requires a gradient.
    """
    return all(each.device.type == "cpu" and not each.requires_grad for each in tensors)


def planes(image: Tensor, result: Tensor) -> Iterator[tuple[Any, Any]]:
    """The channels of two images as pairs of NumPy arrays, for OpenCV to read the one and fill the other.

    Args:
        image: (C, H, W) in CPU memory, without gradient.
        result: (C, h, w), likewise.

    Yields:
        An array (H, W) of the image and one (h, w) of the result, channel by channel. What is written into the second
        goes into `result`.
    """
    yield from zip(image.contiguous().numpy(), result.numpy(), strict=True)


def reflect(images: Tensor, margin: int) -> Tensor:
    """Mirror images about their border pixels, again and again where the margin is wider than the image.

    Args:
        images: (B, C, H, W).
        margin: pixels added on each of the four sides, 0 or more.

    Returns:
        (B, C, H + 2 margin, W + 2 margin).

    >>> reflect(torch.tensor([[[[1.0, 2.0, 3.0]]]]), 1)[0, 0, 1]
    tensor([2., 1., 2., 3., 2.])
    """
    if margin < min(images.shape[-2:]):
        return F.pad(images, (margin,) * 4, mode="reflect")
    rows, columns = (mirror_index(side, margin, side + 2 * margin, images.device) for side in images.shape[-2:])
    return images.index_select(-2, rows).index_select(-1, columns)


def _reach(kernels: Tensor) -> Tensor:
    """How far from the middle each kernel is not zero, pixels: (B, k, k) -> (B,)."""
    used = kernels != 0
    window = kernels.shape[-1]
    from_middle = (torch.arange(window, device=kernels.device) - window // 2).abs()
    return ((used.any(1) | used.any(2)) * from_middle).amax(1).int()


def _cut(kernels: Tensor, reach: int) -> Tensor:
    middle = kernels.shape[-1] // 2
    return kernels[..., middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]


def _convolve(images: Tensor, flipped: Tensor) -> Tensor:
    return _depthwise(reflect(images, flipped.shape[-1] // 2), flipped)


def _depthwise(images: Tensor, kernels: Tensor) -> Tensor:
    # one group per image and channel lets a whole batch with a kernel each go through one convolution
    b, c, h, w = images.shape
    weight = kernels.to(images.dtype).repeat_interleave(c, 0).unsqueeze(1)
    out = F.conv2d(images.reshape(1, b * c, h, w), weight, groups=b * c)
    return out.view(b, c, out.shape[-2], out.shape[-1])
