from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from safetensors.torch import save_file

from grids.images import builtin_photos, read_photo
from grids.networks import SRResNetX4

settings.register_profile("repeatable", derandomize=True)  # the same examples every time: no run fails by chance
settings.load_profile("repeatable")
torch.set_num_threads(1)  # the tensors here are small: threads that wait for one another on a busy machine cost more


@pytest.fixture(scope="session")
def scenes() -> list[np.ndarray]:
    """Six pieces of real photographs, (120, 144, 3) uint8: small, but with edges and texture."""
    pieces = []
    for path in builtin_photos()[:6]:
        pixels = read_photo(path).pixels
        top, left = (pixels.shape[0] - 120) // 2, (pixels.shape[1] - 144) // 2
        pieces.append(pixels[top : top + 120, left : left + 144].copy())
    return pieces


@pytest.fixture
def photos(tmp_path: Path, scenes: list[np.ndarray]) -> Path:
    """A folder of five photographs, p0.png to p4.png."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, scene in enumerate(scenes[:5]):
        Image.fromarray(scene).save(folder / f"p{i}.png")
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a descriptor so small that a measurement takes a moment: random, but a real SRResNet x4."""
    return tiny_descriptor(tmp_path_factory.mktemp("weights") / "tiny.safetensors", seed=0)


def tiny_descriptor(path: Path, seed: int) -> Path:
    """Write random weights of an 8-channel SRResNet x4 with one block."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        save_file(SRResNetX4(channels=8, blocks=1).state_dict(), path)
    return path
