"""What a run with trainings would train, and how long that would take."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Literal, NamedTuple

import torch

from grids import devices
from grids.errors import GridsError
from grids.images import ReadOptions
from grids.pipeline.experiments import TrainingSettings, make_experiment
from grids.pipeline.inputs import Images, Tasks, TaskSources
from grids.pipeline.warm_start import LONGER, bounds, check_system, shipped_start
from grids.results import Grouping
from grids.search import find_method
from grids.training.callbacks import NullCallbacks
from grids.training.experiment import Experiment
from grids.training.trainer import train

Part = Literal["upper-bounds", "search"]
"""Of a run: the single-task restorers and the one for all, or what comes after them."""
TIMED = 5
"""Steps that are timed."""
SIZE = 0.3
"""Share of the tasks that a group which a search asks for holds, about (166 groups of our study)."""


class PlannedTraining(NamedTuple):
    """A training that a run would make.

    Args:
        group: the tasks; empty where only the search will tell which they are.
        why: what it is for, in words.
        seconds: about how long it takes on this machine.
    """

    group: tuple[str, ...]
    why: str
    seconds: float


def plan_training(
    images: Images = None,
    settings: TrainingSettings | None = None,
    *,
    val: Images | None = None,
    tasks: Tasks = None,
    method: str = "exact",
    partition: Grouping | None = None,
    only: Part | None = None,
    device: str = "auto",
    reading: ReadOptions | None = None,
) -> list[PlannedTraining]:
    """List what `train_groups` would train, with the time of each training. Nothing is written.

    A few steps are trained on all tasks and timed. Which groups a search asks for depends on the answers: how many they
    are is what simulations lead to expect. Trainings that a run folder holds already are counted, too.

    Args:
        images, settings, val, tasks, partition, only: as for `train_groups`.
        method: of the search: "exact", "paper" or "agglomerative".
        device: "auto", "cpu", "cuda" or "mps".
        reading: how photographs are read.

    Returns:
        The trainings in their order: what all others start from, upper bounds, and the groups.

    Raises:
        GridsError: a name, value or file is wrong; the message names it.
    """
    used = settings or TrainingSettings()
    experiment = make_experiment(images, val, tasks_of(partition, tasks), used, reading)
    order = tuple(task.name for task in experiment.tasks)
    check_system(used, experiment)
    step, config = step_seconds(experiment, devices.resolve(device), order), used.config
    found = []
    if used.start is None:
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


def tasks_of(partition: Grouping | None, tasks: Tasks) -> TaskSources:
    """The tasks of a run: those that are named, or those of a partition.

    Args:
        partition: what is trained without a search; None for none.
        tasks: names or sources; with a partition, no names or all of its degradations.

    Raises:
        GridsError: other degradations are named than those of the partition.
    """
    found = TaskSources.of(tasks)
    if partition is None:
        return found
    if set(found.names or partition.degradations) != set(partition.degradations):
        raise GridsError("a partition is trained whole: with its own degradations, and not in part")
    return replace(found, names=partition.degradations)


def step_seconds(experiment: Experiment, device: torch.device, names: tuple[str, ...]) -> float:
    """Measure the time of a training step, by some steps that are thrown away.

    Args:
        experiment: what is trained with; its settings are not changed.
        device: where.
        names: the tasks of the restorer.

    Returns:
        The median of a few steps, seconds; the first step, which takes longer, is left out.

    Raises:
        GridsError: losses are not finite, or the batch is too large for the memory.
        KeyboardInterrupt: Ctrl-C meanwhile.
    """
    times: list[float] = []

    class Clock(NullCallbacks):
        def step(self, done: int) -> None:
            times.append(time.monotonic())

    config = replace(experiment.config, iterations=TIMED + 2)
    batches = experiment.make_batches(names, config.seed, device)
    trained = train(experiment.make_system(names, 0), batches, config, device=device, callbacks=Clock())
    if trained.interrupted:
        raise trained.interrupted
    steps = sorted(b - a for a, b in itertools.pairwise(times))
    return steps[len(steps) // 2]
