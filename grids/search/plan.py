"""In which order a search would ask, before anything is known."""

from __future__ import annotations

from typing import NamedTuple

from grids.search.answers import BEYOND, WITHIN, Answers
from grids.search.engine import strategy
from grids.search.likelihood import Likelihood
from grids.search.problem import Problem
from grids.search.strategy import Ask


class Planned(NamedTuple):
    """A group that would be asked for: its mean distance, the verdict that is expected, and what it would be for."""

    group: tuple[str, ...]
    distance: float
    expected: str
    why: str


def plan(problem: Problem, method: str) -> list[Planned]:
    """The questions of a search whose answers all come out as the distances let expect; true answers change them.

    Raises:
        UnknownNameError: the method is unknown.
    """
    search, answers = strategy(problem, method), Answers(problem)
    likelihood = Likelihood(problem, answers)
    supposed: dict[int, str] = {}
    found = []
    while isinstance(step := search.next(answers.supposing(supposed)), Ask):
        supposed[step.mask] = BEYOND if likelihood.beyond([step.mask])[0] > 0.5 else WITHIN
        names = problem.names(step.mask)
        found.append(Planned(names, problem.distance(step.mask), supposed[step.mask], step.why))
    return found
