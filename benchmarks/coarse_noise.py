"""Which share of the noise should be coarse in training: short trainings, measured on noise of real cameras, too.

    python benchmarks/coarse_noise.py train [--steps 2500] [--shares 0 0.2 0.4 0.6]     # recorded in coarse_noise.jsonl
    python benchmarks/coarse_noise.py report                                          # the table of docs/results.md

Every trial trains the U-Net for Gaussian and Poisson noise from the start that ships, on split fit, and measures start
and result on crops of split val as pairs.py does, on all of noise_cc15 and on every fifth of noise_polyu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from common import DATA, append_record, channels_last, machine, need, parser, read_records, split_files, table
from pairs import gains_of, learnt_for, val_crops
from torch import Tensor, nn

from grids import weights
from grids.images import read_photo
from grids.metrics import psnr
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image
from grids.training.config import TrainingConfig
from grids.training.pair_settings import PHOTOGRAPHS
from grids.training.photographs import Photographs
from grids.training.tasks import matched

FILE = Path(__file__).with_suffix(".jsonl")
NETWORK, TASKS = "unet", ("gaussian_noise", "poisson_noise")
WAYS = ("as made", "after JPEG 90", "grey")
REAL = {"noise_cc15": 1, "noise_polyu": 5}
"""Folders of pairs, and of how many one is taken."""


def trial(steps: int, share: float, photographs: Photographs, clean: Tensor) -> dict[str, object]:
    config = TrainingConfig(
        iterations=steps,
        learning_rate=5e-4,
        final=0.0,
        warm_up=0.0,
        average=0.999,
        loss="log-mse",
        data=replace(PHOTOGRAPHS, coarse=share),
    )
    return {"share": share, "steps": steps, **measured(learnt_for(TASKS, config, photographs, NETWORK), clean)}


def measured(network: nn.Module, clean: Tensor) -> dict[str, object]:
    """The mean gains on noise that is made, the gain on every real pair."""
    made = gains_of(network.eval(), clean, TASKS, WAYS)
    network = channels_last(network)
    real = {folder: [round(one, 3) for one in real_gains(network, folder, every)] for folder, every in REAL.items()}
    return {**{way: mean(gains.values()) for way, gains in made.items()}, **real}


def real_gains(network: nn.Module, name: str, every: int) -> list[float]:
    folder = need(DATA / "paired" / name)
    found = []
    for noisy, target in matched(name, folder / "input", folder / "target")[::every]:
        image, wanted = (read_photo(file).tensor() for file in (noisy, target))
        restored = restore_image(network, image).clamp(0, 1)
        found.append(float(psnr(restored[None], wanted[None]) - psnr(image[None], wanted[None])))
    return found


def report() -> str:
    rows = []
    for one in read_records(FILE):
        real = (f"{mean(one[name]):+.2f} ({min(one[name]):+.2f})" for name in REAL)
        share = "the start" if one["share"] is None else f"{one['share']:g}"
        rows.append((share, one["steps"], *(f"{one[way]:+.2f}" for way in WAYS), *real))
    return table(("share", "steps", *WAYS, *(f"{name} (worst)" for name in REAL)), rows)


def train(steps: int, shares: Sequence[float]) -> None:
    print(machine(), flush=True)
    photographs, clean = Photographs(split_files("fit"), 96), val_crops()
    if not read_records(FILE):
        start = load_restorer(weights.builtin(f"{NETWORK}_start.safetensors")).network
        append_record(FILE, {"share": None, "steps": 0, **measured(start, clean)})
    for share in shares:
        append_record(FILE, trial(steps, share, photographs, clean))
        print(f"share {share:g} is measured", flush=True)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report"))
    options.add_argument("--steps", type=int, default=2500)
    options.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.2, 0.4, 0.6])
    chosen = options.parse_args()
    if chosen.what == "train":
        train(chosen.steps, chosen.shares)
    print(report())
