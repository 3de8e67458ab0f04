"""The groups of each size in the order of GRIDS, section 5.1: by mean distance, near ties by its variance."""

from __future__ import annotations

import itertools
import math

import numpy as np

from grids.results import FloatArray
from grids.search.answers import Masks
from grids.search.problem import Problem, memberships

COMPLETE = 10_000
"""Sizes with more groups are not enumerated: from the groups kept of the size below, each with one degradation more,
every degradation keeps the closest COMPLETE / n groups that hold it."""
NEAR = 2
"""Decimals of S within which mean distances count as tied."""
EQUAL = 9
"""Decimals of the variance that are more than rounding errors."""


class Ranking:
    """The ranked groups of every size; made once for each size, closest first.

    Args:
        problem: its distances, and which groups can be asked for.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._made: dict[int, Masks] = {}

    def size(self, size: int) -> list[int]:
        """The groups of a size, closest first."""
        return [int(mask) for mask in self._of(size)]

    def _of(self, size: int) -> Masks:
        if size not in self._made:
            self._made[size] = self._rank(self._groups(size))
        return self._made[size]

    def _groups(self, size: int) -> Masks:
        n, askable = self._problem.n, self._problem.askable
        if size == 1:
            return np.array([1 << i for i in range(n)], dtype=np.int64)
        if askable is not None:
            return np.array(sorted(mask for mask in askable if mask.bit_count() == size), dtype=np.int64)
        if math.comb(n, size) <= COMPLETE:
            rows = itertools.combinations(range(n), size)
            return np.array([sum(1 << i for i in group) for group in rows], dtype=np.int64)
        below = self._of(size - 1)
        larger = [below[below >> i & 1 == 0] | (1 << i) for i in range(n)]
        return self._closest(np.unique(np.concatenate(larger)))

    def _closest(self, groups: Masks) -> Masks:
        """Of these groups, for each degradation the closest that hold it."""
        ranked = self._rank(groups)
        keep = np.zeros(len(ranked), dtype=bool)
        for i in range(self._problem.n):
            keep[np.flatnonzero(ranked >> i & 1)[: COMPLETE // self._problem.n]] = True
        return ranked[keep]

    def _rank(self, groups: Masks) -> Masks:
        mean, variance = moments(self._problem.distances, groups)
        ties = memberships(groups, self._problem.n) @ self._problem.ties
        return groups[np.lexsort((ties, np.round(variance, EQUAL), np.round(mean, NEAR)))]


def moments(distances: FloatArray, groups: Masks) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of S over the pairs of each group; zeros for groups of one."""
    member = memberships(groups, len(distances))
    size = member.sum(axis=1)
    pairs = np.maximum(size * (size - 1), 1)
    mean = ((member @ distances) * member).sum(axis=1) / pairs
    square = ((member @ distances**2) * member).sum(axis=1) / pairs
    return mean, np.maximum(square - mean**2, 0.0)
