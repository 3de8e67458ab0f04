"""One photograph, degraded as the samples of a selector are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from grids.degradations import Degradation
from grids.degradations.resampling import reduce_size
from grids.images.tensors import crop_middle, round_to_8_bit
from grids.random import seed_for, seeded
from grids.selection.drawings import draw_over
from grids.training.pair_settings import PHOTOGRAPHS, PairSettings
from grids.training.pairs import make_pairs, save_some

REDUCTION = 4.0
"""Photographs are reduced by a factor between 1 and this, at most: profiles hold for small and large images."""
AS_IT_IS = 0.35
"""How often a photograph is not reduced."""
SHIFT = 8
"""Rows and columns cut off before describing, at most: patches must not stand at a fixed place of a JPEG block."""
LEAST = 64
"""Pixels of the shorter side that are kept when a photograph is reduced, at least."""


@dataclass(frozen=True)
class SampleSettings:
    """How samples are drawn from photographs.

    Args:
        draws: of severity and size, for each photograph and kind.
        factor: every photograph is reduced by this factor; None draws it, 1 to 4, 1 for about a third of the seeds. A
            drawn one leaves at least 64 pixels of the shorter side, where there are so many.
        most: sides of a degraded photograph, at most, pixels; a larger one is cut to its middle.
        data: how degraded ones are made of photographs; the kind decides whether one is clean, and factors are those
            above.
        seed: of all draws.
        drawings: text and shapes are drawn over every photograph before it is degraded (`drawings.py`).
        measured: sides of the part that gains are measured on, at most, pixels: the middle of what is larger.
    """

    draws: int = 1
    factor: float | None = None
    most: int | None = None
    data: PairSettings = PHOTOGRAPHS
    seed: int = 0
    drawings: bool = False
    measured: int | None = None


DEFAULT = SampleSettings()


class Drawn(NamedTuple):
    """A photograph, reduced, cut, degraded and, where the quality is not 0, saved as JPEG.

    Args:
        clean: (3, H, W) in [0, 1], the photograph, softened where the data says so, before it was degraded or saved.
        degraded: (3, H, W) in [0, 1], the result.
        severity: of the degradation, 0 to 1; 0 without one; of a distorted one (`make_outliers`) which distortion.
        factor: how many times smaller it was made, 1 or more.
        quality: of the JPEG that it was saved as, 1 to 100; 0 for none.
    """

    clean: Tensor
    degraded: Tensor
    severity: float
    factor: float
    quality: int


def draw(clean: Tensor, degradation: Degradation | None, seed: int, settings: SampleSettings = DEFAULT) -> Drawn:
    """Reduce a photograph by a factor between 1 and 4 and degrade it at a severity, both drawn from the seed.

    Args:
        clean: (3, H, W) in [0, 1].
        degradation: None leaves it clean.
        seed: of everything, in place of that of the settings.
        settings: what is drawn, and how.

    Returns:
        The degraded photograph, with its target and all that was drawn. Where both sides are above 16 pixels, 8 rows
        and 8 columns are cut off, some before and some behind, so that patches do not stand at a fixed place of a JPEG
        block.
    """
    generator = seeded(seed)
    reduces, size, severity = torch.rand(3, generator=generator).tolist()
    if (factor := settings.factor) is None:
        factor = REDUCTION**size if reduces >= AS_IT_IS else 1.0
        factor = max(1.0, min(factor, min(clean.shape[-2:]) / LEAST))
    top, left = torch.randint(SHIFT, (2,), generator=generator).tolist()
    part = clean if settings.most is None else crop_middle(clean, round(settings.most * factor))
    whole = reduce_photo(part, factor)
    if settings.drawings:
        whole = draw_over(whole, seeded(seed_for(seed, "drawing")))
    if min(whole.shape[-2:]) > 2 * SHIFT:
        whole = whole[:, : whole.shape[1] - SHIFT + top, : whole.shape[2] - SHIFT + left]
    else:
        top = left = 0
    data = replace(settings.data, clean=0.0, saved=0.0)
    made = make_pairs(whole[None], degradation, data, generator, severity)
    # cut after the damage and before it is saved: the blocks of a file begin at its corner
    worse, quality = save_some(made.inputs[..., top:, left:], settings.data, generator)
    target = made.targets[0, ..., top:, left:]
    return Drawn(target, worse[0], 0.0 if degradation is None else severity, factor, int(quality))


def reduce_photo(image: Tensor, factor: float) -> Tensor:
    """Make an image smaller, each pixel the mean of those under it.

    Args:
        image: (3, H, W), float32 in [0, 1].
        factor: how many times smaller its sides become.

    Returns:
        (3, h, w), rounded to multiples of 1/255, sides of at least 1 pixel; the image itself for a factor of 1 or less.

    >>> reduce_photo(torch.ones(3, 10, 8), 2.0).shape
    torch.Size([3, 5, 4])
    """
    if factor <= 1:
        return image
    size = [max(1, round(side / factor)) for side in image.shape[-2:]]
    return round_to_8_bit(reduce_size(image, size, "area"))
