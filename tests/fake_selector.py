"""A selector that looks at nothing but the mean brightness, and selections to print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from grids.errors import ImageError
from grids.images import Photo
from grids.results import CLEAN, KNOWN, UNKNOWN, Ranked, Selection

DARK = Ranked("C1", ("jpeg", "ringing"), 0.0123, 0.7, 3.1)
BRIGHT = Ranked("C2", ("motion_blur", "salt_pepper"), 0.31, 0.3, -0.4)


@dataclass(frozen=True)
class FakeGroup:
    id: str
    degradations: tuple[str, ...]
    weights: Path | None = None
    network: str | None = None


@dataclass(frozen=True)
class FakeMap:
    labels: np.ndarray
    probabilities: np.ndarray
    height: int
    width: int


class FakeSelector:
    """Dark images go to C1, others to C2; images narrower than 9 pixels cannot be used."""

    groups = (FakeGroup("C1", DARK.degradations), FakeGroup("C2", BRIGHT.degradations))

    def __init__(self, source: object = None, device: str = "auto") -> None:
        self.source, self.device = source, device
        self.methods: list[str] = []

    def select(self, image: Photo, method: str = "ours") -> Selection:
        self.methods.append(method)
        if image.width < 9:
            raise ImageError("it is too narrow")
        ranking = (DARK, BRIGHT) if image.pixels.mean() < 128 else (BRIGHT, DARK)
        return made(image=str(image.path), ranking=ranking, predicted_gain=ranking[0].predicted_gain)

    def map(self, image: Photo, side: int = 32) -> FakeMap:
        rows, columns = -(-image.height // side), -(-image.width // side)
        labels = np.arange(rows * columns).reshape(rows, columns) % 4 - 2
        return FakeMap(labels, np.full(labels.shape, 0.5), image.height, image.width)


def made(**changes: Any) -> Selection:
    """A selection for C1, or with changes."""
    selection = Selection(
        image="photo.png",
        verdict=KNOWN,
        ranking=(DARK, BRIGHT),
        degradations={"jpeg": 0.704, "ringing": 0.2, "salt_pepper": 0.09, "motion_blur": 0.004, "clean": 0.002},
        predicted_gain=3.1,
        interval=(2.2, 4.0),
        distance=0.4,
    )
    return replace(selection, **changes)


def clean(**changes: Any) -> Selection:
    """A selection for a clean image."""
    selection = made(verdict=CLEAN, degradations={"clean": 0.97}, predicted_gain=None, interval=None)
    return replace(selection, **changes)


def unknown(**changes: Any) -> Selection:
    """A selection for an image that is unlike anything known."""
    selection = made(verdict=UNKNOWN, predicted_gain=None, interval=None, distance=2.5)
    return replace(selection, **changes)
