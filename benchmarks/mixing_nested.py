"""How often a group of the study is clearly better than a part of it, which searches suppose not to be."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
from mixing_drops import drops_of, scores, seed_variances
from mixing_trials import Group, Records
from table_one import bootstrapped

from grids.search.drop_table import JOIN
from grids.search.problem import STANDARD_ERRORS

Member = tuple[Group, str]
"""A group, and a task of it."""


class Nested:
    """Groups of which all drops are known, as made, and their parts.

    Args:
        records: of the study.
    """

    def __init__(self, records: Records) -> None:
        drops = drops_of(records)
        frames = {tuple(str(group).split(JOIN)): one.set_index("task") for group, one in drops.groupby("group")}
        self.groups: dict[Group, pd.DataFrame] = {g: frame for g, frame in frames.items() if len(frame) == len(g)}
        self.variances = seed_variances(records)
        self.lost = {
            (group, task): np.mean(scores(records, task, (task,)), 0) - np.mean(scores(records, task, group), 0)
            for group in self.groups
            for task in group
        }
        self.pairs = [(part, whole) for part, whole in itertools.permutations(self.groups, 2) if {*part} < {*whole}]

    def is_less(self, inner: Member, outer: Member) -> bool:
        """Whether the drop of the outer member is clearly less than that of the inner one.

        By two standard errors of their difference, photograph by photograph: what both have in common cancels.
        """
        difference = self.lost[inner] - self.lost[outer]
        variance = float(bootstrapped(difference[None])[0]) ** 2
        for group, task in (inner, outer):
            row = dict(self.groups[group].loc[task])
            variance += self.variances["group"][task] / row["seeds"]
            if inner[1] != outer[1]:  # else both have the restorers of the task alone
                variance += self.variances["single"][task] / row["alone"]
        return float(difference.mean()) > STANDARD_ERRORS * math.sqrt(variance)

    def worst(self, group: Group) -> Member:
        """The task that loses most."""
        return group, str(self.groups[group]["drop"].idxmax())


def nested(records: Records) -> str:
    """How many groups and drops are clearly better than in a part of the group, in a sentence."""
    known = Nested(records)
    better = sum(known.is_less(known.worst(part), known.worst(whole)) for part, whole in known.pairs)
    less = Counter(task for part, whole in known.pairs for task in part if known.is_less((part, task), (whole, task)))
    count = sum(len(part) for part, _ in known.pairs)
    named = ", ".join(f"{task} {times}" for task, times in less.most_common()) or "none"
    told = (
        f"{better} of {len(known.pairs)} groups have a smaller worst drop than a part of theirs, and {less.total()} of"
    )
    return f"By two standard errors, {told} {count} drops are smaller there ({named})." if known.pairs else ""
