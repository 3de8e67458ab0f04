"""The one maker of training pairs: what restorers and selectors learn from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from grids.degradations import Degradation
from grids.degradations.compression import saved_as_jpeg
from grids.degradations.ranges import Span
from grids.devices import moved
from grids.images.grey import take_one_channel
from grids.images.tensors import LUMA
from grids.training.camera import coarsen, soften
from grids.training.pair_settings import PairSettings


class Made(NamedTuple):
    """Training pairs, with what was drawn of them last.

    Args:
        inputs: (B, 3, H, W) float32 in [0, 1], multiples of 1/255.
        targets: the same, for each input what a restorer should make of it.
        qualities: (B,) int64 on the CPU, of the JPEG that each input was saved as at last; 0 for those that were not.
    """

    inputs: Tensor
    targets: Tensor
    qualities: Tensor


def make_pairs(
    clean: Tensor,
    degradation: Degradation | None,
    settings: PairSettings,
    generator: torch.Generator,
    severity: float | Tensor | None = None,
) -> Made:
    """Degrade clean images, and do to them what else befalls photographs.

    What is drawn for an image depends on the generator and the size of the batch alone, not on its pixels. An image
    that bears no damage is its own target: it must come back as it is, saved or not.

    Args:
        clean: (B, 3, H, W) float32 in [0, 1], multiples of 1/255. It is not changed.
        degradation: what is done; None for nothing, so that images are clean or only saved.
        settings: the shares.
        generator: on the CPU.
        severity: 0 for the weakest of the values that are drawn, 1 for the strongest, one number or (B,); None draws.

    Returns:
        the pairs, on the device of `clean`. They may share memory with `clean` and with each other: do not change them
        in place.

    Raises:
        GridsError: `clean` is not such a batch, or the severity is outside [0, 1].
    """
    drawn = None
    if degradation is not None:
        spans: tuple[Span, ...] = ("wide",) if settings.wide else ()  # own kinds may know no others
        drawn = degradation.sample(clean.shape, generator, severity, *spans)
    draws = torch.rand((len(clean), 2), generator=generator).tolist()
    grey = [i for i, (number, _) in enumerate(draws) if number < settings.grey]
    untouched = [i for i, (_, number) in enumerate(draws) if number < settings.clean]
    if settings.soft and degradation is not None and degradation.adds:
        clean = soften(clean, settings.soft, generator)
    targets = inputs = _in_grey(clean, grey)
    if degradation is None or drawn is None:
        untouched = list(range(len(clean)))
    else:
        if degradation.noise and settings.coarse:
            noisy = degradation.apply(targets, drawn, clip=False)
            damaged = coarsen(noisy, targets, settings.coarse, generator, grey)
        else:
            damaged = degradation.apply(targets, drawn)
        inputs = _chosen(untouched, targets, damaged)
        # noise of grey pictures is the same in the three channels
        inputs = _chosen(grey, take_one_channel(inputs), inputs)
    inputs, qualities = save_some(inputs, settings, generator)
    return Made(inputs, _chosen(untouched, inputs, targets), qualities)


def save_some(images: Tensor, settings: PairSettings, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Save a share of the images as JPEG and read them again.

    Args:
        images: (B, 3, H, W) float32 in [0, 1]. They are not changed.
        settings: how many, their qualities and their colour.
        generator: on the CPU; three numbers an image are drawn from it, whether it is saved or not.

    Returns:
        the images, (B, 3, H, W), and the quality of each, (B,) int64 on the CPU, 0 where it was not saved. If none was,
        the images are those given, not copies.
    """
    low, high = settings.qualities
    draws = torch.rand((len(images), 3), generator=generator).tolist()
    levels = [low + int(level * (high + 1 - low)) if saved < settings.saved else 0 for saved, _, level in draws]
    numbers = [i for i, level in enumerate(levels) if level]
    qualities = torch.tensor(levels)
    if not numbers:
        return images, qualities
    full = torch.tensor([draws[i][1] < settings.full_colour for i in numbers])
    place = moved(torch.tensor(numbers), images.device)
    return images.index_copy(0, place, saved_as_jpeg(images[place], qualities[numbers], full)), qualities


def _in_grey(images: Tensor, which: list[int]) -> Tensor:
    if not which:
        return images
    weights = moved(torch.tensor(LUMA), images.device).view(1, 3, 1, 1)
    luma = (images * weights).sum(1, keepdim=True).mul_(255).round_().div_(255)
    return _chosen(which, luma.expand_as(images), images)


def _chosen(which: list[int], these: Tensor, others: Tensor) -> Tensor:
    """The images of one batch of these numbers, and the others' of all other numbers."""
    if not which:
        return others
    place = moved(torch.tensor(which), others.device)
    return others.index_copy(0, place, these[place])
