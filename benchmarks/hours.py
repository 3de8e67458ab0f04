"""The hours that long trainings take, kept beside their checkpoints, and what is told of them meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from grids.io import write_text
from grids.training.callbacks import NullCallbacks

EVERY = 100


def clock_of(device: str) -> Callable[[], float]:
    """What hours are counted by: the processor time of the process, on a GPU time on the clock."""
    return time.monotonic if device.startswith("cuda") else time.process_time


class Hours:
    """How long the training took up to every step, in a file beside its checkpoint."""

    def __init__(self, file: Path, clock: Callable[[], float], already: float = 0.0) -> None:
        self.file, self._clock, self._already = file, clock, already
        lines = file.read_text().splitlines()[1:] if file.exists() else []
        self._rows = [(int(step), float(hours)) for step, hours in (line.split(",") for line in lines)]
        self.spent = 0.0
        """Hours up to now."""

    def begin(self, step: float = math.inf) -> int:
        """Count on from a step; what was done after it, and is to be done again, does not count.

        Returns:
            the last step that was written down before it.
        """
        self._rows = [row for row in self._rows if row[0] <= step]
        last, self.spent = self._rows[-1] if self._rows else (0, self._already)
        self._last = self._clock()
        return last

    def count(self) -> None:
        now = self._clock()
        self.spent += (now - self._last) / 3600
        self._last = now

    def write(self, step: int) -> None:
        if not self._rows or self._rows[-1][0] < step:
            self._rows.append((step, self.spent))
        write_text(self.file, "step,hours\n" + "".join(f"{at},{hours:.6f}\n" for at, hours in self._rows))


class Told(NullCallbacks):
    """Says how far a training is, and counts its hours, if they are wanted."""

    def __init__(self, spent: Hours | None = None) -> None:
        self.spent = spent

    def step(self, done: int) -> None:
        if self.spent is not None:
            self.spent.count()
            if done % EVERY == 0:
                self.spent.write(done)
        if done % (10 * EVERY) == 0:
            print(f"step {done}" if self.spent is None else f"step {done}, {self.spent.spent:.3f} hours", flush=True)

    def say(self, text: str) -> None:
        print(text, flush=True)


class Counted(Told):
    """Counts the hours of trainings over all processes that work on them, and the steps made."""

    def __init__(self, hours: Hours) -> None:
        super().__init__(hours)
        self.hours, self.steps = hours, hours.begin()

    def step(self, done: int) -> None:
        self.steps += 1
        super().step(self.steps)

    def write(self) -> float:
        """Write the hours down, and return them."""
        self.hours.count()
        self.hours.write(self.steps)
        return self.hours.spent
