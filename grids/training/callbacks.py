"""What is told of trainings while they run."""

from __future__ import annotations

from typing import Protocol

from grids.results import TrainingRun


class Callbacks(Protocol):
    """What is told of trainings: a progress bar, a log file, a test."""

    def expects(self, tasks: int, trainings: int) -> None:
        """There are so many tasks, and at least so many trainings to come, those that are done already with them."""

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        """A training begins, or goes on."""

    def step(self, done: int) -> None:
        """So many steps are done."""

    def loss(self, done: int, mean: float) -> None:
        """The mean loss of the last few steps."""

    def finished(self, run: TrainingRun, reused: bool) -> None:
        """A training is finished, now or earlier."""

    def say(self, text: str) -> None:
        """Something went wrong and was mended."""


class NullCallbacks:
    """Passes over all of it; derive from this to hear a part."""

    def expects(self, tasks: int, trainings: int) -> None: ...
    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None: ...
    def step(self, done: int) -> None: ...
    def loss(self, done: int, mean: float) -> None: ...
    def finished(self, run: TrainingRun, reused: bool) -> None: ...
    def say(self, text: str) -> None: ...
