"""What `from_start.py` trains with, and the groups that it finds: by trainings at one delta, or at smaller ones."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import machine, split_files
from hours import Counted, Hours, clock_of

from grids.degradations import ELEVEN
from grids.io import write_text
from grids.pipeline.experiments import RunControl, TrainingSettings
from grids.pipeline.group import SearchSettings
from grids.pipeline.train_groups import train_groups
from grids.results import TrainingRun
from grids.training.trainer import OutOfTimeError
from grids.weights import sha256

Group = tuple[str, ...]
TASKS: Group = ELEVEN
DELTAS = (0.7, 0.5, 0.3, 0.1)
"""A smaller one where those before put all tasks into one group."""
SEARCH_STEPS = 500
"""For each task, of the trainings that groups are searched with."""
FOUND = "found.json"


@dataclass(frozen=True)
class Settings:
    """What is trained: a folder keeps it.

    Args:
        network: a preset.
        start: weights that all restorers start from.
        steps: for each task, at most.
        hours: of all trainings after the search: of one core, of a GPU on the clock.
        search_hours: of the search, likewise.
        device, crop, batch: of all trainings.
        count: crops that restorers are measured on.
    """

    network: str
    start: Path
    steps: int
    hours: float
    search_hours: float
    device: str
    crop: int
    batch: int
    count: int

    def searching(self) -> TrainingSettings:
        """The trainings of the search."""
        return self._training(SEARCH_STEPS)

    def training(self) -> TrainingSettings:
        """The trainings after it; the rate goes down to zero."""
        return self._training(self.steps, final=0.0)

    def to_json(self) -> str:
        """All that the results hang on; hours only decide how many steps there are, which is written down once."""
        recipes = {"search": self.searching().config.to_json(), "recipe": self.training().config.to_json()}
        given = {name: value for name, value in asdict(self).items() if not name.endswith("hours")}
        given |= {"start": sha256(self.start), "tasks": TASKS, "deltas": DELTAS}
        return json.dumps({**given, **recipes}, indent=1) + "\n"

    def _training(self, steps: int, **changes: Any) -> TrainingSettings:
        return TrainingSettings.by_recipe(
            network=self.network, start=self.start, iterations=steps, crop=self.crop, batch=self.batch, **changes
        )


@dataclass(frozen=True)
class Tried:
    """What a search at a delta came to.

    Args:
        delta: dB.
        groups: of the partition; none where the hours were over before anything was trained.
        finished: whether the search came to its end; if not, this is the best partition so far.
    """

    delta: float
    groups: tuple[Group, ...]
    finished: bool

    @property
    def joined(self) -> bool:
        """Whether any two tasks share a group."""
        return any(len(group) > 1 for group in self.groups)


@dataclass(frozen=True)
class Found:
    """The groups that were found.

    Args:
        tried: the searches, delta by delta.
        machine: that they ran on.
    """

    tried: tuple[Tried, ...] = ()
    machine: str = ""

    @property
    def chosen(self) -> Tried | None:
        """The first search with two groups or more; tasks that are all alone since the hours were over are none."""
        return next((one for one in self.tried if len(one.groups) > 1 and (one.finished or one.joined)), None)

    @property
    def done(self) -> bool:
        return self.chosen is not None or len(self.tried) == len(DELTAS)

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.chosen.groups if self.chosen else ()

    def write(self, file: Path) -> None:
        delta = self.chosen.delta if self.chosen else None
        write_text(file, json.dumps({"delta": delta, "groups": self.groups, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Found:
        """What was written; nothing where there is no such file."""
        if not file.exists():
            return cls()
        record = json.loads(file.read_text())
        tried = [Tried(one["delta"], tuple(map(tuple, one["groups"])), one["finished"]) for one in record["tried"]]
        return cls(tuple(tried), record["machine"])


class Searched(Counted):
    """Counts the hours of all trainings of a search together, and names those that are done."""

    def finished(self, run: TrainingRun, reused: bool) -> None:
        if not reused:
            print(f"{time.strftime('%H:%M:%S')} {run.seconds:4.0f} s {' + '.join(run.group)}", flush=True)


def find_groups(folder: Path, settings: Settings, deadline: float) -> Found:
    """The groups at the largest delta of `DELTAS` that asks for two or more: searched for now, or read."""
    found = Found.read(folder / FOUND)
    while not found.done:
        tried = search(folder, settings, DELTAS[len(found.tried)], deadline)
        print(f"delta {tried.delta:g}: {'; '.join(map(' + '.join, tried.groups)) or 'no groups'}", flush=True)
        found = Found((*found.tried, tried), machine())
        found.write(folder / FOUND)
    return found


def search(folder: Path, settings: Settings, delta: float, deadline: float) -> Tried:
    """The partition at a delta: of trainings for other deltas, too, and the best so far once the hours are spent.

    Raises:
        OutOfTimeError: the deadline has passed.
    """
    told = Searched(Hours(folder / "search-hours.csv", clock_of(settings.device)))
    while True:  # a process that waits for others takes longer on the clock: it gets a further slice
        left = 3600 * (settings.search_hours - told.hours.spent)
        control = RunControl(settings.device, max(0.0, min(left, deadline - time.monotonic())), told)
        tried = search_once(folder, settings, delta, control)
        told.write()
        if tried.finished or left <= 0:
            return tried
        if time.monotonic() >= deadline:
            raise OutOfTimeError(f"the time is over while groups at delta {delta:g} are searched for")


def search_once(folder: Path, settings: Settings, delta: float, control: RunControl) -> Tried:
    """The partition after a time; of what is trained already where that is none."""
    try:
        found = train_groups(
            split_files("fit"),
            SearchSettings(delta),
            settings.searching(),
            val=split_files("val"),
            tasks=TASKS,
            out=folder / "search",  # settings are compared without delta
            control=control,
        )
    except OutOfTimeError:
        return Tried(delta, (), False)
    return Tried(delta, found.grouping.partition if found.grouping else (), found.finished)
