"""The claims of the papers behind the recipes, each at a small budget, equal in crops a task, and the recipes' speed.

    python benchmarks/recipes.py train [CLAIM ...] [--seeds 3] [--seconds 900] [--worker 0/2] [--device cuda]
    python benchmarks/recipes.py report        what came out, as Markdown
    python benchmarks/recipes.py speed         milliseconds and megapixels per second of every network

Restorers learn from the fit split and are measured on val, both of data/train; faces from data/faces, cropped by
`grids.images.faces`. Every finished training is a line of benchmarks/recipes/CLAIM.jsonl, which is committed: what it
holds with the same settings (`key`) is not trained again, and one that was broken off goes on from its checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

import pandas as pd
import torch
from claims import ALONE, CLAIMS, FACE, FEW, SIZES, Starved, Variant, faces
from common import (
    add_work_options,
    append_record,
    machine,
    parse_work,
    parser,
    read_records,
    seconds,
    split_files,
    table,
)
from torch import nn

from grids import networks
from grids.degradations import degradation
from grids.images import read_photo
from grids.metrics import psnr
from grids.pipeline.inputs import TaskSources, make_tasks
from grids.random import seeded
from grids.restoration.forward import restore
from grids.restoration.models import load_restorer
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment, train_experiment
from grids.training.pair_settings import PRISTINE
from grids.training.photographs import Photographs
from grids.training.recipes import TABLE
from grids.training.trainer import OutOfTimeError
from grids.training.validation import Validation

HERE = Path(__file__).parent / "recipes"
SIDE, COUNT = 96, 48
"""Of the crops that are measured on."""


class Record(TypedDict):
    """A finished training: PSNR of inputs and results by task, and for faces the gain by size of the kernel, dB."""

    key: str
    label: str
    tasks: list[str]
    seed: int
    steps: int
    inputs: dict[str, float]
    psnr: dict[str, float]
    seconds: int
    sizes: NotRequired[dict[str, float]]


def experiment_of(variant: Variant) -> Experiment:
    learnt, measured = faces() if variant.faces else (split_files("fit"), split_files("val"))
    config = TrainingConfig(iterations=variant.steps, data=PRISTINE, **variant.changes)  # for each task
    photographs, others = (_photographs(tuple(paths), config.crop) for paths in (learnt, measured))
    tasks = make_tasks(TaskSources(variant.tasks), least=config.crop)
    if variant.starved:
        few = _photographs(tuple(learnt[:: len(learnt) // FEW][:FEW]), config.crop)
        tasks = [Starved(degradation(task.name), few) if task.name == variant.starved else task for task in tasks]
    validation = Validation(tasks, others, SIDE, COUNT)
    return Experiment(tasks, photographs, validation, variant.network, config, variant.method())


_photographs = cache(Photographs)


def gains_by_size(file: Path) -> dict[str, float]:
    """The mean gain over the measured faces, dB, for each size of the kernel."""
    network, (_, measured) = load_restorer(file).network, faces()
    (task,) = FACE
    clean = torch.stack([read_photo(path).tensor() for path in measured])
    found = {}
    for size in SIZES:
        severity = (size - SIZES[0]) / (SIZES[-1] - SIZES[0])
        blurred = degradation(task)(clean, seeded(size), severity=severity)
        found[str(size)] = float((psnr(restore(network, blurred, "cpu"), clean) - psnr(blurred, clean)).mean())
    return found


def jobs(claims: Sequence[str], seeds: int) -> Iterator[tuple[str, Variant, int]]:
    """All trainings, the first seed of every claim before the second of any."""
    for seed in range(seeds):
        for claim in claims:
            yield from ((claim, variant, seed) for variant in CLAIMS[claim])


def recorded(claim: str) -> list[Record]:
    return read_records(HERE / f"{claim}.jsonl")


def train_claims(claims: Sequence[str], seeds: int, limit: float, worker: int, workers: int, device: str) -> None:
    HERE.mkdir(exist_ok=True)
    folder = Path("runs/recipes")
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + limit
    for number, (claim, variant, seed) in enumerate(jobs(claims, seeds)):
        if number % workers != worker:
            continue
        if time.monotonic() >= deadline:
            return
        experiment = experiment_of(variant)
        key = experiment.key(variant.tasks, seed, torch.device(device))
        if key in {one["key"] for one in recorded(claim)}:
            continue
        name = f"{claim}-{variant.label}-{'+'.join(variant.tasks)}-{seed}".replace(" ", "_").replace("/", "_")
        file = folder / f"{name}.safetensors"
        try:
            run = train_experiment(
                experiment,
                variant.tasks,
                seed,
                file,
                Checkpointing(file.with_suffix(".ckpt"), deadline=deadline),
                name=file.name,
                device=torch.device(device),
            )
        except OutOfTimeError:
            return
        inputs = experiment.validation.psnr(None, variant.tasks, "cpu")
        record: Record = {
            "key": key,
            "label": variant.label,
            "tasks": list(variant.tasks),
            "seed": seed,
            "steps": variant.steps,
            "inputs": inputs,
            "psnr": dict(run.psnr),
            "seconds": round(run.seconds),
        }
        if variant.faces:
            record["sizes"] = gains_by_size(file)
        append_record(HERE / f"{claim}.jsonl", record)
        print(f"{claim}: {variant.label} {'+'.join(variant.tasks)} seed {seed}: {record['psnr']}", flush=True)


def report() -> None:
    print(machine())
    for claim in CLAIMS:
        found = recorded(claim)
        if not found:
            continue
        minutes = sum(one["seconds"] for one in found if one["seed"] == 0) / 60
        steps = ", ".join(map(str, sorted({one["steps"] for one in found})))
        print(f"\n{claim}: gain over the input, dB, {steps} steps a task; the first seed took {minutes:.0f} min\n")
        frame = by_task(found)
        tasks = list(frame["task"].unique())
        print(table(("", *tasks, "mean", "seeds"), gains(frame, tasks)))
        if ALONE in set(frame["label"]):
            print("\ndrop against a network for each task, dB, of every seed\n")
            print(table(("", *tasks), drops(frame).reindex(columns=tasks, fill_value="-").itertuples(name=None)))
        if any("sizes" in one for one in found):
            print("\nby side of the kernel, pixels\n")
            sizes = pd.DataFrame([{"label": one["label"], **one["sizes"]} for one in found])
            print(table(("", *map(str, SIZES)), sizes.groupby("label", sort=False).agg(spread).itertuples(name=None)))


def by_task(found: Sequence[Record]) -> pd.DataFrame:
    """A row for each training and each of its tasks; of equal ones the last counts."""
    rows = [
        (one["label"], task, one["seed"], one["psnr"][task], one["psnr"][task] - one["inputs"][task])
        for one in found
        for task in one["tasks"]
    ]
    frame = pd.DataFrame(rows, columns=["label", "task", "seed", "psnr", "gain"])
    return frame.drop_duplicates(["label", "task", "seed"], keep="last")


def gains(frame: pd.DataFrame, tasks: list[str]) -> list[list[object]]:
    """Of every variant on each task, and their mean over the seeds that have all tasks."""
    cells = frame.groupby(["label", "task"])["gain"].agg(spread).unstack().reindex(columns=tasks).fillna("-")
    seeds = frame.groupby(["label", "seed"])["gain"].agg(["mean", "size"])
    rows: list[list[object]] = []
    for label in frame["label"].unique():
        own = seeds.loc[label]
        rows.append([label, *cells.loc[label], spread(own.loc[own["size"] == len(tasks), "mean"]), len(own)])
    return rows


def drops(frame: pd.DataFrame) -> pd.DataFrame:
    """What every variant loses on each task, seed by seed, where both were trained; below 0 is a gain."""
    alone = frame[frame["label"] == ALONE].set_index(["task", "seed"])["psnr"].rename("alone")
    others = frame[frame["label"] != ALONE].join(alone, on=["task", "seed"])
    lost = (others["alone"] - others["psnr"]).map("{:.2f}".format, na_action="ignore")
    cells = lost.groupby([others["label"], others["task"]], sort=False).agg(lambda own: ", ".join(own.dropna()) or "-")
    return cells.unstack(sort=False).fillna("-")


def spread(values: pd.Series[float]) -> str:
    """The mean, and the standard deviation of several."""
    if values.empty:
        return "-"
    return f"{values.mean():+.2f}" + (f" ({values.std():.2f})" if len(values) > 1 else "")


def speed(device: str) -> None:
    """One image of 128 x 128, and one of 512 x 512."""
    print(machine())
    rows = []
    for name, recipe in TABLE.items():
        for preset in dict.fromkeys((recipe.small, recipe.network)):
            network = networks.build(preset, recipe.tasks).to(device).eval()
            row = [name, preset]
            for side in (128, 512):
                images = torch.rand(1, 3, side, side, device=device).to(memory_format=torch.channels_last)

                def call(images: torch.Tensor = images, network: nn.Module = network) -> None:
                    with torch.no_grad():
                        network(images)
                    if device == "cuda":
                        torch.cuda.synchronize()

                took = seconds(call, 3)
                row.append(f"{1000 * took:.0f}" if side == 128 else f"{side * side / 1e6 / took:.2f}")
            rows.append(row)
            print(row, flush=True)
    print(table(("recipe", "network", "ms for 128 x 128", "megapixels per second"), rows))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report", "speed"))
    options.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    options.add_argument("--seeds", type=int, default=3)
    add_work_options(options)
    given = parse_work(options)
    if given.what == "train":
        worker, workers = given.worker
        train_claims(given.claims or list(CLAIMS), given.seeds, given.seconds, worker, workers, given.device)
    elif given.what == "report":
        report()
    else:
        speed(given.device)


if __name__ == "__main__":
    main()
