"""The claims of the papers behind the recipes, each at a small budget, equal in crops a task, and the recipes' speed.

    python benchmarks/recipes.py train [CLAIM ...] [--seeds 3] [--seconds 900] [--worker 0/2] [--device cuda]
    python benchmarks/recipes.py report        what came out, as Markdown
    python benchmarks/recipes.py speed         milliseconds and megapixels per second of every network

Restorers learn from the fit split and are measured on val, both of data/train; faces from data/faces, cropped by
`grids.images.faces`. Every finished training is a line of benchmarks/recipes/CLAIM.jsonl, which is committed: what it
holds with the same settings (`key`) is not trained again, and one that was broken off goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import DATA, machine, need, seconds, split_files, table
from torch import Tensor, nn

from grids import networks
from grids.degradations import Degradation, degradation
from grids.images import read_photo
from grids.metrics import psnr
from grids.networks.discriminators import ConvCritic
from grids.networks.heads import for_task
from grids.pipeline.faces import crop_faces
from grids.pipeline.inputs import TaskSources, make_tasks
from grids.random import seeded
from grids.restoration.forward import restore
from grids.restoration.models import load_restorer
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment, train_experiment
from grids.training.losses.perceptual import feature_network
from grids.training.pair_settings import PRISTINE, PairSettings
from grids.training.photographs import Photographs
from grids.training.recipes import TABLE, Extras, get_recipe
from grids.training.systems.base import SupervisedSystem
from grids.training.systems.faces import FaceDeblurring, Stages
from grids.training.systems.makers import PLAIN, SystemMaker, prepare_maker
from grids.training.tasks import Synthesized
from grids.training.trainer import OutOfTimeError
from grids.training.validation import Validation

HERE = Path(__file__).parent / "recipes"
SIDE, COUNT = 96, 48
"""Of the crops that are measured on."""
ALONE = "a network for each task"
SHORT = 250
"""Steps for each task."""
LIU = ("haze", "rain", "motion_blur")
MARTYNIUK = ("motion_blur", "haze", "raindrop")
WALHA = ("frame_blur", "sensor_noise")
FACE = ("trajectory_blur",)
FEW = 4
"""Photographs of a task that is starved."""
SIZES = (13, 19, 27)
"""Sides of the kernels that faces are measured under, pixels."""
MEASURED_FACES = (10, 11, 19, 20, 30, 31, 32, 33, 34, 35, 37, 38, 56, 58, 59)
"""Numbers of the photographs of data/faces that are measured on: nobody who looks like these is learnt from."""


@dataclass(frozen=True)
class Variant:
    """A training that is compared with others of its claim.

    Args:
        label: what differs.
        tasks: that it is trained for.
        network: its preset.
        steps: for each of its tasks.
        method: what it is trained as.
        changes: of the settings.
        faces: learn from faces.
        starved: the task that learns from `FEW` photographs only.
    """

    label: str
    tasks: tuple[str, ...]
    network: str
    steps: int = SHORT
    method: Callable[[], SystemMaker] = lambda: PLAIN
    changes: Mapping[str, Any] = field(default_factory=dict)
    faces: bool = False
    starved: str = ""


class Starved(Synthesized):
    """A degradation that is learnt from a few photographs, whatever other tasks learn from."""

    def __init__(self, kind: Degradation, photographs: Photographs) -> None:
        super().__init__(kind)
        self.photographs = photographs

    def identity(self) -> str:
        return f"{super().identity()} of {self.photographs.digest}"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        few = torch.stack([self.photographs.random_crop(clean.shape[-1], generator) for _ in clean])
        return super().draw(few.to(clean.device).float().div(255), generator, data)


def single_head(loss: str) -> Callable[[], SystemMaker]:
    """One head for all tasks, at the same multiply-adds: nothing tells the network what an image suffers from."""
    return lambda: SystemMaker(
        "single head", lambda network, tasks, recipe: SupervisedSystem(for_task(network), loss), settings={"loss": loss}
    )


def options(**given: Any) -> Callable[[], SystemMaker]:
    """The plain method with options of the network."""
    return lambda: replace(PLAIN, name="options", options=given)


def named(recipe: str) -> Callable[[], SystemMaker]:
    """The method of a recipe."""
    entry = get_recipe(recipe)
    return lambda: prepare_maker(recipe, entry.small, entry.tasks, Extras())


def face(stages: Stages, **given: Any) -> Callable[[], SystemMaker]:
    """Shen's system with these stages, on a network with these options."""

    def make(network: nn.Module, names: tuple[str, ...], recipe: TrainingConfig) -> FaceDeblurring:
        critic = partial(ConvCritic, 16, recipe.crop)
        return FaceDeblurring(network, recipe, critic, feature_network(None, (), print), stages)

    return lambda: SystemMaker("faces", make, options=given, settings={"stages": vars(stages)})


def _alone(tasks: Sequence[str], network: str, **changes: Any) -> list[Variant]:
    return [Variant(ALONE, (task,), network, changes=changes) for task in tasks]


