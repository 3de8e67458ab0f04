"""The order of the groups: complete where they are few, bounded but even where they are many."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from search.brute_force import World, bits, world

from grids.results import SimilarityMatrix
from grids.search import Problem
from grids.search.methods.grids import Ranking, moments


def ranking(given: World, **options: object) -> Ranking:
    return Ranking(Problem(given.similarity, 0.7, **options))  # type: ignore[arg-type]


def sort_key(given: World, mask: int) -> tuple[float, float]:
    pairs = [given.distances[i, j] for i, j in itertools.combinations(bits(mask), 2)]
    return round(float(np.mean(pairs)), 2), round(float(np.var(pairs)), 9)


@pytest.mark.parametrize(("seed", "n"), [(0, 2), (1, 5), (2, 7), (3, 9)])
def test_every_group_of_every_size_in_order(seed: int, n: int) -> None:
    given = world(seed, n)
    ranked = ranking(given)
    for size in range(2, n + 1):
        found = ranked.size(size)
        assert len(set(found)) == len(found) == math.comb(n, size)
        assert all(mask.bit_count() == size for mask in found)
        keys = [sort_key(given, mask) for mask in found]
        assert keys == sorted(keys)
    assert sorted(ranked.size(1)) == [1 << i for i in range(n)]


def test_moments() -> None:
    given = world(4, 8)
    groups = np.arange(1, 256)
    mean, variance = moments(given.distances, groups)
    for mask in groups.tolist():
        pairs = [given.distances[i, j] for i, j in itertools.combinations(bits(mask), 2)] or [0.0]
        assert mean[mask - 1] == pytest.approx(np.mean(pairs))
        assert variance[mask - 1] == pytest.approx(np.var(pairs), abs=1e-12)


@pytest.mark.parametrize("value", [1.0, 1 / 3, 3.217])
def test_ties_are_ordered_by_the_seed(value: float) -> None:
    n = 9  # sums of so many equal distances differ by rounding errors
    equal = World(np.full((n, n), value) - value * np.eye(n), np.zeros((n, n)))
    orders = set()
    for seed in range(4):
        ranked = ranking(equal, seed=seed)
        ties = np.random.default_rng(seed).random(n)
        for size in range(1, n):
            found = ranked.size(size)
            sums = [ties[bits(mask)].sum() for mask in found]
            assert sums == sorted(sums)
        assert ranked.size(3) == ranking(equal, seed=seed).size(3)
        orders.add(tuple(ranked.size(3)))
    assert len(orders) == 4


def test_only_the_groups_that_can_be_asked_for() -> None:
    given = world(0, 6)
    askable = frozenset([0b000011, 0b110000, 0b010101, 0b111111])
    ranked = ranking(given, askable=askable)
    assert {mask for size in range(2, 7) for mask in ranked.size(size)} == askable
    assert ranked.size(5) == []
    assert len(ranked.size(1)) == 6


def test_many_degradations_keep_the_closest_groups_of_each() -> None:
    n = 20
    given = world(0, n)
    ranked = ranking(given)
    again = ranking(World(given.distances, given.harm))
    mean_of_last = 0.0
    for size in range(2, n + 1):
        found = ranked.size(size)
        assert len(set(found)) == len(found)
        assert all(mask.bit_count() == size for mask in found)
        held = np.bitwise_or.reduce(found)
        assert held == (1 << n) - 1  # every degradation is in one
        assert found == again.size(size)
        means = [round(given.similarity.group_distance([f"d{i}" for i in bits(mask)]), 2) for mask in found[:200]]
        assert all(second - first >= -0.011 for first, second in itertools.pairwise(means))
        if math.comb(n, size) <= 10_000:
            assert len(found) == math.comb(n, size)
        else:
            counts = [sum(mask >> i & 1 for mask in found) for i in range(n)]
            assert min(counts) >= min(500, len(found) // n)
            assert len(found) <= 10_000
        mean_of_last = means[0]
    assert mean_of_last == pytest.approx(given.distances[np.triu_indices(n, 1)].mean(), abs=0.006)


def test_the_closest_group_of_a_bounded_size_is_the_closest_of_all() -> None:
    # planted families of five: the closest group of six is one family and one more
    n = 20
    given = world(1, n, plants=4)
    distances = np.where(np.arange(n)[:, None] % 4 == np.arange(n) % 4, 1.0, 4.0) - np.eye(n)
    ranked = Ranking(Problem(SimilarityMatrix(given.names, distances), 0.7))
    families = {sum(1 << i for i in range(k, n, 4)) for k in range(4)}
    assert set(ranked.size(5)[:4]) == families
    assert any(ranked.size(6)[0] & family == family for family in families)
