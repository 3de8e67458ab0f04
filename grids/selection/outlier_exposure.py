"""Damage that no group restores: by it a selector learns what is unlike anything known.

Plain distortions, drawn widely. None is like haze, rain, drops, snow or low light, which remain unseen. Veils,
tone curves, dots and strokes were tried too: with them clean photographs were harder to tell, and no more was found.
Idea: outlier exposure (Hendrycks et al., ICLR 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.compression import Jpeg
from grids.images.tensors import round_to_8_bit
from grids.psf import shapes


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _blur(image: Tensor, sigma: float) -> Tensor:
    taps = shapes.gaussian_taps(torch.tensor([sigma]), 2 * max(1, round(3 * sigma)) + 1)
    return kernels.filter_separable(image[None], taps)[0]


def add_stripes(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add a sine wave to the picture: parallel stripes, as of interference.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the direction, the frequency, 0.1 to 2.5 radians a pixel, and the amplitude,
            0.03 to 0.25.

    Returns:
        (3, H, W), float32, not clipped: `distort` does that.
    """
    height, width = image.shape[-2:]
    turn = _uniform(generator, 0, 3.1416)
    across, down = torch.arange(width).float(), torch.arange(height).float()[:, None]
    waves = _uniform(generator, 0.1, 2.5)
    place = across * torch.cos(torch.tensor(turn)) + down * torch.sin(torch.tensor(turn))
    return image + _uniform(generator, 0.03, 0.25) * torch.sin(waves * place)


def add_grain(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add coarse grain: noise that is alike in neighbouring pixels, grey or coloured.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the noise, grey or colour with even odds, a blur of 1.5 to 3 pixels (sigma of a
            Gaussian; restorers take off finer grain), and the standard deviation of the noise after that, 0.03 to 0.2.

    Returns:
        (3, H, W), float32, not clipped: `distort` does that.
    """
    planes = 1 if _uniform(generator, 0, 1) < 0.5 else 3
    noise = torch.randn((planes, *image.shape[-2:]), generator=generator)
    noise = _blur(noise, _uniform(generator, 1.5, 3))
    return image + noise / noise.std() * _uniform(generator, 0.03, 0.2)


def posterize(image: Tensor, generator: torch.Generator) -> Tensor:
    """Round every value to few levels of brightness.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the number of steps between black and white, 3 to 20.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    count = round(_uniform(generator, 3, 20))
    return (image * count).round() / count


def pixelate(image: Tensor, generator: torch.Generator) -> Tensor:
    """Make a mosaic: squares of one colour each, the mean of the pixels under it.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the side of the squares, 2 to 8 pixels; those at the right and below may be cut.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    side = round(_uniform(generator, 2, 8))
    small = F.avg_pool2d(image[None], side, ceil_mode=True)
    return F.interpolate(small, scale_factor=side, mode="nearest")[0][:, : image.shape[1], : image.shape[2]]


def oversharpen(image: Tensor, generator: torch.Generator) -> Tensor:
    """Sharpen far too much, by adding the difference from a blurred picture several times.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the factor, 1.5 to 5, and the blur, 0.8 to 2.5 pixels (sigma of a Gaussian).

    Returns:
        (3, H, W), float32, not clipped: `distort` does that.
    """
    return image + _uniform(generator, 1.5, 5) * (image - _blur(image, _uniform(generator, 0.8, 2.5)))


def shift_channels(image: Tensor, generator: torch.Generator) -> Tensor:
    """Move red and blue against green, so that edges have coloured fringes. A grey picture becomes coloured.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the steps, 1 to 5 pixels: red moves up or down, blue left or right. What leaves
            at one border comes in at the other.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    steps = [round(_uniform(generator, 1, 5)) * (1 if _uniform(generator, 0, 1) < 0.5 else -1) for _ in range(2)]
    return torch.stack((image[0].roll(steps[0], 0), image[1], image[2].roll(steps[1], 1)))


def smear(image: Tensor, generator: torch.Generator) -> Tensor:
    """Filter by the median, which wipes out detail and leaves edges.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the side of the window, 3 or 5 pixels with even odds. The border is continued
            by its pixels.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    side = 3 if _uniform(generator, 0, 1) < 0.5 else 5
    padded = F.pad(image[:, None], (side // 2,) * 4, mode="replicate")
    windows = F.unfold(padded, side).view(3, side * side, *image.shape[-2:])
    return windows.median(1).values


def overlay(image: Tensor, generator: torch.Generator) -> Tensor:
    """Lay the picture over itself, moved: a double image.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the steps down and to the right, 3 to 20 pixels each, and the share of the moved
            one, 0.25 to 0.5. What leaves at one border comes in at the other.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    steps = [round(_uniform(generator, 3, 20)) for _ in range(2)]
    return torch.lerp(image, image.roll(steps, (1, 2)), _uniform(generator, 0.25, 0.5))


def compress_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add noise and save as a JPEG of low quality, which changes the noise so much that no restorer of noise fits.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        generator: on the CPU; it gives the noise, its standard deviation, 0.03 to 0.2, and the quality, 30 to 75.

    Returns:
        (3, H, W), float32 in [0, 1].
    """
    noisy = image + torch.randn(image.shape, generator=generator) * _uniform(generator, 0.03, 0.2)
    quality = torch.tensor([round(_uniform(generator, 30, 75))])
    return _JPEG.apply(noisy.clamp(0, 1)[None], {"quality": quality.float()})[0]


_JPEG = Jpeg()

OUTLIERS = (
    add_stripes,
    add_grain,
    posterize,
    pixelate,
    oversharpen,
    shift_channels,
    smear,
    overlay,
    compress_noise,
)
"""All of them; the order is part of what a seed draws."""


def distort(image: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Distort an image in one of the ways of `OUTLIERS`.

    Args:
        image: (3, H, W), float32 in [0, 1], on the CPU. It is not changed.
        number: which one, from 0 on.
        generator: on the CPU, for what that one draws.

    Returns:
        (3, H, W), multiples of 1/255 in [0, 1].

    Raises:
        IndexError: there is no such number.
    """
    return round_to_8_bit(OUTLIERS[number](image, generator))
