"""The network selection of TAG (Fifty et al., NeurIPS 2021), as a baseline: no question asked, groups may overlap."""

from __future__ import annotations

import itertools

import numpy as np

from grids.errors import GridsError
from grids.results import SimilarityMatrix

MOST = 12
"""Beyond, the program over all groups is too large."""
TIME_LIMIT = 60.0  # s


def tag_selection(similarity: SimilarityMatrix, budget: int) -> list[tuple[str, ...]]:
    """At most `budget` groups, such that the mean over degradations of the best score is the largest.

    The score of a degradation in a group is its mean affinity to the others there, the affinity of a pair being -S;
    alone it is -1e6, as in TAG's published selection. A degradation is served by the best of the groups that hold it.

    Args:
        similarity: S between 1 to 12 degradations.
        budget: the number of groups, at least 1.

    Raises:
        GridsError: the budget is less than 1, or there are more than 12 degradations.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # a third of a second
    from scipy.sparse import coo_array, eye_array, hstack, vstack

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
    nothing = coo_array((n, len(groups)))
    rows = vstack(
        [
            hstack([nothing, serves]),
            hstack([-of, eye_array(len(served))]),
            hstack([coo_array(np.ones((1, len(groups)))), coo_array((1, len(served)))]),
        ]
    ).tocsr()
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
