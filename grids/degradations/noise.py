"""Gaussian, Poisson and salt-and-pepper noise, and that of a sensor."""

from __future__ import annotations

import torch
from torch import Tensor

from grids.degradations.base import Parameters, Range, SeededDegradation, cover, draw_by_image, per_image

PART = 2**14
"""Values that PyTorch works through on one thread."""


class GaussianNoise(SeededDegradation):
    """White Gaussian noise, independent in every pixel and channel."""

    name = "gaussian_noise"
    version = 2
    noise = True
    ranges = (Range("sigma", 10, 50, "/ 255", faint=5),)
    summary = "white, independent in every pixel and channel"
    source = "kind: GRIDS; range: PromptGIP"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return normal(images, parameters).mul_(per_image(parameters["sigma"]) / 255).add_(images)


class PoissonNoise(SeededDegradation):
    """Photon noise: the variance is the brightness over the photons at white."""

    name = "poisson_noise"
    version = 2
    noise = True
    ranges = (Range("photons", 400, 50, "at white", log=True, faint=1600),)
    summary = "Poisson counts, independent in every pixel and channel"
    source = "kind: GRIDS; range: ours, about PromptGIP's fixed 100"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return photon_noise(images, parameters["photons"], parameters)


class SaltPepper(SeededDegradation):
    """Whole pixels replaced by white or black, half and half."""

    name = "salt_pepper"
    version = 2
    ranges = (Range("share", 0.02, 0.10, "of the pixels", faint=0.01),)
    summary = "whole pixels, half of them white, half black"
    source = "kind: GRIDS; range: ours, about PromptGIP's fixed 0.05"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        draw = images.new_empty((len(images), 1, *images.shape[-2:]))
        draw_by_image(draw, parameters, lambda _, out, generator: out.uniform_(generator=generator))
        share = per_image(parameters["share"])
        white = draw.clone().lt_(share / 2)  # in place the result is 0 or 1 in floats: bool is slow to convert
        return cover(images, draw.lt_(share), white)


class SensorNoise(SeededDegradation):
    """The noise of a camera's sensor: normal, stronger where there is more light, clipped as the sensor clips.

    The variance is a x + a / 20 in linear light x, so black has the noise that a signal of 0.05 adds.
    """

    name = "sensor_noise"
    version = 2
    noise = True
    ranges = (Range("a", 0.002, 0.02, "variance per light, white at 1", log=True, faint=0.0005),)
    summary = "normal, variance a x + a / 20 in linear light (sRGB), independent in every pixel and channel"
    source = "model: signal-dependent Gaussian (Foi et al. 2008); range: ours"
    dark = 1 / 20

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        light = linear_light(images)
        variance = per_image(parameters["a"]) * (light + self.dark)
        return srgb(torch.addcmul(light, normal(images, parameters), variance.sqrt()))


def linear_light(images: Tensor) -> Tensor:
    """sRGB values, clipped to [0, 1], as light in [0, 1] (IEC 61966-2-1)."""
    images = images.clamp(0, 1)
    return torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)


def srgb(light: Tensor) -> Tensor:
    """The reverse: light, clipped to [0, 1], as sRGB values in [0, 1]."""
    light = light.clamp(0, 1)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def normal(images: Tensor, parameters: Parameters) -> Tensor:
    """Standard normal numbers for every value of a batch, from each image's own seed."""
    return draw_by_image(
        torch.empty_like(images), parameters, lambda _, out, generator: out.normal_(generator=generator)
    )


def photon_noise(images: Tensor, photons: Tensor, parameters: Parameters) -> Tensor:
    """Poisson counts of photons, (B,) of them at white, over that number; drawn from each image's own seed."""
    rates = images.clamp_min(0) * per_image(photons)

    # in parts so small that PyTorch does not share them out: this is done on a thread of its own for each image
    part = PART if images.device.type == "cpu" else rates[0].numel()

    def draw(i: int, out: Tensor, generator: torch.Generator) -> None:
        for given, target in zip(rates[i].flatten().split(part), out.view(-1).split(part), strict=True):
            target.copy_(torch.poisson(given, generator=generator))

    return draw_by_image(torch.empty_like(rates), parameters, draw).div_(per_image(photons))
