from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from reports.sample_records import NAMES, eleven, made, random_matrix

from grids.errors import GridsError
from grids.reports import tables
from grids.results import SimilarityMatrix


def ranks(values: np.ndarray) -> np.ndarray:
    return np.array([np.sum(values < v) + (np.sum(values == v) - 1) / 2 for v in values])


def test_cluster_order_is_a_permutation_that_keeps_clusters_together(similarity: SimilarityMatrix) -> None:
    order, linkage = tables.cluster_order(similarity)
    assert sorted(order) == sorted(NAMES)
    assert linkage is not None and linkage.shape == (10, 4)
    assert linkage[0, 2] == pytest.approx(similarity.pairs()[0][0])
    # the last merge joins two runs of neighbours: its height is the mean of S between them
    cut = int(linkage[int(linkage[-1, 0]) - 11, 3]) if linkage[-1, 0] >= 11 else 1
    means = [np.mean([similarity.distance(a, b) for a in order[:k] for b in order[k:]]) for k in (cut, 11 - cut)]
    assert min(abs(mean - linkage[-1, 2]) for mean in means) < 1e-9


@pytest.mark.parametrize("count", [1, 2])
def test_cluster_order_of_few(count: int) -> None:
    order, linkage = tables.cluster_order(random_matrix(count))
    assert sorted(order) == [f"degradation_{k}" for k in range(count)]
    assert (linkage is None) == (count == 1)


def test_cluster_order_stands_rounding_in_a_file() -> None:
    matrix = random_matrix(4).matrix.copy()
    matrix[0, 1] += 5e-7
    assert len(tables.cluster_order(SimilarityMatrix(tuple("abcd"), matrix))[0]) == 4


@pytest.mark.parametrize("count", [1, 2, 11, 30])
def test_matrix_text_fits_and_holds_every_value(count: int) -> None:
    similarity = eleven() if count == 11 else random_matrix(count)
    text = tables.matrix_text(similarity)
    assert max(map(len, text.splitlines())) <= 120
    shown = sorted(word for line in text.splitlines() for word in line.split() if "." in word)
    assert shown == sorted(f"{v:.2f}" for v in similarity.matrix[~np.eye(count, dtype=bool)])
    assert all(name in text for name in similarity.degradations)


def test_text_carries_no_terminal_escape() -> None:
    assert "\x1b" not in tables.matrix_text(made(["a\x1b[31m", "b"], np.eye(2)))


def test_closest_and_farthest(similarity: SimilarityMatrix) -> None:
    extremes = tables.closest_and_farthest(similarity, 3)
    values = sorted(similarity.matrix[np.triu_indices(11, 1)])
    assert [pair.s for pair in extremes.closest] == values[:3]
    assert [pair.s for pair in extremes.farthest] == values[::-1][:3]
    first = extremes.closest[0]
    i, j = NAMES.index(first.first), NAMES.index(first.second)
    assert similarity.low is not None and similarity.high is not None
    assert (first.low, first.high) == (similarity.low[i, j], similarity.high[i, j])
    assert f"{first.s:.2f}  [{first.low:.2f}, {first.high:.2f}]" in tables.pairs_text(extremes)


def test_pairs_without_intervals_and_without_pairs() -> None:
    extremes = tables.closest_and_farthest(random_matrix(2))
    assert len(extremes.closest) == len(extremes.farthest) == 1 and extremes.closest[0].low is None
    assert "[" not in tables.pairs_text(extremes)
    assert "no pairs" in tables.pairs_text(tables.closest_and_farthest(random_matrix(1)))
    with pytest.raises(GridsError, match="-1"):
        tables.closest_and_farthest(random_matrix(2), -1)


def test_compare_against_plain_formulas() -> None:
    first, second = eleven(), eleven(2).subset(list(reversed(NAMES[1:])))
    result = tables.compare(first, second, ("paper", "ours"))
    pairs = list(itertools.combinations(NAMES[1:], 2))
    x = np.array([first.distance(a, b) for a, b in pairs])
    y = np.array([second.distance(a, b) for a, b in pairs])
    assert result.common == tuple(NAMES[1:])
    assert (result.only_first, result.only_second) == (("gaussian_blur",), ())
    assert result.pearson == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert result.spearman == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])
    assert result.mean_absolute_change == pytest.approx(np.mean(abs(y - x)))
    assert result.mean_change == pytest.approx(np.mean(y - x))
    sizes = [abs(change.change) for change in result.changes]
    assert len(sizes) == 45 and sizes == sorted(sizes, reverse=True)
    top = result.changes[0]
    assert top.change == second.distance(top.first, top.second) - first.distance(top.first, top.second)


def test_compare_lists_settings_that_differ() -> None:
    first = eleven(settings={"images": 50, "patch": 64}, descriptor_sha256="aa")
    second = eleven(settings={"images": 20, "patch": 64, "crop": 2}, descriptor_sha256="bb")
    result = tables.compare(first, second, ("paper", "ours_v2"))
    assert result.settings == (
        ("crop", tables.NOT_RECORDED, 2),
        ("descriptor_sha256", "aa", "bb"),
        ("images", 50, 20),
    )
    assert result.spearman == pytest.approx(1) and result.mean_absolute_change == 0
    text = tables.comparison_text(result)
    assert "paper -> ours_v2" in text and "50 -> 20" in text and "10 largest of 55" in text


def test_compare_of_constant_matrices_has_no_correlation() -> None:
    flat = SimilarityMatrix(tuple("abc"), 3.0 * (1 - np.eye(3)))
    result = tables.compare(flat, flat)
    assert result.spearman is None and result.pearson is None
    assert "constant" in tables.comparison_text(result)


def test_compare_needs_three_common_degradations() -> None:
    with pytest.raises(GridsError, match=r"at least 3 common.* are 2 .*only in 'x': salt_pepper"):
        tables.compare(eleven().subset(["jpeg", "ringing", "salt_pepper"]), eleven().subset(NAMES[:7]), ("x", "y"))


def test_what_the_compared_rows_are_made_of_is_a_setting() -> None:
    first, second = (replace(random_matrix(4), settings={"made_of": made}) for made in ({}, {}))
    names = first.degradations
    first.settings["made_of"] = dict.fromkeys(names, "one")
    second.settings["made_of"] = dict.fromkeys(names, "one") | {names[1]: "two", "elsewhere": "three"}
    (change,) = tables.compare(first, second).settings
    assert change == (f"made_of {names[1]}", "one", "two")
