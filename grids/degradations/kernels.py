"""Blur kernels, one per image, and the convolutions with them.

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

REACH, AREA = 4, 2**15
"""OpenCV is faster than PyTorch with kernels of so many pixels from the middle to the edge, and in images so small."""


def gaussian_taps(sigma: Tensor, window: int) -> Tensor:
    """One-dimensional Gaussians, sampled at the middles of pixels.

    Args:
        sigma: (B,), standard deviations in pixels, above 0.
        window: how many taps, an odd number.

    Returns:
        (B, window) float32, each row summing to 1, the middle tap the largest.

    >>> gaussian_taps(torch.tensor([1.0]), 3)
    tensor([[0.2741, 0.4519, 0.2741]])
    """
    x = _axis(window, sigma)
    taps = torch.exp(-(x**2) / (2 * sigma.view(-1, 1) ** 2))
    return taps / taps.sum(-1, keepdim=True)


def box_taps(size: Tensor, window: int) -> Tensor:
    """One-dimensional boxes; pixels that a box covers in part count in part.

    Args:
        size: (B,), widths in pixels, 1 to `window`.
        window: how many taps, an odd number.

    Returns:
        (B, window) float32, each row summing to 1.

    >>> box_taps(torch.tensor([2.0]), 3)
    tensor([[0.2500, 0.5000, 0.2500]])
    """
    taps = (size.view(-1, 1) / 2 + 0.5 - _axis(window, size).abs()).clamp(0, 1)
    return taps / taps.sum(-1, keepdim=True)


def disc(radius: Tensor, window: int) -> Tensor:
    """Uniform discs, as a lens out of focus makes of points; the edge falls off over one pixel.

    Args:
        radius: (B,) in pixels; beyond window / 2 the window cuts the disc off.
        window: side of the kernels, an odd number.

    Returns:
        (B, window, window) float32, each summing to 1.
    """
    x, y = _grid(window, radius)
    return _unit_sum((radius.view(-1, 1, 1) + 0.5 - torch.hypot(x, y)).clamp(0, 1))


def streak(length: Tensor, angle: Tensor, window: int) -> Tensor:
    """Straight streaks about the middle, one pixel wide, with edges and ends that fall off over a pixel.

    Args:
        length: (B,) in pixels; longer than the window, the streak is cut off.
        angle: (B,) in degrees from the x axis, towards the top of the image.
        window: side of the kernels, an odd number.

    Returns:
        (B, window, window) float32, each summing to 1.
    """
    x, y = _grid(window, length)
    turn = torch.deg2rad(angle).view(-1, 1, 1)
    along = (x * turn.cos() - y * turn.sin()).abs()
    across = (x * turn.sin() + y * turn.cos()).abs()
    return _unit_sum((1 - across).clamp(0, 1) * (length.view(-1, 1, 1) / 2 + 0.5 - along).clamp(0, 1))


def trace(offsets: Tensor, window: int) -> Tensor:
    """Kernels of points of equal weight, each spread over the four pixels about it (bilinear).

    Args:
        offsets: (B, n, 2), x to the right and y down, in pixels from the middle. A point farther than window // 2 along
            either axis loses weight, and all of it from a pixel beyond on.
        window: side of the kernels, an odd number.

    Returns:
        (B, window, window), each summing to 1.
    """
    near = (1 - (offsets.unsqueeze(-1) - _axis(window, offsets)).abs()).clamp_min(0)  # (B, n, 2, window)
    # a product adds up in a fixed order, on a GPU too
    return _unit_sum(near[:, :, 1].transpose(-1, -2) @ near[:, :, 0])


def sinc(cutoff: Tensor, window: int) -> Tensor:
    """Circular low-pass kernels: w J1(w r) / (2 pi r), truncated to the window and divided by the sum.

    Args:
        cutoff: (B,), w in radians per pixel, above 0; pi is the highest frequency along an axis.
        window: side of the kernels, an odd number.

    Returns:
        (B, window, window) float32, each summing to 1; some values are negative.
    """
    x, y = _grid(window, cutoff)
    r = torch.hypot(x, y)
    w = cutoff.view(-1, 1, 1)
    kernel = w * torch.special.bessel_j1(w * r) / (2 * torch.pi * r.clamp_min(1e-9))
    # the limit at r = 0, where J1(z) -> z / 2
    return _unit_sum(torch.where(r == 0, w**2 / (4 * torch.pi), kernel))


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
    rows = _mirror_index(images.shape[-2], margin, images.device)
    columns = _mirror_index(images.shape[-1], margin, images.device)
    return images.index_select(-2, rows).index_select(-1, columns)


def _mirror_index(size: int, margin: int, device: torch.device) -> Tensor:
    period = max(2 * (size - 1), 1)
    index = torch.arange(-margin, size + margin, device=device) % period
    return torch.minimum(index, period - index) if size > 1 else torch.zeros_like(index)


def _reach(kernels: Tensor) -> Tensor:
    """How far from the middle each kernel is not zero, pixels: (B, k, k) -> (B,)."""
    used = kernels != 0
    return ((used.any(1) | used.any(2)) * _axis(kernels.shape[-1], kernels).abs()).amax(1).int()


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


def _axis(window: int, like: Tensor) -> Tensor:
    return torch.arange(window, device=like.device, dtype=torch.float32) - window // 2


def _grid(window: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = _axis(window, like)
    return axis.view(1, 1, -1), axis.view(1, -1, 1)


def _unit_sum(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((-1, -2), keepdim=True)
