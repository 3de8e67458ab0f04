"""The smallest partition: believe every group that nothing speaks against, and ask until the best belief is verified.

With few degradations (or few groups that can be asked for) all groups are looked at. As long as the fewest groups that
are believed possible are not all verified, the next question is the one expected to break most of those partitions.
"""

from __future__ import annotations

import numpy as np

from grids.results import FloatArray
from grids.search.answers import Answers, Masks, Table
from grids.search.drop_model import learn_from
from grids.search.methods.base import Ask, Done, SearchMethod, no_partition
from grids.search.methods.exact_milp import ExactListed, ExactMilp
from grids.search.partitions import Best, fewest, shares
from grids.search.problem import ENUMERATED, Problem
from grids.search.surrogate import CERTAIN

LIKELY = 0.05
"""From this chance on that all of a partition is within delta, it is verified; below, it is rather broken."""
WORTH = 2.0
"""With `Problem.anytime`, a partition with a group less may be so many times less likely."""
TIE = 1e-3
SHARPNESS = 0.7
"""Exponent of P(beyond) in the score of a question: below 1, breaking many partitions counts more than being sure."""


class Exact(SearchMethod):
    """The exact method: believe every group that nothing speaks against, and ask until the best belief is verified.

    Against a group speaks that it is beyond delta, or with shortcuts that a part of it is beyond or undecided.

    Source: docs/method.md, section 9. With more than 14 degradations it works by integer programs (`ExactMilp`, or
    `ExactListed` where the groups that can be asked for are listed).

    With 14 degradations or fewer, the total drop of the result is the least among the partitions with as few groups
    whose answers are at hand. With `Problem.least_drop` it first asks for every group that could be part of another,
    so that the total drop is the least of all. With `Problem.anytime` it verifies partitions on the way that are
    likely to have fewer groups than those known, though more than the fewest believed. With more degradations neither
    changes anything.

    Args:
        problem: what to group.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._programs: SearchMethod | None = None
        if problem.n > ENUMERATED:
            self._programs = ExactMilp(problem) if problem.askable is None else ExactListed(problem)

    def next(self, answers: Answers) -> Ask | Done:
        """See SearchMethod."""
        if self._programs is not None:
            return self._programs.next(answers)
        problem, table = answers.problem, Table(answers)
        model = learn_from(problem, answers)
        for groups in (table.promising, table.usable):
            beyond = model.beyond(groups)
            beyond[table.within[groups]] = CERTAIN
            beyond[table.direct[groups]] = 0.0
            hopeful = Best(groups, 1 - TIE * np.log1p(-beyond), problem.n).partition(problem.full)
            if hopeful is not None:
                break
        else:
            raise no_partition(answers)
        count = len(hopeful)
        verified = fewest(table.verified, problem.n)[problem.full]
        if verified == count:
            return self._finish(answers, table, count)
        chance = dict(zip(groups.tolist(), beyond.tolist(), strict=True))
        if np.prod([1 - chance[mask] for mask in hopeful]) <= LIKELY:
            better = self._promising(groups, beyond) if problem.anytime else None
            hopeful = better if better is not None and len(better) < verified else None
        if hopeful is not None:
            worst = max(hopeful, key=lambda mask: (not table.direct[mask], chance[mask], mask))
            return Ask(worst, f"verify the likeliest partition into {len(hopeful)}")
        weights = np.where(table.direct[groups] | table.within[groups], 1.0, 1 - beyond)
        # what a group beyond delta breaks: with shortcuts, also the partitions in which it is part of a group
        kept = shares(groups, weights, problem.n, count, as_part=problem.shortcuts)[groups]
        score = np.where(table.within[groups] | table.direct[groups], -1.0, beyond**SHARPNESS * kept)
        at = int(score.argmax())
        return Ask(int(groups[at]), f"would break {kept[at]:.0%} of the partitions into {count} that are left")

    def _promising(self, groups: Masks, beyond: FloatArray) -> list[int] | None:
        """The partition that few groups and a good chance speak for."""
        costs = np.log(WORTH) - np.log1p(-beyond)
        return Best(groups, costs, self.problem.n).partition(self.problem.full)

    def _finish(self, answers: Answers, table: Table, count: int) -> Ask | Done:
        problem = answers.problem
        if problem.least_drop:
            groups = table.usable
            needed = fewest(groups, problem.n)
            for mask in groups[~table.direct[groups]].tolist():
                if needed[problem.full ^ mask] + 1 <= count:
                    return Ask(mask, f"could lower the total drop of {count} groups")
        shown = fewest(table.usable, problem.n)[problem.full] == count
        return Done(tuple(least_total_drop(answers, table, count)), fewest=bool(shown))


def least_total_drop(answers: Answers, table: Table, count: int) -> list[int]:
    """Of the partitions into a number of verified groups, the one whose drops add up to the least.

    Args:
        answers: what is known.
        table: made of the same answers.
        count: the fewest verified groups of which there is a partition; the caller has to know it.

    Returns:
        Masks, ordered by their first degradation.
    """
    problem = answers.problem
    groups = table.verified
    drops = np.array([answers.total_drop(mask) for mask in groups.tolist()])
    # one group more must cost more than any sum of drops could save
    spread = 2 * problem.n * (float(np.abs(drops).max(initial=0.0)) + 1)
    found = Best(groups, drops + spread, problem.n).partition(problem.full)
    assert found is not None and len(found) == count
    return found
