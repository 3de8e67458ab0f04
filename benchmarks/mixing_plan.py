"""The plan of the study of mixing: which restorers are trained, in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

from from_start_training import paper_groups
from mixing_drops import table_of
from mixing_trials import LONGER, SEEDS, STEPS, Asked, Group, Records

from grids import builtin_similarity
from grids.degradations import ELEVEN as TASKS
from grids.search import Problem, Search

FIRST_PAIRS, LARGER, TWICE = 15, 25, 10
"""Pairs that come before larger groups; these, of three to six tasks; so many groups of these sizes are trained twice:
with two seeds those that are trained first, with twice the steps the first of these."""
SIZES = (3, 4, 5, 6)
SEARCHED_DELTAS = (0.7, 0.5, 0.3, 1.0)
"""dB; what the search asks for at these is trained, too."""
GROUPS_SEARCHED = 15
"""About so many groups for each of them (what one leaves over is for the next): a proof can take hundreds."""
APART = 40
"""The groups that are taken lie at least 1/40 of the ranking apart: neighbours share most of their tasks."""
built_in = cache(builtin_similarity)


def first_plan() -> Iterator[Asked]:
    """What is trained first, with equal steps for each task; the first of the searches goes on from it."""
    yield from (Asked((task,), seed) for seed in range(SEEDS) for task in TASKS)
    yield from (Asked(TASKS, seed) for seed in range(SEEDS))
    yield from map(Asked, paper_groups())


def next_plan() -> Iterator[Asked]:
    """Pairs, and groups of three to six tasks, with equal steps for each task."""
    yield from map(Asked, (*first_pairs(), *larger_groups()))


def second_seeds(records: Records) -> Iterator[Asked]:
    """The second seed of the first groups of three to six tasks that are trained, whoever asked for them."""
    groups = [asked.group for asked in records if len(asked.group) in SIZES and asked == Asked(asked.group)]
    yield from (Asked(group, seed=1) for group in groups[:TWICE])


def other_pairs() -> list[Asked]:
    """The pairs that are not among the first ones."""
    return [Asked(pair) for pair in by_similarity(2) if pair not in first_pairs()]


def searched(records: Records, deltas: Sequence[float]) -> Iterator[Asked]:
    """What the search for the fewest groups asks for at these deltas, beyond what is trained.

    It goes on from the drops that are known. Where more than one group is taken from it, the later ones are those that
    are likely to be asked for next.

    Args:
        records: what is trained.
        deltas: some of `SEARCHED_DELTAS`, dB.
    """
    planned = {*first_plan(), *next_plan(), *other_pairs()}
    asked_for = sum(asked == Asked(asked.group) and asked not in planned for asked in records)
    for delta in deltas:
        if asked_for >= GROUPS_SEARCHED * (SEARCHED_DELTAS.index(delta) + 1):
            continue
        search = Search(Problem(built_in(), delta, anytime=True))
        search.know(table_of(records).answers)
        while (group := search.ask()) is not None:
            yield Asked(tuple(task for task in TASKS if task in group))


def models_plan(found: Sequence[Group]) -> Iterator[Asked]:
    """The mix, the paper's groups and those found with equal steps for each model, for the paper's Table 1.

    Args:
        found: the groups that the drops lead to.
    """
    groups = [group for group in dict.fromkeys((TASKS, *paper_groups(), *found)) if len(group) > 1]
    yield from (Asked(group, per="model") for group in groups)


def longer_plan() -> Iterator[Asked]:
    """Twice the steps for each task, of the first larger groups and of their tasks alone."""
    groups = larger_groups()[:TWICE]
    yield from (Asked(group, steps=LONGER) for group in groups)
    yield from (Asked((task,), steps=LONGER) for task in TASKS if any(task in group for group in groups))


def is_in_table(asked: Asked) -> bool:
    """Whether it is in the paper's Table 1: each kind alone, all in one, the paper's groups, those found."""
    groups = ((task,) for task in TASKS), (TASKS,), paper_groups()
    usual = asked.seed == 0 and asked.steps == STEPS and any(asked.group in some for some in groups)
    return usual or asked.per == "model"


def is_measured_half_way(asked: Asked) -> bool:
    """Whether the rule for stopping early is tried on it."""
    tried = len(asked.group) == 1 or asked.group in larger_groups()[:TWICE]
    return tried and asked.steps == STEPS and asked.per == "task"


def by_similarity(size: int) -> list[Group]:
    """All groups of so many tasks, the most alike first."""
    return sorted(itertools.combinations(TASKS, size), key=mean_distance)


@cache
def first_pairs() -> list[Group]:
    """Pairs from the nearest to the farthest in S."""
    pairs = by_similarity(2)
    return [pairs[round(place * (len(pairs) - 1) / (FIRST_PAIRS - 1))] for place in range(FIRST_PAIRS)]


def mean_distance(group: Group | list[str]) -> float:
    """The mean of the built-in S over the pairs of a group."""
    return built_in().group_distance(group)


@cache
def larger_groups() -> list[Group]:
    """Groups of three to six tasks, near and far in S by turns, none of them one of the paper's."""
    ranked = {size: by_similarity(size) for size in SIZES}
    found: list[Group] = []
    for place in itertools.count():
        for groups in ranked.values():
            step = len(groups) // APART
            for group in (groups[place * step], groups[-1 - place * step]):
                if group not in (*found, *paper_groups()):
                    found.append(group)
                if len(found) == LARGER:
                    return found
    raise AssertionError("there are more groups than that")
