"""One step: several optimizers, parts of a batch, averages, precisions, and what is mended on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts import raises_line
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from training.tiny_trainings import (
    LEARNT,
    Adversarial,
    BrokenError,
    Plain,
    assert_same,
    breaking_at,
    convolution,
    furthest,
    mean_error,
    restorer,
    same_weights,
    small,
    state_of,
    toy,
    train,
    weights,
)

from grids.training.config import LOSSES
from grids.training.datasets import Batch
from grids.training.systems.base import Modules, SupervisedSystem, adamw
from grids.training.trainer import OutOfTimeError


def test_the_course_of_the_learning_rates() -> None:
    system, config = Adversarial(), small(warm_up=0.3)
    found: list[float] = []

    def on_step(done: int) -> None:
        found.extend(system.made[name].param_groups[0]["lr"] for name in ("network", "critic"))

    train(system, toy, config, on_step=on_step)
    assert found == pytest.approx([share * config.rate(step) for step in range(12) for share in (1, 2)])


def test_a_critic_learns_first_and_both_move() -> None:
    system = Adversarial()
    train(system, toy, small(iterations=3))
    assert system.moved == [(step, name, (name,)) for step in range(3) for name in ("critic", "network")]


def test_an_optimizer_may_rest() -> None:
    system = Adversarial(rest=3)
    train(system, toy, small(iterations=7))
    assert [step for step, name, _ in system.moved if name == "network"] == [0, 3, 6]
    assert [step for step, name, _ in system.moved if name == "critic"] == list(range(7))


def test_a_critic_by_hand() -> None:
    """Three steps of the loop against the same steps written out."""
    config = small(iterations=3, clip=0.0, average=0.0)
    system, mine = Adversarial(), Adversarial()
    train(system, toy, config)
    network, critic = mine.modules["network"], mine.modules["critic"]
    optimizers = mine.optimizers(config)
    for step in range(3):
        batch = toy(step)
        optimizers["critic"].param_groups[0]["lr"] = 2 * config.rate(step)
        optimizers["network"].param_groups[0]["lr"] = config.rate(step)
        optimizers["critic"].zero_grad()
        restored = network(batch.inputs)
        (critic(restored.detach()).mean() - critic(batch.targets).mean()).backward()
        optimizers["critic"].step()
        optimizers["network"].zero_grad()
        ((restored - batch.targets).abs().mean() - 0.01 * critic(restored).mean()).backward()
        optimizers["network"].step()
    assert furthest(system.modules["network"], network) < 1e-6
    assert furthest(system.modules["critic"], critic) < 1e-6


@pytest.mark.parametrize("accumulate", [2, 3, 4, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_parts_of_a_batch_come_to_the_same(accumulate: int, loss: str) -> None:
    whole = train(restorer(loss), toy, LEARNT, checks=(12,), measure=mean_error)
    parts = train(restorer(loss), toy, replace(LEARNT, accumulate=accumulate), checks=(12,), measure=mean_error)
    assert furthest(parts.network, whole.network) < 1e-5
    assert parts.curve[0].loss == pytest.approx(whole.curve[0].loss, abs=1e-6, rel=1e-6)


def test_parts_of_a_batch_come_to_the_same_with_two_optimizers() -> None:
    systems = [Adversarial(), Adversarial()]
    for system, accumulate in zip(systems, (1, 4), strict=True):
        train(system, toy, replace(LEARNT, accumulate=accumulate))
    assert all(furthest(systems[0].modules[name], systems[1].modules[name]) < 1e-5 for name in ("network", "critic"))


def test_gradients_are_clipped() -> None:
    """Under plain gradient descent a step is as long as the rate times the norm of the gradient."""

    def lengths(clip: float, scale: float) -> list[float]:
        system, config = Plain(scale=scale), small(iterations=4, clip=clip)
        states = [weights(system)]
        train(system, toy, config, on_step=lambda _: states.append(weights(system)))
        return [float((b - a).norm()) / config.rate(step) for step, (a, b) in enumerate(pairwise(states))]

    assert lengths(0.5, 1000.0) == pytest.approx([0.5] * 4, rel=1e-3)
    assert min(lengths(0.0, 1000.0)) > 10
    assert lengths(1e6, 1.0) == pytest.approx(lengths(0.0, 1.0), rel=1e-3)


def test_the_average_of_the_weights() -> None:
    """Against the average worked out in float64; its memory grows at first."""
    system, states = restorer(), []
    measured: list[Tensor] = []

    def measure(network: nn.Module) -> dict[str, float]:
        measured.append(weights(SupervisedSystem(network)))
        return {}

    config = small(average=0.6)
    found = train(
        system, toy, config, checks=(4, 12), measure=measure, on_step=lambda _: states.append(weights(system))
    )
    average, expected = states[0], [states[0]]
    for done in range(1, 12):
        decay = min(0.6, (1 + done) / (10 + done))
        average = decay * average + (1 - decay) * states[done]
        expected.append(average)
    for value, step in ((measured[0], 4), (measured[1], 12), (weights(SupervisedSystem(found.network)), 12)):
        assert torch.allclose(value, expected[step - 1], atol=1e-6)
    assert float((expected[-1] - states[-1]).abs().max()) > 1e-4


def test_without_an_average_the_last_weights_are_kept() -> None:
    system = restorer()
    found = train(system, toy, small(average=0.0))
    assert same_weights(found.network, system.modules["network"])
    assert not found.network.training


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_losses_fall(loss: str, precision: str) -> None:
    config = small(iterations=60, learning_rate=0.02, loss=loss, precision=precision)
    found = train(restorer(loss), lambda step, retry: toy(0), config, checks=(5, 60), measure=mean_error)
    decibels = loss == "log-mse"
    assert found.curve[1].loss < (found.curve[0].loss - 5 if decibels else 0.7 * found.curve[0].loss)
    assert all(value.dtype == torch.float32 for value in found.network.state_dict().values())
    assert found.seconds > 0


def test_bf16_is_computed_in_bf16() -> None:
    exact, mixed = (train(restorer(), toy, small(precision=name)) for name in ("fp32", "bf16"))
    assert 0 < furthest(exact.network, mixed.network) < 0.01


def test_fp16_can_be_clipped() -> None:
    """Gradients that are scaled cannot be clipped for a fused optimizer."""
    found = [adamw(convolution(), small(precision=name)).defaults["fused"] for name in ("fp16", "fp32", "auto")]
    assert found == [None, True, True]


def test_fp16_needs_a_gpu() -> None:
    raises_line(lambda: train(restorer(), toy, small(precision="fp16")), "fp16 needs an NVIDIA GPU", "cpu")


class Poisoned:
    """Batches with a NaN at some steps, for the first tries; what was asked for is kept."""

    def __init__(self, *steps: int, tries: int = 1) -> None:
        self.steps, self.tries = steps, tries
        self.asked: list[tuple[int, int]] = []

    def __call__(self, step: int, retry: int) -> Batch:
        self.asked.append((step, retry))
        batch = toy(step, retry)
        if step in self.steps and retry < self.tries:
            batch.inputs[0, 0, 0, 0] = math.nan
        return batch


def test_after_a_nan_it_goes_on_from_before_with_other_crops() -> None:
    said: list[str] = []
    batches, system, again = Poisoned(13), restorer(), restorer()
    config = small(iterations=25)
    options: dict[str, Any] = {"checks": (5, 25), "measure": mean_error}
    found = train(system, batches, config, say=said.append, **options)
    assert found.rollbacks == 1
    assert said == ["the loss was not finite after 15 steps: going on from step 5 with other crops"]
    assert batches.asked == [(step, 0) for step in range(15)] + [(step, 1) for step in range(5, 25)]
    expected = train(again, lambda step, _: toy(step, int(step >= 5)), config, **options)
    assert_same((system, found), (again, expected))


@pytest.mark.parametrize("options", [{"every": 0.0}, {"checks": (9, 12), "measure": mean_error}, {}])
@pytest.mark.parametrize("step", [0, 7, 10, 11])
def test_a_nan_is_neither_measured_nor_kept(tmp_path: Path, step: int, options: dict[str, Any]) -> None:
    file = tmp_path / "c"
    found = train(restorer(), Poisoned(step), small(), checkpoint=file, **options)
    assert found.rollbacks == 1
    assert all(math.isfinite(point.loss + point.psnr["toy"]) for point in found.curve)
    for state in (found.network.state_dict(), *([state_of(file)["average"]] if file.exists() else [])):
        assert all(bool(torch.isfinite(value).all()) for value in state.values())


class Bursting(SupervisedSystem):
    """Its loss is finite and its gradient is not, at some steps of the first try."""

    def __init__(self, *steps: int) -> None:
        super().__init__(convolution())
        self.steps = list(steps)

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        [(name, loss)] = super().losses(modules, batch, step)
        if step in self.steps:
            self.steps.remove(step)
            weight = modules["network"].weight.flatten()[0]
            loss = loss + (weight - weight.detach()).sqrt()  # 0, with an infinite slope
        yield name, loss


@pytest.mark.parametrize("step", [0, 4, 9, 10, 11])
@pytest.mark.parametrize("options", [{"every_steps": 1}, {"every_steps": 5, "checks": (5, 12), "measure": mean_error}])
def test_weights_that_are_not_finite_are_neither_measured_nor_kept(
    tmp_path: Path, step: int, options: dict[str, Any]
) -> None:
    file, said = tmp_path / "c", []
    states: list[dict[str, Any]] = []
    keep = lambda _: states.append(state_of(file)) if file.exists() else None  # noqa: E731
    system = Bursting(step)
    found = train(system, toy, small(clip=0.0), checkpoint=file, say=said.append, on_step=keep, **options)
    assert (found.rollbacks, len(said), system.steps) == (1, 1, [])
    assert " was not finite after " in said[0]  # a weight, or the loss of a later step
    values = [value for state in states for value in state["modules"]["network"].values()]
    assert all(bool(torch.isfinite(value).all()) for value in (*values, *found.network.state_dict().values()))
    assert all(math.isfinite(point.psnr["toy"]) for point in found.curve)


def test_a_rollback_is_remembered(tmp_path: Path) -> None:
    """What goes on from a checkpoint goes on with the other crops."""
    with pytest.raises(BrokenError):
        train(restorer(), Poisoned(3), small(), checkpoint=tmp_path / "c", every_steps=1, on_step=breaking_at(8))
    assert state_of(tmp_path / "c")["retry"] == 1
    later = Poisoned(3)
    found = train(restorer(), later, small(), checkpoint=tmp_path / "c")
    assert later.asked == [(step, 1) for step in range(7, 12)]
    assert found.rollbacks == 1
    whole = train(restorer(), Poisoned(3), small(), checkpoint=tmp_path / "d", every_steps=1)
    assert same_weights(found.network, whole.network)


def test_nan_for_ever_is_an_error() -> None:
    said: list[str] = []
    call: Callable[[], Any] = lambda: train(restorer(), Poisoned(2, tries=99), small(), say=said.append)  # noqa: E731
    raises_line(call, "not finite", "smaller learning rate")
    assert len(said) == 5


def test_failures_are_counted_from_the_last_progress() -> None:
    """Nine of them in all, three in a row; the crops are others every time."""
    said: list[str] = []
    asked: list[tuple[int, int]] = []

    def batches(step: int, retry: int) -> Batch:
        asked.append((step, retry))
        return Poisoned(step, tries={2: 3, 6: 6, 9: 9}.get(step, 0))(step, retry)

    found = train(restorer(), batches, small(), checks=(1, 5, 8, 12), measure=mean_error, say=said.append)
    assert found.rollbacks == len(said) == 9
    assert len(set(asked)) == len(asked)


def test_parts_that_memory_asked_for_are_remembered(tmp_path: Path) -> None:
    """What goes on computes the same parts; going back to before memory ran out keeps them, too."""
    late: dict[str, Any] = {"checkpoint": tmp_path / "c", "deadline": 0.0}
    with pytest.raises(OutOfTimeError):
        train(Plain(most=2), toy, small(), **late)
    again, said = Plain(most=2), []
    train(again, toy, small(), checkpoint=tmp_path / "c", say=said.append)
    assert (set(again.sizes), said) == ({2}, [])
    poisoned = Plain(most=2)
    assert train(poisoned, Poisoned(3), small(), say=said.append).rollbacks == 1
    assert poisoned.sizes.count(4) == 1


def test_weights_that_leave_all_numbers_are_an_error() -> None:
    """The last step's gradient overflows, after its loss was finite."""
    config = small(iterations=1, clip=0.0, learning_rate=1.0, average=0.0)
    raises_line(lambda: train(Plain(scale=1e38), lambda *_: bright(), config), "not finite")


