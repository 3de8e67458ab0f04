"""A finished search as records, and how the number of groups falls as delta grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from grids import __version__
from grids.results import DeltaStep, Group, Grouping, Trial, Verdict
from grids.search.answers import UNDECIDED, Answers, Table
from grids.search.certificate import PROVED, certify, hangs_on
from grids.search.larger import LargerGroups
from grids.search.methods.base import Done
from grids.search.partitions import all_partitions, count_partitions, fewest
from grids.search.problem import ENUMERATED, STANDARD_ERRORS, Answer, Problem

SOLUTIONS = 1000
"""At most so many partitions are listed."""


def make_grouping(done: Done, answers: Answers, *, method: str, all_solutions: bool = False) -> Grouping:
    """The record of a finished search: the partition, its certificate, and what it hangs on.

    Args:
        done: what the method found; each of its groups must have an answer.
        answers: what is known.
        method: its name, as it is to be reported.
        all_solutions: list the other partitions with as few verified groups, too: at most 1000 (`SOLUTIONS`), the
            chosen one first, then by the sum of their drops.

    Returns:
        The grouping. Its groups are called C1, C2, ... in the order of their first degradations. `trainings`, `trials`
        and `shortcuts` are empty: the caller fills them in.
    """
    problem = answers.problem
    certificate = certify(answers, len(done.groups))
    masks = sorted(done.groups, key=_first)
    possible = (1 << problem.n) - problem.n - 1
    alternatives = _solutions(answers, masks) if all_solutions else ()
    solutions = len(alternatives)
    if all_solutions and problem.n <= ENUMERATED:
        solutions = count_partitions(Table(answers).verified, problem.n, len(masks))
    return Grouping(
        delta=problem.delta,
        method=method,
        groups=tuple(
            Group(f"C{i}", problem.names(mask), dict(answers.answers[mask].drops), problem.distance(mask))
            for i, mask in enumerate(masks, 1)
        ),
        certificate=certificate.word,
        lower_bound=certificate.lower_bound,
        lower_bound_if_monotone=certificate.if_monotone,
        delta_for=dict(problem.delta_for),
        limits_by_gain=problem.lowered,
        undecided=_named(answers, answers.having(UNDECIDED)),
        contradictions=answers.contradictions(),
        unknown=0 if problem.askable is None else possible - len(problem.askable),
        hangs_on=() if certificate.word == PROVED else _named(answers, hangs_on(answers, masks)),
        fewest_known=done.fewest,
        alternatives=alternatives,
        solutions=solutions,
        settings={"shortcuts": problem.shortcuts, "seed": problem.seed},
        descriptor_sha256=problem.similarity.descriptor_sha256,
        grids_version=__version__,
    )


def make_trial(
    problem: Problem, mask: int, verdict: Verdict, answer: Answer, *, ruled_out: int = 0, reason: str = ""
) -> Trial:
    """The record of one answered question.

    Args:
        problem: with the names and distances.
        mask: of the group.
        verdict: on its answer.
        answer: what was answered, as `Problem.normalize` returns it.
        ruled_out: how many further groups the answer settled, by the shortcuts.
        reason: why it failed; empty where it did not.

    Returns:
        The trial. It does not hold the answer's `file`.
    """
    known = (answer.drops, answer.noise, answer.at_least)
    return Trial(
        problem.names(mask), verdict, *known, problem.distance(mask), answer.why, ruled_out, answer.seconds, reason
    )


def trials_at_hand(problem: Problem, at_hand: Mapping[frozenset[str], Answer]) -> tuple[Trial, ...]:
    """Answers that need not be asked for, as trials, to report them like those that were asked for.

    Args:
        problem: whose delta decides on the verdicts.
        at_hand: answers by group; the order stays.

    Returns:
        A trial for each group of two or more, with "at hand" as what it was asked for.

    Raises:
        UnknownNameError: a name is not in the similarity matrix, or is not in its group.
        GridsError: a group is empty, or a number is not finite or a standard error negative.
    """
    asked = [(problem.mask(group), replace(answer, why="at hand")) for group, answer in at_hand.items()]
    return tuple(
        make_trial(problem, mask, problem.verdict(mask, answer), problem.normalize(mask, answer))
        for mask, answer in asked
        if mask & (mask - 1)
    )


def groups_over_delta(
    problem: Problem, answers: Mapping[int, Answer], larger: LargerGroups | None = None
) -> list[DeltaStep]:
    """How the number of groups falls as delta grows, by the answers that are there; nothing is asked for.

    Two numbers are followed: the fewest groups that the answers allow, and the number below which they allow none. Both
    only fall as delta grows, so each step is found by bisection.

    Args:
        problem: its delta does not matter; degradations with a delta of their own keep it.
        answers: by mask, as `Problem.normalize` returns them.
        larger: parts of groups that count, too, at deltas at which they are within; None for none.

    Returns:
        A step for each delta (dB) at which one of the numbers changes, in increasing order; the first may be at 0.
        Deltas too small for any partition are left out. Empty with more than 14 degradations.
    """
    if problem.n > ENUMERATED:
        return []
    deltas = sorted({0.0, *(mark for answer in answers.values() for mark in _marks(answer) if mark > 0)})
    made: dict[int, DeltaStep] = {}

    def at(place: int) -> DeltaStep:
        if place not in made:
            parts = larger.at(deltas[place]) if larger is not None else {}
            made[place] = _step(replace(problem, delta=deltas[place]), {**parts, **answers})
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


def _solutions(answers: Answers, first: list[int]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Every partition into as few verified groups: the one that was chosen first, then by total drop."""
    found = [sorted(p) for p in all_partitions(answers.verified, answers.problem.full, len(first), SOLUTIONS)]
    others = [masks for masks in found if masks != sorted(first)]
    others.sort(key=lambda masks: (sum(answers.total_drop(mask) for mask in masks), masks))
    return tuple(_named(answers, sorted(masks, key=_first)) for masks in [first, *others][:SOLUTIONS])


def _named(answers: Answers, masks: Iterable[int]) -> tuple[tuple[str, ...], ...]:
    return tuple(answers.problem.names(mask) for mask in masks)


def _first(mask: int) -> int:
    """The first degradation of a group, by which groups are ordered."""
    return mask & -mask
