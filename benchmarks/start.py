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

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common import LEARNT_FROM, WEIGHTS, enter_in_manifest, machine, parser, table
from long_training import Copy, LongTraining
from pairs import CLEAN, COUNT, MEASURED, mean_gains, to_themselves

from grids.degradations import ELEVEN
from grids.restoration.models import load_restorer, save_restorer
from grids.training.config import TrainingConfig
from grids.training.pair_settings import PHOTOGRAPHS
from grids.training.trainer import OutOfTimeError

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


def train_long(training: LongTraining, hours: Sequence[float]) -> None:
    """Train as far as is worth it, and say what every copy came to."""
    before: Copy | None = None
    for target in (one for one in hours if one > training.already):
        found = training.copy(target)
        print(f"{target:g} hours, {found.steps} steps: {found.mean_gain:+.2f} dB", flush=True)
        if target == LAST_BUT_ONE and before and found.mean_gain - before.mean_gain < WORTH:
            print(f"the copy of {target:g} hours is less than {WORTH} dB better than the one before", flush=True)
            return
        before = found


def copies_of(folder: Path) -> list[Copy]:
    """The copies that are there, by their hours."""
    found = (Copy.from_json(json.loads(file.read_text())) for file in folder.glob("*-hours.json"))
    return sorted(found, key=lambda copy: copy.hours)


def ship(folder: Path, network: str) -> None:
    """Put the newest copy into the package, with its entry in the manifest."""
    copy, file = copies_of(folder)[-1], WEIGHTS / f"{network}_start.safetensors"
    restorer = load_restorer(folder / f"{copy.hours:g}-hours.safetensors")
    save_restorer(file, restorer.network, restorer.record, half=True)
    enter_in_manifest(
        file,
        f"{network} for all eleven degradations: what the restorers that ship and the study started from",
        trained_on=LEARNT_FROM,
        steps=copy.steps + copy.landing,
        core_hours=copy.hours,
        val_gain_db={task: round(gain, 2) for task, gain in copy.gains["as made"].items()},
    )
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, {copy.hours:g} core-hours")


def report(folder: Path) -> str:
    copies = copies_of(folder)
    if not copies:
        return "no copy yet"
    rows = [
        (f"{one.hours:g}", f"{one.steps:,} + {one.landing:,}", *mean_gains(one.gains), *to_themselves(one.gains))
        for one in copies
    ]
    kinds = [(name, *(f"{one.gains['as made'][name]:+.2f}" for one in copies)) for name in ELEVEN]
    by_kind = table(("as made, dB", *(f"{one.hours:g} h" for one in copies)), kinds)
    return "\n".join([table(("hours", "steps", *MEASURED, *CLEAN), rows), "", by_kind])


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report", "ship"))
    options.add_argument("--folder", type=Path, default=Path("runs/start"))
    options.add_argument("--network", default="unet")
    options.add_argument("--hours", type=float, nargs="+", default=HOURS)
    options.add_argument("--seconds", type=float, default=math.inf, help="then a checkpoint is written, and it ends")
    options.add_argument("--device", default="cpu")
    options.add_argument("--crop", type=int, default=SETTINGS.crop)
    options.add_argument("--batch", type=int, default=SETTINGS.batch)
    options.add_argument("--begin", type=Path, help="a copy that a new folder begins with")
    options.add_argument("--count", type=int, default=COUNT, help="crops that the copies are measured on")
    chosen = options.parse_args()
    if chosen.what == "train":
        print(machine(), flush=True)
        deadline = time.monotonic() + chosen.seconds
        used = replace(SETTINGS, crop=chosen.crop, batch=chosen.batch)
        try:
            train_long(
                LongTraining(chosen.folder, chosen.network, used, chosen.device, deadline, chosen.count, chosen.begin),
                chosen.hours,
            )
        except OutOfTimeError as error:
            print(error)
    elif chosen.what == "ship":
        ship(chosen.folder, chosen.network)
    print(report(chosen.folder))