def bright() -> Batch:
    batch = toy(0)
    return Batch(10 * batch.inputs, batch.targets, batch.tasks)


def test_too_little_memory_is_mended() -> None:
    said: list[str] = []
    system, enough = Plain(most=1), Plain()
    found = train(system, toy, small(), say=said.append)
    assert said == [f"out of memory: every batch is computed in {parts} parts from now on" for parts in (2, 4)]
    assert set(system.sizes[-11 * 4 :]) == {1}
    assert furthest(found.network, train(enough, toy, small()).network) < 1e-6
    assert set(enough.sizes) == {4}


def test_memory_for_half_of_a_batch() -> None:
    system = Plain(most=2)
    train(system, toy, small(iterations=2))
    assert system.sizes == [4, 2, 2, 2, 2]


def test_memory_for_no_image_is_an_error() -> None:
    said: list[str] = []
    raises_line(lambda: train(Plain(most=0), toy, small(), say=said.append), "out of memory", "smaller crop or network")
    assert len(said) == 2


@pytest.mark.parametrize("where", ["batches", "measure", "average"])
def test_memory_that_runs_out_elsewhere(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("no memory")

    if where == "average":
        monkeypatch.setattr(AveragedModel, "update_parameters", full)
    options: dict[str, Any] = {"checks": (2,), "measure": full if where == "measure" else mean_error}
    batches = full if where == "batches" else toy
    raises_line(lambda: train(restorer(), batches, small(), **options), "out of memory", "smaller crop")
