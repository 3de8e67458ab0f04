"""Restorers with a critic for each task, and their losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.random import generator_for, global_seed
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.losses.adversarial import critic_wgan, generator_wgan, gradient_penalty
from grids.training.losses.perceptual import compute_features, contextual, perceptual
from grids.training.systems.base import Modules, SupervisedSystem, adamw

PENALTY = 10.0
"""Of the gradient (Gulrajani et al., NeurIPS 2017)."""
CRITIC_SEED = 0xC2171C
RESTED = 3 / 80
"""Share of the steps in which a trunk that was given rests: 3 of 80 epochs in Martyniuk's code."""


@dataclass(frozen=True)
class Terms:
    """What the losses of a restorer weigh, and how its critics are trained. A weight of 0 leaves a loss out.

    Args:
        features: weight of the squared error of features.
        pixels: weight of L1.
        adversarial: weight of what the critic says; it is the weight of the critic's own loss, too (Martyniuk 2019).
        contextual: weight of the contextual loss of the same features.
        critic_rate: the critics' learning rate, in terms of the restorer's.
        critic_steps: steps of the critics for one of the restorer.
    """

    features: float = 1.0
    pixels: float = 0.5
    adversarial: float = 0.01
    contextual: float = 0.0
    critic_rate: float = 2.0
    critic_steps: int = 1


class Adversarial(SupervisedSystem):
    """A network with a head for each task, and a critic for each: features, L1, and what the critic says.

    Critics compare by the Wasserstein distance with a penalty on the gradient, each on the images of its task. What the
    tasks share gets the sum of their gradients, from one backward for all (Martyniuk 2019, section 3; Walha et al.
    2024, eqs. 2 to 5). Tasks weigh by their number of images in the batch.

    Args:
        network: to train.
        tasks: that the numbers of a batch stand for, in this order.
        config: of the training; its loss is not used. Critics get weights drawn from its seed.
        critic: makes a critic, (B, 3, H, W) in [0, 1] -> (B, ...) scores.
        features: images -> maps, frozen; None where no term needs them.
        terms: what the losses weigh.
        given: a part of the network that has weights of another training: it rests in the first 3/80 of the steps
            (`RESTED`), while the others are still random. None for no such part.
    """

    def __init__(
        self,
        network: nn.Module,
        tasks: Sequence[str],
        config: TrainingConfig,
        critic: Callable[[], nn.Module],
        features: nn.Module | None,
        terms: Terms,
        given: nn.Module | None = None,
    ) -> None:
        super().__init__(network, "l1", tasks)
        self._given = given
        self._config, self._features, self._terms = config, features, terms
        critics = make_modules(critic, config, len(tasks))
        self.modules |= {_critic_of(task): made for task, made in zip(tasks, critics, strict=True)}

    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        """One for the "network", and one for all "critics" together, at `Terms.critic_rate` times the learning rate."""
        critics = nn.ModuleList(self.modules[_critic_of(task)] for task in self.tasks)
        return {
            "network": adamw(self.modules["network"], config),
            "critics": adamw(critics, config, self._terms.critic_rate),
        }

    def started(self) -> None:
        """No part rests: the whole network has weights of another training."""
        self._given = None

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        """First that of the "critics", `Terms.critic_steps` times, then that of the "network"."""
        if self._given is not None:
            self._given.requires_grad_(step >= RESTED * self._config.iterations)
        restored = self.restore(modules, batch)
        rows = [(self.tasks[number], batch.tasks == number) for number in batch.tasks.unique().tolist()]
        for turn in range(self._terms.critic_steps):
            generator = generator_for(self._config.seed, step, turn, 9)
            judged = [
                own.float().mean()
                * self._critic_loss(modules, task, batch.targets[own], restored[own].detach(), generator)
                for task, own in rows
            ]
            yield "critics", self._terms.adversarial * torch.stack(judged).sum()
        loss = restoration_loss(restored, batch.targets, self._features, self._terms)
        said = [
            own.float().mean() * generator_wgan(modules[_critic_of(task)](restored[own]).float()) for task, own in rows
        ]
        yield "network", loss + self._terms.adversarial * torch.stack(said).sum()

    def _critic_loss(
        self, modules: Modules, task: str, real: Tensor, fake: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The loss of a task's critic."""
        scores = modules[_critic_of(task)](torch.cat((real, fake))).float()
        loss = critic_wgan(*scores.chunk(2))
        return loss + PENALTY * gradient_penalty(self.modules[_critic_of(task)], real, fake, generator)


def restoration_loss(restored: Tensor, targets: Tensor, features: nn.Module | None, terms: Terms) -> Tensor:
    """The losses between images and targets, without a critic: weighed L1, features and contextual loss.

    Args:
        restored: (B, 3, H, W) float32; it may leave [0, 1].
        targets: (B, 3, H, W) float32 in [0, 1].
        features: images -> maps, frozen; it is moved to the device of the targets. None: L1 alone, whatever `terms`
            say.
        terms: the weights.

    Returns:
        (), 0 or more.
    """
    loss = terms.pixels * F.l1_loss(restored, targets)
    if features is None or not (terms.features or terms.contextual):
        return loss
    maps = compute_features(features, restored, targets)
    if terms.features:
        loss = loss + terms.features * perceptual(*maps)
    if terms.contextual:
        loss = loss + terms.contextual * contextual(*maps)
    return loss


def make_modules(make: Callable[[], nn.Module], config: TrainingConfig, count: int) -> list[nn.Module]:
    """Modules with weights drawn from the seed of a training, such as critics. PyTorch's own generator stays as it was.

    Args:
        make: makes one module.
        config: of the training, for its seed.
        count: how many modules.

    Returns:
        the modules, on the CPU; each has other weights.
    """
    with global_seed(config.seed ^ CRITIC_SEED, torch.device("cpu")):
        return [make() for _ in range(count)]


def _critic_of(task: str) -> str:
    return f"critic of {task}"
