"""The evaluator that trains: it answers what a group loses by training its restorer and the single-task ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from grids.errors import RunError
from grids.files import make_folder
from grids.results import Point, TrainingRun
from grids.search import Answer, Problem
from grids.training.data import Batches
from grids.training.fabric import strategy_of
from grids.training.models import fresh, read_record, save_restorer
from grids.training.photographs import Photographs
from grids.training.recipe import Recipe
from grids.training.systems import Restorer
from grids.training.tasks import Task, fingerprint
from grids.training.trainer import EVERY, OutOfTimeError, train
from grids.training.validation import Validation

START = "start"
CHECKS = (1 / 2, 2 / 3, 1.0)
"""Shares of the steps after which a restorer is measured."""
LASTING = 0.7
"""A group that loses E dB at half of its steps is taken to lose at least this share of E at their end."""
PRIOR = 2.0
"""So many repetitions is the noise of all tasks together worth, beside a task's own."""


class Listener(Protocol):
    """What hears of trainings."""

    def expects(self, tasks: int, trainings: int) -> None:
        """There are so many tasks, and at least so many trainings to come, those that are done already with them."""

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        """A training begins, or goes on."""

    def step(self, done: int) -> None:
        """So many steps are done."""

    def finished(self, run: TrainingRun, reused: bool) -> None:
        """A training is finished, now or earlier."""

    def say(self, text: str) -> None:
        """Something went wrong and was mended."""


class Silent:
    """Hears nothing."""

    def expects(self, tasks: int, trainings: int) -> None: ...
    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None: ...
    def step(self, done: int) -> None: ...
    def finished(self, run: TrainingRun, reused: bool) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass(frozen=True)
