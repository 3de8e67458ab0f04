"""Restorers with critics against the equations of their losses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from training.tiny_systems import TASKS, adversarial, batch, forked
from training.tiny_trainings import furthest, small, train

from grids.training.losses.adversarial import critic_wgan, generator_wgan
from grids.training.systems.adversarial import PENALTY, Terms, restoration_loss


def test_the_losses_of_a_restorer_with_critics() -> None:
    system, given = adversarial(Terms(features=0, critic_steps=2)), batch()
    names, values = zip(*system.losses(system.modules, given, 0), strict=True)
    assert names == ("critics", "critics", "network")
    restored = system.restore(system.modules, given)
    expected = 0.5 * F.l1_loss(restored, given.targets)
    for number, task in enumerate(TASKS):
        scores = system.modules[f"critic of {task}"](restored[given.tasks == number])
        expected = expected + 0.01 * 0.5 * generator_wgan(scores)
    assert torch.allclose(values[-1], expected, atol=1e-6)
    bare = sum(
        0.01 * 0.5 * critic_wgan(critic(given.targets[own]), critic(restored[own]))
        for number, task in enumerate(TASKS)
        for own, critic in [(given.tasks == number, system.modules[f"critic of {task}"])]
    )
    # what is left is the penalty, of which nothing is known but that it is there: other points are drawn each turn
    assert 0 < (values[0] - bare).item() < 0.01 * PENALTY * 10
    assert not torch.equal(values[0], values[1])


def test_a_task_that_is_not_in_a_batch_rests() -> None:
    system = adversarial()
    losses = list(system.losses(system.modules, batch(numbers=(1, 1)), 0))
    losses[0][1].backward()
    assert all(value.grad is None for value in system.modules["critic of rain"].parameters())
    assert any(value.grad is not None for value in system.modules["critic of haze"].parameters())


def test_features_and_context_are_added() -> None:
    given = batch()
    halved = nn.AvgPool2d(2)

    class Pooled(nn.Module):
        def forward(self, images: Tensor) -> list[Tensor]:
            return [halved(images)]

    plain = restoration_loss(given.inputs, given.targets, Pooled(), Terms(features=0, contextual=0))
    featured = restoration_loss(given.inputs, given.targets, Pooled(), Terms(features=2))
    assert float(featured - plain) == pytest.approx(2 * float(F.mse_loss(halved(given.inputs), halved(given.targets))))
    assert float(restoration_loss(given.inputs, given.targets, Pooled(), Terms(contextual=0.5))) > float(plain)


@pytest.mark.parametrize("numbers", [(0,), (1,)])
def test_batches_of_one_with_critics(numbers: tuple[int, ...]) -> None:
    trained = train(adversarial(), lambda step, retry: batch(step, numbers=numbers), small(batch=1, iterations=2))
    assert furthest(trained.network, forked()) > 0
