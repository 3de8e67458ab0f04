"""What is told of trainings while they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from grids.results import TrainingRun


class Callbacks(Protocol):
    """What is told of trainings while they run: a progress bar, a log file, a test.

    The thread that trains calls these methods and waits for them, so they should be quick. An exception that one of
    them raises ends the training there; a checkpoint that was written before stays.
    Derive from `NullCallbacks` to hear only a part.
    """

    def expects(self, tasks: int, steps: Sequence[int]) -> None:
        """Hear how much there is to do, once, before the first training of a grouping.

        Args:
            tasks: the number of tasks that are to be grouped.
            steps: of every training that there is at least; those that are finished already and only read are among
                them. A search may ask for more.
        """

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        """Hear that a training begins, or goes on from its checkpoint.

        It is not called for a restorer that is read from its file.

        Args:
            group: the names of its tasks.
            repeat: the number of the repetition, from 0; each has another seed.
            steps: all optimizer steps of the training, those that a checkpoint has done already with them.
        """

    def step(self, done: int) -> None:
        """Hear how far the training is, after every step.

        Args:
            done: finished steps, from 1; in a training that goes on, those before the break are counted. It can be
                smaller than the last time: where a loss was not finite, the training goes back.
        """

    def loss(self, done: int, mean: float) -> None:
        """Hear the mean loss, about every ten steps and after the last one.

        Args:
            done: finished steps.
            mean: of the losses since the last call, as the system defines its loss. NaN or infinite where the training
                has just gone back because of that.
        """

    def finished(self, run: TrainingRun, reused: bool) -> None:
        """Hear that a training is finished and its restorer is in its file.

        Args:
            run: what came of it; `run.stopped` tells whether it ended before its last step.
            reused: True for one that was finished earlier and is only read, so that nothing was trained now.
        """

    def say(self, text: str) -> None:
        """Hear of something that is worth a line to the user.

        Such as: memory ran out and batches are computed in parts, or a loss was not finite and the training went back.

        Args:
            text: one line, without a full stop.
        """


class NullCallbacks:
    """Callbacks that do nothing.

    It is what trainings use where no callbacks are given. Derive from it and override the methods that you need:
    the others stay silent.
    """

    def expects(self, tasks: int, steps: Sequence[int]) -> None: ...
    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None: ...
    def step(self, done: int) -> None: ...
    def loss(self, done: int, mean: float) -> None: ...
    def finished(self, run: TrainingRun, reused: bool) -> None: ...
    def say(self, text: str) -> None: ...
