"""The training behind `start.py`: its batches, the hours that it takes, and its copies, brought down to rate zero."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from common import keep_settings, machine, split_files
from hours import Hours, Told, clock_of
from pairs import CLEAN, MEASURED, Gains, measured, val_crops
from torch import Tensor

from grids.degradations import ELEVEN, degradation
from grids.io import write_text
from grids.restoration.models import initialize, load_start, read_record, save_restorer, start_weights
from grids.training.checkpoint import Checkpointing
from grids.training.checkpoint import load as load_checkpoint
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch, Batches
from grids.training.pair_settings import PHOTOGRAPHS, PairSettings
from grids.training.pairs import make_pairs
from grids.training.photographs import Photographs
from grids.training.systems.base import SupervisedSystem
from grids.training.tasks import Synthesized
from grids.training.trainer import OutOfTimeError, TrainingResult, train
from grids.weights import sha256

LANDING_CROP = 128  # in batches of as many pixels as before
STAGES, STAGE = 10, 12_000
"""Streaks of motion blur grow longer in so many stages of so many steps."""


class UpTo(Synthesized):
    """A degradation of which only the weaker part of its values is drawn, `most` of its severity at most."""

    def __init__(self, name: str, most: float) -> None:
        super().__init__(degradation(name))
        self.most = most

    def draw(
        self, clean: Tensor, generator: torch.Generator, data: PairSettings = PHOTOGRAPHS
    ) -> tuple[Tensor, Tensor]:
        severity = self.most * torch.rand(len(clean), generator=generator)
        made = make_pairs(clean, self.degradation, data, generator, severity)
        return made.inputs, made.targets


class StagedBatches:
    """The batches of every step: streaks from short to long, and large crops once the rate goes down.

    Args:
        photographs: to learn from.
        first: steps of the copy that the training began with.
        landing: the first step at which the rate goes down.
    """

    def __init__(
        self, photographs: Photographs, config: TrainingConfig, device: str, first: int, landing: float = math.inf
    ) -> None:
        self.photographs, self.config, self.device = photographs, config, device
        self.first, self.landing = first, landing
        self._made: dict[tuple[int, bool], Batches] = {}

    def __call__(self, step: int, retry: int = 0) -> Batch:
        stage, lands = min(STAGES, 1 + (self.first + step) // STAGE), step >= self.landing
        if (stage, lands) not in self._made:
            self._made = {(stage, lands): self._batches(stage / STAGES, lands)}
        return self._made[stage, lands](step, retry)

    def _batches(self, longest: float, lands: bool) -> Batches:
        config = self.config
        tasks = [
            UpTo(name, longest) if name == "motion_blur" and longest < 1 else Synthesized(degradation(name))
            for name in ELEVEN
        ]
        crop, batch = config.crop, config.batch
        if lands:
            crop, batch = LANDING_CROP, max(1, round(batch * (crop / LANDING_CROP) ** 2))
        return Batches(tasks, self.photographs, crop, batch, config.seed, self.device, config.sampler, config.data)


@dataclass(frozen=True)
class Copy:
    """What the training came to after so many hours.

    Args:
        hours: of one core.
        steps: at the constant rate.
        landing: further steps, in which the rate goes down.
        machine: that it was measured on.
        gains: what was measured.
    """

    hours: float
    steps: int
    landing: int
    machine: str
    gains: Gains

    def to_json(self) -> dict[str, Any]:
        """One flat object."""
        record = asdict(self)
        gains = record.pop("gains")
        return {**record, **gains}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Copy:
        gains = {way: record[way] for way in (*MEASURED, *CLEAN)}
        return cls(record["hours"], record["steps"], record["landing"], record["machine"], gains)

    @property
    def mean_gain(self) -> float:
        """Over the kinds, as made, dB."""
        return sum(self.gains["as made"].values()) / len(ELEVEN)


class LongTraining:
    """The training in its folder.

    Args:
        folder: of its checkpoints, copies and hours.
        network: a preset.
        config: of its constant part.
        device: where.
        deadline: `time.monotonic()` at which it breaks off.
        count: crops that copies are measured on.
        begin: a copy that a new folder begins with.
    """

    def __init__(
        self,
        folder: Path,
        network: str,
        config: TrainingConfig,
        device: str,
        deadline: float,
        count: int,
        begin: Path | None,
    ) -> None:
        self.folder, self.network, self.config, self.device, self.deadline = folder, network, config, device, deadline
        self.photographs = Photographs(split_files("fit"), 2 * LANDING_CROP)
        self.clean = val_crops(count)
        self.clock = clock_of(device)
        self.identity = f"start 1 {network}"
        self.begin = begin
        record = (read_record(begin) or {}) if begin is not None else {}
        self.first, self.already = int(record.get("steps", 0)), float(record.get("hours", 0))
        settings = json.dumps({"network": network, "stages": [STAGES, STAGE], **config.to_json()}, indent=1)
        if begin is not None:
            settings += f"\nfrom {sha256(begin)}"
        keep_settings(folder, settings)

    def copy(self, hours: float) -> Copy:
        """The copy after so many hours: trained, brought down and measured now, or read."""
        record, weights, checkpoint, begun = (
            self.folder / f"{hours:g}-hours.{kind}" for kind in ("json", "safetensors", "ckpt", "txt")
        )
        if record.exists():
            return Copy.from_json(json.loads(record.read_text()))
        if not begun.exists():
            self.train_until(hours)
            shutil.copyfile(self.folder / "main.ckpt", checkpoint)
            write_text(begun, str(step_of(checkpoint)))
        at = int(begun.read_text())
        config = replace(self.config, iterations=at + max(1, round(at / 10)))
        batches = StagedBatches(self.photographs, config, self.device, self.first, landing=at)
        result = self.run(batches, config, checkpoint, self.deadline, None)
        gains = measured(result.network, self.clean)
        found = Copy(hours, self.first + at, config.iterations - at, machine(), gains)
        card = {"preset": self.network, "tasks": list(ELEVEN), "recipe": self.config.to_json(), **found.to_json()}
        save_restorer(weights, result.network, card, half=True)
        write_text(record, json.dumps(found.to_json(), indent=1) + "\n")
        checkpoint.unlink(missing_ok=True)
        return found

    def train_until(self, hours: float) -> None:
        """Train at the constant rate until so many hours are spent."""
        checkpoint = self.folder / "main.ckpt"
        spent = Hours(self.folder / "hours.csv", self.clock, self.already)
        batches = StagedBatches(self.photographs, self.config, self.device, self.first)
        while True:  # a process that waits for others takes longer on the clock: it gets a further slice
            step = step_of(checkpoint) if checkpoint.exists() else 0
            spent.begin(step)
            left = 3600 * (hours - spent.spent)
            if left <= 0:
                return
            end = min(self.deadline, time.monotonic() + max(left, 1))
            try:
                self.run(batches, self.config, checkpoint, end, spent)
            except OutOfTimeError:
                spent.write(step_of(checkpoint))
                if time.monotonic() >= self.deadline:
                    raise

    def run(
        self,
        batches: Callable[[int, int], Batch],
        config: TrainingConfig,
        checkpoint: Path,
        deadline: float,
        spent: Hours | None,
    ) -> TrainingResult:
        network = initialize(self.network, config.seed)
        if self.begin is not None:
            load_start(network, start_weights(self.begin, self.network))
        return train(
            SupervisedSystem(network, config.loss),
            batches,
            config,
            device=self.device,
            checkpointing=Checkpointing(checkpoint, self.identity, deadline=deadline),
            callbacks=Told(spent),
        )


def step_of(checkpoint: Path) -> int:
    return int(load_checkpoint(checkpoint)["step"])
