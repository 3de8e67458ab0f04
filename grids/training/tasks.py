"""Tasks: what a restorer learns to undo."""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import Degradation, check_name
from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, Skipped, find_missing, list_images
from grids.images.tensors import to_bytes, to_unit
from grids.random import seed_for, seeded
from grids.training.pair_settings import PRISTINE, PairSettings
from grids.training.pairs import make_pairs
from grids.training.photographs import Photographs, fixed_windows, random_window


class Task(ABC):
    """Inputs and the targets that a restorer should make of them; all drawing is done with the generator given.

    scale: targets are so many times as large as inputs.
    """

    name: str
    scale: int = 1

    @abstractmethod
    def identity(self) -> str:
        """What determines the task: two tasks of one identity give the same pixels for the same numbers drawn."""

    def size(self, photographs: Photographs) -> int:
        """How many images there are to learn it from."""
        return len(photographs)

    @abstractmethod
    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        """Random crops to train on.

        Args:
            clean: (B, 3, side, side) float32 in [0, 1], on the device of the training.
            generator: on the CPU.
            data: how degraded inputs are made; own images are taken as they are.

        Returns:
            inputs (B, 3, side / scale, side / scale) and targets (B, 3, side, side).
        """

    @abstractmethod
    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Fixed crops to measure on: inputs and targets, uint8, sized as in `draw`, the same for every restorer.

        A task with images of its own that are smaller makes its crops smaller, to a multiple of 8.
        """


class Synthesized(Task):
    """A degradation, synthesized on clean crops."""

    def __init__(self, degradation: Degradation) -> None:
        self.name, self.degradation = degradation.name, degradation
        # what a function of unknown source does cannot be known: nothing stored stands for it
        self._identity = degradation.identity() or f"unknown {secrets.token_hex(16)}"

    def identity(self) -> str:
        return f"{self.name}: {self._identity}"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        made = make_pairs(clean, self.degradation, data, generator)
        return made.inputs, made.targets

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        clean = photographs.windows(side, count)
        generator = seeded(seed_for(seed, self.name))
        inputs = self.degradation(to_unit(clean), generator)
        return to_bytes(inputs), clean


class Reduced(Task):
    """Super-resolution of clean photographs: inputs are antialiased bicubic reductions, rounded to 8 bit.

    Source: GRIDS, section 4.1 (what the descriptor is trained for).
    """

    def __init__(self, scale: int = 4) -> None:
        self.name, self.scale = f"x{scale}", scale

    def identity(self) -> str:
        return f"{self.name}: bicubic, antialiased, 8 bit"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        return self._reduced(clean).div(255), clean

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        clean = photographs.windows(side, count)
        return self._reduced(to_unit(clean)).byte(), clean

    def _reduced(self, clean: Tensor) -> Tensor:
        side = clean.shape[-1] // self.scale
        small = F.interpolate(clean, (side, side), mode="bicubic", align_corners=False, antialias=True)
        return small.mul(255).round().clamp(0, 255)


class Pairs(Task):
    """Own pairs: an image of one folder is to become the image of that name in another.

    Args:
        name: of the task.
        inputs, targets: the two folders. Names count without their suffix; every fifth pair is only measured on.
        least: side that the images must have at least.
        reading: how they are read; none is skipped but for links that lead nowhere.

    Raises:
        GridsError: an image has no partner or cannot be used, two have one name, or partners differ in size; or there
            are too few.
    """

    VALIDATION = 5

    def __init__(self, name: str, inputs: Path, targets: Path, least: int, reading: ReadOptions | None = None) -> None:
        check_name(name)
        self.name = name
        files = matched(name, inputs, targets, reading)
        if len(files) < 2:
            raise GridsError(f"the pairs of '{name}' are too few: 2 are needed, but there is {len(files)}")
        bad: list[Skipped] = []
        strict = replace(reading or ReadOptions(), on_skip=bad.append)
        self._inputs, self._targets = (
            Photographs(part, least, strict, whole=True) for part in zip(*files, strict=True)
        )
        if bad:
            raise GridsError(f"the pairs of '{name}' hold '{bad[0].path}', which cannot be used: {bad[0].reason}")
        for number, (ours, _) in enumerate(files):
            check_sizes(name, ours, self._inputs.sizes[number], self._targets.sizes[number])
        held = set(range(0, len(files), self.VALIDATION))
        self._fit = [number for number in range(len(files)) if number not in held]
        self._held = sorted(held)

    def size(self, photographs: Photographs) -> int:
        return len(self._fit)

    def identity(self) -> str:
        return f"{self.name}: pairs {self._inputs.digest} {self._targets.digest}"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        side = clean.shape[-1]
        sizes = [self._inputs.sizes[number] for number in self._fit]
        sources = [
            lambda i: self._inputs.pixels(self._fit[i]),
            lambda i: self._targets.pixels(self._fit[i]),
        ]
        drawn = [random_window(sources, sizes, side, generator) for _ in range(len(clean))]
        inputs, targets = (to_unit(torch.stack(part).to(clean.device)) for part in zip(*drawn, strict=True))
        return inputs, targets

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        sizes = [self._inputs.sizes[i] for i in self._held]
        side = min(side, min(map(min, sizes)) // 8 * 8)
        places = fixed_windows(sizes, side, count)
        inputs, targets = (
            torch.stack([part.pixels(self._held[i])[:, y : y + side, x : x + side] for i, y, x in places])
            for part in (self._inputs, self._targets)
        )
        return inputs, targets


def fingerprint(tasks: Sequence[Task]) -> str:
    """A checksum of what the tasks are."""
    return hashlib.sha256("\n".join(task.identity() for task in tasks).encode()).hexdigest()


def matched(name: str, inputs: Path, targets: Path, reading: ReadOptions | None = None) -> list[tuple[Path, Path]]:
    """The pairs of files in two folders (or of two files); names count without their suffix.

    Pairs with a link that leads nowhere are left out, which `reading` is told.

    Raises:
        GridsError: an image has no partner, or two have one name.
    """
    ours, theirs = _by_name(inputs), _by_name(targets)
    broken = set()
    for key, path in (*ours.items(), *theirs.items()):
        if reason := find_missing(path):
            (reading or ReadOptions()).skip(path, reason)
            broken.add(key)
    if broken >= ours.keys() | theirs.keys():
        raise GridsError(f"none of the pairs of '{name}' can be used: they are links that lead nowhere")
    ours, theirs = ({key: path for key, path in part.items() if key not in broken} for part in (ours, theirs))
    for have, lack, where in ((ours, theirs, targets), (theirs, ours, inputs)):
        if missing := [have[key] for key in have if key not in lack]:
            raise GridsError(f"the pairs of '{name}' do not match: '{missing[0]}' has no partner in '{where}'")
    return [(ours[key], theirs[key]) for key in ours]


def check_sizes(name: str, path: Path, first: tuple[int, int], second: tuple[int, int]) -> None:
    """Raise GridsError where the heights and widths of a pair differ."""
    if first != second:
        sizes = f"{first[1]} x {first[0]} and {second[1]} x {second[0]}"
        raise GridsError(f"the pair '{path.name}' of '{name}' differs in size: {sizes}")


def _by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in list_images([folder]):
        key = path.relative_to(folder).with_suffix("").as_posix() if folder.is_dir() else ""
        if key in found:
            raise ImageError(f"'{found[key]}' and '{path}' have one name: pairs are matched by it")
        found[key] = path
    return found
