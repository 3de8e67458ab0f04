"""What was trained for a grouping, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from grids.errors import GridsError
from grids.results.record import Record, encode

ALL = "all"
"""In place of names: all tasks."""
SETTLED = 0.1
"""dB: a training whose last doubling of the steps gained less had settled."""


class Point(NamedTuple):
    """A point of a learning curve: what was measured at one moment of a training.

    Args:
        step: how many steps were done.
        loss: the mean loss of the steps since the point before.
        psnr: PSNR on the validation crops by task, dB.
    """

    step: int
    loss: float
    psnr: Mapping[str, float]


@dataclass(frozen=True)
class TrainingRun:
    """One training.

    Args:
        group: the tasks that it was trained for.
        repeat: 0, or the number of the repetition with another seed.
        curve: what was measured on the validation crops on the way; the last point is the result.
        seconds: spent training.
        stopped: why it was ended early; empty if it was not.
        file: of the weights, relative to the run folder.
        saved: PSNR by task at its end, dB, of inputs that were saved as JPEG of quality 90; empty if not measured.

    Raises:
        GridsError: it has no tasks or no curve, or a point of the curve is before the first step or not of its tasks.
    """

    needed: ClassVar[tuple[str, ...]] = ("stopped", "file")

    group: tuple[str, ...]
    repeat: int
    curve: tuple[Point, ...]
    seconds: float
    stopped: str = ""
    file: str = ""
    saved: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.group or not self.curve:
            raise GridsError(f"a training without its {'curve' if self.group else 'tasks'}")
        if any(point.step < 1 or point.psnr.keys() != set(self.group) for point in self.curve):
            raise GridsError(f"the curve of a training must be of {'+'.join(self.group)}, after one step or more")

    @property
    def psnr(self) -> Mapping[str, float]:
        """How good the restorer is when its training ends.

        Returns:
            PSNR on the validation crops by task, dB: that of the last point of the curve.
        """
        return self.curve[-1].psnr

    def late_gain(self) -> dict[str, float]:
        """What each task gained over the last doubling of the steps: little where a training had settled.

        It is the PSNR at the last point less that at the first point between 45 and 55 % of its steps.

        Returns:
            dB by task; empty where there is no point half way.
        """
        near = [point for point in self.curve[:-1] if 0.45 <= point.step / self.curve[-1].step <= 0.55]
        return {task: end - near[0].psnr[task] for task, end in self.psnr.items()} if near else {}


@dataclass(frozen=True)
class TrainingReport(Record):
    """The restorers behind a grouping, measured on fixed validation crops: RGB PSNR in dB, 8 bit, no border cut.

    Args:
        network: its preset.
        start: what all restorers started from, in words.
        settings: recipe, data and key of the trainings.
        inputs: PSNR of the degraded crops themselves, by task.
        runs: all trainings.
        groups: the partition that was found; empty before there is one.
        drops: what each task loses in its group, dB: means over seeds where a group was trained with several.
        noise: standard deviation of a restorer's PSNR over seeds, by task, dB.
        start_seconds: spent training what all started from; it is not among the runs.
        inputs_saved: PSNR of the degraded crops saved as JPEG of quality 90, by task; empty if not measured.
    """

    file_name: ClassVar[str] = "training.json"
    what: ClassVar[str] = "a record of trainings"
    needed: ClassVar[tuple[str, ...]] = ("groups", "noise", "drops", "start_seconds")

    network: str
    start: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, float]
    runs: tuple[TrainingRun, ...]
    groups: tuple[tuple[str, ...], ...] = ()
    noise: Mapping[str, float] = field(default_factory=dict)
    drops: Mapping[str, float] = field(default_factory=dict)
    start_seconds: float = 0.0
    inputs_saved: Mapping[str, float] = field(default_factory=dict)

    @property
    def steps_per(self) -> str:
        """What the number of steps in the settings is counted for.

        Returns:
            "task": a group of k tasks is trained for k times as many. "model": every restorer for so many; this is also
            what records without that setting mean.
        """
        return str(self.settings.get("steps_per", "model"))

    def share(self, run: TrainingRun, step: int) -> float:
        """How far a training was at some step, as a share of the steps that were planned.

        Args:
            run: one of `runs`.
            step: how many of its steps were done.

        Returns:
            0 to 1; 1 for the last step of a training that was not ended early. Where the settings do not say how many
            steps were planned, the last point of the curve counts as 1.
        """
        steps = self.settings.get("iterations")
        if not isinstance(steps, int) or steps < 1:
            return step / run.curve[-1].step
        return step / (steps * (len(run.group) if self.steps_per == "task" else 1))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks.

        Returns:
            In the order of `inputs`, which is that of the similarity matrix.
        """
        return tuple(self.inputs)

    @property
    def seconds(self) -> float:
        """The time spent training, all runs and what they started from together.

        Returns:
            Seconds: a sum over trainings, so that those that ran side by side count in full.
        """
        return self.start_seconds + sum(run.seconds for run in self.runs)

    def run(self, group: tuple[str, ...], repeat: int = 0) -> TrainingRun | None:
        """Find the training of a group.

        Args:
            group: its tasks, in any order.
            repeat: 0, or the number of the repetition with another seed.

        Returns:
            The training, or None if there was none.
        """
        wanted = frozenset(group)
        return next((run for run in self.runs if frozenset(run.group) == wanted and run.repeat == repeat), None)

    @property
    def upper_bounds(self) -> dict[str, float]:
        """How good each task can be: PSNR by its single-task restorer, against which drops are measured.

        Returns:
            dB by task, in the order of the tasks, of the first seed; tasks without such a training are left out.
        """
        runs = {task: self.run((task,)) for task in self.tasks}
        return {task: run.psnr[task] for task, run in runs.items() if run is not None}

    @property
    def mix(self) -> Mapping[str, float]:
        """How good each task is with the one restorer for all tasks.

        Returns:
            PSNR by task, dB, of the first seed; empty where that restorer is not trained.
        """
        run = self.run(self.tasks)
        return {} if run is None else run.psnr

    @property
    def grouped(self) -> dict[str, float]:
        """How good each task is with the restorer of its group.

        Returns:
            PSNR by task, dB, in the order of the tasks, of the first seed; tasks whose group is not trained, or that
            are in no group yet, are left out.
        """
        found: dict[str, float] = {}
        for group in self.groups:
            run = self.run(group)
            if run is not None:
                found |= {task: run.psnr[task] for task in group}
        return {task: found[task] for task in self.tasks if task in found}

    @property
    def drops_saved(self) -> dict[str, float]:
        """What each task loses in its group where inputs were saved as JPEG of quality 90.

        Returns:
            dB by task, in the order of the tasks; negative where the group gains. Means over the seeds that both the
            group and the single-task restorer were trained with, compared seed by seed, as `drops` are; tasks for which
            that was not measured are left out.
        """
        found: dict[str, float] = {}
        for group in self.groups:
            ours = {run.repeat: run.saved for run in self.runs if frozenset(run.group) == frozenset(group)}
            for task in group:
                alone = {run.repeat: run.saved for run in self.runs if run.group == (task,)}
                both = [seed for seed in ours if task in ours[seed] and task in alone.get(seed, {})]
                if both:
                    found[task] = sum(alone[seed][task] - ours[seed][task] for seed in both) / len(both)
        return {task: found[task] for task in self.tasks if task in found}

    @property
    def settled(self) -> dict[str, float]:
        """What each single-task restorer gained over its last doubling of the steps; see `TrainingRun.late_gain`.

        Returns:
            dB by task; less than `SETTLED` (0.1 dB) means that its training had settled. Tasks without such a training,
            or without a point half way, are left out.
        """
        runs = (self.run((task,)) for task in self.tasks)
        return {task: gain for run in runs if run is not None for task, gain in run.late_gain().items()}

    def to_json(self) -> dict[str, Any]:
        """The content of training.json.

        Returns:
            All fields, and what is read off the runs: "upper_bounds", "mix", "grouped" and "settled", PSNR or gain in
            dB by task. `from_json` computes these anew.
        """
        table = {"upper_bounds": self.upper_bounds, "mix": self.mix, "grouped": self.grouped, "settled": self.settled}
        return {**encode(self), **encode(table)}
