"""Certificates: how certain a result is, computed from the answers alone, whichever search method asked for them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grids.results import CERTIFICATES, CertificateKind
from grids.search.answers import BEYOND, WITHIN, Answers, Table
from grids.search.methods.base import no_partition
from grids.search.methods.exact_milp import least_groups
from grids.search.partitions import fewest
from grids.search.problem import ENUMERATED

PROVED, IF_MONOTONE, HEURISTIC = CERTIFICATES


class Certificate(NamedTuple):
    """How certain it is that a partition has the fewest groups.

    "Monotone" means that a group never does better than any part of it.

    Args:
        word: "proved" (no partition has fewer groups), "proved-if-monotone" (none has, if drops are monotone) or
            "heuristic" (fewer may be possible).
        lower_bound: the number of groups that any partition needs, whatever the missing answers would be.
        if_monotone: the same bound if drops are monotone; equal to `lower_bound` if two answers contradict that.
    """

    word: CertificateKind
    lower_bound: int
    if_monotone: int


def certify(answers: Answers, count: int) -> Certificate:
    """Compute the certificate of a partition from the answers alone (docs/method.md, section 8).

    Groups without a certain answer count as possible. The method that asked for the answers does not matter.

    Args:
        answers: what is known; at least one partition must be possible.
        count: the number of groups of the partition.

    Returns:
        "proved" if `count` is at most the lower bound without shortcuts. Otherwise "proved-if-monotone" if it is at
        most the bound with shortcuts and no two answers contradict the shortcuts. Otherwise "heuristic".
    """
    sure = lower_bound(answers, shortcuts=False)
    if count <= sure or answers.contradictions():  # with these the assumption is known to be wrong
        return Certificate(PROVED if count <= sure else HEURISTIC, sure, sure)
    monotone = max(sure, lower_bound(answers, shortcuts=True))
    return Certificate(IF_MONOTONE if count <= monotone else HEURISTIC, sure, monotone)


def lower_bound(answers: Answers, *, shortcuts: bool) -> int:
    """Compute a lower bound on the number of groups of any partition, from the answers.

    With 14 degradations or fewer, all partitions are considered and at least one must be possible. With more, the bound
    with shortcuts comes from integer programs, and the bound without shortcuts is 1 or 2.

    Args:
        answers: what is known. Groups that are not refuted count as possible, whether or not they can be asked for.
        shortcuts: whether a group also counts as refuted if a part of it is beyond delta.

    Returns:
        A number of groups, at least 1.

    Raises:
        GridsError: no partition is possible.
    """
    problem = answers.problem
    if problem.n > ENUMERATED:
        return least_groups(answers, shortcuts=shortcuts)
    least = fewest(Table(answers, shortcuts).possible, problem.n)[problem.full]
    if not math.isfinite(least):
        raise no_partition(answers)
    return int(least)


def hangs_on(answers: Answers, partition: Sequence[int]) -> list[int]:
    """List the groups whose answers could lead to a partition with fewer groups.

    Args:
        answers: what is known.
        partition: masks of the groups of the result.

    Returns:
        Masks of groups that are neither verified nor beyond delta and that, if they were within delta, would form a
        partition with fewer groups together with verified groups. The closest by mean distance come first. Only
        minimal groups are listed: none contains another. With more than 14 degradations, only unions of two groups of
        the partition are considered, and only those that no shortcut settles.
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
    """Count the groups that shortcuts settled without asking.

    Args:
        answers: what is known.

    Returns:
        For "a part is beyond" and "part of one within", how many groups the shortcut settled, counting only groups that
        could be asked for and have no certain answer of their own. Zeros are omitted. Empty if the problem has no
        shortcuts or more than 14 degradations.
    """
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
