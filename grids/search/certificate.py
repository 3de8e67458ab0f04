"""How sure a result is, computed from the answers alone, whichever method asked for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grids.results import CERTIFICATES, CertificateKind
from grids.search.answers import BEYOND, WITHIN, Answers, Table
from grids.search.methods.exact_milp import least_groups
from grids.search.partitions import fewest
from grids.search.problem import ENUMERATED

PROVED, IF_MONOTONE, HEURISTIC = CERTIFICATES


class Certificate(NamedTuple):
    """The word for it; how many groups are needed at least, whatever is assumed; and the same with the shortcuts."""

    word: CertificateKind
    lower_bound: int
    if_monotone: int


def certify(answers: Answers, count: int) -> Certificate:
    """The certificate of a partition into `count` groups. Groups without a certain answer count as possible."""
    sure = lower_bound(answers, shortcuts=False)
    if count <= sure or answers.contradictions():  # with these the assumption is known to be wrong
        return Certificate(PROVED if count <= sure else HEURISTIC, sure, sure)
    monotone = max(sure, lower_bound(answers, shortcuts=True))
    return Certificate(IF_MONOTONE if count <= monotone else HEURISTIC, sure, monotone)


def lower_bound(answers: Answers, *, shortcuts: bool) -> int:
    """So many groups are needed at least, by the answers; `shortcuts`: if a group is never better than a part of it."""
    problem = answers.problem
    if problem.n > ENUMERATED:
        return least_groups(answers, shortcuts=shortcuts)
    return int(fewest(Table(answers, shortcuts).possible, problem.n)[problem.full])


def hangs_on(answers: Answers, partition: Sequence[int]) -> list[int]:
    """The groups without a certain answer that would allow fewer groups, if they were within delta; the closest first.

    Only the smallest: none holds another one. For more than ENUMERATED degradations only unions of two groups.
    """
    problem = answers.problem
    if problem.n > ENUMERATED:
        unions = (a | b for a, b in itertools.combinations(partition, 2))
        open_ = [mask for mask in unions if answers.known(mask) not in (WITHIN, BEYOND)]
    else:
        table = Table(answers)
        needed = fewest(table.verified, problem.n)
        possible = [mask for mask in table.possible.tolist() if not table.direct[mask]]
        enough = [mask for mask in possible if needed[problem.full ^ mask] + 1 < len(partition)]
        open_ = []
        for mask in sorted(enough, key=lambda mask: (mask.bit_count(), mask)):
            if not any(smaller & mask == smaller for smaller in open_):
                open_.append(mask)
    return sorted(open_, key=lambda mask: (problem.distance(mask), mask))


def spared(answers: Answers) -> dict[str, int]:
    """The shortcuts that settled groups without asking -> how many; counted for ENUMERATED degradations or fewer."""
    problem = answers.problem
    if not problem.shortcuts or problem.n > ENUMERATED:
        return {}
    table = Table(answers)
    asked = [mask for mask, verdict in answers.verdicts.items() if verdict in (WITHIN, BEYOND)]
    groups = range(len(table.open)) if problem.askable is None else problem.askable
    unasked = np.setdiff1d(np.array(list(groups), dtype=np.int64), asked)
    found = {
        "a part is beyond": int(table.beyond[unasked].sum()),
        "part of one within": int(table.within[unasked].sum()),
    }
    return {name: count for name, count in found.items() if count}