LIU_SETTINGS = {"loss": "ssim-l1", "learning_rate": 1e-3, "crop": 48}
CYCLES = LIU_SETTINGS | {"sampler": "cycles"}
SHEN_SETTINGS = {"learning_rate": 3e-4, "crop": 48}
MARTYNIUK_SETTINGS = {"learning_rate": 1e-3, "sampler": "each"}
WALHA_SETTINGS = {"learning_rate": 2e-3, "sampler": "each"}
CONTENT = Stages(features=1, critic=1)


def _face(label: str, stages: Stages, **given: Any) -> Variant:
    return Variant(label, FACE, "shen-face-small", 400, face(stages, **given), SHEN_SETTINGS, faces=True)


def _walha(label: str, method: Callable[[], SystemMaker] = lambda: PLAIN) -> Variant:
    return Variant(label, WALHA, "walha-mtlgan-small", SHORT, method, WALHA_SETTINGS)


CLAIMS: dict[str, list[Variant]] = {
    "liu": [
        Variant("RBH, with TV + GAP + fusion", LIU, "liu-durbm-small", changes=CYCLES),
        *_alone(LIU, "liu-durbm-small", **LIU_SETTINGS),
        Variant("one decoder for all", LIU, "liu-durbm-small", method=single_head("ssim-l1"), changes=CYCLES),
        *(
            Variant(
                f"{order}, with TV + GAP + fusion",
                LIU,
                "liu-durbm-small",
                method=options(topology=order),
                changes=CYCLES,
            )
            for order in ("R>B>H", "H>B>R", "B>R>H")
        ),
        *(
            Variant(f"RBH, {label}", LIU, "liu-durbm-small", method=options(**given), changes=CYCLES)
            for label, given in {
                "with TV + GAP": {"fusion": False},
                "with TV": {"gap": False, "fusion": False},
                "with GAP": {"tv": False, "fusion": False},
                "without attention and fusion": {"tv": False, "gap": False, "fusion": False},
            }.items()
        ),
    ],
    "liu-norms": [
        Variant(label, (task,), "liu-durbm-small", 400, options(norm=norm), {"learning_rate": rate, "crop": 48})
        for norm in (True, False)
        for rate in (1e-3, 3e-4)
        for label in (f"{'with' if norm else 'without'} norms, at {rate}",)
        for task in ("jpeg", "rain")
    ],
    "martyniuk-tasks": [
        Variant("one network for three", MARTYNIUK, "martyniuk-fpn-small", changes=MARTYNIUK_SETTINGS),
        *_alone(MARTYNIUK, "martyniuk-fpn-small", learning_rate=1e-3),
        Variant(
            f"one for three, haze of {FEW} photographs",
            MARTYNIUK,
            "martyniuk-fpn-small",
            changes=MARTYNIUK_SETTINGS,
            starved="haze",
        ),
        Variant(
            f"haze alone, of {FEW} photographs",
            ("haze",),
            "martyniuk-fpn-small",
            changes={"learning_rate": 1e-3},
            starved="haze",
        ),
    ],
    "martyniuk-network": [
        Variant(label, MARTYNIUK, f"{recipe}-small", 150, named(recipe), MARTYNIUK_SETTINGS)
        for label, recipe in {"ResNet": "martyniuk-resnet", "FPN": "martyniuk-fpn"}.items()
    ],
    "shen-losses": [
        _face("content, one scale, no structure", replace(CONTENT, structure=False), scales=1, structure=False),
        _face("content, two scales, no structure", replace(CONTENT, structure=False), structure=False),
        _face("content", CONTENT),
        _face("+ features", replace(CONTENT, features=0.5)),
        _face("+ features + critic", Stages()),
    ],
    "walha-network": [
        _walha("softmax, multi-scale (as published)"),
        _walha("ReLU, multi-scale", options(entry="relu")),
        _walha("ReLU, no multi-scale blocks", options(entry="relu", multi_scale=False)),
        _walha("softmax, multi-scale, one decoder", single_head("l1")),
        *_alone(WALHA, "walha-mtlgan-small", learning_rate=2e-3),
    ],
}


