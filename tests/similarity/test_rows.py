"""Rows: what a run folder keeps of a measurement, and when it may be used again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_descriptor

from grids.degradations import FunctionDegradation, degradation
from grids.images import list_images
from grids.similarity.descriptor import Descriptor
from grids.similarity.matrix import DegradationRow, measure_row, row_key
from grids.similarity.patches import Crops, draw_crops


@pytest.fixture
def crops(photos: Path) -> Crops:
    return draw_crops(list_images([photos]), 10, 8, 0)


@pytest.fixture
def row(crops: Crops, tiny: Path) -> DegradationRow:
    return measure_row(crops, "jpeg", degradation("jpeg"), Descriptor(tiny), "body", 0)


def test_a_measured_row(row: DegradationRow, crops: Crops) -> None:
    assert row.name == "jpeg"
    assert row.gram.shape == (10, 10)
    assert row.gram.dtype == np.float64
    assert np.all(np.linalg.eigvalsh(row.gram) > -1e-4 * np.trace(row.gram))
    np.testing.assert_array_equal(row.photo, crops.photo)


def test_a_stored_row_is_bit_equal(row: DegradationRow, tmp_path: Path) -> None:
    row.save(tmp_path / "row.safetensors")
    stored = DegradationRow.load(tmp_path / "row.safetensors", row.key)
    assert stored is not None
    assert (stored.name, stored.key) == (row.name, row.key)
    np.testing.assert_array_equal(stored.gram, row.gram)
    assert stored.gram.dtype == row.gram.dtype
    np.testing.assert_array_equal(stored.photo, row.photo)


def test_the_same_row_gives_the_same_bytes(row: DegradationRow, tmp_path: Path) -> None:
    files = [row.save(tmp_path / f"{i}.safetensors").read_bytes() for i in range(12)]
    assert len(set(files)) == 1


def test_measuring_again_gives_the_same_row(row: DegradationRow, crops: Crops, tiny: Path) -> None:
    again = measure_row(crops, "jpeg", degradation("jpeg"), Descriptor(tiny), "body", 0)
    assert again.key == row.key
    np.testing.assert_array_equal(again.gram, row.gram)


def test_the_key_changes_with_every_ingredient(crops: Crops, tiny: Path, tmp_path: Path, monkeypatch: object) -> None:
    descriptor, jpeg = Descriptor(tiny), degradation("jpeg")
    other = Descriptor(tiny_descriptor(tmp_path / "other.safetensors", seed=1))
    pixels = [crop.copy() for crop in crops.pixels]
    pixels[0][0, 0, 0] ^= 1
    shifted = crops.corners.copy()
    shifted[0, 0] += 1
    base = row_key(crops, "jpeg", jpeg, descriptor, "last", 0)
    keys = [
        base,
        row_key(replace(crops, pixels=pixels), "jpeg", jpeg, descriptor, "last", 0),
        row_key(replace(crops, corners=shifted), "jpeg", jpeg, descriptor, "last", 0),
        row_key(replace(crops, photo=crops.photo[::-1]), "jpeg", jpeg, descriptor, "last", 0),
        row_key(crops, "jpeg2", jpeg, descriptor, "last", 0),
        row_key(crops, "jpeg", None, descriptor, "last", 0),
        row_key(crops, "jpeg", degradation("ringing"), descriptor, "last", 0),
        row_key(crops, "jpeg", jpeg, other, "last", 0),
        row_key(crops, "jpeg", jpeg, Descriptor(tiny, precision="bf16"), "last", 0),
        row_key(crops, "jpeg", jpeg, descriptor, "body", 0),
        row_key(crops, "jpeg", jpeg, descriptor, "last", 1),
    ]
    monkeypatch.setattr("grids.similarity.matrix.__version__", "9.9.9")
    keys.append(row_key(crops, "jpeg", jpeg, descriptor, "last", 0))
    assert len(set(keys)) == len(keys)
    monkeypatch.undo()
    renamed = replace(crops, names=tuple(f"x{name}" for name in crops.names))
    assert row_key(renamed, "jpeg", jpeg, descriptor, "last", 0) == base


def test_the_key_changes_with_the_function_of_a_plugin(crops: Crops, tiny: Path) -> None:
    def function(images: torch.Tensor, severity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return images / 2

    assert FunctionDegradation("own", function).identity() is None
    dark = FunctionDegradation("own", function, "my.py:dark", "the text of the file")
    bright = FunctionDegradation("own", function, "my.py:bright", "the text of the file")
    descriptor = Descriptor(tiny)
    assert row_key(crops, "own", dark, descriptor, "last", 0) != row_key(crops, "own", bright, descriptor, "last", 0)


def test_a_row_with_another_key_counts_as_none(row: DegradationRow, tmp_path: Path) -> None:
    row.save(tmp_path / "row.safetensors")
    assert DegradationRow.load(tmp_path / "row.safetensors", "another") is None
    assert DegradationRow.load(tmp_path / "missing.safetensors", row.key) is None


@pytest.mark.parametrize("damage", ["empty", "text", "cut header", "cut data", "folder", "flipped bit"])
def test_a_damaged_row_counts_as_none(row: DegradationRow, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "row.safetensors"
    data = row.save(file).read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        flipped = bytearray(data)
        flipped[-len(data) // 4] ^= 0x40
        broken = {
            "empty": b"",
            "text": b"words",
            "cut header": data[:60],
            "cut data": data[:-9],
            "flipped bit": flipped,
        }
        file.write_bytes(broken[damage])
    assert DegradationRow.load(file, row.key) is None
