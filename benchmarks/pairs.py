"""Which shares the maker of training pairs should have: small trials, one share changed at a time.

    python benchmarks/pairs.py train [--steps 1500] [--only base "grey 0" ...]     # recorded in pairs.jsonl
    python benchmarks/pairs.py report                                             # the table of docs/results.md
    python benchmarks/pairs.py picture                        # docs/pictures/pairs.jpg, from two short trainings

Every trial trains the default NAFNet for all eleven kinds from the start that ships (13,000 steps on pristine pairs),
on split fit, and measures it on crops of split val: as made, after JPEG 90, grey, at low severity, and how far clean
images, as they are and saved as JPEG 80, come out from themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
from common import (
    DATA,
    PICTURES,
    append_record,
    machine,
    need,
    parser,
    read_records,
    split_files,
    table,
    write_magnified,
)
from torch import Tensor, nn

from grids import weights
from grids.degradations import ELEVEN, degradation
from grids.images import read_photo
from grids.metrics import psnr
from grids.random import seeded
from grids.restoration.forward import restore
from grids.restoration.models import initialize, load_start, start_weights
from grids.training.config import TrainingConfig
from grids.training.datasets import Batches
from grids.training.pair_settings import JPEG_90, PHOTOGRAPHS, PRISTINE, PairSettings
from grids.training.pairs import make_pairs, save_some
from grids.training.photographs import Photographs
from grids.training.systems.base import SupervisedSystem
from grids.training.tasks import Synthesized
from grids.training.trainer import train

FILE = Path(__file__).with_suffix(".jsonl")
PICTURE = PICTURES / "pairs.jpg"
NETWORK = "nafnet"
SIDE, COUNT = 128, 40
BASE = replace(PHOTOGRAPHS, coarse=0.0, soft=0.0)
"""As `photographs` were when these trials were made; real_noise.py has those of what came later."""
VARIANTS: Mapping[str, PairSettings] = {
    "base": BASE,
    "pristine": PRISTINE,
    "saved 0.25": replace(BASE, saved=0.25),
    "saved 0.75": replace(BASE, saved=0.75),
    "grey 0": replace(BASE, grey=0.0),
    "grey 0.2": replace(BASE, grey=0.2),
    "clean 0": replace(BASE, clean=0.0),
    "clean 0.15": replace(BASE, clean=0.15),
    "reduced 0": replace(BASE, reduced=0.0),
    "from the mildest": replace(BASE, wide=False),
    "soft": replace(BASE, soft=PHOTOGRAPHS.soft),
    "soft, coarse 0.2": PHOTOGRAPHS,
    "soft, coarse 0.4": replace(PHOTOGRAPHS, coarse=0.4),
}
LOW = "low severity"
MEASURED: Mapping[str, PairSettings] = {
    "as made": PRISTINE,
    "after JPEG 90": JPEG_90,
    "grey": replace(PRISTINE, grey=1.0),
    LOW: PRISTINE,
}
CLEAN: Mapping[str, PairSettings] = {
    "clean": PRISTINE,
    "clean, JPEG 80": replace(JPEG_90, qualities=(80, 80)),
}


Gains = dict[str, dict[str, float]]
"""By the ways of `MEASURED` the mean gain of every kind, by those of `CLEAN` the PSNR of images to themselves, dB."""


@dataclass(frozen=True)
class Trial:
    """A short training: how it was made, and what it came to. As JSON it is one flat object."""

    settings: Mapping[str, str | int | None]
    gains: Gains

    def to_json(self) -> dict[str, object]:
        return {**self.settings, **self.gains}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Trial:
        gains = {way: record[way] for way in (*MEASURED, *CLEAN)}
        return cls({key: value for key, value in record.items() if key not in gains}, gains)


def mean_gains(gains: Gains) -> list[str]:
    """Over the kinds, for every way of `MEASURED`."""
    return [f"{sum(gains[way].values()) / len(ELEVEN):+.2f}" for way in MEASURED]


def to_themselves(gains: Gains) -> list[str]:
    """The PSNR of clean images, for every way of `CLEAN`."""
    return [f"{gains[way]['itself']:.1f}" for way in CLEAN]


def val_crops(count: int = COUNT) -> Tensor:
    """What is measured on: crops of the photographs of split val, (count, 3, SIDE, SIDE) in [0, 1]."""
    return Photographs(split_files("val"), SIDE).windows(SIDE, count).float().div(255)


def measured(network: nn.Module, clean: Tensor) -> Gains:
    """Restore degraded and clean images."""
    found = gains_of(network, clean, ELEVEN, tuple(MEASURED))
    for way, settings in CLEAN.items():
        inputs = save_some(clean, settings, seeded(11))[0]
        found[way] = {"itself": float(psnr(restore(network, inputs, "cpu"), inputs).mean())}
    return found


def gains_of(
    network: nn.Module, clean: Tensor, names: Sequence[str], ways: Sequence[str], device: str = "cpu"
) -> Gains:
    """Restore images under these kinds, in some of the ways of `MEASURED`."""
    return {
        way: {name: gain(network, *example(name, way, clean, seeded(11)), device) for name in names} for way in ways
    }


def example(name: str, way: str, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clean images under a degradation, in one of the ways of `MEASURED`: inputs and targets."""
    kind = degradation(name)
    if way == LOW:
        return kind(clean, generator, span="low"), clean
    inputs, targets, _ = make_pairs(clean, kind, MEASURED[way], generator)
    return inputs, targets


