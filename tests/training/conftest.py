from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training.tiny_trainings import restorer, small, toy, train

from grids.training.photographs import Photographs
from grids.training.trainer import OutOfTimeError


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, scenes: list[np.ndarray]) -> list[Path]:
    """Four photographs, 40 x 48 to 52 x 48 pixels."""
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"p{i}.png" for i in range(4)]
    for i, (path, scene) in enumerate(zip(paths, scenes[:4], strict=True)):
        Image.fromarray(scene[30 : 70 + 4 * i, 40:88]).save(path)
    return paths


@pytest.fixture
def photographs(files: list[Path]) -> Photographs:
    return Photographs(files, 16)


@pytest.fixture(autouse=True)
def tiny_preset_everywhere(tiny_preset: str) -> None:
    """Every test of training knows the tiny network."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Of the first step of a training called "mine"."""
    with pytest.raises(OutOfTimeError):
        train(restorer(), toy, small(), checkpoint=tmp_path / "c", identity="mine", deadline=0.0)
    return tmp_path / "c"
