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


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _blur(image: Tensor, sigma: float) -> Tensor:
    taps = kernels.gaussian_taps(torch.tensor([sigma]), 2 * max(1, round(3 * sigma)) + 1)
    return kernels.filter_separable(image[None], taps)[0]


def add_stripes(image: Tensor, generator: torch.Generator) -> Tensor:
    """A sine over the picture."""
    height, width = image.shape[-2:]
    turn = _uniform(generator, 0, 3.1416)
    across, down = torch.arange(width).float(), torch.arange(height).float()[:, None]
    waves = _uniform(generator, 0.1, 2.5)
    place = across * torch.cos(torch.tensor(turn)) + down * torch.sin(torch.tensor(turn))
    return image + _uniform(generator, 0.03, 0.25) * torch.sin(waves * place)


def add_grain(image: Tensor, generator: torch.Generator) -> Tensor:
    """Noise that is alike in neighbours, grey or coloured."""
    planes = 1 if _uniform(generator, 0, 1) < 0.5 else 3
    noise = torch.randn((planes, *image.shape[-2:]), generator=generator)
    noise = _blur(noise, _uniform(generator, 0.7, 3))
    return image + noise / noise.std() * _uniform(generator, 0.03, 0.2)


def posterize(image: Tensor, generator: torch.Generator) -> Tensor:
    """Few levels of brightness."""
    count = round(_uniform(generator, 3, 20))
    return (image * count).round() / count


def pixelate(image: Tensor, generator: torch.Generator) -> Tensor:
    """Square pixels."""
    side = round(_uniform(generator, 2, 8))
    small = F.avg_pool2d(image[None], side, ceil_mode=True)
    return F.interpolate(small, scale_factor=side, mode="nearest")[0][:, : image.shape[1], : image.shape[2]]


def oversharpen(image: Tensor, generator: torch.Generator) -> Tensor:
    """Sharpened far too much."""
    return image + _uniform(generator, 1.5, 5) * (image - _blur(image, _uniform(generator, 0.8, 2.5)))


def shift_channels(image: Tensor, generator: torch.Generator) -> Tensor:
    """Colours that do not lie upon one another."""
    steps = [round(_uniform(generator, 1, 5)) * (1 if _uniform(generator, 0, 1) < 0.5 else -1) for _ in range(2)]
    return torch.stack((image[0].roll(steps[0], 0), image[1], image[2].roll(steps[1], 1)))


def smear(image: Tensor, generator: torch.Generator) -> Tensor:
    """A median filter: detail is wiped out, edges stay."""
    side = 3 if _uniform(generator, 0, 1) < 0.5 else 5
    padded = F.pad(image[:, None], (side // 2,) * 4, mode="replicate")
    windows = F.unfold(padded, side).view(3, side * side, *image.shape[-2:])
    return windows.median(1).values


def overlay(image: Tensor, generator: torch.Generator) -> Tensor:
    """The picture over itself, some pixels beside."""
    steps = [round(_uniform(generator, 3, 20)) for _ in range(2)]
    return torch.lerp(image, image.roll(steps, (1, 2)), _uniform(generator, 0.25, 0.5))


def compress_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Noise that was saved as a JPEG of low quality, which changes it so much that no restorer of noise fits."""
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
    """An image under one of `OUTLIERS`, clipped and rounded to 8 bit: (3, H, W) in [0, 1], both."""
    return round_to_8_bit(OUTLIERS[number](image, generator))
