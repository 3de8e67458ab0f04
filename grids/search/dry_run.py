"""In which order a search would ask, before any new answer is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from grids.search.answers import BEYOND, WITHIN, Answers
from grids.search.methods.base import Ask
from grids.search.problem import Answer, Problem
from grids.search.search import strategy
from grids.search.surrogate import Likelihood


class Planned(NamedTuple):
    """A group that would be asked for: its mean distance, its verdict, whether that is known or only expected, and why.

    `verdict` is "within", "beyond" or "undecided".
    """

    group: tuple[str, ...]
    distance: float
    verdict: str
    known: bool
    why: str


def plan(problem: Problem, method: str, at_hand: Mapping[frozenset[str], Answer] | None = None) -> list[Planned]:
    """The questions of a search: answers at hand are used, all others come out as the distances let expect.

    Raises:
        UnknownNameError: the method is unknown.
        GridsError: the answers at hand leave no partition.
    """
    search, answers = strategy(problem, method), Answers(problem)
    likelihood = Likelihood(problem, answers)
    held = {problem.mask(group): answer for group, answer in (at_hand or {}).items()}
    for mask, answer in held.items():
        if not mask & (mask - 1):
            answers.add(mask, answer)
    expected: dict[int, str] = {}
    found = []
    while isinstance(step := search.next(answers.supposing(expected)), Ask):
        known = step.mask in held
        if known:
            verdict = answers.add(step.mask, problem.ordered(step.mask, held[step.mask]))
        else:
            verdict = BEYOND if likelihood.beyond([step.mask])[0] > 0.5 else WITHIN
            expected[step.mask] = verdict
        names = problem.names(step.mask)
        found.append(Planned(names, problem.distance(step.mask), verdict, known, step.why))
    return found
