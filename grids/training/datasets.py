"""Batches: crops of photographs, degraded on the device, a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grids.devices import moved
from grids.images.tensors import to_unit
from grids.random import generator_for
from grids.training.pair_settings import PRISTINE, PairSettings
from grids.training.photographs import Photographs
from grids.training.samplers import sampler as make_sampler
from grids.training.tasks import Task


@dataclass(frozen=True)
class Batch:
    """targets: (B, 3, side, side) float32 in [0, 1]; inputs: the same, or smaller; tasks: (B,) numbers of the tasks."""

    inputs: Tensor
    targets: Tensor
    tasks: Tensor

    def split(self, parts: int) -> list[Batch]:
        """As many batches as nearly equal in size as can be, at most one for each image."""
        pieces = [part.tensor_split(min(parts, len(self.tasks))) for part in (self.inputs, self.targets, self.tasks)]
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


class Batches:
    """The batches of a training; equal numbers give equal batches, so that a training can go on from any step.

    The crops of a step depend on the seed and the step, not on the tasks: restorers of different groups see the same
    photographs in the same order, which makes their differences less a matter of luck.

    Args:
        tasks: what the batches are of.
        photographs: where clean crops are cut from.
        crop: side of the crops.
        batch: crops in a batch.
        seed: of all that is drawn.
        device: where the degrading is done, and where the batches lie.
        sampler: which tasks a batch is made of, see `grids.training.samplers`.
        data: how inputs and targets are made of crops.

    Raises:
        GridsError: the sampler is unknown or wrong.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        photographs: Photographs,
        crop: int,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        sampler: str = "mixed",
        data: PairSettings = PRISTINE,
    ) -> None:
        self.tasks, self.photographs = tuple(tasks), photographs
        self.crop, self.batch, self.seed, self.data = crop, batch, seed, data
        self.device = torch.device(device)
        sizes = [task.size(photographs) for task in self.tasks]
        self._sampler = make_sampler(sampler, [task.name for task in self.tasks], sizes)

    def __call__(self, step: int, retry: int = 0) -> Batch:
        """The batch of a step; another one for every retry."""
        generator = generator_for(self.seed, step, retry, 0)
        crops = torch.stack([self._crop(generator) for _ in range(self.batch)])
        numbers = torch.tensor(self._sampler(step, self.batch, self.seed))
        # the crops of a task lie together while they are degraded, and go back to their places after that
        order = numbers.argsort(stable=True)
        clean = to_unit(moved(crops[order], self.device))
        generator = generator_for(self.seed, step, retry, 1)
        found, sizes = numbers.unique(return_counts=True)
        parts = zip(found.tolist(), clean.split(sizes.tolist()), strict=True)
        drawn = [self.tasks[number].draw(part, generator, self.data) for number, part in parts]
        back = moved(order.argsort(), self.device)
        inputs, targets = (torch.cat(part)[back] for part in zip(*drawn, strict=True))
        return Batch(inputs, targets, moved(numbers, self.device))

    def _crop(self, generator: torch.Generator) -> Tensor:
        whether, size = torch.rand(2, generator=generator).tolist()
        reduces = whether < self.data.reduced
        factor = self.data.smallest + (1 - self.data.smallest) * size if reduces else 1.0
        return self.photographs.random_crop(self.crop, generator, factor)
