"""The exact method where the groups that can be asked for are a list: an integer program that picks among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from grids.results import FloatArray
from grids.search.answers import WITHIN, Answers
from grids.search.covered import check_covered
from grids.search.likelihood import Likelihood
from grids.search.strategy import Ask, Done

OUT = ("beyond", "undecided", "failed")


class ExactListed:
    """The exact method over a table's groups: believe the best partition, and ask until it is verified."""

    def next(self, answers: Answers) -> Ask | Done:
        """See Strategy."""
        problem = answers.problem
        assert problem.askable is not None
        listed = sorted({*problem.askable, *answers.verdicts})
        groups = [mask for mask in listed if answers.known(mask) not in OUT]
        verified = np.array([answers.direct(mask) == WITHIN for mask in groups])
        chance = np.where(verified, 0.0, Likelihood(problem, answers).beyond(groups))
        # the least drop among the verified, the likeliest among the others; groups of one never cost anything
        drops = np.array(
            [answers.total_drop(mask) if known else 0.0 for mask, known in zip(groups, verified, strict=True)]
        )
        spread = 2 * problem.n * (float(np.abs(drops).max(initial=0.0)) + 10)
        chosen = pick(groups, spread + drops - np.log1p(-chance), problem.n)
        check_covered(answers, chosen is not None)
        assert chosen is not None
        doubtful = [at for at in chosen if not verified[at]]
        if doubtful:
            worst = max(doubtful, key=lambda at: (chance[at], groups[at]))
            return Ask(groups[worst], f"verify the likeliest partition into {len(chosen)}")
        return Done(tuple(groups[at] for at in chosen))


def pick(groups: Sequence[int], costs: FloatArray, n: int) -> list[int] | None:
    """The places of the groups that make the cheapest partition of n degradations; None if there is none."""
    if not groups:
        return None
    member = csc_array(((np.array(groups)[:, None] >> np.arange(n)) & 1).astype(float).T)
    exactly_once = LinearConstraint(member, 1, 1)
    program = milp(costs, constraints=exactly_once, integrality=np.ones(len(groups)), bounds=Bounds(0, 1))
    return None if program.x is None else np.flatnonzero(program.x > 0.5).tolist()
