"""The evaluator that trains: it answers what a group loses by training its restorer and the single-task ones."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from grids.io import make_folder
from grids.restoration.models import read_record
from grids.results import Point, TrainingRun
from grids.search import Answer, Problem
from grids.search.answers import BEYOND, UNDECIDED
from grids.search.problem import STANDARD_ERRORS
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.checkpoint import EVERY, Checkpointing
from grids.training.experiment import Experiment, run_of, train_experiment
from grids.training.noise import LASTING, clearly_lost, estimate_drop_noise, estimate_noise
from grids.training.trainer import OutOfTimeError

UNCERTAIN = 0.15
"""dB; the largest standard error of a drop that a group not beyond delta is left with, if further seeds lower it."""


class TrainingEvaluator:
    """Answers what a group of tasks loses by training its restorer and the single-task ones.

    The drop of a task is the PSNR of the restorer for it alone, less that of the group's restorer. Every training is a
    file in `folder`/models, and one under way a checkpoint in `folder`/checkpoints, so that nothing is trained twice
    and what was broken off goes on. Source: GRIDS, sections 5.1 and 5.3; starting from common weights is ours.

    Args:
        experiment: what to train with.
        folder: the run folder; it and the two inside are made where they are missing.
        device: where the training is done.
        problem: the deltas (dB), for stopping early and repeating; None never stops and never repeats. It can be set
            later.
        repeats: a group whose noise straddles delta, or one that is not beyond it and has a standard error above
            `UNCERTAIN`, is trained with so many seeds at most.
        early: stop a group that is clearly beyond delta at half of its steps.
        every: seconds between checkpoints.
        deadline: a time of `time.monotonic()`, after which OutOfTimeError is raised, with a checkpoint written.
        callbacks: hears of every training; None for nobody.

    Raises:
        RunError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        *,
        device: torch.device | str = "cpu",
        problem: Problem | None = None,
        repeats: int = 3,
        early: bool = True,
        every: float = EVERY,
        deadline: float = math.inf,
        callbacks: Callbacks | None = None,
    ) -> None:
        self.experiment, self.folder, self.device = experiment, folder, torch.device(device)
        self.problem, self.repeats, self.early = problem, repeats, early
        self.every, self.deadline = every, deadline
        self.callbacks: Callbacks = callbacks or NullCallbacks()
        self.runs: dict[tuple[frozenset[str], int], TrainingRun] = {}
        self.unfinished: dict[tuple[str, ...], Answer] = {}
        """By group, what is known of one whose further seeds the time did not suffice for."""
        self.names = tuple(task.name for task in experiment.tasks)
        make_folder(folder / "models")
        make_folder(folder / "checkpoints")

    def __call__(self, group: frozenset[str]) -> Answer:
        """The drops of a group with their standard errors; bounds from below if its training was stopped early."""
        first = self.run(group)
        if first.stopped:
            lost = self._find_lost(first.group, first.curve[-1])
            return Answer({}, {}, {task: LASTING * loss for task, loss in lost.items()})
        seeds = dict.fromkeys(first.group, 1)
        answer = self._compute_answer(seeds)
        for repeat in range(1, self.repeats):
            if not (near := self._find_uncertain(first.group, answer)):
                break
            try:
                self._repeat(group, near, repeat)
            except OutOfTimeError:
                self.unfinished[first.group] = answer
                raise
            seeds |= dict.fromkeys(near, repeat + 1)
            answer = self._compute_answer(seeds)
        return answer

    def _repeat(self, group: Iterable[str], tasks: Iterable[str], repeat: int) -> None:
        """Train a group with another seed, and the restorers of some of its tasks alone with all seeds up to it."""
        self.run(group, repeat)
        for task in tasks:
            for seed in range(1, repeat + 1):
                self.run((task,), seed)

    def _verdict(self, group: tuple[str, ...], answer: Answer) -> str:
        """On an answer; "beyond" where there is no delta, for which nothing more is to be found out."""
        return BEYOND if self.problem is None else self.problem.verdict(self.problem.mask(group), answer)

    @property
    def stops(self) -> bool:
        """Whether groups that are clearly beyond delta are stopped half way."""
        return self.early and self.problem is not None

    def run(self, group: Iterable[str], repeat: int = 0) -> TrainingRun:
        """The training of a group: done now, gone on with, or read from its file.

        With `early` and a problem the single-task restorers of its tasks are trained first, since they tell when to
        stop. One that was stopped under a smaller delta is trained again.

        Args:
            group: names of tasks of the experiment, one at least, in any order.
            repeat: the number of the repetition, from 0: its seed is that of the settings plus this.

        Returns:
            what came of it; it is kept in `runs`, too.

        Raises:
            OutOfTimeError: the deadline has passed; a checkpoint lets the training go on another time.
            RunError: a file of the run folder cannot be read or written.
            UnknownNameError: there is no task of one of the names.
            GridsError: no task is named, or the training fails, as `grids.training.trainer.train` says.
            KeyboardInterrupt: Ctrl-C or SIGTERM.
        """
        names = self.experiment.sort_group(group)
        place = frozenset(names), repeat
        known = self.runs.get(place) or self._load_stored(names, repeat)
        if known is not None and known.stopped and not self._explain_stop(names, repeat, known.curve[-1]):
            known = None  # it was stopped under a smaller delta
        run = known or self._train(names, repeat)
        if self.runs.get(place) is not run:
            self.runs[place] = run
            self.callbacks.finished(run, known is not None)
        return run

    def recall(self) -> tuple[TrainingRun, ...]:
        """All finished trainings of the folder that are of this experiment, those of earlier searches too.

        It reads the records of the files in `folder`/models and trains nothing. Files of other settings, or without a
        record that can be read, are passed over. What is found is added to `runs`.

        Returns:
            smaller groups first, then in the order of the tasks, then by repetition.

        Raises:
            RunError: a record with the right key does not tell how its restorer was trained.
        """
        for file in sorted((self.folder / "models").glob("*.safetensors")):
            record = read_record(file)
            if record is None or not set(record.get("tasks", ())) <= set(self.names):
                continue
            run = run_of(record, f"models/{file.name}")
            if record.get("key") == self.experiment.key(run.group, run.repeat, self.device):
                self.runs.setdefault((frozenset(run.group), run.repeat), run)
        place = self.names.index
        return tuple(sorted(self.runs.values(), key=lambda r: (len(r.group), [*map(place, r.group)], r.repeat)))

    def drop(self, task: str, group: Iterable[str], seeds: int = 1) -> float:
        """What a task loses in a group: the PSNR of its single-task restorer less that of the group's.

        The two are compared seed by seed: with one seed they see the same crops in the same order.

        Args:
            task: one of the group's.
            group: names of the tasks, in any order.
            seeds: the mean over the repetitions 0 to `seeds` - 1.

        Returns:
            dB; negative where the task gains in the group, 0 for a group of one.

        Raises:
            KeyError: one of these restorers is not in `runs`: call `run` or `recall` before.
        """
        return sum(self.drop_of_seed(task, group, seed) for seed in range(seeds)) / seeds

    def drop_of_seed(self, task: str, group: Iterable[str], seed: int) -> float:
        """What a task loses in a group with one seed: `drop` for one repetition.

        Args:
            task: one of the group's.
            group: names of the tasks, in any order.
            seed: the number of the repetition, from 0.

        Returns:
            dB; negative where the task gains.

        Raises:
            KeyError: one of the two restorers is not in `runs`.
        """
        single, ours = self.runs[frozenset((task,)), seed], self.runs[frozenset(group), seed]
        return single.psnr[task] - ours.psnr[task]

    def noise(self) -> dict[str, float]:
        """How much a restorer's PSNR varies over seeds, from the first two restorers for all tasks (`estimate_noise`).

        Later seeds are not used: they come as groups straddle delta, and would shift the estimate.

        Returns:
            the standard deviation by task, dB, for every task; empty as long as the restorer for all tasks is not in
            `runs` with two seeds.
        """
        everything = frozenset(self.names)
        first, second = (self.runs.get((everything, repeat)) for repeat in (0, 1))
        return {} if first is None or second is None else estimate_noise(first.psnr, second.psnr)

    def _compute_answer(self, seeds: Mapping[str, int]) -> Answer:
        """The drops of the group of these tasks, each over so many seeds, with their standard errors."""
        for task in seeds:
            self.run((task,))
        drops = {task: self.drop(task, seeds, count) for task, count in seeds.items()}
        usual = self.noise()
        own = estimate_drop_noise([[self.drop_of_seed(t, seeds, s) for s in range(n)] for t, n in seeds.items()])
        errors = {t: math.sqrt(2) * usual[t] for t, count in seeds.items() if count == 1 and t in usual}
        return Answer(drops, errors | {t: own / math.sqrt(count) for t, count in seeds.items() if count > 1})

    def _find_uncertain(self, group: tuple[str, ...], answer: Answer) -> list[str]:
        """The tasks that another seed is for.

        The noisy ones, and those that keep a group undecided; none if it is beyond, or there is no delta.
        """
        problem, verdict = self.problem, self._verdict(group, answer)
        if problem is None or verdict == BEYOND:
            return []
        noise = {task: answer.noise.get(task, 0.0) for task in group}
        far = {task: abs(answer.drops[task] - problem.delta_of(task)) for task in group}
        near = [t for t in group if verdict == UNDECIDED and far[t] <= STANDARD_ERRORS * noise[t]]
        return [task for task in group if task in near or noise[task] > UNCERTAIN]

    def _compute_early_losses(self, group: tuple[str, ...], point: Point) -> dict[str, float]:
        """What a group has lost half way against the single-task restorers half way."""
        found = {}
        for task in group:
            at = {p.step: p.psnr[task] for p in self.run((task,)).curve}
            if (half := self.experiment.half((task,))) in at:
                found[task] = at[half] - point.psnr[task]
        return found

    def _explain_stop(self, group: tuple[str, ...], repeat: int, point: Point) -> str:
        """Why a training ends at this point; empty if it goes on."""
        whole = len(group) == len(self.names)  # the baseline is wanted to its end
        if not self.stops or repeat or whole or len(group) < 2 or point.step != self.experiment.half(group):
            return ""
        lost = self._find_lost(group, point)
        return "; ".join(f"{task} had lost {loss:.2f} dB after {point.step} steps" for task, loss in lost.items())

    def _find_lost(self, group: tuple[str, ...], point: Point) -> dict[str, float]:
        """The tasks that put a group clearly beyond delta half way, with what they have lost."""
        assert self.problem is not None
        losses = self._compute_early_losses(group, point)
        return clearly_lost(losses, {task: self.problem.limit(task) for task in losses}, self.noise())

    def _name_file(self, group: tuple[str, ...], repeat: int) -> str:
        name = "all" if len(group) == len(self.names) and len(group) > 1 else "+".join(group)
        if len(name) > 120:
            name = f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{name}.{repeat}" if repeat else name

    def _load_stored(self, group: tuple[str, ...], repeat: int) -> TrainingRun | None:
        file = f"models/{self._name_file(group, repeat)}.safetensors"
        record = read_record(self.folder / file)
        if record is None or record.get("key") != self.experiment.key(group, repeat, self.device):
            return None
        return run_of(record, file)

    def _train(self, group: tuple[str, ...], repeat: int) -> TrainingRun:
        if time.monotonic() >= self.deadline:
            raise OutOfTimeError("the time is over")
        if len(group) > 1 and self.stops:
            for task in group:  # they tell when to stop
                self.run((task,))
        key = self.experiment.key(group, repeat, self.device)
        file = f"models/{self._name_file(group, repeat)}.safetensors"
        checkpoint = self.folder / "checkpoints" / f"{self._name_file(group, repeat)}-{key[:8]}.ckpt"
        return train_experiment(
            self.experiment,
            group,
            repeat,
            self.folder / file,
            Checkpointing(checkpoint, every=self.every, deadline=self.deadline),
            name=file,
            device=self.device,
            stop=lambda point: self._explain_stop(group, repeat, point),
            callbacks=self.callbacks,
        )
