"""The plan of a grouping that trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grids.errors import UnknownNameError
from grids.pipeline.dry_run import plan_training
from grids.pipeline.experiments import TrainingSettings
from grids.pipeline.warm_start import covering_start
from grids.training.config import TrainingConfig
from grids.training.pair_settings import PRISTINE

NAMES = ("gaussian_blur", "jpeg", "gaussian_noise")
SMALL = TrainingSettings(config=TrainingConfig(iterations=4, crop=16, batch=2), validation_side=32, validation_count=4)


def test_a_plan_says_what_comes_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    planned = plan_training(photos, SMALL, tasks=NAMES)
    assert [step.group for step in planned[:3]] == [(name,) for name in NAMES]
    assert sum(not step.group for step in planned) == 2 and planned[0].seconds > 0
    assert planned[3].seconds == pytest.approx(3 * planned[0].seconds)  # of three tasks
    alike = replace(SMALL, config=replace(SMALL.config, steps_per="model"))
    planned = plan_training(photos, alike, tasks=NAMES)
    assert planned[3].seconds == pytest.approx(planned[0].seconds)
    with pytest.raises(UnknownNameError, match="unknown part 'serch'; did you mean 'search'"):
        plan_training(photos, SMALL, tasks=NAMES, only="serch")  # type: ignore[arg-type]


def test_of_two_tasks_there_is_no_further_group(photos: Path) -> None:
    assert all(step.group for step in plan_training(photos, SMALL, tasks=NAMES[:2]))


def test_a_start_is_planned_where_none_ships_for_the_tasks(photos: Path) -> None:
    more = (*NAMES, "haze")
    planned = plan_training(photos, SMALL, tasks=more)
    assert planned[0].why == "what all others start from" and planned[0].group == more
    assert [step.group for step in planned[1:5]] == [(name,) for name in more]


def test_the_start_that_ships_is_for_its_own_tasks_network_and_data() -> None:
    found = covering_start(SMALL, NAMES)
    assert found is not None and found.name == "unet_mix.safetensors"
    assert covering_start(SMALL, (*NAMES, "haze")) is None
    pristine = replace(SMALL, config=replace(SMALL.config, data=PRISTINE))
    assert covering_start(pristine, NAMES) is None
    assert covering_start(replace(pristine, network="nafnet"), NAMES) is not None
    assert covering_start(replace(SMALL, network="nafnet"), NAMES) is None
    for changed in ({"network": "srresnet"}, {"start": "scratch"}, {"recipe": "liu-durbm"}):
        assert covering_start(replace(SMALL, **changed), NAMES) is None
