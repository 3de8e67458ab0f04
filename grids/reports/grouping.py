"""What a grouping's report shows, as plain records. No pixels here, no words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from grids.reports.comparison import correlation
from grids.results import WORST, Group, Grouping, Trial

TRIALS_FIRST, TRIALS_LAST = 200, 100


class Drop(NamedTuple):
    """The worst drop of a group.

    Args:
        value: dB.
        name: the degradation that loses it; None where only the worst of the group is known, not whose it is.
        known_part: whether the true worst drop may be larger ("at least"), as not all drops are known.
    """

    value: float
    name: str | None
    known_part: bool


class Point(NamedTuple):
    """A group that was asked for, as the figures place it.

    Args:
        group: the names of its degradations.
        distance: the mean of S over its pairs.
        drop: its worst drop, dB, finite.
        known_part: whether the true worst drop may be larger.
        verdict: "within", "beyond", "undecided" or "failed"; see `grids.results.Trial`.
    """

    group: tuple[str, ...]
    distance: float
    drop: float
    known_part: bool
    verdict: str


class Member(NamedTuple):
    """A degradation in its group.

    Args:
        name: of the degradation.
        drop: what it loses in the group, dB; None where it is not known, 0 in a group of one without a drop.
        delta: the largest drop that it may have, dB.
        upper_bound: the PSNR of the restorer for it alone, dB; None where none was trained.
    """

    name: str
    drop: float | None
    delta: float
    upper_bound: float | None


def worst_of(drops: Mapping[str, float], at_least: Mapping[str, float], group: Sequence[str]) -> Drop | None:
    """Find the worst drop of a group, as far as it is known.

    Args:
        drops: dB by degradation, or by "*" for the worst of the group, whichever that is.
        at_least: lower bounds by degradation, dB, of trainings that were stopped early.
        group: all degradations of the group.

    Returns:
        The largest of both; its `known_part` is set unless "*" or all of the group are among `drops`. None where
        nothing is known. NaN counts as not known.

    Example:
        >>> worst_of({"jpeg": 0.2, "blur": 0.5}, {}, ("jpeg", "blur"))
        Drop(value=0.5, name='blur', known_part=False)
    """
    known = [(drop, name) for name, drop in (*drops.items(), *at_least.items()) if not math.isnan(drop)]
    if not known:
        return None
    value, name = max(known, key=lambda pair: pair[0])
    whole = WORST in drops or all(member in drops for member in group)
    return Drop(value, None if name == WORST else name, not whole)


def unanswered(trial: Trial) -> tuple[str, ...]:
    """The degradations of a group of whose drop not even a lower bound is known.

    Args:
        trial: a group that was asked for, and its answer.

    Returns:
        Their names, in the order of the group; empty where the worst drop of the whole group ("*") is known.
    """
    known = {*trial.drops, *trial.at_least}
    return () if WORST in known else tuple(name for name in trial.group if name not in known)


def members(grouping: Grouping, group: Group) -> tuple[Member, ...]:
    """The degradations of a group, each with what is known of it.

    Args:
        grouping: gives the deltas, and the PSNR of single-task restorers.
        group: one of its groups.

    Returns:
        A record for each degradation, in the order of the group.
    """
    lone = {name: 0.0 for name in group.degradations if len(group.degradations) == 1}
    return tuple(
        Member(
            name,
            group.drops.get(name, lone.get(name)),
            grouping.limits.get(name, grouping.delta),
            grouping.upper_bounds.get(name),
        )
        for name in group.degradations
    )


def points(trials: Iterable[Trial]) -> tuple[Point, ...]:
    """What a figure needs of trials: those with a finite worst drop, as points.

    Args:
        trials: groups that were asked for, or whose answer is at hand.

    Returns:
        The points, in the order of the trials; a trial without a drop, or with an infinite one, has none.
    """
    found = ((trial, worst_of(trial.drops, trial.at_least, trial.group)) for trial in trials)
    return tuple(
        Point(trial.group, trial.distance, worst.value, worst.known_part, trial.verdict)
        for trial, worst in found
        if worst is not None and math.isfinite(worst.value)
    )


def rank_correlation(of: Sequence[Point]) -> float | None:
    """Spearman's rank correlation of the distance within groups and their worst drop.

    Args:
        of: the groups.

    Returns:
        In [-1, 1]; near 1 where alike degradations lose little together. None for fewer than three groups, or where all
        distances or all drops are equal.
    """
    from scipy.stats import spearmanr  # half a second

    if len(of) < 3:
        return None
    return correlation(spearmanr, np.array([point.distance for point in of]), np.array([point.drop for point in of]))


def shown_trials(trials: Sequence[Trial]) -> tuple[tuple[tuple[int, Trial], ...], int]:
    """Choose the trials to print, so that a long search does not make a page of thousands of rows.

    Args:
        trials: all of them, in their order.

    Returns:
        (number, trial) of all up to 300 trials, otherwise of the first 200 and the last 100, numbered from 1; and how
        many are left out in between.
    """
    numbered = tuple(enumerate(trials, 1))
    left_out = len(numbered) - TRIALS_FIRST - TRIALS_LAST
    if left_out <= 0:
        return numbered, 0
    return numbered[:TRIALS_FIRST] + numbered[-TRIALS_LAST:], left_out
