"""The best partition made of given groups: by dynamic programming over all subsets, or by integer programming.

The first is for 14 degradations or fewer:

best(M) = min over the groups C of M that hold its first degradation of cost(C) + best(M without C).
For 11 degradations it takes milliseconds where a mixed-integer solver takes seconds (docs/decisions.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from grids.results import FloatArray
from grids.search.answers import Masks
from grids.search.problem import memberships

NODES = 1000
"""Of one program, so that the result does not depend on the speed of the machine."""


class Best:
    """The cheapest partition of every subset into given groups.

    Args:
        groups: masks.
        costs: of each group, any sign.
        n: the number of degradations.
    """

    def __init__(self, groups: Masks, costs: FloatArray, n: int) -> None:
        self.value = np.full(1 << n, np.inf)
        self.value[0] = 0.0
        self._choice = np.zeros(1 << n, dtype=np.int64)
        for masks, mask, cost in _steps(groups, costs, n):
            found = self.value[masks ^ mask] + cost
            better = found < self.value[masks]
            self.value[masks[better]] = found[better]
            self._choice[masks[better]] = mask

    def partition(self, mask: int) -> list[int]:
        """The groups of the best partition of a subset; its value must be finite."""
        found = []
        while mask:
            found.append(int(self._choice[mask]))
            mask ^= found[-1]
        return found


def fewest(groups: Masks, n: int) -> FloatArray:
    """For every subset, how many of the groups a partition of it needs; infinity where there is none."""
    return Best(groups, np.ones(len(groups)), n).value


def shares(groups: Masks, weights: FloatArray, n: int, count: int, *, as_part: bool) -> FloatArray:
    """For every group of degradations, the share of partitions that have it.

    Of all partitions into at most `count` of the groups, each weighing the product of its groups' weights: the share
    in which the given mask is a group or, with `as_part`, a part of one. (2^n,), in [0, 1].
    """
    full = (1 << n) - 1
    ways = _ways(groups, weights, n, count)
    found = np.zeros(1 << n)
    found[groups] = weights * ways[:-1, full ^ groups].sum(axis=0) / ways[:, full].sum()
    for i in range(n if as_part else 0):  # sums over all supersets, one degradation at a time
        halves = found.reshape(-1, 2, 1 << i)
        halves[:, 0] += halves[:, 1]
    return found


def count_partitions(groups: Masks, n: int, count: int) -> int:
    """How many partitions into exactly `count` of the groups there are."""
    return round(float(_ways(groups, np.ones(len(groups)), n, count)[count, -1]))


def all_partitions(groups: Sequence[int], full: int, count: int, limit: int) -> Iterator[list[int]]:
    """Every partition of `full` into exactly `count` of the groups, at most `limit` of them."""
    largest = max((mask.bit_count() for mask in groups), default=0)
    by_first: dict[int, list[int]] = {}
    for mask in groups:
        by_first.setdefault(mask & -mask, []).append(mask)

    def extend(left: int, chosen: list[int]) -> Iterator[list[int]]:
        if not left:
            if len(chosen) == count:
                yield chosen
            return
        if left.bit_count() > (count - len(chosen)) * largest:
            return
        for mask in by_first.get(left & -left, ()):
            if mask & left == mask:
                yield from extend(left ^ mask, [*chosen, mask])

    yield from itertools.islice(extend(full, []), limit)


class CheapestPartition(NamedTuple):
    """The groups of a partition, as masks, and whether it is proved the cheapest."""

    groups: tuple[int, ...]
    proved: bool


def solve_set_partition(
    groups: Sequence[int], n: int, costs: FloatArray | None = None, count: int | None = None
) -> CheapestPartition | None:
    """The cheapest partition of n degradations made of listed groups, by integer programming (HiGHS).

    Args:
        groups: masks.
        n: the number of degradations.
        costs: of each group, any sign; 1 if not given, which solvers are quick with.
        count: so many groups exactly, if given.

    Returns:
        None if there is none, or none was found.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # a third of a second
    from scipy.sparse import csc_array

    if not groups:
        return None
    rows = memberships(groups, n).T
    once = np.ones(n)
    if count is not None:
        rows, once = np.vstack([rows, np.ones(len(groups))]), np.append(once, count)
    program = milp(
        np.ones(len(groups)) if costs is None else costs,
        constraints=LinearConstraint(csc_array(rows), once, once),
        integrality=np.ones(len(groups)),
        bounds=Bounds(0, 1),
        options={"node_limit": NODES},
    )
    if program.x is None:
        return None
    chosen = tuple(mask for mask, share in zip(groups, program.x, strict=True) if share > 0.5)
    return CheapestPartition(chosen, program.status == 0)


def _ways(groups: Masks, weights: FloatArray, n: int, count: int) -> FloatArray:
    """The weight of all partitions of every subset into 0 to `count` of the groups, (count + 1, 2^n)."""
    ways = np.zeros((count + 1, 1 << n))
    ways[0, 0] = 1.0
    for masks, mask, weight in _steps(groups, weights, n):
        ways[1:, masks] += weight * ways[:-1, masks ^ mask]
    return ways


def _steps(groups: Masks, values: FloatArray, n: int) -> Iterator[tuple[Masks, int, float]]:
    """(all subsets whose first degradation is the group's and that hold it, the group, its value), last bit first."""
    first = groups & -groups
    for i in reversed(range(n)):
        subsets = np.arange(0, 1 << n, 1 << (i + 1)) | (1 << i)
        here = first == 1 << i
        for mask, value in zip(groups[here].tolist(), values[here].tolist(), strict=True):
            yield subsets[subsets & mask == mask], mask, value
