"""What a run with trainings would train, and how long that would take."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import torch

from grids import devices
from grids.errors import GridsError, unknown_name
from grids.images import ReadOptions
from grids.pipeline.experiments import TrainingSettings, make_experiment
from grids.pipeline.inputs import Images, Tasks, TaskSources
from grids.pipeline.warm_start import check_system, start_steps
from grids.restoration.models import check_scale
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
    sources = choose_tasks(tasks, partition, only)
    check_scale(used.network)
    experiment = make_experiment(images, val, sources, used, reading)
    order = tuple(task.name for task in experiment.tasks)
    check_system(used, experiment)
    step, config = step_seconds(experiment, devices.resolve(device), order), used.config
    found = []
    if steps := start_steps(used, order):
        found.append(PlannedTraining(order, "what all others start from", step * steps))
    for group, repeat in list_bounds(order, used, partition):
        why = "upper bound" if len(group) == 1 else "the noise of a drop" if repeat else "mix-training"
        found.append(PlannedTraining(group, why, step * config.steps(len(group))))
    if partition is not None:
        given = list_given(partition)
        return found + [PlannedTraining(group, "given", step * config.steps(len(group))) for group in given]
    # of two tasks, the only group is the mix
    nothing = only == "upper-bounds" or len(order) <= 2
    count = 0 if nothing else round(find_method(method).estimate_answers(len(order)))
    found = [] if only == "search" else found
    each = step * config.steps(max(2, round(SIZE * len(order))))
    return found + [PlannedTraining((), "a group that the search asks for", each)] * count


def choose_tasks(tasks: Tasks, partition: Grouping | None, only: Part | None) -> TaskSources:
    """The tasks of a run: those that are named, or those of a partition.

    Args:
        tasks: names or sources; with a partition, no names or all of its degradations.
        partition: what is trained without a search; None for none.
        only: the part of the run that is wanted; None for all of it.

    Raises:
        GridsError: there is no such part, or of a partition only a part or other degradations are wanted.
    """
    if only is not None and only not in get_args(Part):
        raise unknown_name("part", only, get_args(Part))
    found = TaskSources.of(tasks)
    if partition is None:
        return found
    if only is not None or set(found.names or partition.degradations) != set(partition.degradations):
        raise GridsError("a partition is trained whole: with its own degradations, and not in part")
    return replace(found, names=partition.degradations)


def list_bounds(
    names: tuple[str, ...], settings: TrainingSettings, partition: Grouping | None
) -> list[tuple[tuple[str, ...], int]]:
    """List the trainings that come before any search: the upper bounds, and the one restorer for all tasks.

    Args:
        names: all tasks, in the order of the similarity matrix.
        settings: with `repeats` of 2 or more, the one for all is trained with a second seed, too: that tells the noise
            of all tasks at once.
        partition: what is trained without a search, and so without that repetition; None for a search.

    Returns:
        (tasks, number of the repetition) of each, single tasks first.
    """
    again = [(names, 1)] if settings.repeats > 1 and partition is None else []
    return [*(((name,), 0) for name in names), (names, 0), *again]


def list_given(partition: Grouping | None) -> list[tuple[str, ...]]:
    """List the groups of a partition that is trained without a search.

    Args:
        partition: None for a search.

    Returns:
        the groups of two tasks or more.
    """
    return [] if partition is None else [group for group in partition.partition if len(group) > 1]


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
