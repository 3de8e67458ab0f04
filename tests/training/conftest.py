from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grids.training.photographs import Photographs


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
