"""Gaussian, Poisson and salt-and-pepper noise, and that of a sensor."""

from __future__ import annotations

import torch
from torch import Tensor

from grids.degradations.base import Parameters, SeededDegradation, cover, draw_by_image, per_image
from grids.degradations.ranges import Range

PART = 2**14
"""Values that PyTorch works through on one thread."""


class GaussianNoise(SeededDegradation):
    """White Gaussian noise, independent in every pixel and channel, as of a camera's electronics.

    Parameters, a row an image: `sigma`, the standard deviation in levels of 255; `seed` of the noise. The result is
    clipped to [0, 1], so that there is less noise in black and white.

    Source: the kind is of GRIDS; the range is PromptGIP's.
    """

    name = "gaussian_noise"
    version = 2
    noise = True
    adds = True
    ranges = (Range("sigma", 10, 50, "/ 255", faint=5),)
    summary = "white, independent in every pixel and channel"
    source = "kind: GRIDS; range: PromptGIP"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return normal(images, parameters).mul_(per_image(parameters["sigma"]) / 255).add_(images)


class PoissonNoise(SeededDegradation):
    """Photon noise, independent in every pixel and channel: the variance is the brightness over the photons at white.

    Parameters, a row an image: `photons`, how many a white pixel receives, drawn on a log scale; fewer are noisier, and
    at 400 the standard deviation at white is 1/20. `seed` of the noise.

    Source: the kind is of GRIDS; the range is ours, about PromptGIP's fixed 100.
    """

    name = "poisson_noise"
    version = 2
    noise = True
    adds = True
    ranges = (Range("photons", 400, 50, "at white", log=True, faint=1600),)
    summary = "Poisson counts, independent in every pixel and channel"
    source = "kind: GRIDS; range: ours, about PromptGIP's fixed 100"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return photon_noise(images, parameters["photons"], parameters)


class SaltPepper(SeededDegradation):
    """Whole pixels replaced by white or black, each with equal odds, as from defective pixels of a sensor.

    Parameters, a row an image: `share` of the pixels that are replaced, on average; `seed` of which they are.

    Source: the kind is of GRIDS; the range is ours, about PromptGIP's fixed 0.05.
    """

    name = "salt_pepper"
    version = 2
    adds = True
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

    The variance is a x + a / 20 in linear light x, so black has the noise that a signal of 0.05 adds. It is independent
    in every pixel and channel; images are taken for sRGB.

    Parameters, a row an image: `a`, drawn on a log scale; `seed` of the noise. Source: the model is the
    signal-dependent Gaussian of Foi et al. 2008, the range is ours.
    """

    name = "sensor_noise"
    version = 2
    adds = True
    ranges = (Range("a", 0.002, 0.02, "variance per light, white at 1", log=True, faint=0.0005),)
    summary = "normal, variance a x + a / 20 in linear light (sRGB), independent in every pixel and channel"
    source = "model: signal-dependent Gaussian (Foi et al. 2008); range: ours"
    dark = 1 / 20

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        light = linear_light(images)
        variance = per_image(parameters["a"]) * (light + self.dark)
        return srgb(torch.addcmul(light, normal(images, parameters), variance.sqrt()))


def linear_light(images: Tensor) -> Tensor:
    """sRGB values as linear light (IEC 61966-2-1), in which brightness adds up.

    Args:
        images: any shape, floating point; values outside [0, 1] are clipped.

    Returns:
        The same shape, in [0, 1], 1 being white. `srgb` undoes it.
    """
    images = images.clamp(0, 1)
    return torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)


def srgb(light: Tensor) -> Tensor:
    """Linear light as sRGB values (IEC 61966-2-1), as files hold them; the reverse of `linear_light`.

    Args:
        light: any shape, floating point, 1 being white; values outside [0, 1] are clipped.

    Returns:
        The same shape, in [0, 1].

    >>> srgb(linear_light(torch.tensor([0.0, 0.25, 1.0])))
    tensor([0.0000, 0.2500, 1.0000])
    """
    light = light.clamp(0, 1)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def normal(images: Tensor, parameters: Parameters) -> Tensor:
    """Standard normal numbers (mean 0, variance 1) for every value of a batch, from each image's own seed.

    Args:
        images: (B, ...), of which only shape, dtype and device count.
        parameters: with "seed", (B,).

    Returns:
        A new tensor like `images`, the same for the same seeds on one type of device.
    """
    return draw_by_image(
        torch.empty_like(images), parameters, lambda _, out, generator: out.normal_(generator=generator)
    )


def photon_noise(images: Tensor, photons: Tensor, parameters: Parameters) -> Tensor:
    """Images as a sensor counts them: Poisson counts of photons, over their number at white.

    Args:
        images: (B, 3, H, W), expected brightness, white at 1; below 0 it counts as 0.
        photons: (B,), how many photons a white value receives.
        parameters: with "seed", (B,): each image draws from its own.

    Returns:
        (B, 3, H, W), multiples of 1 / photons, not clipped: bright values may exceed 1.
    """
    rates = images.clamp_min(0) * per_image(photons)

    # in parts so small that PyTorch does not share them out: this is done on a thread of its own for each image
    part = PART if images.device.type == "cpu" else rates[0].numel()

    def draw(i: int, out: Tensor, generator: torch.Generator) -> None:
        for given, target in zip(rates[i].flatten().split(part), out.view(-1).split(part), strict=True):
            target.copy_(torch.poisson(given, generator=generator))

    return draw_by_image(torch.empty_like(rates), parameters, draw).div_(per_image(photons))
