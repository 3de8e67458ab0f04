"""Raindrops on the lens."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations.base import Parameters, SeededDegradation
from grids.degradations.ranges import Range
from grids.degradations.scatter import Items, item_pixels, mean_square, paint, scatter, summed_cover

STEPS, DEEPEST = 256, 64  # depths are compared in whole steps of 1 / STEPS px, from -DEEPEST px on
BITS = 24  # of a key, for the number of the drop; the rest is its depth
WAVES = (0.14, 0.08)  # how far an outline departs from a circle, twice and three times around
SOFT = 0.3  # the width of an edge, in radii


class Raindrop(SeededDegradation):
    """Drops on the lens: each shows the scene around it upside down, small and blurred, and has a soft edge.

    Outlines are circles with two waves, 5 to 25 px in radius, whatever the size of the picture; one drop at least lies
    in it. Where drops overlap, a pixel shows the one in which it lies deepest.

    Parameters, a row an image: `share` of the picture that drops cover; `seed` of their places and shapes. Source: the
    kind is Martyniuk's of 2019 (real drops); refraction and range are ours.
    """

    name = "raindrop"
    version = 2
    ranges = (Range("share", 0.05, 0.20, "of the picture", faint=0.025),)
    summary = "irregular drops, 5 to 25 px in radius, soft-edged: the scene around each upside down, blurred and shaded"
    source = "kind: Martyniuk 2019 (real drops); refraction and range: ours"
    sizes = ((5.0, 9.0), (9.0, 15.0), (15.0, 25.0))  # radii in pixels; each size covers as much
    reduction = 4  # drops show the picture averaged over squares of so many pixels

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        h, w = images.shape[-2:]
        seeds = parameters["seed"].tolist()
        keys = torch.zeros((len(images), h, w), dtype=torch.int64, device=images.device)
        tables: list[Tensor] = []
        for i, (low, high) in enumerate(self.sizes):
            half = math.ceil(high * (1 + sum(WAVES) + SOFT / 2))
            own = [seed + i for seed in seeds]
            area = math.pi * mean_square(low, high) * (1 + sum(wave**2 for wave in WAVES) / 2)
            density = summed_cover(parameters["share"]) / len(self.sizes) / area  # each size covers as much
            items = scatter(density, h, w, half, 4, own, least=int(i == 0))
            table = _table(items, low, high)
            first = sum(other.shape[1] for other in tables)
            keys = torch.maximum(keys, _keys(table, items, half, first, h, w))
            tables.append(table)
        return self._looked_through(images, torch.cat(tables, 1), keys)

    def _looked_through(self, images: Tensor, table: Tensor, keys: Tensor) -> Tensor:
        """The picture with the drops of `_table` on it, where `_keys` says that they lie."""
        b, _, h, w = images.shape
        number = (keys & (2**BITS - 1)).view(b, -1, 1).expand(-1, -1, table.shape[-1])
        x0, y0, radius, _, _, zoom = table.gather(1, number).view(b, h, w, -1).unbind(-1)
        depth = (keys >> BITS) / STEPS - DEEPEST
        y, x = torch.meshgrid(*(torch.arange(n, device=images.device) for n in (h, w)), indexing="ij")
        dx, dy = (x - x0) / radius, (y - y0) / radius
        out = (dx**2 + dy**2).clamp_max(2)
        # a drop is a short lens: what lies to the left is seen to the right, and the more the nearer to the rim
        view = _looked_up(images, x0 - zoom * dx * (1 + out / 2), y0 - zoom * dy * (1 + out / 2), self.reduction)
        spot = torch.exp(-((dx + 0.3) ** 2 + (dy + 0.4) ** 2) / 0.02)
        light = 0.03 + 0.06 * dy + 0.25 * spot
        view = (view * (1 - 0.2 * out**2).clamp_min(0.5).unsqueeze(1) + light.unsqueeze(1)).clamp(0, 1)
        cover = torch.where(keys > 0, depth / (SOFT * radius) + 0.5, 0).clamp(0, 1)
        return torch.lerp(images, view, cover.unsqueeze(1))


def _table(items: Items, low: float, high: float) -> Tensor:
    """x, y, radius, two phases and how far the view reaches, in pixels and radians: (B, N, 6)."""
    size, turn, other_turn, reach = items.draws.unbind(-1)
    radius = low * (high / low) ** size
    zoom = radius * (1.5 + 2 * reach)
    return torch.stack([items.x, items.y, radius, math.tau * turn, math.tau * other_turn, zoom], -1)


def _keys(table: Tensor, items: Items, half: int, first: int, h: int, w: int) -> Tensor:
    """(B, h, w) of int64: the depth in the drop that a pixel is deepest in, and in its last bits the drop's number."""
    radius, turn, other_turn = (part.unsqueeze(-1) for part in table.unbind(-1)[2:5])
    x, y, dx, dy = item_pixels(items, half)
    out = torch.hypot(dx, dy)
    angle = torch.atan2(dy, dx)
    edge = radius * (1 + WAVES[0] * torch.cos(2 * angle + turn) + WAVES[1] * torch.cos(3 * angle + other_turn))
    depth = edge - out
    number = torch.arange(first, first + radius.shape[1], device=radius.device).view(1, -1, 1)
    key = (((depth + DEEPEST) * STEPS).long() << BITS) + number
    covered = (depth > -SOFT / 2 * radius) & items.shown.unsqueeze(-1)
    return paint(torch.where(covered, key, 0), x, y, h, w, "amax")


def _looked_up(images: Tensor, x: Tensor, y: Tensor, reduction: int) -> Tensor:
    """Blurred images at places in pixels, mirrored at their border: x and y are (B, h, w)."""
    h, w = images.shape[-2:]
    small = F.interpolate(images, size=(-(-h // reduction), -(-w // reduction)), mode="area")
    places = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], -1)
    return F.grid_sample(small, places, padding_mode="reflection", align_corners=False)
