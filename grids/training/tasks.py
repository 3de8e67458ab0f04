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
    """What a restorer learns to undo: makes inputs, and the targets that the restorer should make of them.

    A subclass sets `name` and writes `identity`, `draw` and `examples`. All that is random comes from the generator or
    the seed that these are given.

    Attributes:
        name: of the task; it stands in file names and tables.
        scale: targets are so many times as large as inputs; 1 but for super-resolution.
    """

    name: str
    scale: int = 1

    @abstractmethod
    def identity(self) -> str:
        """What determines the task, as a text.

        Two tasks of one identity give the same pixels for the same numbers drawn. It is part of the key of a training:
        what was trained for another identity is trained anew.
        """

    def size(self, photographs: Photographs) -> int:
        """How many images there are to learn the task from.

        Args:
            photographs: of the training.

        Returns:
            their number, but for a task with images of its own.
        """
        return len(photographs)

    @abstractmethod
    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        """Random crops to train on.

        Args:
            clean: (B, 3, side, side) float32 in [0, 1], multiples of 1/255, on the device of the training. It is not
                changed.
            generator: on the CPU; all that is random is drawn from it.
            data: how degraded inputs are made; own images are taken as they are.

        Returns:
            inputs (B, 3, side / scale, side / scale) and targets (B, 3, side, side), float32 in [0, 1], on the device
            of `clean`. They may share its memory.
        """

    @abstractmethod
    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Fixed crops to measure on, the same for every restorer.

        A task with images of its own that are smaller makes its crops smaller, to a multiple of 8.

        Args:
            photographs: none of which was learnt from.
            side: of the targets, pixels; no photograph may be smaller.
            count: how many crops.
            seed: of the degradations.

        Returns:
            inputs and targets, uint8 on the CPU, sized as in `draw`.
        """


class Synthesized(Task):
    """A degradation, synthesized on clean crops.

    Args:
        degradation: from `grids.degradations`, or your own; the task has its name. One whose `identity` is None gets
            another identity whenever the task is made: no stored training stands for it.
    """

    def __init__(self, degradation: Degradation) -> None:
        self.name, self.degradation = degradation.name, degradation
        # what a function of unknown source does cannot be known: nothing stored stands for it
        self._identity = degradation.identity() or f"unknown {secrets.token_hex(16)}"

    def identity(self) -> str:
        """The degradation's name and its identity: its version and ranges."""
        return f"{self.name}: {self._identity}"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        """As `make_pairs` makes them."""
        made = make_pairs(clean, self.degradation, data, generator)
        return made.inputs, made.targets

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Windows of the photographs, degraded; what `PairSettings` add in trainings (grey, JPEG) is left out."""
        clean = photographs.windows(side, count)
        generator = seeded(seed_for(seed, self.name))
        inputs = self.degradation(to_unit(clean), generator)
        return to_bytes(inputs), clean


class Reduced(Task):
    """Super-resolution of clean photographs: inputs are antialiased bicubic reductions, rounded to 8 bit.

    Source: GRIDS, section 4.1 (what the descriptor is trained for).

    Args:
        scale: targets are so many times as large as inputs; the task is called "x4" for 4. Crops must be multiples of
            it.
    """

    def __init__(self, scale: int = 4) -> None:
        self.name, self.scale = f"x{scale}", scale

    def identity(self) -> str:
        """The scale, and how inputs are reduced."""
        return f"{self.name}: bicubic, antialiased, 8 bit"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        """The clean crops are the targets; nothing is random, and `data` is not used."""
        return self._reduced(clean).div(255), clean

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Windows of the photographs as targets; the seed is not used."""
        clean = photographs.windows(side, count)
        return self._reduced(to_unit(clean)).byte(), clean

    def _reduced(self, clean: Tensor) -> Tensor:
        side = clean.shape[-1] // self.scale
        small = F.interpolate(clean, (side, side), mode="bicubic", align_corners=False, antialias=True)
        return small.mul(255).round().clamp(0, 255)


class Pairs(Task):
    """Own pairs: an image of one folder is to become the image of that name in another.

    Every fifth pair, from the first on, is only measured on; the others are learnt from.

    Args:
        name: of the task: letters, digits, "_", "-" and ".", 64 at most.
        inputs: the folder of degraded images, or a file.
        targets: the folder of what they should become, or a file. Names count without their suffix.
        least: pixels that both sides of the images must have at least.
        reading: how they are read; None for the defaults. None is skipped but for links that lead nowhere.

    Raises:
        GridsError: the name is no name, an image has no partner or cannot be used, two have one name, partners differ
            in size, or there are fewer than 2 pairs.
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
        self._fit = [number for number in range(len(files)) if number % self.VALIDATION]
        self._held = list(range(0, len(files), self.VALIDATION))

    def size(self, photographs: Photographs) -> int:
        """The pairs that are learnt from; `photographs` are not used."""
        return len(self._fit)

    def identity(self) -> str:
        """Checksums of the pixels of all inputs and targets."""
        return f"{self.name}: pairs {self._inputs.digest} {self._targets.digest}"

    def draw(self, clean: Tensor, generator: torch.Generator, data: PairSettings = PRISTINE) -> tuple[Tensor, Tensor]:
        """Crops at random places of random pairs, as large as `clean`, of which nothing else is used."""
        side = clean.shape[-1]
        sizes = [self._inputs.sizes[number] for number in self._fit]
        sources = [lambda i: self._inputs.pixels(self._fit[i]), lambda i: self._targets.pixels(self._fit[i])]
        drawn = [random_window(sources, sizes, side, generator) for _ in range(len(clean))]
        inputs, targets = (to_unit(torch.stack(part).to(clean.device)) for part in zip(*drawn, strict=True))
        return inputs, targets

    def examples(self, photographs: Photographs, side: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Fixed windows of the pairs that are not learnt from; `photographs` and the seed are not used."""
        sizes = [self._inputs.sizes[i] for i in self._held]
        side = min(side, min(map(min, sizes)) // 8 * 8)
        places = fixed_windows(sizes, side, count)
        inputs, targets = (
            torch.stack([part.pixels(self._held[i])[:, y : y + side, x : x + side] for i, y, x in places])
            for part in (self._inputs, self._targets)
        )
        return inputs, targets


def fingerprint(tasks: Sequence[Task]) -> str:
    """A checksum of what the tasks are; their order counts.

    Args:
        tasks: any number of them.

    Returns:
        a SHA-256 of their identities, 64 hexadecimal digits.
    """
    return hashlib.sha256("\n".join(task.identity() for task in tasks).encode()).hexdigest()


def matched(name: str, inputs: Path, targets: Path, reading: ReadOptions | None = None) -> list[tuple[Path, Path]]:
    """The pairs of files in two folders, or of two files.

    Files of folders within the folders are paired by their path; names count without their suffix. Pairs with a link
    that leads nowhere are left out, which `reading.on_skip` is told.

    Args:
        name: of the task, for errors.
        inputs: a folder or a file; two files are a pair whatever they are called.
        targets: the same.
        reading: is told what is left out; None for nobody.

    Returns:
        (input, target) for each pair, sorted by the path of the input.

    Raises:
        GridsError: an image has no partner, or no pair can be used.
        ImageError: two images of a folder have one name, or a folder is missing or holds no image.
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
    """See that the two images of a pair have one size.

    Args:
        name: of the task, for the error.
        path: of the input, for the error.
        first: height and width of the input, pixels.
        second: height and width of the target, pixels.

    Raises:
        GridsError: the sizes differ.
    """
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
