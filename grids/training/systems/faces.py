"""Deblurring faces: an image and its structure, over scales, with losses that come in one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.losses.adversarial import critic_logistic, generator_logistic
from grids.training.losses.perceptual import compute_features, perceptual
from grids.training.losses.pixel import gradient_magnitude
from grids.training.systems.adversarial import make_modules
from grids.training.systems.base import Modules, System, adamw


@dataclass(frozen=True)
class Stages:
    """When the losses of face deblurring come in, and what they weigh.

    The paper prints a weight of 1 for features and critic, over sums: its features alone would drown all else.

    Args:
        features: share of the steps, 0 to 1, after which the loss between features comes in; 1 leaves it out.
        critic: the same for the critic.
        structure: whether the structure stream is trained.
        feature_weight: of the loss between features, beside the L1 losses, which weigh 1.
        critic_weight: of what the critic says, likewise.
    """

    features: float = 0.5
    critic: float = 0.75
    structure: bool = True
    feature_weight: float = 0.01
    critic_weight: float = 1e-3


class FaceDeblurring(System):
    """The system of Shen et al. (2019), section 3, for deblurring faces, with losses that come in one after the other.

    L1 of images and of their structure at every scale; from a share of the steps on the error of features at every
    scale, too; and at last a critic of the full scale.

    Args:
        network: a `ShenFace`, with a structure head if `stages.structure` is set.
        config: of the training; its loss is not used. The critic gets weights drawn from its seed.
        critic: makes one, (B, 3, H, W) in [0, 1] -> (B, ...) logits.
        features: images -> maps, frozen.
        stages: when the losses come in.
    """

    kept = "network"

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        critic: Callable[[], nn.Module],
        features: nn.Module,
        stages: Stages,
    ) -> None:
        (judge,) = make_modules(critic, config, 1)
        self.modules = {"network": network, "critic": judge}
        self._iterations, self._features, self._stages = config.iterations, features, stages

    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        """One for the "network" and one for the "critic", at one learning rate."""
        return {name: adamw(module, config) for name, module in self.modules.items()}

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        """That of the "critic", once it has come in, then that of the "network"."""
        stages, share = self._stages, step / self._iterations
        restored = [made.float() for made in modules["network"](batch.inputs, every_scale=True)]
        scaled: Callable[[Tensor], list[Tensor]] = self.modules["network"].pyramid  # type: ignore[assignment]
        targets = scaled(batch.targets)
        critic = modules["critic"]
        if share >= stages.critic:
            real, fake = critic(targets[-1]).float(), critic(restored[-1].detach()).float()
            yield "critic", critic_logistic(real, fake)
        loss = _l1(restored, targets)
        if stages.structure:
            structure = modules["network"](gradient_magnitude(batch.inputs), stream="structure", every_scale=True)
            loss = loss + _l1(structure, scaled(gradient_magnitude(batch.targets)))
        if share >= stages.features:
            loss = loss + stages.feature_weight * self._distance(restored, targets)
        if share >= stages.critic:
            loss = loss + stages.critic_weight * generator_logistic(critic(restored[-1]).float())
        yield "network", loss

    def _distance(self, restored: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Between the features, summed over the scales."""
        pairs = zip(restored, targets, strict=True)
        return torch.stack([perceptual(*compute_features(self._features, *pair)) for pair in pairs]).sum()


def _l1(made: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """L1, summed over the scales."""
    return torch.stack([F.l1_loss(a.float(), b) for a, b in zip(made, targets, strict=True)]).sum()
