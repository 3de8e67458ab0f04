"""The long training that restorers start from: one U-Net for all eleven kinds, at a constant rate, extended at will.

    python benchmarks/start.py train [--folder runs/start] [--hours 1 2 3 6 12] [--seconds 480] [--device cuda]
    python benchmarks/start.py report [--folder runs/start]
    python benchmarks/start.py ship [--folder runs/start]      # the newest copy -> grids/weights/unet_start.safetensors

It goes on from its folder; with --begin FILE a new folder goes on from the weights and the hours of a copy, such as the
one that ships, where the folder of an earlier part is lost. Hours are hours of one core: the processor time of the
process (on a GPU, its time on the clock). After each of --hours a copy is brought down to rate zero over a further
tenth of its steps, on larger crops, measured on crops of split val, and kept as N-hours.safetensors; that is not
counted in the hours. At six hours it ends where that copy is less than 0.1 dB better than the one before, of three.

One core: OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE nice python benchmarks/start.py train
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common import machine, split_files, table
from pairs import CLEAN, MEASURED, measured
from torch import Tensor

from grids.degradations import ELEVEN, degradation
from grids.io import write_text
from grids.restoration.models import initialize, load_restorer, load_start, read_record, save_restorer, start_weights
from grids.training.callbacks import NullCallbacks
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

WEIGHTS = Path(__file__).parents[1] / "grids" / "weights"
HOURS = (1.0, 2.0, 3.0, 6.0, 12.0)
LAST_BUT_ONE, WORTH = 6.0, 0.1
SETTINGS = TrainingConfig(
    iterations=10**9,  # the rate stays: each copy is of its own number
    learning_rate=1e-3,
    final=0.0,
    warm_up=0.0,
    average=0.999,
    schedule="constant",
    loss="log-mse",
    # the kinds that gain slowly have more of the samples, motion blur the most
    sampler="mixed:motion_blur=4,gaussian_blur=2,defocus_blur=2,inpainting=2,salt_pepper=2",
    data=PHOTOGRAPHS,
)
LANDING_CROP = 128  # in batches of as many pixels as before
STAGES, STAGE = 10, 12_000
"""Streaks of motion blur grow longer in so many stages of so many steps."""
SIDE, COUNT = 128, 40
EVERY = 100


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


class Lessons:
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


class Hours:
    """How long the training took up to every step, in a file beside its checkpoint."""

    def __init__(self, file: Path, clock: Callable[[], float], already: float = 0.0) -> None:
        self.file, self._clock, self._already = file, clock, already
        lines = file.read_text().splitlines()[1:] if file.exists() else []
        self._rows = [(int(step), float(hours)) for step, hours in (line.split(",") for line in lines)]
        self.spent = 0.0
        """Hours up to now."""

    def begin(self, step: int) -> None:
        """Count on from a step; what was done after it, and is to be done again, does not count."""
        self._rows = [row for row in self._rows if row[0] <= step]
        self.spent = self._rows[-1][1] if self._rows else self._already
        self._last = self._clock()

    def count(self) -> None:
        now = self._clock()
        self.spent += (now - self._last) / 3600
        self._last = now

    def write(self, step: int) -> None:
        if not self._rows or self._rows[-1][0] < step:
            self._rows.append((step, self.spent))
        write_text(self.file, "step,hours\n" + "".join(f"{at},{hours:.6f}\n" for at, hours in self._rows))


class Start:
    """The training in its folder."""

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
        self.clean = Photographs(split_files("val"), SIDE).windows(SIDE, count).float().div(255)
        self.clock = time.monotonic if device == "cuda" else time.process_time
        self.identity = f"start 1 {network}"
        self.begin = begin
        record = (read_record(begin) or {}) if begin is not None else {}
        self.first, self.already = int(record.get("steps", 0)), float(record.get("hours", 0))
        folder.mkdir(parents=True, exist_ok=True)
        settings = json.dumps({"network": network, "stages": [STAGES, STAGE], **config.to_json()}, indent=1)
        if begin is not None:
            settings += f"\nfrom {sha256(begin)}"
        file = folder / "settings.json"
        if file.exists() and file.read_text() != settings:
            raise SystemExit(f"'{folder}' is of a training with other settings ({file.name}): choose another --folder")
        write_text(file, settings)

    def copy(self, hours: float) -> dict[str, object]:
        """What the training came to after so many hours: trained, brought down and measured now, or read."""
        record, weights, checkpoint, begun = (
            self.folder / f"{hours:g}-hours.{kind}" for kind in ("json", "safetensors", "ckpt", "txt")
        )
        if record.exists():
            return json.loads(record.read_text())
        if not begun.exists():
            self.train_until(hours)
            shutil.copyfile(self.folder / "main.ckpt", checkpoint)
            write_text(begun, str(step_of(checkpoint)))
        at = int(begun.read_text())
        config = replace(self.config, iterations=at + max(1, round(at / 10)))
        batches = Lessons(self.photographs, config, self.device, self.first, landing=at)
        result = self.run(batches, config, checkpoint, self.deadline, None)
        found = {"hours": hours, "steps": self.first + at, "landing": config.iterations - at, "machine": machine()}
        found |= measured(result.network, self.clean)
        card = {"preset": self.network, "tasks": list(ELEVEN), "recipe": self.config.to_json(), **found}
        save_restorer(weights, result.network, card, half=True)
        write_text(record, json.dumps(found, indent=1) + "\n")
        checkpoint.unlink(missing_ok=True)
        return found

    def train_until(self, hours: float) -> None:
        """Train at the constant rate until so many hours are spent."""
        checkpoint = self.folder / "main.ckpt"
        spent = Hours(self.folder / "hours.csv", self.clock, self.already)
        batches = Lessons(self.photographs, self.config, self.device, self.first)
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
        class Told(NullCallbacks):
            def step(self, done: int) -> None:
                if spent is not None:
                    spent.count()
                    if done % EVERY == 0:
                        spent.write(done)
                    if done % (10 * EVERY) == 0:
                        print(f"step {done}, {spent.spent:.3f} hours", flush=True)

            def say(self, text: str) -> None:
                print(text, flush=True)

        network = initialize(self.network, config.seed)
        if self.begin is not None:
            load_start(network, start_weights(self.begin, self.network))
        return train(
            SupervisedSystem(network, config.loss),
            batches,
            config,
            device=self.device,
            checkpointing=Checkpointing(checkpoint, self.identity, deadline=deadline),
            callbacks=Told(),
        )


def step_of(checkpoint: Path) -> int:
    return int(load_checkpoint(checkpoint)["step"])


def mean(record: dict[str, object], way: str) -> float:
    values: dict[str, float] = record[way]  # type: ignore[assignment]
    return sum(values.values()) / len(values)


def long_training(start: Start, hours: Sequence[float]) -> None:
    """Train as far as is worth it, and say what every copy came to."""
    before: dict[str, object] | None = None
    for target in (one for one in hours if one > start.already):
        found = start.copy(target)
        print(f"{target:g} hours, {found['steps']} steps: {mean(found, 'as made'):+.2f} dB", flush=True)
        if target == LAST_BUT_ONE and before and mean(found, "as made") - mean(before, "as made") < WORTH:
            print(f"the copy of {target:g} hours is less than {WORTH} dB better than the one before", flush=True)
            return
        before = found


def records_of(folder: Path) -> list[dict[str, Any]]:
    """What every copy came to, by its hours."""
    return sorted((json.loads(file.read_text()) for file in folder.glob("*-hours.json")), key=lambda r: r["hours"])


def ship(folder: Path, network: str) -> None:
    """Put the newest copy into the package, with its entry in the manifest."""
    record = records_of(folder)[-1]
    copy = load_restorer(folder / f"{record['hours']:g}-hours.safetensors")
    file, manifest = WEIGHTS / f"{network}_start.safetensors", WEIGHTS / "manifest.json"
    save_restorer(file, copy.network, copy.record, half=True)
    entries = json.loads(manifest.read_text())
    entries[file.name] = {
        "sha256": sha256(file),
        "what": f"{network} for all eleven degradations: what trainings of this network start from",
        "licence": "MIT",
        "trained_on": "603 images: 303 tiles of wallpaper photographs, 300 of BSDS500's train and test splits",
        "steps": record["steps"] + record["landing"],
        "core_hours": record["hours"],
        "val_gain_db": {task: round(gain, 2) for task, gain in record["as made"].items()},
        "start_for": network,
    }
    manifest.write_text(json.dumps(entries, indent=1) + "\n")
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, {record['hours']:g} core-hours")


def report(folder: Path) -> str:
    records, rows = records_of(folder), []
    if not records:
        return "no copy yet"
    for record in records:
        gains = (f"{mean(record, way):+.2f}" for way in MEASURED)
        itself = (f"{mean(record, way):.1f}" for way in CLEAN)
        rows.append((f"{record['hours']:g}", f"{record['steps']:,} + {record['landing']:,}", *gains, *itself))
    lines = [table(("hours", "steps", *MEASURED, *CLEAN), rows), ""]
    kinds = [(name, *(f"{record['as made'][name]:+.2f}" for record in records)) for name in ELEVEN]
    lines.append(table(("as made, dB", *(f"{record['hours']:g} h" for record in records)), kinds))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "report", "ship"))
    parser.add_argument("--folder", type=Path, default=Path("runs/start"))
    parser.add_argument("--network", default="unet")
    parser.add_argument("--hours", type=float, nargs="+", default=HOURS)
    parser.add_argument("--seconds", type=float, default=math.inf, help="then a checkpoint is written, and it ends")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--crop", type=int, default=SETTINGS.crop)
    parser.add_argument("--batch", type=int, default=SETTINGS.batch)
    parser.add_argument("--begin", type=Path, help="a copy that a new folder begins with")
    parser.add_argument("--count", type=int, default=COUNT, help="crops that the copies are measured on")
    chosen = parser.parse_args()
    if chosen.what == "train":
        print(machine(), flush=True)
        deadline = time.monotonic() + chosen.seconds
        used = replace(SETTINGS, crop=chosen.crop, batch=chosen.batch)
        try:
            start = Start(chosen.folder, chosen.network, used, chosen.device, deadline, chosen.count, chosen.begin)
            long_training(start, chosen.hours)
        except OutOfTimeError as error:
            print(error)
    elif chosen.what == "ship":
        ship(chosen.folder, chosen.network)
    print(report(chosen.folder))