class Lesson:
    """What restorers are trained with.

    Args:
        tasks: all of them, in the order of the similarity matrix.
        photographs: to learn from.
        validation: to measure on.
        network: a preset of `grids.networks.TABLE`.
        recipe: of every restorer.
        start: weights that all restorers start from; None for weights drawn from the seed.
        start_sha256: of them; "" for None.
    """

    tasks: Sequence[Task]
    photographs: Photographs
    validation: Validation
    network: str
    recipe: Recipe
    start: Mapping[str, Tensor] | None = None
    start_sha256: str = ""

    def task(self, name: str) -> Task:
        """The task of a name."""
        return next(task for task in self.tasks if task.name == name)

    def parts(self, group: Iterable[str], repeat: int, device: torch.device) -> dict[str, Any]:
        """All that determines a restorer."""
        members = [task for task in self.tasks if task.name in set(group)]
        recipe = self.recipe.to_json() | {"precision": strategy_of(device, self.recipe.precision)["precision"]}
        return {
            "tasks": fingerprint(members),
            "photographs": self.photographs.digest,
            "validation": self.validation.digest,
            "network": self.network,
            "recipe": recipe,
            "start": self.start_sha256,
            "repeat": repeat,
            "device": device.type,
        }

    def key(self, group: Iterable[str], repeat: int, device: torch.device) -> str:
        """The same as one checksum."""
        parts = self.parts(group, repeat, device)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class TrainingEvaluator:
    """Drops by training. Source: GRIDS, sections 5.1 and 5.3; starting from common weights is ours.

    Every training is a file in `folder`/models, and one under way a checkpoint in `folder`/checkpoints, so that
    nothing is trained twice and what was broken off goes on.

    Args:
        lesson: what to train with.
        folder: the run folder.
        device: where.
        problem: the deltas, for stopping early and repeating; None never stops and never repeats.
        repeats: a group that straddles delta is trained with so many seeds at most.
        early: stop a group that is clearly beyond delta at half of its steps.
        every: seconds between checkpoints.
        deadline: `time.monotonic()` after which OutOfTimeError is raised, with a checkpoint written.
        listener: hears of every training.
    """

    def __init__(
        self,
        lesson: Lesson,
        folder: Path,
        *,
        device: torch.device | str = "cpu",
        problem: Problem | None = None,
        repeats: int = 2,
        early: bool = True,
        every: float = EVERY,
        deadline: float = math.inf,
        listener: Listener | None = None,
    ) -> None:
        self.lesson, self.folder, self.device = lesson, folder, torch.device(device)
        self.problem, self.repeats, self.early = problem, repeats, early
        self.every, self.deadline = every, deadline
        self.listener: Listener = listener or Silent()
        self.runs: dict[tuple[frozenset[str], int], TrainingRun] = {}
        self.names = tuple(task.name for task in lesson.tasks)
        make_folder(folder / "models")
        make_folder(folder / "checkpoints")

    def __call__(self, group: frozenset[str]) -> Answer:
        """The drops of a group with their standard errors; bounds from below if its training was stopped early."""
        first = self.run(group)
        if first.stopped:
            return Answer({}, {}, {t: LASTING * loss for t, loss in self._lost(first.group, first.curve[-1]).items()})
        seeds = dict.fromkeys(first.group, 1)
        answer = self._answer(seeds)
        for repeat in range(1, self.repeats):
            if self.problem is None or not (near := self._straddling(first.group, answer)):
                break
            self.run(group, repeat)
            for task in near:
                for earlier in range(1, repeat + 1):
                    self.run((task,), earlier)
                seeds[task] = repeat + 1
            answer = self._answer(seeds)
        return answer

    def run(self, group: Iterable[str], repeat: int = 0) -> TrainingRun:
        """The training of a group: done now, gone on with, or read from its file."""
        members = frozenset(group)
        names = tuple(name for name in self.names if name in members)
        found = self.runs.get((members, repeat)) or self._stored(names, repeat)
        if found is not None and found.stopped and not self._stops(names, repeat, found.curve[-1]):
            found = None  # it was stopped under a smaller delta
        reused = found is not None
        if found is None:
            found = self._train(names, repeat)
        if (members, repeat) not in self.runs or not reused:
            self.runs[members, repeat] = found
            self.listener.finished(found, reused)
        return found

    def recall(self) -> tuple[TrainingRun, ...]:
        """All trainings of the folder that are of this lesson, an earlier search's too: small groups first."""
        for file in sorted((self.folder / "models").glob("*.safetensors")):
            record = read_record(file)
            if record is None or not set(record.get("tasks", ())) <= set(self.names):
                continue
            run = run_of(record, f"models/{file.name}")
            if record.get("key") == self.lesson.key(run.group, run.repeat, self.device):
                self.runs.setdefault((frozenset(run.group), run.repeat), run)
        place = {name: i for i, name in enumerate(self.names)}
        return tuple(
            sorted(self.runs.values(), key=lambda r: (len(r.group), [place[name] for name in r.group], r.repeat))
        )

    def drop(self, task: str, group: Iterable[str], seeds: int = 1) -> float:
        """What a task loses in a group, dB, the mean over so many seeds; all of these restorers must be trained.

        The two are compared seed by seed: with one seed they see the same crops in the same order.
        """
        members = frozenset(group)
        pairs = ((self.runs[frozenset((task,)), seed], self.runs[members, seed]) for seed in range(seeds))
        return sum(single.psnr[task] - ours.psnr[task] for single, ours in pairs) / seeds

    def noise(self) -> dict[str, float]:
        """Standard deviation over seeds of a restorer's PSNR, by task, dB; empty before one for all has two seeds.

        Only the first two restorers for all tasks count: more seeds come as groups straddle delta, and would shift it.
        A task's own differences are pooled with those of all tasks, which count as `PRIOR` more of them.
        """
        squares: dict[str, list[float]] = {task: [] for task in self.names}
        for (group, repeat), run in self.runs.items():
            first = self.runs.get((group, 0))
            if repeat == 1 and first is not None and group == frozenset(self.names):
                for task in group:
                    squares[task].append((run.psnr[task] - first.psnr[task]) ** 2 / 2)
        everything = [value for values in squares.values() for value in values]
        if not everything:
            return {}
        pooled = sum(everything) / len(everything)
        return {
            task: math.sqrt((sum(values) + PRIOR * pooled) / (len(values) + PRIOR)) for task, values in squares.items()
        }

    def _answer(self, seeds: Mapping[str, int]) -> Answer:
        """The drops of the group of these tasks, each over so many seeds, with their standard errors."""
        for task in seeds:
            self.run((task,))
        drops = {task: self.drop(task, seeds, count) for task, count in seeds.items()}
        spread = self.noise()
        return Answer(drops, {t: spread[t] * math.sqrt(2 / count) for t, count in seeds.items() if t in spread})

    def _straddling(self, group: tuple[str, ...], answer: Answer) -> list[str]:
        """The tasks that keep a group undecided; none if it is decided."""
        assert self.problem is not None
        if self.problem.verdict(self.problem.mask(group), answer) != "undecided":
            return []
        return [
            task for task in group if abs(answer.drops[task] - self._delta(task)) <= 2 * answer.noise.get(task, 0.0)
        ]

    def _delta(self, task: str) -> float:
        assert self.problem is not None
        return self.problem.delta_for.get(task, self.problem.delta)

    def _early_loss(self, group: tuple[str, ...], point: Point) -> dict[str, float]:
        """What a group loses at a step against the single-task restorers at the same step."""
        found = {}
        for task in group:
            at = {p.step: p.psnr[task] for p in self.run((task,)).curve}
            if point.step in at:
                found[task] = at[point.step] - point.psnr[task]
        return found

    def _stops(self, group: tuple[str, ...], repeat: int, point: Point) -> str:
        """Why a training ends at this point; empty if it goes on."""
        half = max(1, round(CHECKS[0] * self.lesson.recipe.iterations))
        whole = len(group) == len(self.names)  # the baseline is wanted to its end
        if not self.early or self.problem is None or repeat or len(group) < 2 or whole or point.step != half:
            return ""
        lost = self._lost(group, point)
        return "; ".join(f"{task} had lost {loss:.2f} dB after {point.step} steps" for task, loss in lost.items())

    def _lost(self, group: tuple[str, ...], point: Point) -> dict[str, float]:
        """The tasks that put a group clearly beyond delta half way, with what they have lost."""
        losses = self._early_loss(group, point)
        return clearly_lost(losses, {task: self._delta(task) for task in losses}, self.noise())

    def _file(self, group: tuple[str, ...], repeat: int) -> str:
        name = "all" if len(group) == len(self.names) and len(group) > 1 else "+".join(group)
        if len(name) > 120:
            name = f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{name}.{repeat}" if repeat else name

    def _stored(self, group: tuple[str, ...], repeat: int) -> TrainingRun | None:
        file = f"models/{self._file(group, repeat)}.safetensors"
        record = read_record(self.folder / file)
        if record is None or record.get("key") != self.lesson.key(group, repeat, self.device):
            return None
        return run_of(record, file)

    def _train(self, group: tuple[str, ...], repeat: int) -> TrainingRun:
        if time.monotonic() >= self.deadline:
            raise OutOfTimeError("the time is over")
        if len(group) > 1 and self.early and self.problem is not None:
            for task in group:  # they tell when to stop
                self.run((task,))
        key = self.lesson.key(group, repeat, self.device)
        file = f"models/{self._file(group, repeat)}.safetensors"
        checkpoint = self.folder / "checkpoints" / f"{self._file(group, repeat)}-{key[:8]}.ckpt"
        return train_lesson(
            self.lesson,
            group,
            repeat,
            self.folder / file,
            checkpoint,
            name=file,
            device=self.device,
            stop=lambda point: self._stops(group, repeat, point),
            every=self.every,
            deadline=self.deadline,
            listener=self.listener,
        )


