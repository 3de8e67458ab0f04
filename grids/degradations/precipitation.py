"""Rain streaks and snow flakes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grids.degradations.base import Degradation, Parameters
from grids.degradations.ranges import Range
from grids.degradations.scatter import Items, item_pixels, mean_square, paint, scatter, segment_distance, summed_cover
from grids.random import draw_integers, draw_seeds, draw_uniform

UNIT = 2**16  # opacities are added up as whole numbers of 1 / UNIT
STEEPEST = 45.0  # degrees from the vertical, of streaks and of falling snow


class Rain(Degradation):
    """Rain streaks, added to the picture: one to three layers, each with its own angle, length and brightness.

    A streak is 1.4 px wide, 30 to 40 px long and tapers off at its ends; it is grey and adds light, so white stays
    white. Sizes are in pixels, whatever the size of the picture; one streak at least lies in it.

    Parameters, a row an image: `share` of the pixels that are the middle of a streak; `layers`, 1 to 3; `angle` in
    degrees from the vertical, `length` in px and `brightness`, (B, 3), of which the first layers are used; `seed` of
    the places. Source: the sum of streak layers is the model of Liu et al. (DuRB-M); density and length are
    PromptGIP's.
    """

    name = "rain"
    version = 2
    adds = True
    ranges = (Range("share", 0.002, 0.008, "of the pixels, each the middle of a streak", faint=0.001),)
    layers = 3
    choices = (("layers", range(1, layers + 1)),)
    summary = "1 to 3 layers of bright streaks, 30 to 40 px long, within 45 degrees of the vertical, added"
    source = "model: sum of streak layers (Liu et al., DuRB-M); density and length: PromptGIP"
    spread = 8.0  # degrees between layers
    length = (30.0, 40.0)
    reach = 20  # px, half of the longest
    width = 1.4  # px

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        def draw(low: float, high: float, count: int = self.layers) -> Tensor:
            return draw_uniform(generator, shape[0], count, low=low, high=high)

        common = draw(-STEEPEST, STEEPEST, 1)
        return {
            "layers": draw_integers(generator, shape[0], 1, self.layers + 1),
            "angle": (common + draw(-self.spread, self.spread)).clamp(-STEEPEST, STEEPEST),
            "length": draw(*self.length),
            "brightness": draw(0.15, 0.45),
            "seed": draw_seeds(shape[0], generator),
        }

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        h, w = images.shape[-2:]
        items = scatter(parameters["share"], h, w, self.reach, 1, parameters["seed"].tolist(), least=1)
        layer = torch.arange(items.x.shape[1], device=images.device) % parameters["layers"].long().view(-1, 1)

        def of_layer(name: str) -> Tensor:
            return parameters[name].gather(1, layer).unsqueeze(-1)  # (B, N, 1)

        angle, half = torch.deg2rad(of_layer("angle")), of_layer("length") / 2
        bright = of_layer("brightness") * (0.5 + 0.5 * items.draws) * items.shown.unsqueeze(-1)
        return images + self._streaks(items, angle, half, bright, h, w).unsqueeze(1)

    def _streaks(self, items: Items, angle: Tensor, half: Tensor, bright: Tensor, h: int, w: int) -> Tensor:
        """The sum of all streaks, (B, h, w); angle in radians, half length in pixels, and brightness are (B, N, 1)."""
        rows = torch.arange(-self.reach, self.reach + 1, device=angle.device)
        y = items.y.round().long().unsqueeze(-1) + rows  # (B, N, rows)
        dy = y - items.y.unsqueeze(-1)
        middle = items.x.unsqueeze(-1) + dy * angle.tan()
        total = torch.zeros((len(angle), h, w), dtype=torch.int32, device=angle.device)
        # a streak is thin and steep: in each row it covers at most these five pixels
        for step in range(-2, 3):
            x = middle.round().long() + step
            dx = x - items.x.unsqueeze(-1)
            along = (dx * angle.sin() + dy * angle.cos()).abs()
            across = (dx * angle.cos() - dy * angle.sin()).abs()
            taper = ((half - along) / (half / 3)).clamp(0, 1)
            opacity = bright * taper * (self.width / 2 + 0.5 - across).clamp(0, 1)
            total += paint((opacity * UNIT).round().int(), x, y, h, w, "sum")
        return total / UNIT


class Snow(Degradation):
    """White flakes of three sizes, with soft edges, smeared by their fall.

    Their radii are 0.7 to 6 px, whatever the size of the picture; one flake at least lies in it. Where flakes overlap,
    the most opaque one is seen.

    Parameters, a row an image: `share` of the picture that flakes cover; `angle` of the fall, at most 45 degrees from
    the vertical; `smear`, the length of a flake's path in radii, 0.3 to 1.5; `seed` of the places. Source: shapes and
    range are ours.
    """

    name = "snow"
    version = 2
    adds = True
    ranges = (Range("share", 0.02, 0.10, "of the picture", faint=0.01),)
    summary = "white soft flakes, 0.7 to 6 px in radius, slightly smeared in one direction near the vertical"
    source = "kind: unseen-degradation tests; shapes and range: ours"
    # how much of the covered share, and the radii in pixels
    sizes = ((0.4, 0.7, 1.4), (0.35, 1.4, 3.0), (0.25, 3.0, 6.0))
    smear = (0.3, 1.5)  # length of the path, in radii

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        draws = draw_uniform(generator, 2, shape[0])
        return {
            "angle": (2 * draws[0] - 1) * STEEPEST,
            "smear": self.smear[0] + (self.smear[1] - self.smear[0]) * draws[1],
            "seed": draw_seeds(shape[0], generator),
        }

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        h, w = images.shape[-2:]
        seeds = parameters["seed"].tolist()
        cover = images.new_zeros((len(images), h, w))
        for i, (part, low, high) in enumerate(self.sizes):
            area = mean_square(low, high) * (math.pi + 2 * parameters["smear"])
            density = part * summed_cover(parameters["share"]) / area
            margin = math.ceil(high * (1.5 + self.smear[1] / 2))
            items = scatter(density, h, w, margin, 2, [seed + i for seed in seeds], least=int(i == 0))
            cover = torch.maximum(cover, _flakes(items, low, high, margin, parameters, h, w))
        return torch.lerp(images, torch.ones_like(images), cover.unsqueeze(1))


def _flakes(items: Items, low: float, high: float, half: int, parameters: Parameters, h: int, w: int) -> Tensor:
    """The opacity of the flakes of one size, (B, h, w)."""
    radius = low * (high / low) ** items.draws[..., :1]
    opacity = (0.7 + 0.3 * items.draws[..., 1:]) * items.shown.unsqueeze(-1)
    angle = torch.deg2rad(parameters["angle"]).view(-1, 1, 1)
    x, y, dx, dy = item_pixels(items, half)
    path = parameters["smear"].view(-1, 1, 1) * radius / 2
    distance = segment_distance(dx, dy, angle.sin(), angle.cos(), path)
    # half of it at the radius: large flakes are near, and out of focus
    softness = radius.clamp_min(1)
    return paint(opacity * ((radius - distance) / softness + 0.5).clamp(0, 1), x, y, h, w, "amax")
