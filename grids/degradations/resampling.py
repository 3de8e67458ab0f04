"""Loss of resolution (super-resolution is its restoration) and ringing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.base import Degradation, Parameters
from grids.degradations.ranges import Range
from grids.devices import for_each
from grids.images.libraries import opencv
from grids.psf import shapes
from grids.random import draw_integers

Mode = Literal["area", "bilinear", "bicubic"]
DOWN: tuple[Mode, ...] = ("area", "bilinear", "bicubic")
UP: tuple[Mode, ...] = ("bilinear", "bicubic")


class SuperResolution(Degradation):
    """Loss of resolution: the image is reduced and enlarged back to its size.

    Parameters, a row an image: `factor`, how many times smaller each side becomes (one pixel at least); `down` and
    `up`, numbers of the ways in `DOWN` (area, bilinear or bicubic, all antialiased) and `UP` (bilinear or bicubic),
    drawn with equal odds.

    Source: the kind is of GRIDS; the range is after GLV (scale 0.25 to 1, random modes), antialiased.
    """

    name = "super_resolution"
    version = 2
    ranges = (Range("factor", 1.5, 4, "times smaller", faint=1.25),)
    choices = (("down", range(len(DOWN))), ("up", range(len(UP))))
    summary = "antialiased down by area, bilinear or bicubic, up by bilinear or bicubic, drawn for every image"
    source = "kind: GRIDS; range: after GLV (scale 0.25 to 1, random modes), antialiased"

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {name: draw_integers(generator, shape[0], 0, len(known)) for name, known in self.choices}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        rows = list(zip(*(parameters[name].tolist() for name in ("factor", "down", "up")), strict=True))
        sizes = [tuple(max(1, round(side / factor)) for side in images.shape[-2:]) for factor, _, _ in rows]
        result = images.new_empty(images.shape)
        # PyTorch's own threads reduce with antialiasing; what OpenCV does is shared out among images
        smaller = {
            i: reduce_size(images[i], sizes[i], DOWN[down]).clamp_(0, 1)
            for i, (_, down, _) in enumerate(rows)
            if DOWN[down] != "area" or not kernels.on_cpu(images)
        }

        def work(i: int) -> None:
            small = smaller[i] if i in smaller else reduce_size(images[i], sizes[i], "area")
            enlarge(small, result[i], UP[rows[i][2]])

        for_each(len(images), work, images[0].numel() if kernels.on_cpu(images) else 0)
        return result


class Ringing(Degradation):
    """Oscillations beside edges, from a low-pass filter that is cut off sharply.

    Parameters, a row an image: `cutoff`, the highest frequency that passes, in radians per pixel; lower ones ring wider
    and stronger. The kernel is a circular sinc cut off at 21 x 21 px; the border is mirrored.

    Source: the kind is of GRIDS; the range is after PromptGIP (1.2) and GLV (pi / 3 to pi).
    """

    name = "ringing"
    version = 2
    ranges = (Range("cutoff", 2.0, 1.05, "rad / px", faint=2.57),)
    summary = "circular sinc kernel truncated to 21 x 21, reflected border"
    source = "kind: GRIDS; range: after PromptGIP (1.2) and GLV (pi / 3 to pi)"
    window = 21

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter2d(images, shapes.sinc(parameters["cutoff"], self.window))


def reduce_size(image: Tensor, size: Sequence[int], mode: Mode) -> Tensor:
    """An image at a smaller size, antialiased.

    Args:
        image: (C, H, W), float32; for "area" on a CPU also uint8, which is rounded.
        size: the new height and width, at most those of the image.
        mode: "area", each pixel the mean of those under it; "bilinear" or "bicubic" as PyTorch does it.

    Returns:
        (C, h, w), a new tensor. "bicubic" may leave the range of the image.
    """
    if mode != "area":
        return F.interpolate(image[None], tuple(size), mode=mode, align_corners=False, antialias=True)[0]
    if kernels.on_cpu(image):
        return _resize(image, image.new_empty((len(image), *size)), "INTER_AREA")
    rows, columns = (area_weights(*pair).to(image.device) for pair in zip(image.shape[-2:], size, strict=True))
    return rows @ image @ columns.T


def enlarge(image: Tensor, result: Tensor, mode: Mode) -> None:
    """Fill a tensor with an enlarged image, not clipped.

    Args:
        image: (C, h, w) float32, no larger than the result.
        result: (C, H, W) float32 on the same device; it is overwritten.
        mode: "bilinear" or "bicubic"; "bicubic" may leave the range of the image.
    """
    if kernels.on_cpu(image):
        _resize(image, result, {"bilinear": "INTER_LINEAR", "bicubic": "INTER_CUBIC"}[mode])
    else:
        result.copy_(F.interpolate(image[None], result.shape[-2:], mode=mode, align_corners=False)[0])


def area_weights(size: int, smaller: int) -> Tensor:
    """The weights by which a line of pixels is reduced to fewer, parts of pixels counting by their part.

    Args:
        size: how many pixels the line has.
        smaller: how many it is to have.

    Returns:
        (smaller, size) float32 on the CPU: each row averages the pixels under a target pixel, and sums to 1.

    >>> area_weights(3, 2)
    tensor([[0.6667, 0.3333, 0.0000],
            [0.0000, 0.3333, 0.6667]])
    """
    edge = torch.linspace(0, size, smaller + 1, dtype=torch.float64)
    left, right = edge[:-1, None], edge[1:, None]
    pixel = torch.arange(size, dtype=torch.float64)
    cover = (torch.minimum(right, pixel + 1) - torch.maximum(left, pixel)).clamp_min(0)
    return (cover / (right - left)).float()


def _resize(image: Tensor, result: Tensor, how: str) -> Tensor:
    cv2 = opencv()
    for source, target in kernels.planes(image, result):
        cv2.resize(source, target.shape[::-1], target, interpolation=getattr(cv2, how))
    return result
