from __future__ import annotations

from pathlib import Path

import pytest
from command_line import KINDS, Call, Output


@pytest.fixture
def measure(call: Call, here: Path, photos: Path, tiny: Path) -> Call:
    """`grids similarity` on five small photographs with the tiny descriptor."""

    def measure(*arguments: object, images: object = None) -> Output:
        given = [photos] if images is None else images
        small = ("--patches", 12, "--patch-size", 16, "--device", "cpu", "--descriptor", tiny, "--degradations", KINDS)
        return call("similarity", *given, *small, *arguments)

    return measure


@pytest.fixture
def photo(photos: Path) -> Path:
    return photos / "p0.png"
