"""The exact method with more degradations than can be enumerated."""

from __future__ import annotations

import numpy as np
import pytest
from search.brute_force import Oracle, World, world
from search.promises import check

from grids.errors import GridsError
from grids.search import (
    Problem,
    Search,
    run_search,
    search_groups,
)


def test_a_table_of_many_that_holds_nothing_within_delta() -> None:
    given = world(0, 16)
    search = Search(Problem(given.similarity, 0.7, askable=frozenset()), "exact")
    for name in given.names:
        search.tell({name}, {name: 1.0})
    with pytest.raises(GridsError, match="no group within delta covers 'd0'"):
        search.ask()


@pytest.mark.parametrize(("n", "plants", "seed"), [(16, 4, 0), (17, 3, 1), (20, 4, 2)])
def test_exact_with_many(n: int, plants: int, seed: int) -> None:
    # pairs of different families are beyond, families within: exactly `plants` groups
    given = world(seed, n, plants=plants)
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 0.7, "exact")
    check(found, oracle, 0.7)
    assert len(found) >= plants
    assert found.lower_bound <= plants
    if found.certificate != "heuristic":
        assert len(found) == plants


def test_one_of_many_that_is_better_with_others() -> None:
    given = world(0, 16, plants=2)
    search, oracle = Search(Problem(given.similarity, 0.7), "exact"), Oracle(given)
    search.tell({"d0"}, {"d0": 1.0})
    search.tell({"d1"}, {"d1": 0.7}, {"d1": 0.1})
    run_search(search, oracle)
    assert len(search.result()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shortcuts"), [("bumpy", True), ("helping", True), ("helping", False)])
def test_exact_with_many_that_are_not_monotone(kind: str, shortcuts: bool) -> None:
    given = world(3, 16, kind)
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 1.0, "exact", shortcuts=shortcuts)
    check(found, oracle, 1.0)
    assert found.certificate != "proved" or len(found) <= 2


@pytest.mark.parametrize("seed", range(2))
def test_exact_over_a_table_of_many(seed: int) -> None:
    n = 18
    given = world(seed, n, plants=3)
    rng = np.random.default_rng(seed)
    families = [sum(1 << i for i in range(k, n, 3)) for k in range(3)]
    askable = {1 << i | 1 << j for i in range(n) for j in range(i) if rng.random() < 0.5}
    askable |= {family & int(rng.integers(1 << n)) for family in families * 30}
    askable = {mask for mask in askable if mask.bit_count() > 1}
    for more, expected in (([], None), (families, 3)):
        problem = Problem(given.similarity, 0.7, askable=frozenset([*askable, *more]))
        search, oracle = Search(problem, "exact"), Oracle(given)
        run_search(search, oracle)
        found = search.result()
        check(found, oracle, 0.7)
        assert set(oracle.asked) <= problem.askable  # type: ignore[operator]
        assert found.lower_bound <= 3
        assert expected is None or len(found) == expected


def test_the_least_drop_over_a_table_of_many() -> None:
    # two ways of making 9 pairs of 18, their totals 0.02 dB apart; all answers at hand
    n = 18
    distances = np.ones((n, n)) - np.eye(n)
    given = World(distances, np.zeros((n, n)))
    even = [0b11 << i for i in range(0, n, 2)]
    odd = [0b11 << i for i in range(1, n - 1, 2)] + [1 | 1 << (n - 1)]
    search = Search(Problem(given.similarity, 0.7, askable=frozenset([*even, *odd])), "exact")
    for pairs, drop in ((even, 0.3), (odd, 0.3)):
        for at, mask in enumerate(pairs):
            search.tell(given.group(mask), dict.fromkeys(given.group(mask), drop - 0.01 * (at == 0 and pairs is odd)))
    assert {given.mask(group.degradations) for group in search.result().groups} == set(odd)