def lesson_of(variant: Variant) -> Experiment:
    learnt, measured = faces() if variant.faces else (split_files("fit"), split_files("val"))
    recipe = TrainingConfig(iterations=variant.steps, data=PRISTINE, **variant.changes)  # for each task
    photographs, others = (_photographs(tuple(paths), recipe.crop) for paths in (learnt, measured))
    tasks = make_tasks(TaskSources(variant.tasks), least=recipe.crop)
    if variant.starved:
        few = _photographs(tuple(learnt[:: len(learnt) // FEW][:FEW]), recipe.crop)
        tasks = [Starved(degradation(task.name), few) if task.name == variant.starved else task for task in tasks]
    validation = Validation(tasks, others, SIDE, COUNT)
    return Experiment(tasks, photographs, validation, variant.network, recipe, variant.method())


_photographs = cache(Photographs)


def faces(side: int = 128) -> tuple[list[Path], list[Path]]:
    """Faces cut out of data/faces, kept in runs/faces, and those of them that are measured on."""
    folder = Path("runs/faces")
    if not folder.exists():
        crop_faces(sorted(need(DATA / "faces").iterdir()), folder, side=side)
    paths = sorted(folder.glob("*.png"))
    kept = [path for path in paths if int(path.stem) in MEASURED_FACES]
    return [path for path in paths if path not in kept], kept


def gains_by_size(file: Path) -> dict[int, float]:
    """The mean gain over the measured faces, dB, for each size of the kernel."""
    network, (_, measured) = load_restorer(file).network, faces()
    (task,) = FACE
    clean = torch.stack([read_photo(path).tensor() for path in measured])
    found = {}
    for size in SIZES:
        severity = (size - SIZES[0]) / (SIZES[-1] - SIZES[0])
        blurred = degradation(task)(clean, seeded(size), severity=severity)
        found[size] = float((psnr(restore(network, blurred, "cpu"), clean) - psnr(blurred, clean)).mean())
    return found


def jobs(claims: Sequence[str], seeds: int) -> Iterator[tuple[str, Variant, int]]:
    """All trainings, the first seed of every claim before the second of any."""
    for seed in range(seeds):
        for claim in claims:
            yield from ((claim, variant, seed) for variant in CLAIMS[claim])


def recorded(claim: str) -> list[dict[str, Any]]:
    file = HERE / f"{claim}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


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
        experiment = lesson_of(variant)
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
        record = {
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
        with (HERE / f"{claim}.jsonl").open("a") as stream:  # a line at once: several workers write
            stream.write(json.dumps(record) + "\n")
        print(f"{claim}: {variant.label} {'+'.join(variant.tasks)} seed {seed}: {record['psnr']}", flush=True)


def report() -> None:
    print(machine())
    for claim in CLAIMS:
        found = recorded(claim)
        if not found:
            continue
        minutes = sum(one["seconds"] for one in found if one["seed"] == 0) / 60
        tasks = list(dict.fromkeys(task for one in found for task in one["tasks"]))
        rows = []
        for label in dict.fromkeys(one["label"] for one in found):
            own = [one for one in found if one["label"] == label]
            row: list[str] = [label]
            means: dict[int, list[float]] = {}
            for task in tasks:
                gains = {one["seed"]: one["psnr"][task] - one["inputs"][task] for one in own if task in one["tasks"]}
                for seed, gain in gains.items():
                    means.setdefault(seed, []).append(gain)
                row.append(spread(list(gains.values())))
            whole = [float(np.mean(gains)) for gains in means.values() if len(gains) == len(tasks)]
            rows.append([*row, spread(whole), len(means)])
        steps = sorted({one["steps"] for one in found})
        shown = ", ".join(map(str, steps))
        print(f"\n{claim}: gain over the input, dB, {shown} steps a task; the first seed took {minutes:.0f} min\n")
        print(table(("", *tasks, "mean", "seeds"), rows))
        if any(one["label"] == ALONE for one in found):
            print("\ndrop against a network for each task, dB, of every seed\n")
            print(table(("", *tasks), drops(found, tasks)))
        if any("sizes" in one for one in found):
            print("\nby side of the kernel, pixels\n")
            print(table(("", *map(str, SIZES)), by_size(found)))


def drops(found: Sequence[Mapping[str, Any]], tasks: Sequence[str]) -> list[list[str]]:
    """What every variant loses on each task, seed by seed, where both were trained; below 0 is a gain."""
    psnr = {(one["label"], task, one["seed"]): one["psnr"][task] for one in found for task in one["tasks"]}
    rows = []
    for label in dict.fromkeys(one["label"] for one in found if one["label"] != ALONE):
        seeds = {task: [seed for name, other, seed in psnr if (name, other) == (label, task)] for task in tasks}
        lost = {
            task: [psnr[ALONE, task, seed] - psnr[label, task, seed] for seed in own if (ALONE, task, seed) in psnr]
            for task, own in seeds.items()
        }
        rows.append([label, *(", ".join(f"{value:.2f}" for value in lost[task]) or "-" for task in tasks)])
    return rows


def by_size(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    labels = dict.fromkeys(one["label"] for one in found)
    gains = {label: [one["sizes"] for one in found if one["label"] == label] for label in labels}
    return [[label, *(spread([one[str(size)] for one in own]) for size in SIZES)] for label, own in gains.items()]


def spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation of several."""
    if not values:
        return "-"
    return f"{np.mean(values):+.2f}" + (f" ({np.std(values, ddof=1):.2f})" if len(values) > 1 else "")


def speed(device: str) -> None:
    """One image of 128 x 128, and one of 512 x 512."""
    print(machine())
    rows = []
    for name, recipe in TABLE.items():
        for preset in dict.fromkeys((recipe.small, recipe.network)):
            network = networks.build(preset, recipe.tasks).to(device).eval()
            row: list[Any] = [name, preset]
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "report", "speed"))
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--worker", default="0/1")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.what == "train":
        worker, workers = map(int, given.worker.split("/"))
        train_claims(given.claims or list(CLAIMS), given.seeds, given.seconds, worker, workers, given.device)
    elif given.what == "report":
        report()
    else:
        speed(given.device)


if __name__ == "__main__":
    main()
