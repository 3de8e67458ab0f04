"""Blur kernels, one per image, and the convolutions with them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_taps(sigma: Tensor, window: int) -> Tensor:
    """Sampled 1-D Gaussians: sigma (B,) in pixels, window odd -> (B, window), each summing to 1."""
    x = _axis(window, sigma)
    taps = torch.exp(-(x**2) / (2 * sigma.view(-1, 1) ** 2))
    return taps / taps.sum(-1, keepdim=True)


def box_taps(size: Tensor, window: int) -> Tensor:
    """1-D boxes of odd sizes: size (B,) in pixels, at most window -> (B, window), each summing to 1."""
    taps = (_axis(window, size).abs() <= (size.view(-1, 1) - 1) / 2 + 1e-3).float()
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
    k = kernels.shape[-1]
    return _depthwise(reflect(images, k // 2), kernels.flip(-1, -2))


def filter_separable(images: Tensor, taps: Tensor) -> Tensor:
    """Convolve with symmetric taps along both axes, borders reflected (101): (B, C, H, W) and (B, k), k odd."""
    return separable_valid(reflect(images, taps.shape[-1] // 2), taps)


def separable_valid(images: Tensor, taps: Tensor) -> Tensor:
    """The same without padding: the result is k - 1 pixels smaller each way."""
    return _depthwise(_depthwise(images, taps[:, None, :]), taps[:, :, None])


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
