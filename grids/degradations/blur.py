"""Gaussian, motion and defocus blur, and the Richardson-Lucy artefact."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.base import Degradation, Parameters
from grids.degradations.ranges import Range, Span
from grids.psf import shapes
from grids.random import draw_uniform


class GaussianBlur(Degradation):
    """Isotropic Gaussian blur, as of a picture that is a little out of focus.

    Parameters, a row an image: `sigma`, the standard deviation in px. The kernel is cut off at 21 x 21 px, 2.5 sigma
    from the middle at the strongest; the border is mirrored.

    Source: the kind is of GRIDS; the range is that of PromptGIP's mismatched variant.
    """

    name = "gaussian_blur"
    version = 2
    ranges = (Range("sigma", 1, 4, "px", faint=0.5),)
    summary = "isotropic Gaussian, window 21, reflected border"
    source = "kind: GRIDS; range: PromptGIP's mismatched variant (1 to 4)"
    window = 21

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter_separable(images, shapes.gaussian_taps(parameters["sigma"], self.window))


class MotionBlur(Degradation):
    """Blur along a straight streak, as from a camera that moves evenly while the shutter is open.

    Parameters, a row an image: `length` of the streak in px, and its `angle`, uniform in [0, 180) degrees from the x
    axis. The streak is one pixel wide, with soft edges; the kernel has 33 x 33 px at most, and the border is mirrored.

    Source: the kind is of GRIDS, which publishes no parameters; the range is ours.
    """

    name = "motion_blur"
    version = 2
    ranges = (Range("length", 7, 31, "px", faint=3.5),)
    summary = "straight streak at an angle uniform in [0, 180) degrees, reflected border"
    source = "kind: GRIDS (no parameters published); range: ours"
    window = 33  # the longest streak, and its anti-aliased ends

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {"angle": draw_uniform(generator, shape[0], high=180)}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        # the time is that of the window, so it is no wider than the longest streak of the batch, and its soft ends
        window = min(self.window, 2 * math.ceil(float(parameters["length"].detach().max()) / 2) + 1)
        return kernels.filter2d(images, shapes.streak(parameters["length"], parameters["angle"], window))


class DefocusBlur(Degradation):
    """Blur by the uniform disc that a lens out of focus makes of every point.

    Parameters, a row an image: `radius` of the disc in px; its edge falls off over one pixel. The kernel has 11 x 11
    px, which would cut a radius above 5.5 off; the border is mirrored.

    Source: the kind is of GRIDS, which publishes no parameters; the range is ours.
    """

    name = "defocus_blur"
    version = 2
    ranges = (Range("radius", 1.5, 4.5, "px", faint=0.75),)
    summary = "uniform anti-aliased disc, reflected border"
    source = "kind: GRIDS (no parameters published); range: ours"
    window = 11

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter2d(images, shapes.disc(parameters["radius"], self.window))


class RichardsonLucy(Degradation):
    """One Richardson-Lucy iteration on the clean image, with a flat point-spread function and a constant start.

    From a constant start the first iteration *is* the convolution with the mirrored PSF (the correction factor is image
    / constant, convolved), so it is computed as that box filter. The frame is padded with a ramp to black, as in the
    authors' code, so the outermost pixels darken.

    Parameters, a row an image: `psf`, the side of the PSF in px: always 5 where no severity is given, 3, 5 or 7 by
    severity. Fainter ones are 1.5 to 3, boxes whose outer pixels count in part.
    """

    name = "richardson_lucy"
    version = 2
    ranges = (Range("psf", 3, 7, "px", faint=1.5),)
    summary = "one Richardson-Lucy iteration, flat PSF of 5 x 5 px (3 x 3, 5 x 5, 7 x 7 by severity), start 0.5"
    source = "kind: GRIDS; 5 x 5 and one iteration: PromptGIP"
    margin = 7
    window = 7

    def drawn_ranges(self, severity: Tensor | None, span: Span = "default") -> tuple[Range, ...]:
        """A fixed PSF of 5 px by default, as in PromptGIP; the whole range for a severity or another span."""
        return (Range("psf", 5, 5, "px"),) if severity is None and span == "default" else self.ranges

    def sample(
        self,
        batch_shape: Sequence[int],
        generator: torch.Generator,
        severity: float | Tensor | None = None,
        span: Span = "default",
    ) -> Parameters:
        """As `Degradation.sample`; sizes of the PSF from 3 px on are rounded to odd numbers."""
        parameters = super().sample(batch_shape, generator, severity, span)
        psf = parameters["psf"]
        # odd sizes only; fainter ones are boxes whose outer pixels count in part
        return parameters | {"psf": torch.where(psf < self.ranges[0].mild, psf, 2 * ((psf - 1) / 2).round() + 1)}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        inside = slice(self.margin, -self.margin)
        padded = _ramped(images, self.margin)
        result = kernels.filter_separable(padded, shapes.box_taps(parameters["psf"], self.window))
        return result[..., inside, inside]


def _ramped(images: Tensor, margin: int) -> Tensor:
    """Padded on all sides with a linear ramp from the border values to 0 at the outermost pixels."""
    padded = F.pad(images, (margin,) * 4, mode="replicate")
    for axis in (-1, -2):
        size = padded.shape[axis]
        place = torch.arange(size, device=images.device, dtype=images.dtype).view((-1,) + (1,) * (-1 - axis))
        padded *= torch.minimum(place, size - 1 - place).clamp_max(margin) / margin
    return padded
