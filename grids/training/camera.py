"""What cameras do to detail and to noise, in training pairs: sharp tiles with white noise are not what people have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grids.degradations.kernels import filter_separable
from grids.devices import moved
from grids.images.tensors import round_to_8_bit
from grids.psf.shapes import gaussian_taps

SOFT = (0.4, 1.2)
"""Standard deviations of the Gaussians that make photographs soft, pixels, from and to."""
SOFT_WINDOW = 9
LUMA_GRAIN, CHROMA_GRAIN = (0.5, 1.2), (1.2, 3.0)
"""The same of the Gaussians that noise is blurred by: what the channels have in common, and what they differ in. Of
noise_cc15, neighbours correlate by 0.5 to 0.6 in luma and 0.6 to 0.8 in red; 4 pixels away 0.0 and 0.2 are left."""
GRAIN_WINDOW = 19
CHROMA_STRENGTH = (0.3, 1.2)
"""The deviation of a channel's chroma grain, over that of its luma grain."""


def soften(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Blur a share of the images a little, as cameras' photographs are at full size.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]. They are not changed.
        share: 0 to 1.
        generator: on the CPU; two numbers an image are drawn from it: whether, and by a Gaussian of 0.4 to 1.2 pixels.

    Returns:
        (B, 3, H, W), the blurred ones rounded to multiples of 1/255. If none is, the images given, not copies.
    """
    draws = torch.rand((len(images), 2), generator=generator)
    which = _drawn(draws, share)
    if not which:
        return images
    place = moved(torch.tensor(which), images.device)
    taps = gaussian_taps(moved(_between(SOFT, draws[which, 1]), images.device), SOFT_WINDOW)
    return images.index_copy(0, place, round_to_8_bit(filter_separable(images[place], taps)))


def coarsen(noisy: Tensor, clean: Tensor, share: float, generator: torch.Generator, grey: Sequence[int] = ()) -> Tensor:
    """Make the noise of a share of the images coarse and fainter, as cameras leave it that interpolate colours, smooth
    and save as JPEG: finer in luma than in chroma.

    What the channels have in common, their mean, is blurred by a Gaussian of 0.5 to 1.2 pixels; what they differ in by
    one of 1.2 to 3 pixels, and has 0.3 to 1.2 times the deviation of the other then.

    Args:
        noisy: (B, 3, H, W) float32, with noise that is independent in every pixel and channel and has a mean of 0:
            not clipped, or what clipping adds to black and takes from white would be made larger, too.
        clean: the same without it, in [0, 1]. Neither is changed.
        share: 0 to 1.
        generator: on the CPU; four numbers an image are drawn from it.
        grey: the numbers of the images that are grey: their grain is that of luma alone.

    Returns:
        (B, 3, H, W), clipped to [0, 1] and rounded to multiples of 1/255, those that stay as they are, too.
    """
    draws = torch.rand((len(noisy), 4), generator=generator)
    which = _drawn(draws, share)
    if not which:
        return round_to_8_bit(noisy)
    place = moved(torch.tensor(which), noisy.device)
    colour = torch.ones(len(noisy))
    colour[list(grey)] = 0
    luma_width, chroma_width, strength = (
        moved(_between(limits, draws[which, number]), noisy.device)
        for number, limits in enumerate((LUMA_GRAIN, CHROMA_GRAIN, CHROMA_STRENGTH), 1)
    )
    luma, chroma = (gaussian_taps(width, GRAIN_WINDOW) for width in (luma_width, chroma_width))
    noise = noisy[place] - clean[place]
    common = noise.mean(1, keepdim=True)
    # of white noise of deviation 1, the mean of three channels has 1 / 3 of the variance, what is left of each 2 / 3
    grain = filter_separable(common * 3**0.5, luma)
    strength = moved(colour[which], noisy.device) * strength * kept(luma) / kept(chroma)
    grain = grain + filter_separable((noise - common) * 1.5**0.5, chroma) * strength.view(-1, 1, 1, 1)
    return round_to_8_bit(noisy.index_copy(0, place, clean[place] + grain))


def kept(taps: Tensor) -> Tensor:
    """The share of the deviation of white noise that is left by a blur along both axes.

    Args:
        taps: (B, k), each row summing to 1.

    Returns:
        (B,), in (0, 1].
    """
    return taps.square().sum(-1)


def _drawn(draws: Tensor, share: float) -> list[int]:
    """The rows whose first number is below a share."""
    return [number for number, draw in enumerate(draws[:, 0].tolist()) if draw < share]


def _between(limits: tuple[float, float], numbers: Tensor) -> Tensor:
    """Numbers in [0, 1) spread over a range."""
    low, high = limits
    return low + (high - low) * numbers
