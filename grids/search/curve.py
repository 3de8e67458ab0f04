"""How the number of groups falls as delta grows, by the answers at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from grids.results import DeltaStep
from grids.search.answers import Answers, Table
from grids.search.partitions import fewest
from grids.search.problem import ENUMERATED, STANDARD_ERRORS, Answer, Problem


def groups_over_delta(problem: Problem, answers: Mapping[int, Answer]) -> list[DeltaStep]:
    """The steps of the fewest groups that the answers allow, and of the number below which they allow none.

    Degradations with a delta of their own keep it. Both numbers only fall as delta grows, so each step is found by
    bisection. Deltas too small for any partition are left out. Empty for more than ENUMERATED degradations.
    """
    if problem.n > ENUMERATED:
        return []
    deltas = sorted({0.0, *(mark for answer in answers.values() for mark in _marks(answer) if mark > 0)})
    made: dict[int, DeltaStep] = {}

    def at(place: int) -> DeltaStep:
        if place not in made:
            made[place] = _step(replace(problem, delta=deltas[place]), answers)
        return made[place]

    def between(low: int, high: int) -> list[int]:
        """The places in (low, high] at which a step begins."""
        if at(low)[1:] == at(high)[1:]:
            return []
        if high - low == 1:
            return [high]
        middle = (low + high) // 2
        return between(low, middle) + between(middle, high)

    steps = [at(0), *(at(place) for place in between(0, len(deltas) - 1))]
    return [step for step in steps if step.groups]


def _marks(answer: Answer) -> Iterator[float]:
    """The deltas at which the verdict on an answer can change."""
    yield from answer.at_least.values()
    for name, drop in answer.drops.items():
        error = STANDARD_ERRORS * answer.noise.get(name, 0.0)
        yield from (drop - error, drop + error)


def _step(problem: Problem, answers: Mapping[int, Answer]) -> DeltaStep:
    known = Answers(problem)
    for mask, answer in answers.items():
        known.add(mask, answer)
    table = Table(known)
    groups, at_least = (fewest(masks, problem.n)[problem.full] for masks in (table.verified, table.possible))
    return DeltaStep(problem.delta, *(int(count) if np.isfinite(count) else 0 for count in (groups, at_least)))
