"""The exact method where many degradations meet a list of groups, a table's: all are read, then the best picked."""

from __future__ import annotations

import numpy as np

from grids.search.answers import WITHIN, Answers
from grids.search.feasibility import check_covered
from grids.search.methods.base import Ask, Done
from grids.search.set_partition import pick


class ExactListed:
    """The exact method over the groups that can be asked for, each of which it asks for."""

    def next(self, answers: Answers) -> Ask | Done:
        """See Strategy."""
        problem = answers.problem
        assert problem.askable is not None
        missing = [mask for mask in problem.askable if answers.direct(mask) is None]
        if missing:
            nearest = min(missing, key=lambda mask: (problem.distance(mask), mask))
            return Ask(nearest, "every group that can be asked for")
        groups = sorted(mask for mask, verdict in answers.verdicts.items() if verdict == WITHIN)
        fewest = pick(groups, np.ones(len(groups)), problem.n)  # costs of 1 alone are what solvers are quick with
        check_covered(answers, fewest is not None)
        assert fewest is not None
        drops = np.array([answers.total_drop(mask) for mask in groups])
        best = pick(groups, drops, problem.n, count=len(fewest.places)) or fewest
        return Done(tuple(groups[at] for at in best.places), fewest=fewest.proved)
