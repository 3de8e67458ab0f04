"""Photographs that the tests of the degradations share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from grids.images import builtin_photos, read_photo

DATA = Path(os.environ.get("GRIDS_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photos() -> list[Tensor]:
    """Three colour photographs, (1, 3, H, W), of odd sizes."""
    named = {path.stem: path for path in builtin_photos()}
    sizes = {"astronaut": (131, 150), "chelsea": (150, 201), "coffee": (128, 177)}
    found = []
    for name, (height, width) in sizes.items():
        found.append(read_photo(named[name]).tensor()[None, :, 60 : 60 + height, 120 : 120 + width].contiguous())
    return found


@pytest.fixture(scope="session")
def photo(photos: list[Tensor]) -> Tensor:
    return photos[0]


@pytest.fixture(scope="session")
def kodak() -> list[Tensor]:
    folder = DATA / "eval" / "kodak24"
    if not folder.is_dir():
        pytest.skip(f"the Kodak images are not at '{folder}' (set GRIDS_DATA)")
    return [read_photo(path).tensor()[None] for path in sorted(folder.glob("*.png"))]
