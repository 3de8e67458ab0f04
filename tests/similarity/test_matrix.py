"""From rows to the matrix and its intervals, on rows whose distributions are known."""

from __future__ import annotations

import numpy as np
import pytest

from grids.errors import GridsError, UnknownNameError
from grids.similarity.ggd import fit
from grids.similarity.gram import principal_scores
from grids.similarity.matrix import LEAST_PHOTOS, DegradationRow, check_photos, fit_rows, intervals, similarity_of


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
    with pytest.raises(GridsError, match="below the number of patches, 16, but is"):
        fit_rows(rows(8), components)


def test_rows_that_cannot_be_compared_and_unknown_names_are_refused() -> None:
    for given, counts in ((rows(8) + rows(9)[:1], r"\[16, 18\]"), ([], "none")):
        with pytest.raises(GridsError, match=f"same number of patches, but have {counts}"):
            fit_rows(given, 4)
    with pytest.raises(UnknownNameError, match="unknown row 'd'"):
        similarity_of(fit_rows(rows(8), 6), ["a", "d"])


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
