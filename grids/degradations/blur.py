"""Gaussian, motion and defocus blur, and the Richardson-Lucy artefact."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.base import Degradation, Parameters, Range


class GaussianBlur(Degradation):
    """Isotropic Gaussian blur."""

    name = "gaussian_blur"
    ranges = (Range("sigma", 1, 4, "px"),)
    summary = "isotropic Gaussian, window 21, reflected border"
    source = "kind: GRIDS; range: PromptGIP's mismatched variant (1 to 4)"
    window = 21

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter_separable(images, kernels.gaussian_taps(parameters["sigma"], self.window))


class MotionBlur(Degradation):
    """Blur along a straight streak, as from a camera that moves evenly."""

    name = "motion_blur"
    ranges = (Range("length", 7, 31, "px"),)
    summary = "straight streak at an angle uniform in [0, 180) degrees, reflected border"
    source = "kind: GRIDS (no parameters published); range: ours"
    window = 33  # the longest streak, and its anti-aliased ends

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {"angle": 180 * torch.rand(shape[0], generator=generator, device=generator.device)}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        # the time is that of the window, so it is no wider than the longest streak of the batch, and its soft ends
        window = min(self.window, 2 * math.ceil(float(parameters["length"].max()) / 2) + 1)
        return kernels.filter2d(images, kernels.streak(parameters["length"], parameters["angle"], window))


class DefocusBlur(Degradation):
    """Blur by the disc that an out-of-focus point makes."""

    name = "defocus_blur"
    ranges = (Range("radius", 1.5, 4.5, "px"),)
    summary = "uniform anti-aliased disc, reflected border"
    source = "kind: GRIDS (no parameters published); range: ours"
    window = 11

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return kernels.filter2d(images, kernels.disc(parameters["radius"], self.window))


class RichardsonLucy(Degradation):
    """One Richardson-Lucy iteration on the clean image, with a flat point-spread function and a constant start.

    From a constant start the first iteration *is* the convolution with the mirrored PSF (the correction factor is
    image / constant, convolved), so it is computed as that box filter. The frame is padded with a ramp to black, as
    in the authors' code, so the outermost pixels darken.
    """

    name = "richardson_lucy"
    ranges = (Range("psf", 3, 7, "px"),)
    summary = "one Richardson-Lucy iteration, flat PSF of 5 x 5 px (3 x 3, 5 x 5, 7 x 7 by severity), start 0.5"
    source = "kind: GRIDS; 5 x 5 and one iteration: PromptGIP"
    margin = 7
    window = 7

    def drawn_ranges(self, severity: Tensor | None) -> tuple[Range, ...]:
        return (Range("psf", 5, 5, "px"),) if severity is None else self.ranges

    def sample(
        self, batch_shape: Sequence[int], generator: torch.Generator, severity: float | Tensor | None = None
    ) -> Parameters:
        parameters = super().sample(batch_shape, generator, severity)
        return parameters | {"psf": 2 * ((parameters["psf"] - 1) / 2).round() + 1}  # odd sizes only

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        spare = self.margin - self.window // 2
        padded = _ramp(_ramp(images, self.margin, -1), self.margin, -2)
        result = kernels.separable_valid(padded, kernels.box_taps(parameters["psf"], self.window))
        return result[..., spare:-spare, spare:-spare]


def _ramp(images: Tensor, margin: int, axis: int) -> Tensor:
    """Pad one axis on both sides with a linear ramp from the border value to 0 at the outermost pixel."""
    rise = torch.arange(margin, device=images.device, dtype=images.dtype) / margin
    rise = rise.view(-1, 1) if axis == -2 else rise
    size = images.shape[axis]
    first, last = images.narrow(axis, 0, 1), images.narrow(axis, size - 1, 1)
    return torch.cat([first * rise, images, last * rise.flip(axis if axis == -1 else 0)], axis)
