"""The search of GRIDS (section 5.1, Algorithm 1).

Groups of each size are ranked by their mean distance, near ties by its variance. The preprocessing finds by binary
search how large groups can be, and how far down each ranking they hold. It trusts the ranking: if the closest group of
a size is beyond delta, larger sizes are discarded; if a group is beyond delta, the farther ones of its size are.
docs/method.md says where that is read how. Then comes a binary search on the number of groups, each step of it a
depth-first search with verification.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from grids.results import FloatArray
from grids.search.answers import BEYOND, FAILED, UNDECIDED, WITHIN, Answers, Masks
from grids.search.methods.base import Done, Replayed, is_within_delta, no_partition
from grids.search.partitions import fewest
from grids.search.problem import ENUMERATED, Problem, memberships

NODES = 20_000
"""Of one depth-first search where dead ends cannot be told beforehand (more than ENUMERATED degradations)."""
COMPLETE = 10_000
"""Sizes with more groups are not enumerated: from the groups kept of the size below, each with one degradation more,
every degradation keeps the closest COMPLETE / n groups that hold it."""
NEAR = 2
"""Decimals of S within which mean distances count as tied."""
EQUAL = 9
"""Decimals of the variance that are more than rounding errors."""


class GridsSearch(Replayed):
    """The search that GRIDS published (section 5.1, Algorithm 1), as docs/method.md, section 10, reads it.

    It is quick, because it trusts that the drops of groups grow with their mean distance and size; where they do not,
    it can miss the smallest partition, and groups discarded for that are counted in `Done.spared`.

    Args:
        problem: what to group; its groups are ranked once.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._ranking = Ranking(problem)

    @classmethod
    def estimate_answers(cls, n: int) -> float:
        """See SearchMethod."""
        return 3 * n

    def _run(self, answers: Answers) -> Done:
        left = find_candidates(answers, self._ranking)
        best: list[int] | None = None
        low, high = 1, answers.problem.n
        while low < high or best is None:
            middle = (low + high) // 2
            found = _DepthFirst(answers, left.groups, middle).solve()
            if found is not None:
                best, high = found, len(found)
            elif low < high:
                low = middle + 1
            else:
                raise no_partition(answers)
        spared = [("larger sizes", left.larger), ("farther ranks", left.farther)]
        return Done(tuple(sorted(best)), tuple((name, count) for name, count in spared if count))


