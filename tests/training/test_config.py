"""The settings: the course of the learning rate, what is refused, JSON, and the budgets."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from contracts import raises_line
from hypothesis import given
from hypothesis import strategies as st

from grids.errors import UnknownNameError
from grids.training.config import BUDGETS, VERSION, TrainingConfig
from grids.training.pair_settings import PRISTINE
from grids.training.recipes import get_recipe


def plain_config(budget: str, **changes: Any) -> TrainingConfig:
    return get_recipe(None).get_config(budget, **changes)


def test_the_rate_climbs_and_falls_on_half_a_cosine() -> None:
    config = TrainingConfig(iterations=100, learning_rate=1e-3, warm_up=0.1, final=0.01)
    rates = [config.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([1e-4 * (step + 1) for step in range(10)])  # a straight line
    assert rates[9] == rates[10] == pytest.approx(1e-3)
    assert rates[55] == pytest.approx(0.505e-3)  # half way down
    assert config.rate(100) == config.rate(1000) == pytest.approx(1e-5)
    drops = [a - b for a, b in pairwise(rates[10:])]
    assert drops == pytest.approx(drops[::-1], abs=2e-6)  # half a cosine falls alike from both ends


@given(
    st.integers(1, 400), st.floats(0, 1), st.floats(0, 1), st.floats(1e-8, 1.0, exclude_min=True), st.integers(0, 500)
)
def test_the_rate_stays_between_nothing_and_its_peak(
    iterations: int, warm_up: float, final: float, peak: float, step: int
) -> None:
    config = TrainingConfig(iterations=iterations, warm_up=warm_up, final=final, learning_rate=peak)
    assert 0 <= config.rate(step) <= peak * (1 + 1e-12)
    assert max(map(config.rate, range(iterations))) == pytest.approx(peak)


def test_a_training_of_one_step_learns() -> None:
    assert TrainingConfig(iterations=1).rate(0) == TrainingConfig().learning_rate


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"iterations": 0}, ("iterations must be at least 1", "is 0")),
        ({"batch": -2}, ("batch must be at least 1", "is -2")),
        ({"accumulate": 0}, ("accumulate must be at least 1", "is 0")),
        ({"crop": 8}, ("crop must be a multiple of 8 from 16 to 1024", "is 8")),
        ({"crop": 1032}, ("crop must be a multiple of 8 from 16 to 1024", "is 1032")),
        ({"crop": 20}, ("crop must be a multiple of 8", "is 20")),
        ({"learning_rate": 0.0}, ("learning rate must be more than 0 and at most 1", "is 0.0")),
        ({"learning_rate": 1.5}, ("learning rate", "is 1.5")),
        ({"learning_rate": math.nan}, ("learning rate", "is nan")),
        ({"final": -0.1}, ("final must be 0 to 1", "is -0.1")),
        ({"warm_up": 1.5}, ("warm_up must be 0 to 1", "is 1.5")),
        ({"warm_up": math.nan}, ("warm_up must be 0 to 1", "is nan")),
        ({"clip": -1.0}, ("clip must be a number, 0 or more", "is -1.0")),
        ({"clip": math.inf}, ("clip must be a number, 0 or more", "is inf")),
        ({"weight_decay": -0.1}, ("weight_decay must be a number, 0 or more", "is -0.1")),
        ({"average": 1.0}, ("average must be at least 0 and less than 1", "is 1.0")),
        ({"betas": (0.9, 1.0)}, ("betas must be at least 0 and less than 1", "is 1.0")),
        ({"seed": -1}, ("seed must be 0 to 2^63 - 1", "is -1")),
        ({"seed": 2**63}, ("seed must be 0 to 2^63 - 1", str(2**63))),
    ],
)
def test_bad_values_are_named(changes: dict[str, Any], fragments: tuple[str, ...]) -> None:
    raises_line(lambda: TrainingConfig(**changes), *fragments)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"loss": "charbonier"}, ("unknown loss 'charbonier'", "did you mean 'charbonnier'", "l1")),
        ({"precision": "fp64"}, ("unknown precision 'fp64'", "bf16", "fp32")),
    ],
)
def test_unknown_names_are_named(changes: dict[str, Any], fragments: tuple[str, ...]) -> None:
    raises_line(lambda: TrainingConfig(**changes), *fragments, kind=UnknownNameError)


def test_the_extremes_are_allowed() -> None:
    for extremes in (
        {"iterations": 1, "batch": 1, "accumulate": 1, "crop": 16, "learning_rate": 1.0, "seed": 2**63 - 1},
        {"crop": 1024, "final": 0.0, "warm_up": 0.0, "weight_decay": 0.0, "clip": 0.0, "average": 0.0},
    ):
        assert extremes.items() <= TrainingConfig(**extremes).to_json().items()


@pytest.mark.parametrize(
    "config", [*BUDGETS.values(), TrainingConfig(betas=(0.5, 0.9), loss="charbonnier", seed=2**63 - 1)]
)
def test_json_brings_it_back(config: TrainingConfig) -> None:
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"version": VERSION + 1}, (f"version {VERSION + 1}", f"version {VERSION}")),
        ({"version": None}, ("version None",)),
        ({"betas": None}, ("wrong form",)),
        ({"iterations": "many"}, ("wrong form",)),
        ({"momentum": 0.9}, ("wrong form", "momentum")),
        ({"betas": [0.9]}, ("betas must be two numbers",)),
        ({"crop": 8}, ("crop", "8")),
    ],
)
def test_foreign_json_is_refused(changes: dict[str, Any], fragments: tuple[str, ...]) -> None:
    raises_line(lambda: TrainingConfig.from_json(TrainingConfig().to_json() | changes), *fragments)


def test_json_without_a_part_is_refused() -> None:
    data = TrainingConfig().to_json()
    del data["betas"]
    raises_line(lambda: TrainingConfig.from_json(data), "wrong form", "betas")


def test_budgets_are_the_plain_settings() -> None:
    assert plain_config("quick") == TrainingConfig(learning_rate=5e-5, loss="log-mse")
    changed = plain_config("standard", iterations=7, seed=None)
    assert (changed.iterations, changed.crop, changed.seed) == (7, 96, 0)
    paper = plain_config("paper")
    assert (paper.iterations, paper.crop, paper.batch, paper.learning_rate) == (600_000, 256, 8, 2e-4)
    raises_line(lambda: plain_config("quik"), "unknown budget 'quik'", "did you mean 'quick'", kind=UnknownNameError)
    raises_line(lambda: plain_config("quick", batch=0), "batch")


def test_the_constant_schedule_falls_in_a_further_tenth() -> None:
    config = TrainingConfig(iterations=1100, learning_rate=1e-3, warm_up=0, final=0, schedule="constant")
    assert {config.rate(step) for step in range(1000)} == {1e-3}
    assert config.rate(1050) == pytest.approx(5e-4) and config.rate(1100) == 0


def test_steps_are_counted_for_each_task_or_for_the_model() -> None:
    config = TrainingConfig(iterations=7)
    assert [config.steps(tasks) for tasks in (1, 3)] == [7, 21]
    assert config.of_model(3, seed=4) == replace(config, iterations=21, steps_per="model", seed=4)
    assert config.of_model(3, 4).steps(3) == replace(config, steps_per="model").steps(3) * 3 == 21
    assert plain_config("paper").steps(11) == 600_000
    old = TrainingConfig(steps_per="model").to_json()
    assert "steps_per" not in old  # as runs of 0.1.0 wrote it, so that they have the same keys
    assert TrainingConfig.from_json(old) == TrainingConfig(steps_per="model")
    assert TrainingConfig.from_json(TrainingConfig().to_json()) == TrainingConfig()
    raises_line(lambda: TrainingConfig(steps_per="modell"), "did you mean 'model'", kind=UnknownNameError)


def test_the_linear_schedule_falls_after_half_of_the_steps() -> None:
    config = TrainingConfig(iterations=100, learning_rate=1e-4, warm_up=0, final=1e-3, schedule="linear")
    rates = [config.rate(step) for step in range(100)]
    assert rates[:51] == pytest.approx([1e-4] * 51)
    assert config.rate(75) == pytest.approx((1e-4 + 1e-7) / 2)
    assert config.rate(100) == config.rate(200) == pytest.approx(1e-7)  # Martyniuk's last rate
    raises_line(lambda: TrainingConfig(schedule="step"), "'step'", kind=UnknownNameError)
    raises_line(lambda: TrainingConfig(sampler="mixd"), "'mixd'", kind=UnknownNameError)


def test_settings_and_recipes_need_no_torch() -> None:
    names = [f"grids.training.{name}" for name in ("config", "pair_settings", "samplers", "callbacks", "recipes")]
    code = f"import sys, {', '.join(names)}; print([name for name in ('torch', 'scipy') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_settings_from_before_there_were_coarse_noise_and_soft_crops_have_equal_json() -> None:
    assert {"coarse", "soft"}.isdisjoint(TrainingConfig(data=PRISTINE).to_json()["data"])
    assert {"coarse", "soft"} <= set(TrainingConfig().to_json()["data"])
