"""The trainings of the study of mixing: which there are, their records, and the drops that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from common import read_records
from crops import ByTask

from grids.degradations import ELEVEN as TASKS
from grids.search.drop_table import JOIN

Group = tuple[str, ...]
Per = Literal["task", "model"]
FILE = Path(__file__).parent / "study" / "unet-1000.jsonl"
INPUTS = FILE.with_name("unet-1000-inputs.json")
"""The PSNR of what the restorers are measured on, before they are run."""
STEPS, LONGER = 1000, 2000
"""For each task; of the trainings that tell what more of them would change."""
SEEDS = 2
"""Of the single tasks, the mix, and the first groups."""


@dataclass(frozen=True)
class Asked:
    """A training of the plan.

    Args:
        group: the tasks, in the order of `TASKS`.
        seed: its number, from 0.
        steps: for each task or for the whole model.
        per: "task" or "model".
    """

    group: Group
    seed: int = 0
    steps: int = STEPS
    per: Per = "task"

    @property
    def name(self) -> str:
        """Of its files."""
        group = "all" if self.group == TASKS else JOIN.join(self.group)
        return f"{group}.{self.steps}.{self.per}.{self.seed}"


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Args:
        asked: which it is.
        psnr: of every photograph, the mean over its crops, dB, by way (`WAYS`) and task.
        elsewhere: the same on the sets of `SETS`, by set; empty where that was not measured.
        half: mean PSNR as made after half of the steps, dB by task; empty where that was not measured.
        hours: of one core, or of a GPU on the clock.
        machine: that it ran on.
        settings: the checksum of those of its folder; trainings of other settings do not compare.
    """

    asked: Asked
    psnr: Mapping[str, ByTask]
    elsewhere: Mapping[str, Mapping[str, ByTask]]
    half: Mapping[str, float]
    hours: float
    machine: str
    settings: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Trained:
        asked = record["asked"]
        return cls(**{**record, "asked": Asked(**{**asked, "group": tuple(asked["group"])})})


Records = dict[Asked, Trained]


def read(settings: str, *files: Path) -> Records:
    """The trainings of these settings that are done, of all these files."""
    found = [Trained.from_json(record) for file in files for record in read_records(file)]
    return {one.asked: one for one in found if one.settings == settings}
