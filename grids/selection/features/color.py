"""Brightness, colour and their evenness over an image: what haze, darkness and damage in places change."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.selection.features.patches import is_shown
from grids.selection.features.strips import pool, strips, take

SIDE = 256
"""Pixels of the shorter side that brightness and colour are looked at with, about; larger images are reduced."""
BLOCK = 16
"""Side of the blocks that are compared with one another, pixels."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST = 2**20
FLOOR = 1e-3
"""Added to levels and shares before their logarithm; a step of 8 bits is 4e-3."""


def color_statistics(image: Tensor, visible: Tensor | None = None) -> Tensor:
    """Levels of the whole image, and how even its detail is.

    Quantiles of the grey image; the mean and the 0.1 and 0.9 quantiles of its dark channel (the least colour of the
    darkest pixel in a block: He et al., Single Image Haze Removal Using Dark Channel Prior, CVPR 2009); mean and
    spread of saturation and of the colour differences; shares of black and of white pixels; and of blocks of 16 x 16
    at full size the logarithms of their contrast and their sharpness (Laplacian over contrast): mean, spread, and the
    0.05 and 0.95 quantiles about the mean.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        visible: (H, W) bool, which pixels count; None for all.

    Returns:
        (26,).
    """
    factor = max(1, min(image.shape[-2:]) // SIDE)
    small = pool(image, factor, ceil_mode=True)
    block = min(BLOCK, *small.shape[-2:])
    dark = -F.max_pool2d(-small.amin(0)[None, None], block, ceil_mode=True).flatten()
    if visible is not None:
        shares = pool(visible[None], factor, ceil_mode=True)
        dark = dark[is_shown(F.avg_pool2d(shares, block, ceil_mode=True).flatten())]
        small = small[:, is_shown(shares[0])]
    grey = small.mean(0)
    levels = _quantiles(grey.flatten(), QUANTILES)
    lightest, darkest = small.amax(0), small.amin(0)
    saturation = (lightest - darkest) / (lightest + FLOOR)
    red, green, blue = small.flatten(1)
    colours = torch.stack((saturation.flatten(), red - green, blue - green))
    clipped = torch.stack(((lightest <= 1.5 / 255).float().mean(), (darkest >= 253.5 / 255).float().mean()))
    dark_levels = torch.cat((dark.mean()[None], _quantiles(dark, (0.1, 0.9))))
    return torch.cat(
        (
            torch.log(levels + FLOOR),
            torch.log(dark_levels + FLOOR),
            colours.mean(1),
            colours.std(1, correction=0),
            torch.log(clipped + FLOOR),
            _evenness(image, visible),
        )
    )


def _evenness(image: Tensor, visible: Tensor | None) -> Tensor:
    """(8,): of the contrast of blocks and of their sharpness the mean, the spread and two quantiles about the mean."""
    height, width = image.shape[-2:]
    side = min(BLOCK, height, width)
    contrast, edges = torch.cat([_block_contrast(image, rows, side) for rows in strips(height, width, side)], 1)
    values = torch.stack((torch.log(contrast + FLOOR), torch.log(edges + FLOOR) - torch.log(contrast + FLOOR)))
    if visible is not None:
        values = values[:, is_shown(pool(visible[None], side).flatten())]
    centre = values.mean(1, keepdim=True)
    spread = torch.stack([_quantiles(row, (0.05, 0.95)) for row in values - centre])
    return torch.cat((centre, values.std(1, keepdim=True, correction=0), spread), 1).flatten()


def _block_contrast(image: Tensor, rows: slice, side: int) -> Tensor:
    """(2, N): the contrast of grey in each block of some rows, and that of its edges."""
    height = image.shape[-2]
    above, below = min(1, rows.start), min(1, height - rows.stop)
    grey = take(image, slice(rows.start - above, rows.stop + below)).mean(0)
    planes = F.pad(grey[None, None], (1, 1, 1 - above, 1 - below), mode="replicate")
    inner = planes[..., 1:-1, 1:-1]
    around = planes[..., :-2, 1:-1] + planes[..., 2:, 1:-1] + planes[..., 1:-1, :-2] + planes[..., 1:-1, 2:]
    mean = F.avg_pool2d(inner, side)
    contrast = (F.avg_pool2d(inner.square(), side) - mean.square()).clamp_min(0).sqrt().flatten()
    edges = F.avg_pool2d((inner - around / 4).square(), side).sqrt().flatten()
    return torch.stack((contrast, edges))


def _quantiles(values: Tensor, shares: tuple[float, ...]) -> Tensor:
    """Of a (N,) tensor; of more than a million values, of evenly spaced ones (PyTorch ends at 16 million)."""
    return torch.quantile(values[:: -(-len(values) // MOST)], torch.tensor(shares))
