"""Haze and low light."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations.base import Degradation, Parameters, SeededDegradation, per_image
from grids.degradations.noise import photon_noise
from grids.degradations.ranges import Range
from grids.errors import GridsError
from grids.random import draw_uniform


class Haze(Degradation):
    """Light scattered into the view: I t + A (1 - t), with t = exp(-beta depth) (Koschmieder).

    Without a depth map, the depth is a plane, tilted in a random direction and mostly farther at the top, with smooth
    relief. To use your own map, replace `parameters["depth"]` between `sample` and `apply` by a tensor (B, h, w) in [0,
    1], 1 the farthest, of any size: it is enlarged or reduced to that of the images. `apply` raises GridsError for
    other shapes and values.

    Parameters, a row an image: `beta`, per depth; `airlight` A, the grey of the haze, 0.8 to 1; `depth`, (B, 16, 16).
    Source: the model is Koschmieder's of 1924, the ranges are MiOIR's.
    """

    name = "haze"
    version = 2
    ranges = (Range("beta", 0.5, 2.5, "per depth, the farthest at 1", faint=0.25),)
    summary = "scattered light, grey airlight 0.8 to 1; depth: a tilted plane with smooth relief, or a map of your own"
    source = "model: Koschmieder 1924; ranges: MiOIR (beta 0.5 to 2.5, airlight 0.8 to 1)"
    side = 16  # of the sampled depth map
    relief = 0.25  # of the plane's rise

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        airlight, turn = (draw_uniform(generator, shape[0]) for _ in range(2))
        depth = self._depth(turn, draw_uniform(generator, shape[0], 1, 5, 5))
        return {"airlight": 0.8 + 0.2 * airlight, "depth": depth}

    def _depth(self, turn: Tensor, noise: Tensor) -> Tensor:
        """A plane with relief, least 0 and most 1: (B,) and (B, 1, 5, 5) in [0, 1] -> (B, side, side)."""
        axis = torch.linspace(-1, 1, self.side, device=turn.device)
        angle = ((turn - 0.5) * math.radians(120)).view(-1, 1, 1)  # of the rise, from upright
        plane = angle.sin() * axis - angle.cos() * axis.view(-1, 1)
        relief = F.interpolate(noise, size=(self.side, self.side), mode="bicubic", align_corners=True)[:, 0]
        depth = plane + 2 * self.relief * (2 * relief - 1)
        low, high = depth.amin((1, 2), keepdim=True), depth.amax((1, 2), keepdim=True)
        return (depth - low) / (high - low)

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        depth = _checked_depth(parameters["depth"]).unsqueeze(1)
        depth = F.interpolate(depth, size=images.shape[-2:], mode="bicubic", antialias=True).clamp(0, 1)
        passed = torch.exp(-per_image(parameters["beta"]) * depth)
        return torch.lerp(per_image(parameters["airlight"]), images, passed)


class LowLight(SeededDegradation):
    """A dark picture: x^gamma, then photon noise as of 200 photons at white.

    Parameters, a row an image: `gamma`, the exponent, above 1; `seed` of the noise. What is brighter than white after
    the noise is clipped.

    Source: the kind is PromptGIP's; curve, range and photons are ours.
    """

    name = "low_light"
    version = 2
    ranges = (Range("gamma", 1.5, 3.5, "exponent", faint=1.25),)
    summary = "darkened to x^gamma, then photon noise of 200 photons at white"
    source = "kind: PromptGIP; curve, range and photons: ours"
    photons = 200.0

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        dark = images.clamp_min(0) ** per_image(parameters["gamma"])
        return photon_noise(dark, torch.full_like(parameters["gamma"], self.photons), parameters)


def _checked_depth(depth: Tensor) -> Tensor:
    if depth.ndim != 3 or depth.numel() == 0:
        raise GridsError(
            f"the depth of haze must have the shape (B, h, w), none of them 0, but has {tuple(depth.shape)}"
        )
    depth = depth.float()
    if not bool(((depth >= 0) & (depth <= 1)).all()):
        raise GridsError("the depth of haze must lie in [0, 1], 1 the farthest: divide it by its largest value")
    return depth