def train_lesson(
    lesson: Lesson,
    group: tuple[str, ...],
    repeat: int,
    file: Path,
    checkpoint: Path,
    *,
    name: str,
    device: torch.device,
    stop: Callable[[Point], str] | None = None,
    every: float = EVERY,
    deadline: float = math.inf,
    listener: Listener | None = None,
) -> TrainingRun:
    """One training, from its start or from its checkpoint, into a file.

    Args:
        lesson: what to train with.
        group: names of the tasks, in the order of the lesson.
        repeat: number of the repetition: its seed is that of the recipe plus this.
        file: of the weights and their record; written at the end.
        checkpoint: removed at the end.
        name: of the file, in the record.
        device, stop, every, deadline: see `grids.training.trainer.train`, with its errors.
        listener: hears of the training.
    """
    hears = listener or Silent()
    recipe = replace(lesson.recipe, seed=lesson.recipe.seed + repeat)
    hears.started(group, repeat, recipe.iterations)
    key = lesson.key(group, repeat, device)
    tasks = [lesson.task(name) for name in group]
    network = fresh(lesson.network, recipe.seed, tasks[0].scale)
    if lesson.start is not None:
        network.load_state_dict(dict(lesson.start))
    result = train(
        Restorer(network, recipe.loss),
        Batches(tasks, lesson.photographs, recipe.crop, recipe.batch, recipe.seed, device),
        recipe,
        device=device,
        checkpoint=checkpoint,
        identity=key,
        checks=[max(1, round(share * recipe.iterations)) for share in CHECKS],
        measure=lambda network: lesson.validation.psnr(network, group, device),
        stop=stop,
        every=every,
        deadline=deadline,
        on_step=hears.step,
        say=hears.say,
    )
    run = TrainingRun(group, repeat, tuple(result.curve), result.seconds, result.stopped, name)
    save_restorer(file, result.network, record_of(run, lesson, key))
    with contextlib.suppress(OSError):
        checkpoint.unlink(missing_ok=True)
    if result.interrupted:  # after the last step: the restorer comes first
        raise KeyboardInterrupt
    return run


def clearly_lost(
    losses: Mapping[str, float], deltas: Mapping[str, float], noise: Mapping[str, float]
) -> dict[str, float]:
    """The rule for stopping early: `LASTING` of what a task loses half way is beyond delta by four standard errors.

    Args:
        losses: dB by task, half way, against the single-task restorer at the same step.
        deltas: the largest drops that are allowed.
        noise: standard deviation of a restorer's PSNR; a task without one stops nothing.
    """
    return {
        task: loss
        for task, loss in losses.items()
        if task in noise and LASTING * loss > deltas[task] + 4 * math.sqrt(2) * noise[task]
    }


def record_of(run: TrainingRun, lesson: Lesson, key: str) -> dict[str, Any]:
    """What the file of a restorer says of it."""
    return {
        "preset": lesson.network,
        "tasks": list(run.group),
        "repeat": run.repeat,
        "key": key,
        "recipe": lesson.recipe.to_json(),
        "start_sha256": lesson.start_sha256,
        "curve": [[point.step, point.loss, dict(point.psnr)] for point in run.curve],
        "seconds": run.seconds,
        "stopped": run.stopped,
    }


def run_of(record: Mapping[str, Any], file: str) -> TrainingRun:
    """The training that a file tells of. Raises RunError for a record of the wrong form."""
    try:
        return TrainingRun(
            tuple(record["tasks"]),
            int(record["repeat"]),
            tuple(Point(int(step), float(loss), dict(psnr)) for step, loss, psnr in record["curve"]),
            float(record["seconds"]),
            str(record["stopped"]),
            file,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"'{file}' does not tell how it was trained ({error})") from error
