"""Systems with heads, critics and features that take a moment, and batches for them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from training.tiny_trainings import small

from grids.networks import ShenFace
from grids.networks.discriminators import PatchCritic
from grids.networks.heads import MultiHead
from grids.training.datasets import Batch
from grids.training.systems.adversarial import Adversarial, Terms

TASKS = ("rain", "haze")
TINY_FACE = ShenFace(4, 1).state_dict()


class Forked(MultiHead):
    """A convolution, then one for each task."""

    def __init__(self, tasks: Iterable[str]) -> None:
        super().__init__(tasks)
        self.shared = nn.Conv2d(3, 4, 3, padding=1)
        self.decoders = nn.ModuleDict({task: nn.Conv2d(4, 3, 3, padding=1) for task in self.tasks})

    def encode(self, images: Tensor) -> list[Tensor]:
        return [self.shared(images)]

    def decode(self, task: str, *shared: Tensor) -> Tensor:
        change: Tensor = self.decoders[task](*shared)
        return change


def forked() -> Forked:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Forked(TASKS)


def batch(step: int = 0, side: int = 16, numbers: tuple[int, ...] = (1, 0, 0, 1)) -> Batch:
    generator = torch.Generator().manual_seed(step)
    targets = torch.rand(len(numbers), 3, side, side, generator=generator)
    inputs = (targets + 0.1 * torch.randn(targets.shape, generator=generator)).clamp(0, 1)
    return Batch(inputs, targets, torch.tensor(numbers))


def adversarial(terms: Terms = Terms(features=0), network: nn.Module | None = None) -> Adversarial:  # noqa: B008
    return Adversarial(network or forked(), TASKS, small(), lambda: PatchCritic(4), None, terms)


class Same(nn.Module):
    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]
