"""What a person sees while restorers are trained."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from grids.pipeline.verify import best_so_far, remaining
from grids.reports.grouping import counted, decibels
from grids.results import TrainingRun, Trial
from grids.search import Search
from grids.training.lesson import Silent


class Progress(Silent):
    """A bar for the training under way, and a line on stderr for every training and every answer.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.tasks, self.done, self.left = 0, 0, 0
        self.seconds: list[float] = []
        self._bar: Any = None

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        # disable=None shows no bar where stderr is not a terminal
        self._close()
        self._bar = tqdm(total=steps, unit="step", disable=True if self.quiet else None, leave=False, file=sys.stderr)
        self._bar.set_description(self._name(group, repeat))

    def expects(self, tasks: int, trainings: int) -> None:
        self.tasks, self.left = tasks, trainings

    def step(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        self._close()
        self.left = max(0, self.left - 1)
        if reused:
            return
        self.done += 1
        self.seconds.append(run.seconds)
        reached = f"stopped: {run.stopped}" if run.stopped else self._reached(run)
        self.say(
            f"{self.done:3d}  {run.seconds:4.0f} s  {self._name(run.group, run.repeat)}: {reached}{self._time_left()}"
        )

    def told(self, trial: Trial, search: Search) -> None:
        """An answer of the search."""
        if self.quiet:
            return
        self.left = remaining(search)
        worst = "-" if trial.worst is None else decibels(trial.worst)
        best = counted(len(best_so_far(search)), "group")
        self.say(f"     {' + '.join(trial.group)} loses {worst} dB: {trial.verdict}. Best so far: {best}")

    def say(self, text: str) -> None:
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)

    def _name(self, group: tuple[str, ...], repeat: int) -> str:
        name = "all tasks" if len(group) == self.tasks and self.tasks > 1 else " + ".join(group)
        return f"{name} (seed {repeat + 1})" if repeat else name

    def _reached(self, run: TrainingRun) -> str:
        mean = sum(run.psnr.values()) / len(run.psnr)
        return f"{mean:.2f} dB" + (" on average" if len(run.psnr) > 1 else "")

    def _time_left(self) -> str:
        if not self.left:
            return ""
        minutes = self.left * sorted(self.seconds)[len(self.seconds) // 2] / 60
        return f"; about {self.left} more, {minutes:.0f} min" if minutes >= 1 else f"; about {self.left} more"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
