"""How restorers are trained, and from photographs and tasks to what they are trained with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grids.degradations import NAMES
from grids.errors import GridsError
from grids.images import ReadOptions
from grids.pipeline.inputs import Images, TaskSources, make_tasks, split_photographs
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.checkpoint import EVERY
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment
from grids.training.photographs import Photographs
from grids.training.recipes import Extras, get_recipe, resolve_config
from grids.training.samplers import check_counted, sampler
from grids.training.systems.makers import prepare_maker
from grids.training.tasks import Task
from grids.training.validation import COUNT, SIDE, Validation

SCRATCH = "scratch"
"""In place of a file to start from: random weights."""


@dataclass(frozen=True)
class TrainingSettings:
    """How restorers are trained and compared.

    Args:
        network: a preset of `grids.networks.TABLE`.
        config: the hyperparameters of every restorer.
        start: a file of weights that all start from, or "scratch" for weights drawn from the seed, as the paper does.
            None for what is usual: the weights that ship for the network, if there are any. Groups need them to be a
            restorer for all of their tasks; else they start from one that is trained first.
        repeats: seeds that a group is trained with at most, while it straddles delta or has very uncertain drops.
        early: stop a group that is clearly beyond delta half way.
        validation_side, validation_count: of the crops that are measured on, pixels and crops of each task.
        every: seconds between checkpoints.
        recipe: a recipe of `grids.training.recipes.TABLE`, as whose restorers are trained; None for one loss. It goes
            with a network and settings of its own: `by_recipe` takes them.
        vgg, trunk, topology: for the recipe, see `grids.training.recipes.Extras`; a topology is for a single restorer.

    Raises:
        GridsError: a value is out of range, or two give the same weights.
    """

    network: str = "unet"
    config: TrainingConfig = field(default_factory=TrainingConfig)
    start: str | Path | None = None
    repeats: int = 3
    early: bool = True
    validation_side: int = SIDE
    validation_count: int = COUNT
    every: float = EVERY
    recipe: str | None = None
    vgg: str | Path | None = None
    trunk: str | Path | None = None
    topology: str | None = None

    @classmethod
    def by_recipe(
        cls, recipe: str | None = None, budget: str = "quick", network: str | None = None, **changes: Any
    ) -> TrainingSettings:
        """The settings of a recipe and a budget, its network with them.

        Args:
            recipe: a recipe of `grids.training.recipes.TABLE`; None for one network and one loss.
            budget: "quick", "standard" or "paper".
            network: a preset; None for the recipe's small one, or, with "paper", the published one.
            changes: of these settings, and of `grids.training.config.TrainingConfig`.

        Raises:
            GridsError: a name or value is wrong.
        """
        own = {name: changes.pop(name) for name in set(changes) & set(cls.__dataclass_fields__)}
        chosen, config = resolve_config(recipe, budget, network, **changes)
        return cls(chosen, config, recipe=recipe, **own)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise GridsError(f"repeats must be at least 1, but is {self.repeats}")
        if self.start not in (None, SCRATCH) and self.trunk is not None:
            raise GridsError("`start` gives all weights, `trunk` those of the trunk: give one of the two")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks where none are given: the eleven, or those of the recipe."""
        return get_recipe(self.recipe).tasks

    def extras(self, say: Callable[[str], None]) -> Extras:
        """What is given to the recipe, as the recipe takes it.

        Args:
            say: is told what is used, such as where losses take their features from.

        Returns:
            The files and the topology of these settings; None in place of what is not given.
        """
        vgg, trunk = (None if file is None else Path(file) for file in (self.vgg, self.trunk))
        return Extras(vgg, trunk, self.topology, say)


@dataclass(frozen=True)
class RunControl:
    """Where a training runs, for how long, and what is told of it.

    Args:
        device: "auto", "cpu", "cuda" or "mps".
        time_budget: seconds, after which a training is broken off with a checkpoint; the same call goes on from there.
        callbacks: told of every training, such as a progress bar.
    """

    device: str = "auto"
    time_budget: float = math.inf
    callbacks: Callbacks = field(default_factory=NullCallbacks)


def make_experiment(
    images: Images,
    val: Images | None,
    sources: TaskSources,
    settings: TrainingSettings,
    reading: ReadOptions | None = None,
    *,
    single: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Experiment:
    """Tasks, photographs and validation crops, without a start.

    Args:
        images, val: photographs to learn from and to measure on, see `split_photographs`.
        sources: of the tasks.
        settings: of the trainings.
        reading: how photographs are read.
        single: one restorer is trained for all tasks, not one for each of several groups.
        say: is told what a system takes its features from, and where its decoders attach: for groups all in one place.

    Raises:
        GridsError: a name, value or file is wrong.
    """
    if settings.topology is not None and not single:
        raise GridsError("a topology is for a single restorer: the decoders of groups attach all in one place")
    tasks = make_tasks(sources, settings.tasks, settings.config.crop, reading)
    if len(tasks) < 2 and not single:
        raise GridsError("grouping needs at least two tasks")
    names = tuple(task.name for task in tasks) if single else ()
    maker = prepare_maker(settings.recipe, settings.network, names, settings.extras(say))
    return replace(experiment_of(tasks, images, val, settings, reading), maker=maker)


def experiment_of(
    tasks: Sequence[Task], images: Images, val: Images | None, settings: TrainingSettings, reading: ReadOptions | None
) -> Experiment:
    """Prepare trainings with one network and one loss: photographs are read, and validation crops fixed.

    Args:
        tasks: what restorers learn.
        images, val: photographs to learn from and to measure on, see `split_photographs`.
        settings: of the trainings.
        reading: how photographs are read.

    Returns:
        What trainings take; it has no start.

    Raises:
        GridsError: there are too few photographs, one is in both sets, or batches are too small for the sampler.
    """
    photographs, measured = split_photographs(images, val, settings.config.crop, reading)
    check_batches(settings.config, tasks, photographs, settings.recipe)
    validation = Validation(tasks, measured, settings.validation_side, settings.validation_count)
    return Experiment(tasks, photographs, validation, settings.network, settings.config)


def check_batches(
    config: TrainingConfig, tasks: Sequence[Task], photographs: Photographs, recipe: str | None = None
) -> None:
    """Check, before anything is trained, that the sampler can deal these tasks into batches.

    Args:
        config: the sampler, the size of a batch and the seed.
        tasks: what is trained.
        photographs: to learn from; the sampler may weigh tasks by their number.
        recipe: the paper's recipe, if any; what it counts may be among the tasks or not.

    Raises:
        GridsError: the sampler counts a task that is none, or batches are too small for it.
    """
    names = [task.name for task in tasks]
    check_counted(config.sampler, names if recipe is None else (*NAMES, *names))
    sampler(config.sampler, names, [task.size(photographs) for task in tasks])(0, config.batch, config.seed)
