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
    """The crops of one training step, on the device of the training.

    Args:
        inputs: degraded crops, (B, 3, side, side) float32 in [0, 1]; for super-resolution (B, 3, side / scale, side /
            scale).
        targets: what the restorer should make of them, (B, 3, side, side) float32 in [0, 1].
        tasks: (B,) int64, the number of each crop's task in the order of `Batches.tasks`.
    """

    inputs: Tensor
    targets: Tensor
    tasks: Tensor

    def split(self, parts: int) -> list[Batch]:
        """The batch in parts, for less memory at once.

        Args:
            parts: how many, at least 1; more than there are crops gives one part for each crop.

        Returns:
            the parts in their order, nearly equal in size (they differ by one crop at most). They are views: nothing is
            copied.
        """
        pieces = [part.tensor_split(min(parts, len(self.tasks))) for part in (self.inputs, self.targets, self.tasks)]
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


class Batches:
    """The batches of a training, each a pure function of the seed and the number of the step.

    So a training can go on from any step. The crops of a step do not depend on the tasks: restorers of different groups
    see the same photographs in the same order, which makes their differences less a matter of luck.

    Args:
        tasks: what the batches are of; `Batch.tasks` counts in this order.
        photographs: where clean crops are cut from; no side of them may be shorter than `crop`.
        crop: side of the crops, pixels.
        batch: crops in a batch.
        seed: of all that is drawn, 0 or more.
        device: where the degrading is done, and where the batches lie.
        sampler: which tasks a batch is made of, see `grids.training.samplers.sampler`.
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
        """The batch of a step: equal numbers give equal batches, on one kind of device.

        Args:
            step: counted from 0.
            retry: how often the training has gone back because of values that were not finite; each number gives other
                crops and other degradations, but the same tasks.

        Raises:
            GridsError: the batch is too small for the sampler "each".
            ImageError: a photograph that is not kept in memory is gone or has changed.
        """
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
