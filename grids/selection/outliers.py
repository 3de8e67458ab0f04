"""Damage that no group restores, of many sorts: by it a selector learns what is unlike anything known.

They are plain distortions, drawn widely. None is one of the degradations of `grids.degradations`, so that haze, rain,
drops, snow and low light remain unseen; some resemble them (a veil of one colour, dots, strokes), and docs/results.md
says how much is lost without these. Idea: outlier exposure (Hendrycks et al., ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels

Outlier = Callable[[Tensor, torch.Generator], Tensor]


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _smooth(image: Tensor, generator: torch.Generator, cells: int) -> Tensor:
    """A smooth random field, (H, W), uniform in [0, 1] in rank."""
    height, width = image.shape[-2:]
    coarse = torch.randn((1, 1, cells, cells), generator=generator)
    field = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0, 0]
    return torch.special.ndtr(field * 1.4)


def _colour(generator: torch.Generator) -> Tensor:
    return torch.rand((3, 1, 1), generator=generator)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    taps = kernels.gaussian_taps(torch.tensor([sigma]), 2 * max(1, round(3 * sigma)) + 1)
    return kernels.filter_separable(image[None], taps)[0]


def veil(image: Tensor, generator: torch.Generator) -> Tensor:
    """Less contrast, about any colour."""
    return torch.lerp(image, _colour(generator).expand_as(image), _uniform(generator, 0.15, 0.75))


def cast(image: Tensor, generator: torch.Generator) -> Tensor:
    """A gain for each colour."""
    return image * (0.3 + 1.4 * torch.rand((3, 1, 1), generator=generator))


def tone(image: Tensor, generator: torch.Generator) -> Tensor:
    """A power curve, brighter or darker."""
    return image.clamp_min(1e-4) ** float(2 ** _uniform(generator, -1.6, 1.6))


def shading(image: Tensor, generator: torch.Generator) -> Tensor:
    """Light that changes slowly over the picture."""
    strength = _uniform(generator, 0.5, 1.5)
    return image * (1 + strength * (_smooth(image, generator, 4) - 0.6))


def blots(image: Tensor, generator: torch.Generator) -> Tensor:
    """Irregular blots with a soft edge, of a colour or of another part of the picture, sharp or blurred."""
    cells = max(3, round(min(image.shape[-2:]) / _uniform(generator, 12, 64)))
    field = _smooth(image, generator, cells)
    mask = ((_uniform(generator, 0.05, 0.3) - field) * _uniform(generator, 10, 60)).sigmoid()
    choice = _uniform(generator, 0, 3)
    if choice < 1:
        cover = _colour(generator).expand_as(image)
    else:
        steps = [int(_uniform(generator, -0.3, 0.3) * size) for size in image.shape[-2:]]
        cover = image.roll(steps, (1, 2))
        cover = _blurred(cover, _uniform(generator, 1, 5)) if choice < 2 else cover
    return image * (1 - mask) + cover * mask


def soft_parts(image: Tensor, generator: torch.Generator) -> Tensor:
    """Blurred here, sharp there."""
    mask = ((_smooth(image, generator, 5) - _uniform(generator, 0.3, 0.8)) * 12).sigmoid()
    return torch.lerp(image, _blurred(image, _uniform(generator, 1.5, 5)), mask)


def dots(image: Tensor, generator: torch.Generator) -> Tensor:
    """Soft dots of one size and colour."""
    height, width = image.shape[-2:]
    radius = _uniform(generator, 0.6, 4)
    share = _uniform(generator, 0.01, 0.12)
    seeds = (torch.rand((1, height, width), generator=generator) < share / (3.2 * radius**2)).float()
    cover = (_blurred(seeds, radius * 0.6) * (8 * radius**2)).clamp(0, 1) * _uniform(generator, 0.4, 1)
    return image * (1 - cover) + _colour(generator) * cover


def strokes(image: Tensor, generator: torch.Generator) -> Tensor:
    """Thin straight strokes in one direction, lighter or darker than what they cover."""
    height, width = image.shape[-2:]
    length, angle = torch.tensor([_uniform(generator, 9, 31)]), torch.tensor([_uniform(generator, 0, 180)])
    seeds = (torch.rand((1, 1, height, width), generator=generator) < _uniform(generator, 0.0005, 0.006)).float()
    seeds = seeds.expand(1, 3, height, width)
    cover = (kernels.filter2d(seeds, kernels.streak(length, angle, 33)) * float(length)).clamp(0, 1)[0]
    level = _uniform(generator, 0, 1)
    return image + cover * (level - image) * _uniform(generator, 0.3, 1)


def stripes(image: Tensor, generator: torch.Generator) -> Tensor:
    """A sine over the picture."""
    height, width = image.shape[-2:]
    turn = _uniform(generator, 0, 3.1416)
    across, down = torch.arange(width).float(), torch.arange(height).float()[:, None]
    waves = _uniform(generator, 0.1, 2.5)
    place = across * torch.cos(torch.tensor(turn)) + down * torch.sin(torch.tensor(turn))
    return image + _uniform(generator, 0.03, 0.25) * torch.sin(waves * place)


def grain(image: Tensor, generator: torch.Generator) -> Tensor:
    """Noise that is alike in neighbours, grey or coloured."""
    planes = 1 if _uniform(generator, 0, 1) < 0.5 else 3
    noise = torch.randn((planes, *image.shape[-2:]), generator=generator)
    noise = _blurred(noise, _uniform(generator, 0.7, 3))
    return image + noise / noise.std() * _uniform(generator, 0.03, 0.2)


def levels(image: Tensor, generator: torch.Generator) -> Tensor:
    """Few levels of brightness."""
    count = round(_uniform(generator, 3, 20))
    return (image * count).round() / count


def mosaic(image: Tensor, generator: torch.Generator) -> Tensor:
    """Square pixels."""
    side = round(_uniform(generator, 2, 8))
    small = F.avg_pool2d(image[None], side, ceil_mode=True)
    return F.interpolate(small, scale_factor=side, mode="nearest")[0][:, : image.shape[1], : image.shape[2]]


def oversharp(image: Tensor, generator: torch.Generator) -> Tensor:
    """Sharpened far too much."""
    return image + _uniform(generator, 1.5, 5) * (image - _blurred(image, _uniform(generator, 0.8, 2.5)))


def fringes(image: Tensor, generator: torch.Generator) -> Tensor:
    """Colours that do not lie upon one another."""
    steps = [round(_uniform(generator, 1, 5)) * (1 if _uniform(generator, 0, 1) < 0.5 else -1) for _ in range(2)]
    return torch.stack((image[0].roll(steps[0], 0), image[1], image[2].roll(steps[1], 1)))


def smeared(image: Tensor, generator: torch.Generator) -> Tensor:
    """A median filter: detail is wiped out, edges stay."""
    side = 3 if _uniform(generator, 0, 1) < 0.5 else 5
    padded = F.pad(image[:, None], (side // 2,) * 4, mode="replicate")
    windows = F.unfold(padded, side).view(3, side * side, *image.shape[-2:])
    return windows.median(1).values


def doubled(image: Tensor, generator: torch.Generator) -> Tensor:
    """The picture over itself, some pixels beside."""
    steps = [round(_uniform(generator, 3, 20)) for _ in range(2)]
    return torch.lerp(image, image.roll(steps, (1, 2)), _uniform(generator, 0.25, 0.5))


OUTLIERS: tuple[Outlier, ...] = (
    veil,
    cast,
    tone,
    shading,
    blots,
    soft_parts,
    dots,
    strokes,
    stripes,
    grain,
    levels,
    mosaic,
    oversharp,
    fringes,
    smeared,
    doubled,
)
"""The table."""


def distorted(image: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """An image under one of `OUTLIERS`, clipped and rounded to 8 bit: (3, H, W) in [0, 1], both."""
    return OUTLIERS[number](image, generator).mul(255).round().clamp(0, 255).div(255)
