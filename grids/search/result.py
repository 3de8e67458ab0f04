"""A finished search as records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grids import __version__
from grids.results import Group, Grouping, Trial
from grids.search.answers import UNDECIDED, WITHIN, Answers, Table
from grids.search.certificate import PROVED, certify, hangs_on
from grids.search.methods.base import Done
from grids.search.partitions import all_partitions, count_partitions
from grids.search.problem import ENUMERATED, Answer, Problem

SOLUTIONS = 1000
"""At most so many partitions are listed."""


@dataclass
class Asked:
    """What a group was asked for, and what came of it."""

    why: str
    seconds: float | None = None
    reason: str = ""
    ruled_out: int = 0


def grouping(done: Done, answers: Answers, *, method: str, all_solutions: bool = False) -> Grouping:
    """The partition with its certificate, without what was asked to find it."""
    problem = answers.problem
    certificate = certify(answers, len(done.groups))
    masks = sorted(done.groups, key=_first)
    possible = (1 << problem.n) - problem.n - 1
    alternatives = _solutions(answers, masks) if all_solutions else ()
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
        undecided=_named(answers, answers.having(UNDECIDED)),
        contradictions=answers.contradictions(),
        unknown=0 if problem.askable is None else possible - len(problem.askable),
        hangs_on=() if certificate.word == PROVED else _named(answers, hangs_on(answers, masks)),
        fewest_known=done.fewest,
        alternatives=alternatives,
        solutions=_count(answers, len(masks), len(alternatives)) if all_solutions else 0,
        settings={"shortcuts": problem.shortcuts, "seed": problem.seed},
        descriptor_sha256=problem.similarity.descriptor_sha256,
        grids_version=__version__,
    )


def trials(answers: Answers, asked: Mapping[int, Asked]) -> tuple[Trial, ...]:
    """What was asked and answered, in that order."""
    found = []
    for mask, how in asked.items():
        answer = answers.answers[mask]
        found.append(
            Trial(
                group=answers.problem.names(mask),
                verdict=answers.verdicts[mask],
                drops=answer.drops,
                noise=answer.noise,
                at_least=answer.at_least,
                distance=answers.problem.distance(mask),
                why=how.why,
                ruled_out=how.ruled_out,
                seconds=how.seconds,
                reason=how.reason,
            )
        )
    return tuple(found)


def trials_at_hand(problem: Problem, at_hand: Mapping[frozenset[str], Answer]) -> tuple[Trial, ...]:
    """Answers that need not be asked for, as trials; groups of one are left out."""
    answers = Answers(problem)
    answers.know(at_hand)
    return trials(answers, {problem.mask(group): Asked("at hand") for group in at_hand if len(group) > 1})


def _solutions(answers: Answers, first: list[int]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Every partition into as few verified groups: the one that was chosen first, then by total drop."""
    groups = [mask for mask, verdict in answers.verdicts.items() if verdict == WITHIN]
    found = [sorted(p) for p in all_partitions(groups, answers.problem.full, len(first), SOLUTIONS)]
    others = [masks for masks in found if masks != sorted(first)]
    others.sort(key=lambda masks: (sum(answers.total_drop(mask) for mask in masks), masks))
    return tuple(_named(answers, sorted(masks, key=_first)) for masks in [first, *others][:SOLUTIONS])


def _count(answers: Answers, groups: int, listed: int) -> int:
    """How many partitions into so many verified groups there are."""
    problem = answers.problem
    if problem.n > ENUMERATED:
        return listed
    return count_partitions(Table(answers).verified, problem.n, groups)


def _named(answers: Answers, masks: Iterable[int]) -> tuple[tuple[str, ...], ...]:
    return tuple(answers.problem.names(mask) for mask in masks)


def _first(mask: int) -> int:
    """The first degradation of a group, by which groups are ordered."""
    return mask & -mask
