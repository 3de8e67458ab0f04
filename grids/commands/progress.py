"""What a person sees while restorers are trained."""

from __future__ import annotations

import contextlib
import csv
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from tqdm import tqdm

from grids.cells import to_cell
from grids.commands.options import note
from grids.errors import GridsError, RunError
from grids.io import STDIO, locked, make_folder
from grids.reports.text import counted, decibels, time_text
from grids.results import TrainingRun, Trial
from grids.search import Search
from grids.search.run import best_so_far, estimate_remaining
from grids.training.callbacks import NullCallbacks

COLUMNS = ("tasks", "repeat", "step", "steps", "loss", "steps_per_second", "seconds")
WINDOW = 10.0
"""s: a line goes to a log file no more often."""


class Steps(NullCallbacks):
    """A bar over the steps of a training, on stderr: step, loss, steps a second and the time left. And a file of that.

    Args:
        quiet: show nothing.
        log: a CSV file that gets a line every few seconds, after those that it holds; None for none. It is opened when
            a training begins, which raises RunError where it cannot be written.
    """

    def __init__(self, quiet: bool, log: Path | None = None) -> None:
        if log == STDIO:
            raise GridsError("--log writes on while a training prints: give it a file, not '-'")
        self.quiet = quiet
        self._group: tuple[str, ...] = ()
        self._repeat, self._total = 0, 0
        self._bar: Any = None
        self._log, self._file = log, None  # type: tuple[Path | None, TextIO | None]
        self._open = contextlib.ExitStack()
        self._begun = self._logged = (0, 0.0)  # step and time

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        self._open.close()

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        """Take the bar of the last training away, and open the log. Raises RunError where that cannot be written."""
        self.close()
        if self._log is not None and self._file is None:
            self._file = self._open.enter_context(_opened(self._log))
        self._group, self._repeat, self._total = group, repeat, steps

    def step(self, done: int) -> None:
        """Move the bar; the first step makes it, and says where the training goes on."""
        if self._bar is None:
            if done > 1:
                self.say(f"going on after {done - 1} of {self._total} steps")
            # disable=None shows no bar where stderr is not a terminal
            off = True if self.quiet else None
            self._bar = tqdm(
                total=self._total, initial=done - 1, unit="step", disable=off, leave=False, file=sys.stderr
            )
            self._bar.set_description(self._title())
            self._begun = self._logged = (done - 1, time.monotonic())
        self._bar.update(done - self._bar.n)

    def loss(self, done: int, mean: float) -> None:
        """Show the loss beside the bar, and log it: every `WINDOW` seconds at most, and at the last step."""
        now = time.monotonic()
        if done < self._logged[0]:  # back to before values that were not finite
            self._logged = (done, now)
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{mean:.4g}", refresh=False)
        if self._file is not None and (now - self._logged[1] >= WINDOW or done == self._total):
            rate = (done - self._logged[0]) / max(now - self._logged[1], 1e-9)
            row = (to_cell("+".join(self._group)), self._repeat, done, self._total, f"{mean:.6g}", f"{rate:.3g}")
            csv.writer(self._file, lineterminator="\n").writerow((*row, f"{now - self._begun[1]:.1f}"))
            self._file.flush()
            self._logged = (done, now)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        """Take the bar away, and say so where the training was done earlier."""
        self.close()
        if reused:
            self.say("trained before with these settings: nothing to do")

    def say(self, text: str) -> None:
        """Print a line on stderr, unless quiet."""
        if not self.quiet:
            note(text)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _title(self) -> str:
        return " + ".join(self._group) if len(self._group) < 3 else f"{len(self._group)} tasks"


class Progress(Steps):
    """The same for many trainings, with a line on stderr for every training and every answer.

    Args:
        quiet: show nothing.
        log: as for `Steps`; all trainings write into the same file.
    """

    def __init__(self, quiet: bool, log: Path | None = None) -> None:
        super().__init__(quiet, log)
        self.tasks, self.done, self.left = 0, 0, 0
        self.known: list[int] = []  # steps of trainings that are still to come
        self.asked: list[int] = []  # of those that a search asked for
        self.rates: list[float] = []  # seconds a step

    def expects(self, tasks: int, steps: Sequence[int]) -> None:
        """Note how many tasks and trainings there are, for the time left."""
        self.tasks, self.left, self.known = tasks, len(steps), list(steps)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        """Say what a training reached, and about how long the others take; nothing of one done earlier."""
        self.close()
        self.left = max(0, self.left - 1)
        steps = run.curve[-1].step
        if steps in self.known:
            self.known.remove(steps)
        else:
            self.asked.append(steps)
        if reused:
            return
        self.done += 1
        self.rates.append(run.seconds / steps)
        reached = f"stopped: {run.stopped}" if run.stopped else self._reached(run)
        self.say(
            f"{self.done:3d}  {run.seconds:4.0f} s  {self._name(run.group, run.repeat)}: {reached}{self._time_left()}"
        )

    def told(self, trial: Trial, search: Search) -> None:
        """Say what a group loses, its verdict, and how few groups the best partition so far has.

        It works out that partition anew after each answer, unless quiet.

        Args:
            trial: the group that was asked for, and its answer.
            search: which asked for it.
        """
        if self.quiet:
            return
        self.left = estimate_remaining(search)
        worst = "-" if trial.worst is None else decibels(trial.worst)
        best = counted(len(best_so_far(search)), "group")
        asked = search.problem
        over = [name for name, drop in trial.drops.items() if asked.limit(name) < min(drop, asked.delta)]
        less = "".join(f" ({name} may lose {asked.limit(name):.2f} dB)" for name in over)
        self.say(f"     {' + '.join(trial.group)} loses {worst} dB: {trial.verdict}{less}. Best so far: {best}")

    def _title(self) -> str:
        return self._name(self._group, self._repeat)

    def _name(self, group: tuple[str, ...], repeat: int) -> str:
        name = "all tasks" if len(group) == self.tasks and self.tasks > 1 else " + ".join(group)
        return f"{name} (seed {repeat + 1})" if repeat else name

    def _reached(self, run: TrainingRun) -> str:
        mean = sum(run.psnr.values()) / len(run.psnr)
        return f"{mean:.2f} dB" + (" on average" if len(run.psnr) > 1 else "")

    def _time_left(self) -> str:
        if not self.left:
            return ""
        further = max(0, self.left - len(self.known))  # groups that nobody knows yet: as large as those before
        steps = sum(self.known) + further * statistics.fmean(self.asked or self.known or [0])
        seconds = statistics.median(self.rates) * steps
        return f"; about {self.left} more" + (f", {time_text(seconds)}" if seconds >= 60 else "")


@contextlib.contextmanager
def _opened(log: Path) -> Iterator[TextIO]:
    """The file, after what it holds; inside, no other process writes to it."""
    log = Path(os.path.realpath(log))  # a link and what it leads to are one file
    make_folder(log.parent)
    with locked(log, log.with_name(f".{log.name}.lock")):
        try:
            file = log.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise RunError(f"cannot write '{log}': {error.strerror or error}") from error
        with file:
            if not file.tell():
                csv.writer(file, lineterminator="\n").writerow(COLUMNS)
            yield file
