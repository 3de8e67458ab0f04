"""The claims of the papers behind the recipes: the trainings that are compared with one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from common import DATA, need
from torch import Tensor, nn

from grids.degradations import Degradation
from grids.networks.discriminators import ConvCritic
from grids.networks.heads import for_task
from grids.pipeline.faces import crop_faces
from grids.training.config import TrainingConfig
from grids.training.losses.perceptual import feature_network
from grids.training.pair_settings import PRISTINE, PairSettings
from grids.training.photographs import Photographs
from grids.training.recipes import Extras, get_recipe
from grids.training.systems.base import SupervisedSystem
from grids.training.systems.faces import FaceDeblurring, Stages
from grids.training.systems.makers import PLAIN, SystemMaker, prepare_maker
from grids.training.tasks import Synthesized

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
        changes: of the config.
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
        "single head", lambda network, tasks, config: SupervisedSystem(for_task(network), loss), settings={"loss": loss}
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

    def make(network: nn.Module, names: tuple[str, ...], config: TrainingConfig) -> FaceDeblurring:
        critic = partial(ConvCritic, 16, config.crop)
        return FaceDeblurring(network, config, critic, feature_network(None, (), print), stages)

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


def faces(side: int = 128) -> tuple[list[Path], list[Path]]:
    """Faces cut out of data/faces, kept in runs/faces, and those of them that are measured on."""
    folder = Path("runs/faces")
    if not folder.exists():
        crop_faces(sorted(need(DATA / "faces").iterdir()), folder, side=side)
    paths = sorted(folder.glob("*.png"))
    kept = [path for path in paths if int(path.stem) in MEASURED_FACES]
    return [path for path in paths if path not in kept], kept
