"""The options of commands that train, as two records: what is trained, and how long, where and with what log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.commands import options, values
from grids.commands.options import declared, shared
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.pipeline.experiments import RunControl, TrainingSettings
    from grids.pipeline.inputs import TaskSources
    from grids.training.callbacks import Callbacks

QUICK = "quick"
DATA, TRAINING = "Data", "Training"


def _seconds(context: click.Context, option: click.Parameter, value: str | None) -> float:
    return values.seconds_of(value) if value else math.inf


@dataclass(frozen=True)
class SourceOptions:
    """What restorers learn from and are measured on, beside IMAGES.

    Args:
        functions: degradations of the user's own, "FILE.py:FUNCTION" by name.
        pairs: tasks from two folders, "INPUTS:TARGETS" by name.
        val: photographs to measure on.
    """

    functions: dict[str, str] = shared(options.plugins("A function of your own, as one more task."))
    pairs: dict[str, str] = shared(options.pairs("One more task, from two folders of images."))
    val: tuple[str, ...] = shared(options.val)

    def of(self, names: tuple[str, ...] | None) -> TaskSources:
        """The tasks as the pipeline takes them.

        Args:
            names: of the tasks; None for what is usual, and all functions and pairs.
        """
        from grids.pipeline.inputs import TaskSources

        return TaskSources(names, self.functions, self.pairs)


@dataclass(frozen=True)
class TrainingOptions:
    """What `grids train` and `grids group` train, and how. None stands for what the budget or the recipe says.

    Args:
        network: a preset of `grids.networks.TABLE`.
        recipe: a recipe of `grids.training.recipes.TABLE`; None for one network and one loss.
        sampler: such as "mixed:jpeg=2".
        vgg: VGG-19 weights, for the losses of a recipe; None for the descriptor's features.
        trunk: ImageNet weights for the trunk of a recipe's network; None for random ones.
        data: "photographs", "camera" or "pristine".
        budget: "quick", "standard" or "paper".
        iterations: steps for each task; for each model with `steps_per_model`.
        steps_per_model: count steps for each model, not for each task.
        crop: side, pixels.
        batch: crops in a step.
        learning_rate: at its peak.
        precision: "auto", "fp32", "bf16" or "fp16".
        start: a file of weights to start from.
        from_scratch: start from random weights.
    """

    network: str | None = declared(help="See `grids networks`.  [default: unet, or the recipe's]")
    recipe: str | None = declared(metavar="NAME", help="Train as in a paper; see `grids recipes`.")
    sampler: str | None = declared(help="mixed, each, turns, cycles, temperature; e.g. mixed:jpeg=2.  [default: mixed]")
    vgg: Path | None = declared(type=Path, metavar="FILE", help="VGG-19 weights, for the feature losses of the recipe.")
    trunk: Path | None = declared(type=Path, metavar="FILE", help="ImageNet weights for the trunk of the network.")
    data: str | None = declared(help="photographs, camera or pristine (see above).  [default: photographs]")
    budget: str | None = declared(help="quick, standard or paper.  [default: standard; quick for groups and recipes]")
    iterations: int | None = declared(type=int, help="Steps per task (or per model).  [default: by budget]")
    steps_per_model: bool = declared(is_flag=True, help="Count steps per model, not per task.")
    crop: int | None = declared(type=int, help="Side of the crops, pixels.  [default: by budget]")
    batch: int | None = declared(type=int, help="Crops per step.  [default: by budget]")
    learning_rate: float | None = declared(type=float, help="Peak learning rate.  [default: by budget]")
    precision: str | None = shared(options.precision)
    start: str | None = declared(metavar="FILE", help="Initial weights.")
    from_scratch: bool = declared(is_flag=True, help="Start from random weights, as the papers do.")

    def first_weights(self) -> str | None:
        """What training starts from, as the pipeline takes it.

        Returns:
            The file of --start, or "scratch"; None where neither is given.

        Raises:
            GridsError: both are given.
        """
        from grids.pipeline.experiments import SCRATCH

        if self.from_scratch and self.start:
            raise GridsError("--from-scratch and --start exclude each other")
        return SCRATCH if self.from_scratch else self.start

    def resolve(self, seed: int, usual: str = QUICK, loss: str | None = None, **more: Any) -> TrainingSettings:
        """The same as the pipeline takes it.

        Args:
            seed: of what is drawn.
            usual: the budget where neither it nor a recipe is given.
            loss: instead of the budget's; None for that.
            more: further settings, by the names of `TrainingSettings`.

        Raises:
            GridsError: a name or value is wrong, two options contradict each other, or a loss is given with a recipe
                that has losses of its own.
        """
        from grids.pipeline.experiments import TrainingSettings
        from grids.training.pair_settings import pair_settings
        from grids.training.recipes import get_recipe, resolve_config

        if self.recipe is not None and loss is not None and "vgg" in get_recipe(self.recipe).takes:
            raise GridsError(f"the recipe '{self.recipe}' has losses of its own: --loss is not for it")
        changes = values.given(
            iterations=self.iterations,
            steps_per="model" if self.steps_per_model else None,
            crop=self.crop,
            batch=self.batch,
            precision=self.precision,
            learning_rate=self.learning_rate,
            sampler=self.sampler,
            loss=loss,
            data=None if self.data is None else pair_settings(self.data),
        )
        budget = self.budget or (usual if self.recipe is None else QUICK)
        network, config = resolve_config(self.recipe, budget, self.network, seed=seed, **changes)
        more |= {"start": self.first_weights(), "vgg": self.vgg, "trunk": self.trunk}
        return TrainingSettings(network, config, recipe=self.recipe, **more)


@dataclass(frozen=True)
class RunOptions:
    """How a training runs.

    Args:
        time_budget: seconds; infinite where the option is not given.
        log: a CSV file for step, loss and speed; None for none.
        device: "auto", "cpu", "cuda" or "mps".
    """

    time_budget: float = declared(
        metavar="TIME", callback=_seconds, help="Stop after e.g. 90s, 20m or 2h; the same command resumes later."
    )
    log: Path | None = declared(type=Path, metavar="FILE.csv", help="Write step, loss and speed every ten seconds.")
    device: str = shared(options.device)

    def control(self, callbacks: Callbacks) -> RunControl:
        """The same as the pipeline takes it.

        Args:
            callbacks: told of every training, such as a progress bar.
        """
        from grids.pipeline.experiments import RunControl

        return RunControl(self.device, self.time_budget, callbacks)
