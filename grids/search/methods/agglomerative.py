"""The baselines: merging the closest groups, verified; and the network selection of TAG, which asks nothing."""

from __future__ import annotations

import itertools

import numpy as np

from grids.errors import GridsError
from grids.results import SimilarityMatrix
from grids.search.answers import Answers
from grids.search.methods.base import Done, Replayed, is_within_delta, no_partition
from grids.search.problem import memberships

MOST = 12
"""Degradations that TAG's selection takes: beyond, the program over all groups is too large."""
TIME_LIMIT = 60.0  # s


class Agglomerative(Replayed):
    """A baseline: merge the two closest groups as long as the union is within delta.

    It begins with groups of one. How far apart two groups are is the mean of S between their members (average linkage).
    A union that is not within delta is passed over, and the next closest tried, until nothing can be merged. Then every
    group that only a shortcut placed within delta is asked for.

    Args:
        problem: what to group.
    """

    @classmethod
    def estimate_answers(cls, n: int) -> float:
        """See SearchMethod."""
        return 1.2 * n

    def _run(self, answers: Answers) -> Done:
        problem = answers.problem
        groups = [1 << i for i in range(problem.n)]
        while (pair := self._closest_mergeable(answers, groups)) is not None:
            groups = [*(mask for mask in groups if mask not in pair), pair[0] | pair[1]]
        if not all(is_within_delta(answers, mask, "verify the result", own=True) for mask in groups):
            raise no_partition(answers)
        return Done(tuple(sorted(groups)))

    @staticmethod
    def _closest_mergeable(answers: Answers, groups: list[int]) -> tuple[int, int] | None:
        distances = answers.problem.distances
        member = memberships(groups, len(distances))
        linkage = (member @ distances @ member.T) / np.outer(member.sum(axis=1), member.sum(axis=1))
        rows, columns = np.triu_indices(len(groups), 1)
        for at in np.argsort(linkage[rows, columns], kind="stable").tolist():
            first, second = groups[rows[at]], groups[columns[at]]
            if is_within_delta(answers, first | second, "merge the two closest groups"):
                return first, second
        return None


def tag_selection(similarity: SimilarityMatrix, budget: int) -> list[tuple[str, ...]]:
    """The selection of TAG (Fifty et al., NeurIPS 2021): at most `budget` groups of the largest mean score.

    The score of a degradation in a group is its mean affinity to the others there, the affinity of a pair being -S;
    alone it is -1e6, as in TAG's published selection. A degradation is served by the best of the groups that hold it:
    groups may overlap. No drops are asked for, so nothing is known of delta. It is solved by an integer program over
    all 2^n - 1 groups, for 60 s at most; then the best selection so far is taken.

    Args:
        similarity: S between 1 to 12 degradations.
        budget: the largest number of groups, at least 1.

    Returns:
        The names of each group in the order of the matrix; small groups first. Every degradation is in one or more.

    Raises:
        GridsError: the budget is less than 1, there are more than 12 degradations, or nothing was found in 60 s.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # a third of a second
    from scipy.sparse import block_array, coo_array, eye_array

    n = len(similarity)
    if budget < 1:
        raise GridsError(f"the number of groups must be at least 1, but is {budget}")
    if not 1 <= n <= MOST:
        raise GridsError(f"TAG's selection takes 1 to {MOST} degradations, not {n}")
    groups = [rows for size in range(1, n + 1) for rows in itertools.combinations(range(n), size)]
    # one variable for each group that is taken, one for each (degradation, group) that serves it
    served = [(i, k) for k, rows in enumerate(groups) for i in rows]
    scores = np.array([_score(similarity, i, groups[k]) for i, k in served])
    serves = coo_array((np.ones(len(served)), ([i for i, _ in served], range(len(served)))), (n, len(served)))
    of = coo_array((np.ones(len(served)), (range(len(served)), [k for _, k in served])), (len(served), len(groups)))
    rows = block_array([[None, serves], [-of, eye_array(len(served))], [np.ones((1, len(groups))), None]]).tocsr()
    least = np.concatenate([np.ones(n), np.full(len(served), -np.inf), [0.0]])
    most = np.concatenate([np.ones(n), np.zeros(len(served)), [float(budget)]])
    program = milp(
        np.concatenate([np.zeros(len(groups)), -scores]),
        constraints=LinearConstraint(rows, least, most),
        integrality=np.concatenate([np.ones(len(groups)), np.zeros(len(served))]),
        bounds=Bounds(0, 1),
        options={"time_limit": TIME_LIMIT},
    )
    if program.x is None:
        raise GridsError(f"TAG's selection of {budget} groups was not found within {TIME_LIMIT:g} s")
    taken = np.flatnonzero(program.x[: len(groups)] > 0.5).tolist()
    return [tuple(similarity.degradations[i] for i in groups[k]) for k in taken]


def _score(similarity: SimilarityMatrix, row: int, group: tuple[int, ...]) -> float:
    others = [other for other in group if other != row]
    return -float(similarity.matrix[row, others].mean()) if others else -1e6
