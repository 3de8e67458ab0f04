"""Gaussian, Poisson and salt-and-pepper noise, and that of a sensor."""

from __future__ import annotations

import torch
from torch import Tensor

from grids.degradations.base import Degradation, Parameters, Range, draw_seed, noise_generator, per_image


class Noise(Degradation):
    """A degradation that draws for every pixel, from one seed for the batch."""

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {"seed": draw_seed(generator)}


class GaussianNoise(Noise):
    """White Gaussian noise, independent in every pixel and channel."""

    name = "gaussian_noise"
    ranges = (Range("sigma", 10, 50, "/ 255"),)
    summary = "white, independent in every pixel and channel"
    source = "kind: GRIDS; range: PromptGIP"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        generator = noise_generator(images, parameters)
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        return torch.addcmul(images, noise, per_image(parameters["sigma"]) / 255)


class PoissonNoise(Noise):
    """Photon noise: the variance is the brightness over the photons at white."""

    name = "poisson_noise"
    ranges = (Range("photons", 400, 50, "at white", log=True),)
    summary = "Poisson counts, independent in every pixel and channel"
    source = "kind: GRIDS; range: ours, about PromptGIP's fixed 100"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return photon_noise(images, parameters["photons"], parameters)


class SaltPepper(Noise):
    """Whole pixels replaced by white or black, half and half."""

    name = "salt_pepper"
    ranges = (Range("share", 0.02, 0.10, "of the pixels"),)
    summary = "whole pixels, half of them white, half black"
    source = "kind: GRIDS; range: ours, about PromptGIP's fixed 0.05"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        b, _, h, w = images.shape
        draw = torch.rand((b, 1, h, w), generator=noise_generator(images, parameters), device=images.device)
        share = per_image(parameters["share"])
        return torch.where(draw < share, (draw < share / 2).to(images.dtype), images)


class SensorNoise(Noise):
    """The noise of a camera's sensor: normal, stronger where there is more light, clipped as the sensor clips.

    The variance is a x + a / 20 in linear light x, so black has the noise that a signal of 0.05 adds.
    """

    name = "sensor_noise"
    ranges = (Range("a", 0.002, 0.02, "variance per light, white at 1", log=True),)
    summary = "normal, variance a x + a / 20 in linear light (sRGB), independent in every pixel and channel"
    source = "model: signal-dependent Gaussian (Foi et al. 2008); range: ours"
    dark = 1 / 20

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        light = linear_light(images)
        noise = torch.randn(images.shape, generator=noise_generator(images, parameters), device=images.device)
        variance = per_image(parameters["a"]) * (light + self.dark)
        return srgb(torch.addcmul(light, noise, variance.sqrt()))


def linear_light(images: Tensor) -> Tensor:
    """sRGB values, clipped to [0, 1], as light in [0, 1] (IEC 61966-2-1)."""
    images = images.clamp(0, 1)
    return torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)


def srgb(light: Tensor) -> Tensor:
    """The reverse: light, clipped to [0, 1], as sRGB values in [0, 1]."""
    light = light.clamp(0, 1)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def photon_noise(images: Tensor, photons: Tensor, parameters: Parameters) -> Tensor:
    """Poisson counts of photons, (B,) of them at white, over that number; drawn from the seed of the batch."""
    photons = per_image(photons)
    counts = torch.poisson(images.clamp_min(0) * photons, generator=noise_generator(images, parameters))
    return counts / photons
