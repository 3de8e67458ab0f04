"""TAG's selection: against all choices of groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from grids.errors import GridsError
from grids.results import SimilarityMatrix
from grids.search import tag_selection


def matrix(seed: int, n: int) -> SimilarityMatrix:
    noise = np.random.default_rng([seed, n]).uniform(1, 5, (n, n))
    distances = (noise + noise.T) / 2
    np.fill_diagonal(distances, 0)
    return SimilarityMatrix(tuple(f"d{i}" for i in range(n)), distances)


def value(similarity: SimilarityMatrix, choice: list[tuple[str, ...]]) -> float:
    """The mean over degradations of their best score; minus infinity where one is in no group."""
    total = 0.0
    for name in similarity.degradations:
        scores = [-np.inf]
        for group in choice:
            others = [similarity.distance(name, other) for other in group if other != name]
            if name in group:
                scores.append(-float(np.mean(others)) if others else -1e6)
        total += max(scores)
    return total / len(similarity)


@pytest.mark.parametrize(("n", "budget"), [(1, 1), (2, 1), (2, 3), (3, 2), (4, 1), (4, 2), (4, 3), (5, 2), (5, 3)])
@pytest.mark.parametrize("seed", range(2))
def test_no_choice_is_better(seed: int, n: int, budget: int) -> None:
    similarity = matrix(seed, n)
    names = similarity.degradations
    groups = [group for size in range(1, n + 1) for group in itertools.combinations(names, size)]
    best = max(
        value(similarity, list(choice))
        for k in range(1, min(budget, len(groups)) + 1)
        for choice in itertools.combinations(groups, k)
    )
    found = tag_selection(similarity, budget)
    assert 1 <= len(found) <= budget
    assert len(set(found)) == len(found)
    assert value(similarity, found) == pytest.approx(best, abs=1e-9)


def test_groups_may_overlap() -> None:
    # b is close to both a and c, which are far from each other
    distances = np.array([[0.0, 1, 5], [1, 0, 1], [5, 1, 0]])
    found = tag_selection(SimilarityMatrix(("a", "b", "c"), distances), 2)
    assert sorted(found) == [("a", "b"), ("b", "c")]


def test_a_larger_budget_is_never_worse() -> None:
    similarity = matrix(0, 7)
    values = [value(similarity, tag_selection(similarity, budget)) for budget in (1, 2, 3, 5)]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(values))


@pytest.mark.parametrize(("n", "budget", "said"), [(4, 0, "at least 1"), (4, -1, "at least 1"), (13, 2, "1 to 12")])
def test_what_it_refuses(n: int, budget: int, said: str) -> None:
    with pytest.raises(GridsError, match=said):
        tag_selection(matrix(0, n), budget)