class _DepthFirst:
    """Solve(count): the first verified partition into at most `count` groups, taken in the order of the candidates.

    Groups are taken in strictly increasing order, so that a partition is met once and not in count! orders.
    """

    def __init__(self, answers: Answers, groups: Sequence[int], count: int) -> None:
        self._answers = answers
        self._count = count
        self._masks = np.array(groups, dtype=np.int64)
        self._largest = max((mask.bit_count() for mask in groups), default=1)
        self._needed = fewest(self._masks, answers.problem.n) if answers.problem.n <= ENUMERATED else None
        self._nodes = NODES

    def solve(self) -> list[int] | None:
        """The groups, or None. Raises Needed."""
        full = self._answers.problem.full
        return self._extend(full, self._masks, []) if self._possible(full, 0) else None

    def _extend(self, left: int, open_: Masks, chosen: list[int]) -> list[int] | None:
        if not left:
            return chosen if self._verified(chosen) else None
        if len(chosen) + 1 == self._count:
            open_ = open_[open_ == left]
        for at in range(len(open_)):
            mask = int(open_[at])
            if not self._possible(left ^ mask, len(chosen) + 1):
                continue
            rest = open_[at + 1 :]
            found = self._extend(left ^ mask, rest[rest & mask == 0], [*chosen, mask])
            if found is not None:
                return found
        return None

    def _possible(self, left: int, used: int) -> bool:
        """Whether groups enough are left for what is left to cover."""
        if self._needed is not None:
            return bool(used + self._needed[left] <= self._count)
        self._nodes -= 1
        return self._nodes > 0 and used + -(-left.bit_count() // self._largest) <= self._count

    def _verified(self, chosen: list[int]) -> bool:
        why = f"a partition into {len(chosen)}: verify"
        return all(is_within_delta(self._answers, mask, why, own=True) for mask in chosen)


class Candidates(NamedTuple):
    """The groups that the preprocessing leaves to search in.

    Args:
        groups: masks, largest first, each size in the order of its ranking; groups of one at the end.
        larger: how many ranked groups were discarded for their size.
        farther: how many were discarded for their place in the ranking.
    """

    groups: tuple[int, ...]
    larger: int
    farther: int


def find_candidates(answers: Answers, ranking: Ranking) -> Candidates:
    """The preprocessing of GRIDS (section 5.1): how large groups can be, and how far down each ranking they hold.

    A binary search over the sizes tests the closest group of each; then one in each size that is left looks for the
    last group within delta.

    Args:
        answers: what is known.
        ranking: of the same problem.

    Returns:
        The groups that are left, without those that are known not to be within delta.

    Raises:
        Needed: an answer that it needs is not known yet.
    """
    n = answers.problem.n
    sizes = [size for size in range(2, n + 1) if ranking.size(size)]
    kept = sizes[: _find_largest(answers, ranking, sizes) + 1]
    ranked = {size: ranking.size(size) for size in reversed(kept)}
    held = {size: masks[: _count_held(answers, masks, size)] for size, masks in ranked.items()}
    farther = sum(len(ranked[size]) - len(held[size]) for size in kept)
    out = (BEYOND, UNDECIDED, FAILED)
    groups = [mask for masks in held.values() for mask in masks if answers.known(mask) not in out]
    alone = [mask for mask in ranking.size(1) if answers.known(mask) == WITHIN]
    larger = sum(len(ranking.size(size)) for size in sizes[len(kept) :])
    return Candidates((*groups, *alone), larger, farther)


def _find_largest(answers: Answers, ranking: Ranking, sizes: list[int]) -> int:
    """The place of the largest size that stays: the first whose closest group fails, its other groups being open."""

    def holds(at: int) -> bool:
        return is_within_delta(answers, ranking.size(sizes[at])[0], f"size {sizes[at]}: its closest group")

    return _bisect(-1, len(sizes), holds)


def _count_held(answers: Answers, ranked: list[int], size: int) -> int:
    """How many groups of a size stay: up to the last that is within delta."""

    def holds(at: int) -> bool:
        return is_within_delta(answers, ranked[at], f"size {size}: place {at + 1} of {len(ranked)}")

    # a closest group that is known to fail says nothing of the others: it is struck out, and they are searched
    return _bisect(-1 if answers.known(ranked[0]) is None else 0, len(ranked), holds)


def _bisect(held: int, fails: int, holds: Callable[[int], bool]) -> int:
    """The first place between `held` and `fails` that does not hold, by binary search."""
    while fails - held > 1:
        middle = (held + fails) // 2
        held, fails = (middle, fails) if holds(middle) else (held, middle)
    return fails


class Ranking:
    """The groups of every size, ranked by the mean of S over their pairs.

    A size is ranked when it is first asked for, and then kept. Means that are the same to two decimals
    are tied; then the smaller variance comes first, and after it the order is drawn by the problem's seed.

    Args:
        problem: its distances, its seed, and which groups can be asked for.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._of: Callable[[int], Masks] = functools.cache(lambda size: self._rank(self._groups(size)))

    def size(self, size: int) -> list[int]:
        """The groups of a size, closest first.

        Args:
            size: 1 to n.

        Returns:
            Masks: of all groups that can be asked for. Of a size with more than 10,000 groups, where none are listed,
            only those made from a ranked group of the size below, and of them the closest 10,000 / n around each
            degradation.
        """
        return [int(mask) for mask in self._of(size)]

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
        ties = memberships(groups, self._problem.n) @ np.random.default_rng(self._problem.seed).random(self._problem.n)
        return groups[np.lexsort((ties, np.round(variance, EQUAL), np.round(mean, NEAR)))]


def moments(distances: FloatArray, groups: Masks) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of S over the pairs of each group.

    Args:
        distances: S, (n, n), symmetric, with zeros on the diagonal.
        groups: masks, (groups,) int64, above 0.

    Returns:
        Means and variances (of the population, not corrected), both (groups,) float64; zeros for groups of one.
    """
    member = memberships(groups, len(distances))
    size = member.sum(axis=1)
    pairs = np.maximum(size * (size - 1), 1)
    mean = ((member @ distances) * member).sum(axis=1) / pairs
    square = ((member @ distances**2) * member).sum(axis=1) / pairs
    return mean, np.maximum(square - mean**2, 0.0)
