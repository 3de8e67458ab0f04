"""Systems of one network: each task's head, gradients of what is shared, and going on as if unbroken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from training.tiny_systems import TASKS, TINY_FACE, Forked, Same, adversarial, batch, forked
from training.tiny_trainings import same_weights, small, train

from grids.errors import UnknownNameError
from grids.networks import ShenFace
from grids.networks.discriminators import PatchCritic
from grids.restoration.models import initialize, load_start
from grids.training.datasets import Batch
from grids.training.systems.base import SupervisedSystem, System
from grids.training.systems.faces import FaceDeblurring, Stages


def test_each_input_goes_through_its_tasks_head() -> None:
    network, given = forked(), batch()
    made = SupervisedSystem(network, "l1", TASKS).restore({"network": network}, given)
    for row, number in enumerate(given.tasks.tolist()):
        expected = network(given.inputs[row : row + 1], TASKS[number])[0]
        assert torch.allclose(made[row], expected, atol=1e-6)


def test_what_is_shared_gets_the_sum_of_the_tasks_gradients() -> None:
    network, given = forked(), batch()
    ((_, loss),) = SupervisedSystem(network, "l1", TASKS).losses({"network": network}, given, 0)
    (found,) = torch.autograd.grad(loss, network.shared.weight)
    parts = []
    for number, task in enumerate(TASKS):
        own = given.tasks == number
        one = F.l1_loss(network(given.inputs[own], task), given.targets[own]) * own.float().mean()
        parts.append(torch.autograd.grad(one, network.shared.weight)[0])
    assert torch.allclose(found, parts[0] + parts[1], atol=1e-6)


def test_a_part_of_the_tasks_starts_from_all_of_them() -> None:
    whole = forked()
    part = load_start(Forked(("rain",)), whole.state_dict())
    assert torch.equal(part.state_dict()["decoders.rain.weight"], whole.state_dict()["decoders.rain.weight"])
    assert same_weights(load_start(forked(), whole.state_dict()), whole)


@pytest.mark.parametrize(
    ("which", "precision"), [("critics", "fp32"), ("critics", "bf16"), ("faces", "fp32"), ("dropout", "fp32")]
)
def test_systems_go_on_as_if_there_had_been_no_break(tmp_path: Path, precision: str, which: str) -> None:
    """Critics and their optimizers are in the checkpoint; what dropout draws hangs on the step."""
    config = small(iterations=8, precision=precision)

    def system() -> System:
        if which == "critics":
            return adversarial()
        if which == "dropout":
            return SupervisedSystem(
                initialize("martyniuk-resnet-small", 0, 1, TASKS, {"width": 4, "blocks": 1}), "l1", TASKS
            )
        stages = Stages(features=0.25, critic=0.5)
        return FaceDeblurring(ShenFace.from_state(TINY_FACE), config, lambda: PatchCritic(4), Same(), stages)

    def batches(step: int, retry: int) -> Batch:
        return batch(step)

    class BreakError(Exception):
        pass

    def stop(done: int) -> None:
        if done == 6:
            raise BreakError

    whole = train(system(), batches, config)
    file = tmp_path / "x.ckpt"
    with pytest.raises(BreakError):
        train(system(), batches, config, checkpoint=file, every_steps=5, on_step=stop)
    again = train(system(), batches, config, checkpoint=file)
    assert same_weights(again.network, whole.network)


def test_an_unknown_loss() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'l2'; did you mean 'l1'"):
        SupervisedSystem(Same(), "l2")
