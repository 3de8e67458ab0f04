"""The search of GRIDS (Algorithm 1): binary search on the number of groups, depth-first search with verification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grids.search.answers import Answers, Masks
from grids.search.feasibility import check_covered
from grids.search.methods.base import Done, Replayed, within_delta
from grids.search.partitions import fewest
from grids.search.preprocess import candidates
from grids.search.problem import ENUMERATED, Problem
from grids.search.ranking import Ranking

NODES = 20_000
"""Of one depth-first search where dead ends cannot be told beforehand (more than ENUMERATED degradations)."""


class Paper(Replayed):
    """The published method.

    Args:
        problem: for its ranking, which is made once.
    """

    def __init__(self, problem: Problem) -> None:
        self._ranking = Ranking(problem)

    def _run(self, answers: Answers) -> Done:
        left = candidates(answers, self._ranking)
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
                check_covered(answers, False)
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
        return all(within_delta(self._answers, mask, why, own=True) for mask in chosen)
