"""Which shares the maker of training pairs should have: small trials, one share changed at a time.

    python benchmarks/pairs.py train [--steps 1500] [--only base "grey 0" ...]     # recorded in pairs.jsonl
    python benchmarks/pairs.py report                                             # the table of docs/results.md

Every trial trains the default NAFNet for all eleven kinds from the start that ships (13,000 steps on pristine pairs),
on split fit, and measures it on crops of split val: as made, after JPEG 90, grey, at low severity, and how far clean
images, as they are and saved as JPEG 80, come out from themselves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from common import machine, split_files, table
from torch import Tensor, nn

from grids import weights
from grids.degradations import ELEVEN, degradation, seeded
from grids.training.data import Batches
from grids.training.metrics import psnr
from grids.training.models import fresh, start_weights, started
from grids.training.pair_settings import JPEG_90, PHOTOGRAPHS, PRISTINE, PairSettings
from grids.training.pairs import make_pairs, save_some
from grids.training.photographs import Photographs
from grids.training.recipe import Recipe
from grids.training.systems import Restorer
from grids.training.tasks import Synthesized
from grids.training.trainer import train
from grids.training.validation import restore

FILE = Path(__file__).with_suffix(".jsonl")
NETWORK = "nafnet"
SIDE, COUNT = 128, 40
VARIANTS: Mapping[str, PairSettings] = {
    "base": PHOTOGRAPHS,
    "pristine": PRISTINE,
    "saved 0.25": replace(PHOTOGRAPHS, saved=0.25),
    "saved 0.75": replace(PHOTOGRAPHS, saved=0.75),
    "grey 0": replace(PHOTOGRAPHS, grey=0.0),
    "grey 0.2": replace(PHOTOGRAPHS, grey=0.2),
    "clean 0": replace(PHOTOGRAPHS, clean=0.0),
    "clean 0.15": replace(PHOTOGRAPHS, clean=0.15),
    "reduced 0": replace(PHOTOGRAPHS, reduced=0.0),
    "from the mildest": replace(PHOTOGRAPHS, wide=False),
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


def measured(network: nn.Module, clean: Tensor) -> dict[str, dict[str, float]]:
    """Mean gain in dB of every kind, by how its inputs are made; and the PSNR of clean images to themselves."""
    found: dict[str, dict[str, float]] = {}
    for way, settings in MEASURED.items():
        found[way] = {}
        for name in ELEVEN:
            kind, generator = degradation(name), seeded(11)
            if way == LOW:
                inputs, targets = kind(clean, generator, span="low"), clean
            else:
                inputs, targets, _ = make_pairs(clean, kind, settings, generator)
            found[way][name] = gain(network, inputs, targets)
    for way, settings in CLEAN.items():
        inputs = save_some(clean, settings, seeded(11))[0]
        found[way] = {"itself": float(psnr(restore(network, inputs, "cpu"), inputs).mean())}
    return found


def gain(network: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    return float((psnr(restore(network, inputs, "cpu"), targets) - psnr(inputs, targets)).mean())


def trial(name: str, steps: int, photographs: Photographs, clean: Tensor) -> dict[str, object]:
    """Train one variant and measure it."""
    recipe = Recipe(iterations=steps, data=VARIANTS[name])
    network = fresh(NETWORK, 0)
    started(network, start_weights(weights.builtin(f"{NETWORK}_start.safetensors"), NETWORK))
    tasks = [Synthesized(degradation(kind)) for kind in ELEVEN]
    batches = Batches(tasks, photographs, recipe.crop, recipe.batch, recipe.seed, data=recipe.data)
    result = train(Restorer(network), batches, recipe)
    return {"variant": name, "steps": steps, "seconds": round(result.seconds), **measured(result.network, clean)}


def report() -> str:
    records = [json.loads(line) for line in FILE.read_text().splitlines()]
    rows = []
    for record in records:
        means = [sum(record[way].values()) / len(ELEVEN) for way in MEASURED]
        jpeg = [record[way]["jpeg"] for way in ("as made", "after JPEG 90")]
        itself = [record[way]["itself"] for way in CLEAN]
        cells = (f"{value:+.2f}" for value in (*means, *jpeg))
        rows.append((record["variant"], record["steps"], *cells, *(f"{value:.1f}" for value in itself)))
    return table(("variant", "steps", *MEASURED, "JPEG, as made", "JPEG, after JPEG 90", *CLEAN), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "report"))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    chosen = parser.parse_args()
    if chosen.what == "train":
        print(machine(), flush=True)
        learnt = Photographs(split_files("fit"), 96)
        measured_on = Photographs(split_files("val"), SIDE).windows(SIDE, COUNT).float().div(255)
        for variant in chosen.only:
            record = trial(variant, chosen.steps, learnt, measured_on)
            with FILE.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
            print(record, flush=True)
    print(report())
