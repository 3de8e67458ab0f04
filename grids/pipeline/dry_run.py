"""What a run with trainings would train, and how long that would take."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from grids import devices
from grids.images import MAX_PIXELS, Skipped
from grids.pipeline.experiments import MIX, TrainingSettings, bounds, make_experiment
from grids.pipeline.similarity import Images, Plugin
from grids.pipeline.warm_start import LONGER, check_system, shipped_start
from grids.results import Grouping
from grids.search import find_method
from grids.training.callbacks import NullCallbacks
from grids.training.experiment import Experiment
from grids.training.trainer import train

TIMED = 5
"""Steps that are timed."""
SIZE = 0.3
"""Share of the tasks that a group which a search asks for holds, about (166 groups of our study)."""


class PlannedTraining(NamedTuple):
    """A training: its group (empty where the search will tell), what it is for, and about how many seconds it takes."""

    group: tuple[str, ...]
    why: str
    seconds: float


def plan_training(
    images: Images = None,
    settings: TrainingSettings | None = None,
    *,
    val: Images | None = None,
    degradations: Sequence[str] | None = None,
    functions: Mapping[str, Plugin] | None = None,
    pairs: Mapping[str, str] | None = None,
    method: str = "exact",
    partition: Grouping | None = None,
    only: str | None = None,
    device: str = "auto",
    max_pixels: int = MAX_PIXELS,
    on_skip: Callable[[Skipped], None] | None = None,
) -> list[PlannedTraining]:
    """What `train_groups` would train and how long it would take; some steps are timed, and nothing is written.

    Which groups a search asks for hangs on the answers: their number is what simulations lead to expect.
    """
    used = settings or TrainingSettings()
    names = degradations if degradations is not None or partition is None else partition.degradations
    experiment = make_experiment(images, val, names, functions, pairs, used, max_pixels, on_skip)
    order = tuple(task.name for task in experiment.tasks)
    check_system(used, experiment)
    step, config = step_seconds(experiment, devices.resolve(device), order), used.config
    found = []
    if used.start == MIX:
        longer = 1 if shipped_start(used.network) else LONGER
        found.append(PlannedTraining(order, "what all others start from", step * longer * config.steps(len(order))))
    for group, repeat in bounds(order, used, partition):
        why = "upper bound" if len(group) == 1 else "the noise of a drop" if repeat else "mix-training"
        found.append(PlannedTraining(group, why, step * config.steps(len(group))))
    if partition is not None:
        given = [group for group in partition.partition if len(group) > 1]
        return found + [PlannedTraining(group, "given", step * config.steps(len(group))) for group in given]
    count = 0 if only == "upper-bounds" else round(find_method(method).estimate_answers(len(order)))
    found = [] if only == "search" else found
    each = step * config.steps(max(2, round(SIZE * len(order))))
    return found + [PlannedTraining((), "a group that the search asks for", each)] * count


def step_seconds(experiment: Experiment, device: torch.device, names: tuple[str, ...]) -> float:
    """The time of a training step of a restorer of these tasks, the median of a few."""
    times: list[float] = []

    class Clock(NullCallbacks):
        def step(self, done: int) -> None:
            times.append(time.monotonic())

    config = replace(experiment.config, iterations=TIMED + 2)
    batches = experiment.make_batches([experiment.task(name) for name in names], config.seed, device)
    trained = train(experiment.make_system(names, 0), batches, config, device=device, callbacks=Clock())
    if trained.interrupted:
        raise KeyboardInterrupt
    steps = sorted(b - a for a, b in itertools.pairwise(times))
    return steps[len(steps) // 2]
