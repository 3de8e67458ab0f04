"""Losses between images and targets, pixel by pixel and window by window; and maps between which to take others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.devices import exact_float32
from grids.metrics import WINDOW, ssim_map


def charbonnier(images: Tensor, targets: Tensor, epsilon: float = 1e-3) -> Tensor:
    """The mean of sqrt(d^2 + epsilon^2) over all values, d being their differences: an L1 that is smooth at 0.

    Source: Lai et al., CVPR 2017, eq. 1.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]; they may leave it.
        targets: the same shape.
        epsilon: more than 0, in units of white; differences below it count about as their squares.

    Returns:
        (), `epsilon` for equal images, else more.
    """
    return ((images - targets).square() + epsilon**2).sqrt().mean()


def log_mse(images: Tensor, targets: Tensor, floor: float = 10**-4.5) -> Tensor:
    """10 log10(1 + MSE / floor) of each image, the mean over all: what an image lacks in PSNR, up to that of `floor`.

    A loss that weighs images by what each lacks in decibels, as means of PSNR do, so that images which are nearly right
    keep their weight beside bad ones. Source: NAFNet's code (Chen et al., ECCV 2022) trains on log(MSE + 1e-8); the
    larger floor keeps clean images, which can always come nearer, from outweighing all others.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]; they may leave it.
        targets: the same shape.
        floor: an MSE, more than 0, here that of 45 dB.

    Returns:
        (), dB, 0 for equal images, else more.

    >>> round(log_mse(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), floor=1 / 99).item(), 3)
    20.0
    """
    return 10 * (1 + (images - targets).square().mean(dim=(1, 2, 3)) / floor).log10().mean()


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """SSIM as something to train on: neither clipped nor rounded, and up to the border. Source: Wang et al., 2004.

    The window and constants are those of `metrics.ssim`. Around the images there are zeros, as in the code of Liu et
    al. (Joint Learning of Multiple Image Restoration Tasks), so that every pixel counts, and any size will do.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]; they may leave it. Computed in float32 also under autocast.
        targets: the same shape.

    Returns:
        (), at most 1, which equal images have: the mean over images, colours and pixels.
    """
    with torch.autocast(images.device.type, enabled=False), exact_float32():
        return ssim_map(images, targets, peak=1.0, padding=WINDOW // 2).mean()


def ssim_l1(images: Tensor, targets: Tensor) -> Tensor:
    """1.1 (1 - SSIM) + 0.75 L1, which is 0 for equal images.

    Source: the code of Dual Residual Networks (Liu et al., CVPR 2019), on which Joint Learning of Multiple Image
    Restoration Tasks builds without printing a loss of its own; there it is -1.1 SSIM, with the same gradient.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]; they may leave it.
        targets: the same shape.

    Returns:
        (), 0 or more.
    """
    return 1.1 * (1 - ssim(images, targets)) + 0.75 * F.l1_loss(images, targets)


def gradient_magnitude(images: Tensor, epsilon: float = 1e-6) -> Tensor:
    """sqrt(dx^2 + dy^2 + epsilon) of every colour, from forward differences: maps of where the edges of images are.

    Source: Shen et al., A multi-task approach to face deblurring (2019), eq. 2, which names no operator. Magnitudes,
    not both differences, as the network that takes images takes these maps too, and so they need three channels;
    forward differences, as they see what lies between two pixels, which central ones skip.

    Args:
        images: (B, 3, H, W) in [0, 1].
        epsilon: keeps the gradient finite where the image is flat; there the map is its root.

    Returns:
        (B, 3, H, W), sqrt(epsilon) to about 1.41. Beyond the border the image goes on as its last pixel, so in the last
        row dy is 0, in the last column dx.
    """
    whole = F.pad(images, (0, 1, 0, 1), mode="replicate")
    dx = whole[..., :-1, 1:] - images
    dy = whole[..., 1:, :-1] - images
    return (dx.square() + dy.square() + epsilon).sqrt()
