"""Rows of a measurement, what of them is kept and used again, and from rows to the matrix and its intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_profiles import save_descriptor

from grids.degradations import FunctionDegradation, degradation
from grids.errors import GridsError
from grids.images import list_images
from grids.similarity.descriptor import Descriptor
from grids.similarity.ggd import fit
from grids.similarity.gram import principal_scores
from grids.similarity.matrix import (
    LEAST_PHOTOS,
    DegradationRow,
    check_photos,
    fit_rows,
    intervals,
    measure_row,
    row_key,
    similarity_of,
)
from grids.similarity.patches import Crops, draw_crops


def row(name: str, scale: float, photos: int, each: int = 2, seed: int = 0, spread: float = 0.3) -> DegradationRow:
    """A row of `photos * each` patches whose strength varies from photograph to photograph."""
    rng = np.random.default_rng(seed)
    strength = scale * np.exp(spread * rng.standard_normal(photos)).repeat(each)
    x = rng.laplace(size=(photos * each, 400)) * strength[:, None]
    x -= x.mean(0)
    return DegradationRow(name, "key", x @ x.T, np.arange(photos).repeat(each))


def rows(photos: int, seed: int = 0) -> list[DegradationRow]:
    return [row(name, s, photos, seed=seed + i) for i, (name, s) in enumerate([("a", 1.0), ("b", 1.5), ("c", 4.0)])]


def test_fits_are_of_all_scores_of_a_row() -> None:
    found = fit_rows(rows(8), 6)
    assert list(found) == ["a", "b", "c"]
    alpha, sigma = fit(principal_scores(rows(8)[1].gram, 6).ravel())
    assert (found["b"].alpha, found["b"].sigma) == pytest.approx((float(alpha), float(sigma)), rel=1e-9)


def test_a_row_does_not_depend_on_the_others() -> None:
    together, alone = fit_rows(rows(8), 6), fit_rows(rows(8)[1:2], 6)
    assert together["b"].alpha == pytest.approx(alone["b"].alpha, rel=1e-9)
    assert together["b"].sigma == pytest.approx(alone["b"].sigma, rel=1e-12)


def test_similarity_follows_the_order_of_the_names() -> None:
    params = fit_rows(rows(8), 6)
    matrix = similarity_of(params, ["a", "b", "c"])
    turned = similarity_of(params, ["c", "a"])
    assert turned[0, 1] == pytest.approx(matrix[0, 2])
    assert matrix[0, 1] < matrix[1, 2] < matrix[0, 2]


@pytest.mark.parametrize("components", [0, 16, 99])
def test_wrong_numbers_of_components_are_refused(components: int) -> None:
    with pytest.raises(GridsError, match="1 to 15 principal components"):
        fit_rows(rows(8), components)


def test_rows_that_do_not_vary_are_refused() -> None:
    flat = DegradationRow("flat", "key", np.zeros((10, 10)), np.arange(10))
    with pytest.raises(GridsError, match="do not vary"):
        fit_rows([flat], 4)


def test_intervals_contain_their_entry() -> None:
    given = rows(6)
    matrix = similarity_of(fit_rows(given, 4), ["a", "b", "c"])
    low, high = intervals(given, matrix, 4, seed=0)
    assert low.shape == high.shape == (3, 3)
    assert np.all(low <= matrix)
    assert np.all(matrix <= high)
    assert np.all(low >= 0)
    for ends in (low, high):
        np.testing.assert_array_equal(ends, ends.T)
        np.testing.assert_array_equal(np.diag(ends), 0)
    off = ~np.eye(3, dtype=bool)
    assert np.all(high[off] > low[off])


def test_intervals_depend_on_nothing_but_their_seed() -> None:
    given = rows(6)
    matrix = similarity_of(fit_rows(given, 4), ["a", "b", "c"])
    first, again, other = (intervals(given, matrix, 4, seed=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def mean_width(photos: int, seed: int) -> float:
    given = rows(photos, seed)
    components = round(2 * photos * 3 / 8)
    matrix = similarity_of(fit_rows(given, components), ["a", "b", "c"])
    low, high = intervals(given, matrix, components, seed)
    return float(np.mean((high - low)[np.triu_indices(3, 1)]))


@pytest.mark.slow
def test_intervals_shrink_with_more_photographs() -> None:
    few = np.mean([mean_width(8, seed) for seed in range(5)])
    many = np.mean([mean_width(64, seed) for seed in range(5)])
    # eight times the photographs: about a third of the width
    assert 0.15 < many / few < 0.6


@pytest.mark.slow
def test_intervals_cover_the_difference_between_new_sets_of_photographs() -> None:
    """S of two independent sets differ by sqrt(2) times what an interval is meant to cover."""
    covered = []
    for seed in range(0, 60, 3):
        given, others = rows(24, seed=seed), rows(24, seed=1000 + seed)
        names = ["a", "b", "c"]
        matrix, other = (similarity_of(fit_rows(part, 18), names) for part in (given, others))
        _, high = intervals(given, matrix, 18, seed=0)
        reach = np.sqrt(2) * (high - matrix)
        covered += list((np.abs(other - matrix) <= reach)[np.triu_indices(3, 1)])
    assert 0.85 <= np.mean(covered) <= 1


def test_intervals_need_enough_photographs() -> None:
    given = rows(LEAST_PHOTOS - 1)
    matrix = similarity_of(fit_rows(given, 2), ["a", "b", "c"])
    with pytest.raises(GridsError, match=r"at least 5 photographs, but there are 4 \(a\)"):
        intervals(given, matrix, 2, seed=0)
    check_photos({"enough": np.arange(LEAST_PHOTOS)})
    fewest = rows(LEAST_PHOTOS)
    low, _ = intervals(fewest, similarity_of(fit_rows(fewest, 2), ["a", "b", "c"]), 2, seed=0)
    assert np.all(np.isfinite(low))


@pytest.fixture
def crops(photos: Path) -> Crops:
    return draw_crops(list_images([photos]), 10, 8, 0)


@pytest.fixture
def measured(crops: Crops, tiny: Path) -> DegradationRow:
    return measure_row(crops, "jpeg", degradation("jpeg"), Descriptor(tiny), "body", 0)


def test_a_measured_row(measured: DegradationRow, crops: Crops) -> None:
    assert measured.name == "jpeg"
    assert measured.gram.shape == (10, 10)
    assert measured.gram.dtype == np.float64
    assert np.all(np.linalg.eigvalsh(measured.gram) > -1e-4 * np.trace(measured.gram))
    np.testing.assert_array_equal(measured.photo, crops.photo)


def test_a_stored_row_is_bit_equal(measured: DegradationRow, tmp_path: Path) -> None:
    measured.save(tmp_path / "measured.safetensors")
    stored = DegradationRow.load(tmp_path / "measured.safetensors", measured.key)
    assert stored is not None
    assert (stored.name, stored.key) == (measured.name, measured.key)
    np.testing.assert_array_equal(stored.gram, measured.gram)
    assert stored.gram.dtype == measured.gram.dtype
    np.testing.assert_array_equal(stored.photo, measured.photo)


def test_the_same_row_gives_the_same_bytes(measured: DegradationRow, tmp_path: Path) -> None:
    files = [measured.save(tmp_path / f"{i}.safetensors").read_bytes() for i in range(12)]
    assert len(set(files)) == 1


def test_measuring_again_gives_the_same_row(measured: DegradationRow, crops: Crops, tiny: Path) -> None:
    again = measure_row(crops, "jpeg", degradation("jpeg"), Descriptor(tiny), "body", 0)
    assert again.key == measured.key
    np.testing.assert_array_equal(again.gram, measured.gram)


def test_the_key_changes_with_every_ingredient(crops: Crops, tiny: Path, tmp_path: Path, monkeypatch: object) -> None:
    descriptor, jpeg = Descriptor(tiny), degradation("jpeg")
    other = Descriptor(save_descriptor(tmp_path / "other.safetensors", seed=1))
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


def test_a_row_with_another_key_counts_as_none(measured: DegradationRow, tmp_path: Path) -> None:
    measured.save(tmp_path / "measured.safetensors")
    assert DegradationRow.load(tmp_path / "measured.safetensors", "another") is None
    assert DegradationRow.load(tmp_path / "missing.safetensors", measured.key) is None


@pytest.mark.parametrize("damage", ["empty", "text", "cut header", "cut data", "folder", "flipped bit"])
def test_a_damaged_row_counts_as_none(measured: DegradationRow, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "measured.safetensors"
    data = measured.save(file).read_bytes()
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
    assert DegradationRow.load(file, measured.key) is None
