"""Trainings go on as if unbroken, are measured at their checks, and can be stopped and interrupted."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from training.tiny_trainings import (
    LEARNT,
    Adversarial,
    assert_same,
    broken_off,
    convolution,
    mean_error,
    restorer,
    small,
    state_of,
    toy,
    train,
)

from grids.networks import NAFNet
from grids.results import Point
from grids.training import checkpoint as checkpoint_files
from grids.training.config import TrainingConfig
from grids.training.systems.base import SupervisedSystem
from grids.training.trainer import OutOfTimeError


@pytest.mark.parametrize(
    "config",
    [
        LEARNT,
        replace(LEARNT, clip=0.0, average=0.0, weight_decay=0.1),
        replace(LEARNT, accumulate=3, loss="charbonnier"),
        replace(LEARNT, precision="bf16"),
    ],
    ids=["clipped and averaged", "neither", "accumulated", "bf16"],
)
def test_a_training_goes_on_as_if_unbroken(tmp_path: Path, config: TrainingConfig) -> None:
    options: dict[str, Any] = {"checks": (3, 8, 12), "measure": mean_error}
    system = restorer(config.loss)
    whole = (system, train(system, toy, config, **options))
    assert len(whole[1].curve) == 3
    found = broken_off(lambda: restorer(config.loss), config, (2, 7, 8, 11), tmp_path / "c", 3, **options)
    assert_same(found, whole)


@given(st.sets(st.integers(1, 11), max_size=4), st.integers(1, 5), st.sets(st.integers(1, 12), max_size=3))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_is_broken_off(tmp_path: Path, breaks: set[int], every: int, checks: set[int]) -> None:
    file = tmp_path / f"{sorted(breaks)}-{every}-{sorted(checks)}"
    options: dict[str, Any] = {"checks": sorted(checks), "measure": mean_error}
    system = restorer()
    whole = (system, train(system, toy, LEARNT, **options))
    assert_same(broken_off(restorer, LEARNT, sorted(breaks), file, every, **options), whole)


def test_a_real_network_goes_on_as_if_unbroken(tmp_path: Path) -> None:
    def make() -> SupervisedSystem:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return SupervisedSystem(NAFNet(4, (1,), 1, (1,)))

    system = make()
    whole = (system, train(system, toy, LEARNT))
    assert_same(broken_off(make, LEARNT, (5, 9), tmp_path / "c", 2), whole)


def test_one_step_at_a_time(tmp_path: Path) -> None:
    """A deadline that has passed lets one step be made, and kept; the last one needs no more time."""
    options: dict[str, Any] = {"checks": (6, 12), "measure": mean_error}
    late = {"deadline": 0.0, "checkpoint": tmp_path / "c", **options}
    for step in range(1, 12):
        with pytest.raises(OutOfTimeError, match=f"over after {step} of 12 steps"):
            train(restorer(), toy, LEARNT, **late)
    systems = [restorer(), restorer()]
    found, whole = train(systems[0], toy, LEARNT, **late), train(systems[1], toy, LEARNT, **options)
    assert_same((systems[0], found), (systems[1], whole))


def test_two_optimizers_go_on_as_if_unbroken(tmp_path: Path) -> None:
    config = replace(LEARNT, accumulate=2)
    system = Adversarial()
    whole = (system, train(system, toy, config, checks=(6,), measure=mean_error))
    found = broken_off(Adversarial, config, (1, 6, 10), tmp_path / "c", 2, checks=(6,), measure=mean_error)
    assert_same(found, whole)


def test_checkpoints_are_of_what_is_not_finished(tmp_path: Path) -> None:
    train(restorer(), toy, small(iterations=3), checkpoint=tmp_path / "c", every=math.inf)
    assert list(tmp_path.iterdir()) == []
    train(restorer(), toy, small(iterations=3), checkpoint=tmp_path / "c", every=0.0)
    assert list(tmp_path.iterdir()) == [tmp_path / "c"]  # the caller removes it
    assert state_of(tmp_path / "c")["step"] == 2


def test_seconds_are_of_all_processes(tmp_path: Path) -> None:
    with pytest.raises(OutOfTimeError):
        train(restorer(), toy, small(), checkpoint=tmp_path / "c", deadline=0.0)
    spent = state_of(tmp_path / "c")["seconds"]
    assert spent > 0
    assert train(restorer(), toy, small(), checkpoint=tmp_path / "c").seconds > spent


def test_losses_and_checks_are_of_the_right_steps() -> None:
    """A rate of next to nothing keeps the weights, so that every loss can be worked out."""
    network, seen = convolution(), []
    with torch.no_grad():
        each = [float((network(toy(step).inputs) - toy(step).targets).abs().mean()) for step in range(12)]
    found = train(
        restorer(),
        toy,
        small(learning_rate=1e-12),
        checks=(1, 5, 12),
        measure=lambda _: {"a": float(len(seen))},
        on_step=seen.append,
    )
    assert seen == list(range(1, 13))
    assert [(point.step, point.psnr["a"]) for point in found.curve] == [(1, 1), (5, 5), (12, 12)]
    expected = [each[0], sum(each[1:5]) / 4, sum(each[5:]) / 7]
    assert [point.loss for point in found.curve] == pytest.approx(expected, abs=1e-5)


def test_a_training_can_be_stopped() -> None:
    asked: list[int] = []

    def stop(point: Point) -> str:
        asked.append(point.step)
        return "enough" if point.step == 8 else ""

    found = train(restorer(), toy, small(), checks=(4, 8, 12), measure=mean_error, stop=stop)
    assert (found.stopped, asked, [point.step for point in found.curve]) == ("enough", [4, 8], [4, 8])


def test_that_a_training_was_stopped_is_not_in_its_checkpoint(tmp_path: Path) -> None:
    """Another time it may go on: the file of step 4 is the last one, even where there is no time left."""
    options: dict[str, Any] = {"checks": (4, 8), "measure": mean_error, "checkpoint": tmp_path / "c", "every_steps": 4}
    found = train(restorer(), toy, small(), stop=lambda point: "enough" * (point.step == 8), **options)
    assert found.stopped == "enough"
    assert (state_of(tmp_path / "c")["step"], state_of(tmp_path / "c")["stopped"]) == (4, "")
    again = train(restorer(), toy, small(), stop=lambda point: "enough", **options)
    assert (again.stopped, again.curve) == ("enough", found.curve)
    late = {**options, "deadline": 0.0, "checkpoint": tmp_path / "d", "checks": (1,)}
    assert train(restorer(), toy, small(), stop=lambda point: "enough", **late).stopped == "enough"
    whole = train(restorer(), toy, small(), checks=(4, 8), measure=mean_error)
    assert_same((restorer(), train(restorer(), toy, small(), **options)), (restorer(), whole))


def test_the_end_is_not_asked_about() -> None:
    found = train(restorer(), toy, small(), checks=(12,), measure=mean_error, stop=lambda point: "too late")
    assert found.stopped == ""


def test_checkpoints_take_little_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[float] = []

    def slow(path: Path, state: Any) -> Path:
        saved.append(time.monotonic())
        time.sleep(0.05)
        return path

    monkeypatch.setattr(checkpoint_files, "save", slow)
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "on_step": lambda _: time.sleep(0.01)}
    train(restorer(), toy, small(), every=0.001, **options)
    assert len(saved) == 1
    train(restorer(), toy, small(), every=0.0, **options)
    assert len(saved) == 12


@pytest.fixture
def ctrl_c() -> Iterator[Callable[..., None]]:
    """Presses Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda *_: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("when", ["last step", "last check", "check that stops"])
def test_ctrl_c_at_the_end_is_not_lost(when: str, ctrl_c: Callable[..., None]) -> None:
    def measure(network: nn.Module) -> dict[str, float]:
        if when != "last step":
            ctrl_c()
        return mean_error(network)

    options: dict[str, Any] = {"checks": (4,) if when == "check that stops" else (12,), "measure": measure}
    if when == "last step":
        options["on_step"] = lambda done: ctrl_c() if done == 12 else None
    found = train(restorer(), toy, small(), stop=lambda point: "enough", **options)
    assert found.interrupted
    assert not train(restorer(), toy, small()).interrupted
