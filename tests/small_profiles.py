"""What the tests of selection share: small photographs, tiny networks, and a profile that is learnt in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from grids.degradations import degradation
from grids.networks import NAFNet, SRResNetX4
from grids.networks.table import TABLE, Preset
from grids.random import seeded
from grids.restoration.models import save_restorer
from grids.results import Candidate, GGDParams, Group, Grouping
from grids.selection.drawn import SampleSettings
from grids.selection.fit_profile import fit_profile
from grids.selection.profile import Profile
from grids.selection.samples import make_samples
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import PHOTOGRAPHS

TINY = Preset(NAFNet, "tiny", {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)})
FINE_GRAIN = SampleSettings(data=replace(PHOTOGRAPHS, coarse=0.0, soft=0.0))
"""A dozen photographs are too few to learn two sorts of noise from, or soft ones beside sharp ones."""
KINDS = ("clean", "gaussian_noise", "gaussian_blur", "salt_pepper")
GROUPS = (Candidate("C1", ("gaussian_noise", "salt_pepper")), Candidate("C2", ("gaussian_blur",)))
GGD = {"gaussian_noise": GGDParams(0.9, 6.0), "gaussian_blur": GGDParams(0.5, 0.2), "salt_pepper": GGDParams(0.9, 9.0)}


class Mean(nn.Module):
    """Averages over 3 x 3 pixels."""

    def forward(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)


def crops(scenes: Sequence[np.ndarray]) -> list[Tensor]:
    """A corner of each photograph, then the other three corners: (3, 60, 72) in [0, 1]."""
    corners = [(top, left) for top in (0, 60) for left in (0, 72)]
    pieces = [scene[top : top + 60, left : left + 72] for top, left in corners for scene in scenes]
    return [torch.from_numpy(piece.transpose(2, 0, 1).copy()).float() / 255 for piece in pieces]


def degraded(image: Tensor, name: str, severity: float = 0.6, seed: int = 0) -> Tensor:
    return degradation(name)(image[None], seeded(seed), severity=severity)[0]


def learnt(photographs: Sequence[Tensor], descriptor: Descriptor) -> Profile:
    """A profile of two groups; the restorer of noise averages pixels, that of blur does nothing."""
    kinds = {name: None if name == "clean" else degradation(name) for name in KINDS}
    named = [(f"photo {i}", photograph) for i, photograph in enumerate(photographs)]
    fit, calibration = (
        make_samples(chosen, kinds, descriptor, (Mean(), nn.Identity()), FINE_GRAIN)
        for chosen in ([one for i, one in enumerate(named) if i % 4], named[::4])
    )
    record = {"photographs": 12}
    return fit_profile(fit, calibration, KINDS, GROUPS, descriptor_sha256=descriptor.sha256, ggd=GGD, record=record)


def save_image(path: Path, image: Tensor) -> Path:
    """Write pixels in [0, 1] as 8 bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.mul(255).round().byte().permute(1, 2, 0).numpy()).save(path)
    return path


def save_images(folder: Path, images: Sequence[Tensor], kind: str | None = None) -> Path:
    """0.png, 1.png, ..., degraded if a kind is named."""
    for i, image in enumerate(images):
        pixels = image if kind is None else degraded(image, kind, (i % 5) / 5 + 0.1, i)
        save_image(folder / f"{i}.png", pixels)
    return folder


def save_grouping(folder: Path, *groups: tuple[str, ...], weights: Sequence[str | None] = ()) -> Path:
    """A run folder with a groups.json; the groups are C1, C2, ..."""
    files = list(weights) or [None] * len(groups)
    found = tuple(
        Group(f"C{i + 1}", names, dict.fromkeys(names, 0.1), 0.0, file)
        for i, (names, file) in enumerate(zip(groups, files, strict=True))
    )
    folder.mkdir(parents=True, exist_ok=True)
    Grouping(0.7, "exact", found, "proved", 2).save(folder / "groups.json")
    return folder


def save_tiny(path: Path, seed: int = 0, record: dict[str, object] | None = None) -> Path:
    """A restorer of a few channels with random weights; the preset `nafnet` must stand for `TINY`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TABLE["nafnet"].network(**TABLE["nafnet"].options)
    for value in network.parameters():
        if not value.any():
            nn.init.normal_(value, std=0.02, generator=seeded(seed))
    return save_restorer(path, network, {"preset": "nafnet", "tasks": ["x"]} if record is None else record)


def save_descriptor(path: Path, seed: int, blocks: int = 1) -> Path:
    """Random weights of an 8-channel SRResNet x4."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        save_file(SRResNetX4(channels=8, blocks=blocks).state_dict(), path)
    return path
