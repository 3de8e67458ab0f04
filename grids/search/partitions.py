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
    """The cheapest partition of every subset into given groups, by dynamic programming over subsets.

    It holds 2^n numbers, so n should be at most about 14.

    Args:
        groups: masks, (groups,) int64, above 0.
        costs: of each group, (groups,), any sign; the cost of a partition is their sum.
        n: the number of degradations.

    Attributes:
        value: (2^n,) float64, by subset: the least cost of a partition of it; infinity where there is none, 0 for 0.
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

    def partition(self, mask: int) -> list[int] | None:
        """The groups of the cheapest partition of a subset.

        Args:
            mask: of the subset.

        Returns:
            Masks, ordered by their first degradation; empty for 0, None where there is no partition. Of partitions that
            cost the same, always the same one.
        """
        if np.isinf(self.value[mask]):
            return None
        found = []
        while mask:
            found.append(int(self._choice[mask]))
            mask ^= found[-1]
        return found


def fewest(groups: Masks, n: int) -> FloatArray:
    """How many of the given groups a partition of each subset needs at least.

    Args:
        groups: masks, (groups,) int64, above 0.
        n: the number of degradations, at most about 14.

    Returns:
        (2^n,) float64, by subset: a whole number, or infinity where there is no partition.

    >>> fewest(np.array([0b001, 0b010, 0b100, 0b110]), 3)[[0b110, 0b111, 0b011]]
    array([1., 2., 2.])
    """
    return Best(groups, np.ones(len(groups)), n).value


def shares(groups: Masks, weights: FloatArray, n: int, count: int, *, as_part: bool) -> FloatArray:
    """How much of all partitions would break if a group were beyond delta.

    All partitions into at most `count` of the groups count, each with the product of its groups' weights. There must be
    one with a weight above 0, else the result is not a number.

    Args:
        groups: masks, (groups,) int64, above 0, each once.
        weights: of each group, (groups,), 0 or more, such as its probability of being within delta.
        n: the number of degradations, at most about 14.
        count: the most groups that a partition may have.
        as_part: also count partitions in which the mask is only a part of a group.

    Returns:
        (2^n,) float64 in [0, 1], by mask: the share of the weight of the partitions that have it as a group.
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
    """The number of partitions of all degradations into a given number of groups, counted without listing them.

    Args:
        groups: masks, (groups,) int64, above 0, each once.
        n: the number of degradations, at most about 14.
        count: so many groups exactly.

    Returns:
        The number; 0 where there is none.

    >>> count_partitions(np.array([0b001, 0b010, 0b100, 0b011, 0b110]), 3, 2)
    2
    """
    return round(float(_ways(groups, np.ones(len(groups)), n, count)[count, -1]))


def all_partitions(groups: Sequence[int], full: int, count: int, limit: int) -> Iterator[list[int]]:
    """List the partitions into a given number of groups.

    Its time grows quickly with the number of groups, even where few partitions exist.

    Args:
        groups: masks above 0, each once. Their order decides in which order partitions come.
        full: the mask to divide.
        count: so many groups exactly.
        limit: stop after so many partitions, 0 or more.

    Yields:
        The groups of a partition, ordered by their first degradation.

    >>> list(all_partitions([0b001, 0b010, 0b100, 0b011, 0b110], 0b111, 2, 10))
    [[1, 6], [3, 4]]
    """
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
    """A partition that was found by integer programming.

    Args:
        groups: masks, in the order of the list that they were chosen from.
        proved: whether the solver showed that none is cheaper; False where it reached its limit of nodes before.
    """

    groups: tuple[int, ...]
    proved: bool


def solve_set_partition(
    groups: Sequence[int], n: int, costs: FloatArray | None = None, count: int | None = None
) -> CheapestPartition | None:
    """The cheapest partition of n degradations into listed groups, by integer programming (HiGHS, in scipy).

    For many degradations and not too many groups; with 14 degradations or fewer, `Best` is quicker. The solver is
    stopped after 1000 nodes (`NODES`), not after a time, so that the result does not depend on the machine.

    Args:
        groups: masks above 0.
        n: the number of degradations, at most 62.
        costs: of each group, (groups,), any sign; None for 1 each, which solvers are quick with: the fewest groups.
        count: so many groups exactly; None for any number.

    Returns:
        The partition; None where there is none, or none was found within the limit.
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
