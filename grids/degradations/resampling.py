"""Loss of resolution (super-resolution is its restoration) and ringing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.base import Degradation, Parameters, Range

DOWN = ("area", "bilinear", "bicubic")
UP = ("bilinear", "bicubic")


class SuperResolution(Degradation):
    """Reduced and enlarged back to the same size."""

    name = "super_resolution"
    ranges = (Range("factor", 1.5, 4, "times smaller"),)
    summary = "antialiased down by area, bilinear or bicubic, up by bilinear or bicubic, drawn for every image"
    source = "kind: GRIDS; range: after GLV (scale 0.25 to 1, random modes), antialiased"

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        def draw(choices: int) -> Tensor:
            return torch.randint(choices, (shape[0],), generator=generator, device=generator.device)

        return {"down": draw(len(DOWN)), "up": draw(len(UP))}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        rows = zip(*(parameters[name].tolist() for name in ("factor", "down", "up")), strict=True)
        return torch.cat(
            [_down_and_up(images[i : i + 1], factor, DOWN[d], UP[u]) for i, (factor, d, u) in enumerate(rows)]
        )


class Ringing(Degradation):
    """Oscillations beside edges, from a low-pass filter that is cut off sharply."""

    name = "ringing"
    ranges = (Range("cutoff", 2.0, 1.05, "rad / px"),)
    summary = "circular sinc kernel truncated to 21 x 21, reflected border"
    source = "kind: GRIDS; range: after PromptGIP (1.2) and GLV (pi / 3 to pi)"
    window = 21

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter2d(images, kernels.sinc(parameters["cutoff"], self.window))


def area_weights(size: int, smaller: int) -> Tensor:
    """(smaller, size): each row averages the source pixels under a target pixel, parts of pixels by their part."""
    edge = torch.linspace(0, size, smaller + 1, dtype=torch.float64)
    left, right = edge[:-1, None], edge[1:, None]
    pixel = torch.arange(size, dtype=torch.float64)
    cover = (torch.minimum(right, pixel + 1) - torch.maximum(left, pixel)).clamp_min(0)
    return (cover / (right - left)).float()


def _down_and_up(image: Tensor, factor: float, down: str, up: str) -> Tensor:
    h, w = image.shape[-2:]
    small = (max(1, round(h / factor)), max(1, round(w / factor)))
    if down == "area":
        rows, columns = (area_weights(*pair).to(image.device) for pair in zip((h, w), small, strict=True))
        reduced = rows @ image @ columns.T
    else:
        reduced = F.interpolate(image, small, mode=down, align_corners=False, antialias=True)
    return F.interpolate(reduced.clamp(0, 1), (h, w), mode=up, align_corners=False)
