"""The baseline: merge the two closest groups (average linkage on S) as long as the union is within delta."""

from __future__ import annotations

import numpy as np

from grids.search.answers import Answers
from grids.search.feasibility import check_covered
from grids.search.methods.base import Done, Replayed, within_delta
from grids.search.problem import memberships


class Agglomerative(Replayed):
    """Agglomerative grouping with verified merges."""

    def _run(self, answers: Answers) -> Done:
        problem = answers.problem
        groups = [1 << i for i in range(problem.n)]
        while (pair := self._closest_mergeable(answers, groups)) is not None:
            groups = [*(mask for mask in groups if mask not in pair), pair[0] | pair[1]]
        check_covered(answers, all(within_delta(answers, mask, "verify the result", own=True) for mask in groups))
        return Done(tuple(sorted(groups)))

    @staticmethod
    def _closest_mergeable(answers: Answers, groups: list[int]) -> tuple[int, int] | None:
        distances = answers.problem.distances
        member = memberships(groups, len(distances))
        linkage = (member @ distances @ member.T) / np.outer(member.sum(axis=1), member.sum(axis=1))
        rows, columns = np.triu_indices(len(groups), 1)
        for at in np.argsort(linkage[rows, columns], kind="stable").tolist():
            first, second = groups[rows[at]], groups[columns[at]]
            if within_delta(answers, first | second, "merge the two closest groups"):
                return first, second
        return None
