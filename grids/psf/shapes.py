"""Shapes of blurs: point-spread functions, one for each image of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


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


def _axis(window: int, like: Tensor) -> Tensor:
    return torch.arange(window, device=like.device, dtype=torch.float32) - window // 2


def _grid(window: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = _axis(window, like)
    return axis.view(1, 1, -1), axis.view(1, -1, 1)


def _unit_sum(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((-1, -2), keepdim=True)
