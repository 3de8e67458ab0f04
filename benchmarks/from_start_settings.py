"""What `from_start.py` and `mixing.py` train with, and the groups of a table of drops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from grids import SearchSettings, group_degradations
from grids.degradations import ELEVEN
from grids.io import write_text
from grids.pipeline.experiments import TrainingSettings
from grids.search import DropTable
from grids.weights import sha256

Group = tuple[str, ...]
TASKS: Group = ELEVEN
RATE = 5e-4
DELTAS = (0.7, 0.5, 0.3, 0.1)
"""A smaller one where those before put all tasks into one group."""


@dataclass(frozen=True)
class Settings:
    """What is trained: a folder keeps it.

    Args:
        network: a preset.
        start: weights that all restorers start from.
        steps: for each task, at most.
        hours: of all that ship together, or of all trainings: of one core, of a GPU on the clock.
        device, crop, batch: of all trainings.
        count: crops that restorers are measured on.
    """

    network: str
    start: Path
    steps: int
    hours: float
    device: str
    crop: int
    batch: int
    count: int

    def training(self) -> TrainingSettings:
        """The trainings; the rate goes down to zero."""
        return TrainingSettings.by_recipe(
            network=self.network,
            start=self.start,
            iterations=self.steps,
            crop=self.crop,
            batch=self.batch,
            learning_rate=RATE,
            final=0.0,
        )

    def to_json(self) -> str:
        """All that the results hang on; hours only decide how many steps there are, which is written down once."""
        given = {name: value for name, value in asdict(self).items() if name != "hours"}
        given |= {"start": sha256(self.start), "tasks": TASKS, "recipe": self.training().config.to_json()}
        return json.dumps(given, indent=1) + "\n"


class Found(NamedTuple):
    """The groups of a table of drops.

    Args:
        delta: that they were asked for with, dB; None where none gives two groups or more.
        groups: of the partition; none then.
        source: where the drops are from.
    """

    delta: float | None = None
    groups: tuple[Group, ...] = ()
    source: str = "the study"

    @classmethod
    def of(cls, drops: str | DropTable, deltas: Sequence[float] = DELTAS) -> Found:
        """Those at the first of these deltas that asks for two groups or more.

        Args:
            drops: a table, or "study".
            deltas: dB.
        """
        for delta in deltas:
            partition = group_degradations(SearchSettings(delta), drops, degradations=TASKS).partition
            if len(partition) > 1:
                return cls(delta, partition)
        return cls()

    def write(self, file: Path) -> None:
        write_text(file, json.dumps(self._asdict(), indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Found:
        """What was written; nothing where there is no such file."""
        if not file.exists():
            return cls()
        record = json.loads(file.read_text())
        return cls(record["delta"], tuple(map(tuple, record["groups"])), record["source"])
