"""Lines drawn over the image, to be inpainted."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor

from grids.degradations.base import Degradation, Parameters, cover, per_image
from grids.degradations.ranges import Range
from grids.random import draw_integers, draw_uniform


class Inpainting(Degradation):
    """Straight lines between random points, to be painted over by a restorer: all white or all black in an image.

    Parameters, a row an image: `lines`, how many there would be in 256 x 256 pixels, a whole number; `thickness` in px;
    `ends` (B, L, 4), x0 y0 x1 y1 in parts of the width and height, of which the first lines are used; `white`, 1 or 0.

    The number of lines grows with the square root of the area, so that the covered share does not depend on the size of
    the image; at least one is drawn. Source: the kind is of GRIDS, the ranges are PromptGIP's.
    """

    name = "inpainting"
    version = 2
    adds = True
    ranges = (
        Range("lines", 5, 10, "lines in 256 x 256", whole=True, faint=3),
        Range("thickness", 5, 10, "px", faint=2.5),
    )
    summary = "straight lines, black or white; their number grows with sqrt(area / 256^2), so the covered share stays"
    source = "kind: GRIDS; range: PromptGIP (5 to 10 lines, 5 to 10 px)"

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        b, _, h, w = shape
        most = _line_count(max(self.ranges[0].mild, self.ranges[0].strong), h, w)
        return {"ends": draw_uniform(generator, b, int(most), 4), "white": draw_integers(generator, b, 0, 2)}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        b, _, h, w = images.shape
        ends = parameters["ends"]
        count = _line_count(parameters["lines"], h, w)
        shown = torch.arange(ends.shape[1], device=images.device) < count.view(-1, 1)
        scale = torch.tensor([w - 1, h - 1, w - 1, h - 1], device=images.device, dtype=torch.float32)
        mask = line_mask(ends * scale, parameters["thickness"].view(b, 1).expand(shown.shape), shown, h, w)
        return cover(images, mask.unsqueeze(1), per_image(parameters["white"]))


def _line_count(lines: Tensor | float, h: int, w: int) -> Tensor:
    scaled = torch.as_tensor(lines, dtype=torch.float32) * (math.sqrt(h * w) / 256)
    return scaled.round().clamp_min(1)


def line_mask(ends: Tensor, thickness: Tensor, shown: Tensor, h: int, w: int) -> Tensor:
    """The pixels within half a thickness of any of the segments.

    A thick segment with round ends is convex, so it covers one run of pixels in each row: the runs' starts and ends are
    counted and summed along the row, which costs little however many lines there are.

    Args:
        ends: (B, L, 4), x0 y0 x1 y1 in pixels; whole numbers are the middles of pixels.
        thickness: (B, L) in pixels.
        shown: (B, L) of bool, which lines to draw.
        h, w: the size of the image.

    Returns:
        (B, h, w) float32, 1 on a line and 0 elsewhere, on the device of `ends`.
    """
    half = thickness / 2
    x0, y0, x1, y1 = ends.unbind(-1)
    row = torch.arange(h, device=ends.device, dtype=torch.float32).view(1, 1, h)
    runs = (_disc_run(x0, y0, half, row), _disc_run(x1, y1, half, row), _band_run(x0, y0, x1, y1, half, row))
    left = reduce(torch.minimum, (run[0] for run in runs))
    right = reduce(torch.maximum, (run[1] for run in runs))
    first = left.ceil_().clamp_(0, w)
    last = right.floor_().add_(1).clamp_(0, w)
    drawn = (last > first) & shown.unsqueeze(-1)
    step = torch.zeros((ends.shape[0], h, w + 1), device=ends.device, dtype=torch.float32)
    # whole numbers, so the order of the sums is free; picking the drawn runs out would make a GPU wait
    one = drawn.float().transpose(1, 2)  # (B, L, H) -> (B, H, L)
    for place, count in ((first, one), (last, -one)):
        step.scatter_add_(-1, (place * drawn).long().transpose(1, 2), count)
    return step[..., :w].cumsum(-1).clamp_(max=1)


def _disc_run(x: Tensor, y: Tensor, radius: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """The interval of x that a disc covers in each row: (B, L, H) twice; empty as (inf, -inf)."""
    inside = radius.unsqueeze(-1) ** 2 - (row - y.unsqueeze(-1)) ** 2
    reach = inside.clamp_min(0).sqrt()
    covered = inside >= 0
    centre = x.unsqueeze(-1)
    return torch.where(covered, centre - reach, math.inf), torch.where(covered, centre + reach, -math.inf)


def _band_run(x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor, half: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """The same for the rectangle around a segment: where two strips, across and along it, overlap."""
    length = torch.hypot(x1 - x0, y1 - y0).clamp_min(1e-6)
    ux, uy = ((x1 - x0) / length).unsqueeze(-1), ((y1 - y0) / length).unsqueeze(-1)
    dy = row - y0.unsqueeze(-1)
    across = _strip(-uy, dy * ux, -half.unsqueeze(-1), half.unsqueeze(-1))
    along = _strip(ux, dy * uy, torch.zeros_like(ux), length.unsqueeze(-1))
    left, right = torch.maximum(across[0], along[0]), torch.minimum(across[1], along[1])
    # a line of no length is only its round end: its direction, and so its rectangle, is undefined
    empty = (left > right) | (length <= 1e-6).unsqueeze(-1)
    x = x0.unsqueeze(-1)
    return torch.where(empty, math.inf, x + left), torch.where(empty, -math.inf, x + right)


def _strip(slope: Tensor, offset: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The interval of d with low <= slope d + offset <= high."""
    steep = slope.abs() > 1e-6
    safe = torch.where(steep, slope, 1.0)
    a, b = (low - offset) / safe, (high - offset) / safe
    inside = (offset >= low) & (offset <= high)
    flat_low = torch.where(inside, -math.inf, math.inf)
    return torch.where(steep, torch.minimum(a, b), flat_low), torch.where(steep, torch.maximum(a, b), -flat_low)
