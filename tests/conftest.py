from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_profiles
import torch
from command_line import Call, Output
from hypothesis import settings
from PIL import Image
from torch import Tensor
from training import tiny_trainings

from grids import weights
from grids.cli import run
from grids.images import builtin_photos, read_photo
from grids.networks.table import TABLE
from grids.selection.profile import read_profile
from grids.selection.selector import Selector
from grids.similarity.descriptor import Descriptor

# The same examples every time, however slow the machine: no run fails by chance.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
torch.set_num_threads(1)  # the tensors here are small: threads that wait for one another on a busy machine cost more


@pytest.fixture(autouse=True)
def drawn_alike() -> None:
    """Start every test with the same random numbers: none passes or fails by chance, or by what ran before it."""
    torch.manual_seed(0)


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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process: its exit code, stdout and stderr."""

    def call(*arguments: object) -> Output:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a descriptor so small that a measurement takes a moment: random, but a real SRResNet x4."""
    return small_profiles.save_descriptor(tmp_path_factory.mktemp("weights") / "tiny.safetensors", seed=0)


@pytest.fixture(scope="session")
def crops(scenes: list[np.ndarray]) -> list[Tensor]:
    """24 pieces of photographs, (3, 60, 72) in [0, 1]; profiles are learnt from the first 12."""
    return small_profiles.crops(scenes)


@pytest.fixture(scope="session")
def descriptor() -> Descriptor:
    """The one that ships."""
    return Descriptor()


@pytest.fixture(scope="session")
def profile_file(crops: list[Tensor], descriptor: Descriptor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile of two groups and three degradations, learnt from 12 small photographs."""
    path = tmp_path_factory.mktemp("profile") / weights.PROFILE
    return small_profiles.learnt(crops[:12], descriptor).write(path)


@pytest.fixture(scope="session")
def selector(profile_file: Path) -> Selector:
    """Of that profile."""
    return Selector(read_profile(profile_file), profile_file.parent, "cpu")


@pytest.fixture(scope="session")
def swift_files(crops: list[Tensor], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A descriptor of 8 channels that takes a moment, and a profile that was learnt with it."""
    folder = tmp_path_factory.mktemp("swift")
    file = small_profiles.save_descriptor(folder / weights.DESCRIPTOR, seed=0, blocks=16)
    profile = small_profiles.learnt(crops[:12], Descriptor(file)).write(folder / weights.PROFILE)
    return {weights.DESCRIPTOR: file, weights.PROFILE: profile}


@pytest.fixture
def tiny_preset(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a network of 1,687 weights, in the table while a test runs."""
    monkeypatch.setitem(TABLE, "tiny", tiny_trainings.TINY)
    return "tiny"


@pytest.fixture
def shipped(profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small profile in the place of the one that ships."""
    _ship(monkeypatch, {weights.PROFILE: profile_file})


@pytest.fixture
def swift(swift_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The swift descriptor and its profile in the place of those that ship, and `nafnet` is a tiny network."""
    _ship(monkeypatch, swift_files)
    monkeypatch.setitem(TABLE, "nafnet", small_profiles.TINY)


def _ship(monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]) -> None:
    real = weights.builtin
    monkeypatch.setattr(weights, "builtin", lambda name: files.get(name) or real(name))
