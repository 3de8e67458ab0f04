"""Every recipe's small network, trained on photographs and measured on others, degraded ones and real pairs.

    python benchmarks/recipe_runs.py train [RECIPE ...] [--seconds 900]     goes on where it was broken off
    python benchmarks/recipe_runs.py measure [RECIPE ...]                   into benchmarks/recipes/runs.json
    python benchmarks/recipe_runs.py report                                 what came out, as Markdown
    python benchmarks/recipe_runs.py sheet                                  docs/pictures/recipes.jpg
    python benchmarks/recipe_runs.py features                               docs/pictures/features.png, from liu-durbm

Learnt from the fit split of data/train, measured on whole photographs of eval/bsds100, and on those of data/paired that
show nothing which was learnt from. The faces are those of data/faces, as in recipes.py. The settings are those of
`grids train --recipe NAME`, but for the steps.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import torch
from claims import faces
from common import DATA, eval_photographs, machine, need, parser, split_files, table, was_learnt
from recipe_pictures import features, sheet

from grids import RunControl, TaskSources, TrainingSettings, evaluate_restorer, train_restorer
from grids.io import write_text
from grids.restoration.models import load_restorer
from grids.results import Evaluation
from grids.training.pair_settings import PRISTINE
from grids.training.trainer import OutOfTimeError

STEPS = {
    "liu-durbm": 3600,
    "martyniuk-fpn": 1200,
    "martyniuk-resnet": 400,
    "walha-mtlgan": 900,
    "shen-face": 800,
    "grids-restormer": 300,
    "grids-srresnet": 40,
}
MEASURED = 25
"""Photographs of eval/bsds100."""
FEW = 2
"""Of them for the recipes of GRIDS, whose networks take minutes for each photograph under eleven degradations."""
PAIRED = {
    "rain": "rain100h",
    "raindrop": "raindrop",
    "motion_blur": "motion_blur",
    "frame_blur": "motion_blur",
    "sensor_noise": "noise_cc15",
}
"""The real or published pairs that a task's head is measured on."""
RUNS = Path("runs/recipes")
RECORD = Path(__file__).parent / "recipes" / "runs.json"


def photographs(recipe: str) -> tuple[list[Path], list[Path]]:
    """What a recipe learns from, and what it is measured on."""
    if recipe == "shen-face":
        return faces()
    measured, count = eval_photographs("bsds100"), FEW if recipe.startswith("grids-") else MEASURED
    return split_files("fit"), measured[:: len(measured) // count][:count]


def train(recipe: str, seconds: float) -> None:
    learnt, measured = photographs(recipe)
    val = measured if recipe == "shen-face" else split_files("val")[::3]
    settings = TrainingSettings.by_recipe(recipe, iterations=STEPS[recipe], data=PRISTINE)
    out = RUNS / f"{recipe}.safetensors"
    found = train_restorer(learnt, None, settings, val=val, out=out, control=RunControl("cpu", seconds))
    (run,) = found.runs
    print(f"{recipe}: {run.seconds:.0f} s, {dict(run.psnr)}", flush=True)


def unseen_pairs(folder: Path, place: Path) -> str:
    """Links to those pairs whose targets are no photographs of data/train, as "INPUTS:TARGETS"."""
    for part in ("input", "target"):
        (place / part).mkdir()
    for target in sorted((folder / "target").iterdir()):
        if not was_learnt(target):
            for part in ("input", "target"):
                (place / part / target.name).symlink_to((folder / part / target.name).resolve())
    return f"{place / 'input'}:{place / 'target'}"


class Row(TypedDict):
    """Means over the images of a task: those made of photographs, or a folder of data/paired."""

    images: str
    task: str
    count: int
    input_psnr: float
    psnr: float
    input_ssim: float
    ssim: float


class Run(TypedDict):
    """A trained network, what it was trained with, and what it was measured on."""

    network: str
    steps: int
    batch: int
    crop: int
    learning_rate: float
    seconds: int
    rows: list[Row]


def measure(recipe: str) -> Run:
    """Means of every task, before and after."""
    model = RUNS / f"{recipe}.safetensors"
    loaded = load_restorer(model)
    _, measured = photographs(recipe)
    rows = [_means("made", task, evaluate_restorer(model, measured, (task,), device="cpu")) for task in loaded.tasks]
    for task in loaded.tasks:
        if task in PAIRED and not recipe.startswith("grids-"):
            with tempfile.TemporaryDirectory() as name:
                pairs = {task: unseen_pairs(need(DATA / "paired" / PAIRED[task]), Path(name))}
                found = evaluate_restorer(model, None, TaskSources((task,), pairs=pairs), device="cpu")
            rows.append(_means(PAIRED[task], task, found))
    config = loaded.record["recipe"]
    return Run(
        network=loaded.preset,
        steps=config["iterations"],
        batch=config["batch"],
        crop=config["crop"],
        learning_rate=config["learning_rate"],
        seconds=round(loaded.record["seconds"]),
        rows=rows,
    )


def _means(images: str, task: str, found: Evaluation) -> Row:
    mean = found.mean(task)
    return Row(
        images=images,
        task=task,
        count=len(found.scores),
        input_psnr=round(mean.input_psnr, 4),
        psnr=round(mean.psnr, 4),
        input_ssim=round(mean.input_ssim, 4),
        ssim=round(mean.ssim, 4),
    )


def record(recipes: Iterable[str]) -> None:
    RECORD.parent.mkdir(exist_ok=True)
    for recipe in recipes:
        found = measure(recipe)
        write_text(RECORD, json.dumps({**recorded(), recipe: found}, indent=1) + "\n")
        print(recipe, found["rows"], flush=True)


def recorded() -> dict[str, Run]:
    found: dict[str, Run] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return found


def report() -> None:
    print(machine())
    for recipe in (name for name in STEPS if name in recorded()):
        found = recorded()[recipe]
        print(
            f"\n{recipe}: {found['network']}, {found['steps']} steps of {found['batch']} crops of {found['crop']} "
            f"pixels at {found['learning_rate']:g}, {found['seconds'] / 60:.0f} min\n"
        )
        rows = []
        for row in found["rows"]:
            gain, more = row["psnr"] - row["input_psnr"], row["ssim"] - row["input_ssim"]
            psnr, ssim = (
                f"{row['input_psnr']:.2f} -> {row['psnr']:.2f}",
                f"{row['input_ssim']:.3f} -> {row['ssim']:.3f}",
            )
            made = "faces" if recipe == "shen-face" else "photographs"
            where = made if row["images"] == "made" else row["images"]
            rows.append((row["task"], f"{where} ({row['count']})", psnr, f"{gain:+.2f}", ssim, f"{more:+.3f}"))
        print(table(("task", "images", "PSNR, dB", "gain", "SSIM", "gain"), rows))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "measure", "report", "sheet", "features"))
    options.add_argument("recipes", nargs="*", metavar="RECIPE", help=", ".join(STEPS))
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--threads", type=int)
    given = options.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    chosen = given.recipes or list(STEPS)
    if given.what == "train":
        deadline = time.monotonic() + given.seconds
        for recipe in chosen:
            try:
                train(recipe, deadline - time.monotonic())
            except OutOfTimeError as error:
                raise SystemExit(f"{recipe}: {error}; the same call goes on") from error
    elif given.what == "measure":
        record(chosen)
    elif given.what == "sheet":
        sheet(RUNS, STEPS)
    elif given.what == "features":
        features(RUNS)
    else:
        report()


if __name__ == "__main__":
    main()
