"""Small things scattered over a picture (streaks, flakes, drops): where they lie, and how they are painted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from grids.random import seeded


@dataclass(frozen=True)
class Items:
    """What lies on a batch of pictures.

    Args:
        x, y: the centres, (B, N) in pixels; whole numbers are the middles of pixels.
        shown: (B, N) of bool; an image may have fewer than the fullest of its batch.
        draws: (B, N, k), numbers uniform in [0, 1) for whatever else differs from one to the next.
    """

    x: Tensor
    y: Tensor
    shown: Tensor
    draws: Tensor


def scatter(density: Tensor, h: int, w: int, margin: int, numbers: int, seeds: Sequence[int], least: int = 0) -> Items:
    """Items at random places, independent of one another.

    The numbers are drawn on the CPU, so they lie at the same places on every device; and a greater density adds items
    to those of a lesser one.

    Args:
        density: (B,), how many items a pixel bears on average.
        h, w: the size of the pictures.
        margin: items lie up to so many pixels outside of the picture, and reach into it.
        numbers: k, how many more numbers each item needs.
        seeds: of each image's numbers, B of them.
        least: so many lie within the picture in any case, and count as part of the density.

    Returns:
        The items, on the device of `density`; N is the count of the image that has most.
    """
    inside, whole = h * w, (h + 2 * margin) * (w + 2 * margin)
    rest = (density * inside - least).clamp_min(0) * (whole / inside)
    own = [seeded(seed) for seed in seeds]
    luck = torch.cat([torch.rand(1, generator=generator) for generator in own])  # so that the average is exact
    count = least + (rest.cpu() + luck).floor().long()
    # item by item, so that more items leave the first ones as they are
    draws = pad_sequence(
        [torch.rand((n, 2 + numbers), generator=generator) for n, generator in zip(count.tolist(), own, strict=True)],
        batch_first=True,
    )
    index = torch.arange(draws.shape[1])
    border = margin * (index >= least)
    x = draws[..., 0] * (w + 2 * border) - border - 0.5
    y = draws[..., 1] * (h + 2 * border) - border - 0.5
    shown = index < count.view(-1, 1)
    return Items(*(part.to(density.device) for part in (x, y, shown, draws[..., 2:])))


def mean_square(low: float, high: float) -> float:
    """The mean of the squares of radii that are drawn evenly on a log scale; times pi, the mean area of such discs.

    Args:
        low, high: the ends of the scale, 0 < low < high, in any unit.

    Returns:
        The mean, in that unit squared.
    """
    return (high**2 - low**2) / (2 * math.log(high / low))


def summed_cover(share: Tensor) -> Tensor:
    """How large items must be together to cover a share of the picture: more than that share, because they overlap.

    Args:
        share: any shape, in [0, 1); above 0.99 it counts as 0.99.

    Returns:
        The sum of their areas over that of the picture, -ln(1 - share), for items at random places; the shape of
        `share`.
    """
    return -torch.log1p(-share.clamp_max(0.99))


def item_pixels(items: Items, half: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pixels of a square about every item, `half` of them to each side of its own.

    Args:
        items: N of them on each of B pictures.
        half: the square has 2 half + 1 pixels a side, k in all.

    Returns:
        x and y, (B, N, k) int64, which may lie outside of the picture, and their offsets from the item's centre, (B, N,
        k).
    """
    side = torch.arange(-half, half + 1, device=items.x.device)
    x, y = (centre.round().long().unsqueeze(-1) for centre in (items.x, items.y))
    x, y = x + side.repeat(len(side)), y + side.repeat_interleave(len(side))
    return x, y, x - items.x.unsqueeze(-1), y - items.y.unsqueeze(-1)


def paint(values: Tensor, x: Tensor, y: Tensor, h: int, w: int, reduce: Literal["sum", "amax"]) -> Tensor:
    """What lies on every pixel: the sum or the largest of the values there, 0 where there are none.

    Args:
        values: (B, N, k), not negative; for "sum" whole numbers, so that the order of the additions is free.
        x, y: their pixels, (B, N, k) int64; values outside of the picture are dropped.
        h, w: the size of the picture.
        reduce: "sum" or "amax".

    Returns:
        (B, h, w), of the dtype of `values`.
    """
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    # picking the pixels out would make a GPU wait: the values outside become nothing on the first pixel
    place = torch.where(inside, y * w + x, 0).flatten(1)
    canvas = values.new_zeros((len(values), h * w))
    canvas.scatter_reduce_(1, place, torch.where(inside, values, 0).flatten(1), reduce)
    return canvas.view(-1, h, w)


def segment_distance(dx: Tensor, dy: Tensor, ux: Tensor, uy: Tensor, half: Tensor) -> Tensor:
    """How far an offset (dx, dy) is from a segment whose middle is the origin.

    Args:
        dx, dy: the offsets in pixels.
        ux, uy: the unit vector along the segment.
        half: half of its length in pixels.

    Returns:
        Distances in pixels, of the shape that all five have together when broadcast.
    """
    along = (dx * ux + dy * uy).clamp(-half, half)
    return torch.hypot(dx - along * ux, dy - along * uy)
