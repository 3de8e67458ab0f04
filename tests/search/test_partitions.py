"""Partitions by dynamic programming: against enumeration, and against an integer program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from search.brute_force import fewest_groups, partitions_into, set_partitions

from grids.search.partitions import Best, all_partitions, fewest, shares


def some_groups(seed: int, n: int, share: float, singles: bool = True) -> np.ndarray:
    rng = np.random.default_rng([seed, n])
    kept = rng.random(1 << n) < share
    if singles:
        kept[[1 << i for i in range(n)]] = True
    kept[0] = False
    return np.flatnonzero(kept)


def within(groups: np.ndarray, subset: int) -> set[int]:
    return {mask for mask in groups.tolist() if mask & subset == mask}


def squeeze(mask: int, subset: int) -> int:
    """The mask in the numbering of the subset's own bits."""
    rows = [i for i in range(subset.bit_length()) if subset >> i & 1]
    return sum(1 << k for k, i in enumerate(rows) if mask >> i & 1)


def test_the_numbers_of_set_partitions() -> None:
    assert [len(set_partitions(n)) for n in range(9)] == [1, 1, 2, 5, 15, 52, 203, 877, 4140]
    assert len({frozenset(partition) for partition in set_partitions(7)}) == 877


@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([0.05, 0.2, 0.6, 1.0]), st.booleans())
@settings(max_examples=60)
def test_best_and_fewest_against_enumeration(seed: int, n: int, share: float, singles: bool) -> None:
    groups = some_groups(seed, n, share, singles)
    costs = np.random.default_rng(seed).normal(0, 1, len(groups))
    cost = dict(zip(groups.tolist(), costs.tolist(), strict=True))
    full = (1 << n) - 1
    best = Best(groups, costs, n)
    every = partitions_into(cost, n)
    least = min((sum(cost[mask] for mask in partition) for partition in every), default=np.inf)
    assert best.value[full] == pytest.approx(least)
    assert best.value[0] == 0.0
    if every:
        found = best.partition(full)
        assert sum(found) == full == np.bitwise_or.reduce(found)
        assert sum(cost[mask] for mask in found) == pytest.approx(least)
    assert fewest(groups, n)[full] == fewest_groups(cost, n)


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.4]))
@settings(max_examples=15)
def test_every_subset_has_its_own_best(seed: int, share: float) -> None:
    groups = some_groups(seed, 6, share)
    needed = fewest(groups, 6)
    for subset in range(1, 64):
        inside = {squeeze(mask, subset) for mask in within(groups, subset)}
        assert needed[subset] == fewest_groups(inside, subset.bit_count())


@pytest.mark.parametrize("seed", range(6))
def test_best_against_an_integer_program(seed: int) -> None:
    n = 9
    groups = some_groups(seed, n, 0.15)
    costs = np.random.default_rng(seed).uniform(-1, 3, len(groups))
    member = ((groups[:, None] >> np.arange(n)) & 1).T
    program = milp(
        costs,
        constraints=LinearConstraint(member, 1, 1),
        integrality=np.ones(len(groups)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    assert Best(groups, costs, n).value[-1] == pytest.approx(program.fun, abs=1e-6)


def test_no_groups_at_all() -> None:
    nothing = np.array([], dtype=np.int64)
    assert np.isinf(fewest(nothing, 3)[1:]).all()
    best = Best(np.array([0b001, 0b010]), np.ones(2), 3)
    assert (best.partition(0b011), best.partition(0b111), best.partition(0)) == ([1, 2], None, [])
    assert list(all_partitions([], 0b111, 2, 10)) == []


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.2, 0.6, 1.0]), st.integers(0, 2))
@settings(max_examples=60)
def test_shares_against_enumeration(seed: int, n: int, share: float, more: int) -> None:
    groups = some_groups(seed, n, share)
    weights = np.random.default_rng(seed).uniform(0.01, 1, len(groups))
    weight = dict(zip(groups.tolist(), weights.tolist(), strict=True))
    count = int(fewest(groups, n)[-1]) + more
    every = [partition for partition in partitions_into(weight, n) if len(partition) <= count]
    weighs = np.array([np.prod([weight[mask] for mask in partition]) for partition in every])
    whole = shares(groups, weights, n, count, as_part=False)
    part = shares(groups, weights, n, count, as_part=True)
    for mask in range(1, 1 << n):
        is_group = [mask in partition for partition in every]
        is_part = [any(mask & group == mask for group in partition) for partition in every]
        assert whole[mask] == pytest.approx(weighs[is_group].sum() / weighs.sum(), abs=1e-12)
        assert part[mask] == pytest.approx(weighs[is_part].sum() / weighs.sum(), abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([0.1, 0.5, 1.0]), st.integers(1, 5))
@settings(max_examples=40)
def test_all_partitions_are_all_and_each_once(seed: int, n: int, share: float, count: int) -> None:
    groups = some_groups(seed, n, share).tolist()
    found = [frozenset(partition) for partition in all_partitions(groups, (1 << n) - 1, count, 10_000)]
    expected = {frozenset(partition) for partition in partitions_into(set(groups), n) if len(partition) == count}
    assert len(found) == len(expected)
    assert set(found) == expected
    few = list(all_partitions(groups, (1 << n) - 1, count, 3))
    assert len(few) == min(3, len(expected))
