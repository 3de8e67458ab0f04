"""The preprocessing of GRIDS (section 5.1): how large groups can be, and how far down each ranking they hold.

Both are binary searches that trust the ranking: if the closest group of a size is beyond delta, larger sizes are
discarded; if a group is beyond delta, the farther ones of its size are. docs/method.md says where that is read how.
"""

from __future__ import annotations

from dataclasses import dataclass

from grids.search.answers import BEYOND, FAILED, UNDECIDED, WITHIN, Answers
from grids.search.methods.base import within_delta
from grids.search.ranking import Ranking


@dataclass(frozen=True)
class Candidates:
    """The groups that the preprocessing leaves.

    Args:
        groups: largest first, each size in the order of its ranking; groups of one at the end.
        larger: how many ranked groups were discarded for their size.
        farther: how many were discarded for their place in the ranking.
    """

    groups: tuple[int, ...]
    larger: int
    farther: int


def candidates(answers: Answers, ranking: Ranking) -> Candidates:
    """Lambda_1 to Lambda_Lmax. Raises Needed."""
    n = answers.problem.n
    sizes = [size for size in range(2, n + 1) if ranking.size(size)]
    kept = sizes[: _largest(answers, ranking, sizes) + 1]
    groups: list[int] = []
    farther = 0
    for size in reversed(kept):
        ranked = ranking.size(size)
        held = ranked[: _last_within(answers, ranked, size)]
        farther += len(ranked) - len(held)
        groups += held
    out = (BEYOND, UNDECIDED, FAILED)
    groups = [mask for mask in groups if answers.known(mask) not in out]
    alone = [mask for mask in ranking.size(1) if answers.known(mask) == WITHIN]
    larger = sum(len(ranking.size(size)) for size in sizes[len(kept) :])
    return Candidates((*groups, *alone), larger, farther)


def _largest(answers: Answers, ranking: Ranking, sizes: list[int]) -> int:
    """The place of the largest size that stays: the first whose closest group fails, its other groups being open."""
    holds, fails = -1, len(sizes)
    while fails - holds > 1:
        middle = (holds + fails) // 2
        size = sizes[middle]
        if within_delta(answers, ranking.size(size)[0], f"size {size}: its closest group"):
            holds = middle
        else:
            fails = middle
    return fails


def _last_within(answers: Answers, ranked: list[int], size: int) -> int:
    """How many groups of a size stay: up to the last that is within delta, by binary search."""
    # a closest group that is known to fail says nothing of the others: it is struck out, and they are searched
    first = answers.known(ranked[0])
    holds, fails = (0 if first is not None else -1), len(ranked)
    while fails - holds > 1:
        middle = (holds + fails) // 2
        if within_delta(answers, ranked[middle], f"size {size}: place {middle + 1} of {len(ranked)}"):
            holds = middle
        else:
            fails = middle
    return holds + 1