def gain(network: nn.Module, inputs: Tensor, targets: Tensor, device: str = "cpu") -> float:
    return float((psnr(restore(network, inputs, device), targets) - psnr(inputs, targets)).mean())


def trial(steps: int, name: str, photographs: Photographs, clean: Tensor) -> Trial:
    """Train one variant and measure it."""
    start = time.perf_counter()
    network = learnt_for(ELEVEN, TrainingConfig(iterations=steps, data=VARIANTS[name]), photographs)
    seconds = round(time.perf_counter() - start)
    return Trial({"variant": name, "steps": steps, "seconds": seconds}, measured(network, clean))


def learnt_for(
    names: Sequence[str], config: TrainingConfig, photographs: Photographs, preset: str = NETWORK
) -> nn.Module:
    """A restorer of these kinds, from the start that ships."""
    network = initialize(preset, 0)
    load_start(network, start_weights(weights.builtin(f"{preset}_start.safetensors"), preset))
    tasks = [Synthesized(degradation(kind)) for kind in names]
    batches = Batches(tasks, photographs, config.crop, config.batch, config.seed, data=config.data)
    return train(SupervisedSystem(network, config.loss), batches, config).network


def picture(photographs: Photographs, file: Path) -> None:
    """A photograph with noise, saved as JPEG 90, in colour and grey: as it is, by NLM, and by restorers of either data.

    The strength of non-local means is the best of four by PSNR, which nobody knows in practice.
    """
    whole = read_photo(need(DATA / "eval" / "kodak24" / "05.png")).tensor()[None]
    networks = [
        learnt_for(("gaussian_noise",), TrainingConfig(iterations=500, data=data), photographs)
        for data in (PRISTINE, BASE)
    ]
    rows = []
    for grey in (0.0, 1.0):
        noisy, clean, _ = make_pairs(
            whole, degradation("gaussian_noise"), replace(JPEG_90, grey=grey), seeded(3), severity=0.4
        )
        results = [noisy, denoised(noisy, clean), *(restore(network, noisy, "cpu").clamp(0, 1) for network in networks)]
        print("grey" if grey else "colour", [f"{float(psnr(one, clean)):.2f} dB" for one in results], flush=True)
        rows.append(torch.cat([one[0, :, 150:310, 300:520] for one in results], 2))
    write_magnified(file, torch.cat(rows, 1), 92)


def denoised(noisy: Tensor, clean: Tensor) -> Tensor:
    """Non-local means (OpenCV), its strength the best of four."""
    pixels = noisy[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    found = (cv2.fastNlMeansDenoisingColored(pixels, None, h, h, 7, 21) for h in (6, 10, 14, 18))
    images = [torch.from_numpy(one).permute(2, 0, 1)[None].float().div(255) for one in found]
    return max(images, key=lambda image: float(psnr(image, clean)))


def recorded(file: Path, names: Sequence[str], make: Callable[[str, Photographs, Tensor], Trial]) -> None:
    """Make trials of these names, (name, what to learn from, what to measure on) -> trial, each a line of a file."""
    print(machine(), flush=True)
    learnt = Photographs(split_files("fit"), 96)
    measured_on = val_crops()
    for name in names:
        record = make(name, learnt, measured_on).to_json()
        append_record(file, record)
        print(record, flush=True)


def report() -> str:
    rows = []
    for one in map(Trial.from_json, read_records(FILE)):
        jpeg = (f"{one.gains[way]['jpeg']:+.2f}" for way in ("as made", "after JPEG 90"))
        made = (one.settings["variant"], one.settings["steps"])
        rows.append((*made, *mean_gains(one.gains), *jpeg, *to_themselves(one.gains)))
    return table(("variant", "steps", *MEASURED, "JPEG, as made", "JPEG, after JPEG 90", *CLEAN), rows)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report", "picture"))
    options.add_argument("--steps", type=int, default=1500)
    options.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    chosen = options.parse_args()
    if chosen.what == "train":
        recorded(FILE, chosen.only, partial(trial, chosen.steps))
    if chosen.what == "picture":
        print(machine(), flush=True)
        picture(Photographs(split_files("fit"), 96), PICTURE)
    else:
        print(report())
