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
    """Sampled 1-D Gaussians: sigma (B,) in pixels, window odd -> (B, window), each summing to 1."""
    x = _axis(window, sigma)
    taps = torch.exp(-(x**2) / (2 * sigma.view(-1, 1) ** 2))
    return taps / taps.sum(-1, keepdim=True)


def box_taps(size: Tensor, window: int) -> Tensor:
    """1-D boxes: size (B,) in pixels, 1 to window -> (B, window), each summing to 1; parts of pixels count in part."""
    taps = (size.view(-1, 1) / 2 + 0.5 - _axis(window, size).abs()).clamp(0, 1)
    return taps / taps.sum(-1, keepdim=True)


def disc(radius: Tensor, window: int) -> Tensor:
    """Anti-aliased discs: radius (B,) in pixels -> (B, window, window); the edge falls off over one pixel."""
    x, y = _grid(window, radius)
    return _unit_sum((radius.view(-1, 1, 1) + 0.5 - torch.hypot(x, y)).clamp(0, 1))


def streak(length: Tensor, angle: Tensor, window: int) -> Tensor:
    """Anti-aliased straight streaks, one pixel wide: length (B,) in pixels, angle (B,) in degrees from the x axis."""
    x, y = _grid(window, length)
    turn = torch.deg2rad(angle).view(-1, 1, 1)
    along = (x * turn.cos() - y * turn.sin()).abs()
    across = (x * turn.sin() + y * turn.cos()).abs()
    return _unit_sum((1 - across).clamp(0, 1) * (length.view(-1, 1, 1) / 2 + 0.5 - along).clamp(0, 1))


def trace(offsets: Tensor, window: int) -> Tensor:
    """Points of equal weight, each spread over the four pixels about it (bilinear): (B, n, 2) -> (B, window, window).

    The offsets are x to the right and y down, in pixels from the middle, at most window // 2 along either.
    """
    near = (1 - (offsets.unsqueeze(-1) - _axis(window, offsets)).abs()).clamp_min(0)  # (B, n, 2, window)
    # a product adds up in a fixed order, on a GPU too
    return _unit_sum(near[:, :, 1].transpose(-1, -2) @ near[:, :, 0])


def sinc(cutoff: Tensor, window: int) -> Tensor:
    """Circular low-pass kernels, w J1(w r) / (2 pi r) truncated to the window: cutoff (B,) in radians per pixel."""
    x, y = _grid(window, cutoff)
    r = torch.hypot(x, y)
    w = cutoff.view(-1, 1, 1)
    kernel = w * torch.special.bessel_j1(w * r) / (2 * torch.pi * r.clamp_min(1e-9))
    # the limit at r = 0, where J1(z) -> z / 2
    return _unit_sum(torch.where(r == 0, w**2 / (4 * torch.pi), kernel))


def filter2d(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve image b with kernel b, borders reflected (101): (B, C, H, W) and (B, k, k), k odd -> (B, C, H, W)."""
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
    """Convolve with symmetric taps along both axes, borders reflected (101): (B, C, H, W) and (B, k), k odd."""
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
    """Whether OpenCV may do the work: on a CPU, where nobody differentiates through it."""
    return all(each.device.type == "cpu" and not each.requires_grad for each in tensors)


def planes(image: Tensor, result: Tensor) -> Iterator[tuple[Any, Any]]:
    """The channels of two images (C, H, W) in CPU memory as pairs of arrays; what is written goes into the image."""
    yield from zip(image.contiguous().numpy(), result.numpy(), strict=True)


def reflect(images: Tensor, margin: int) -> Tensor:
    """Mirror (B, C, H, W) about its border pixels, again and again where the margin is wider than the image."""
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
