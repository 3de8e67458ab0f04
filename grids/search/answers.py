"""What is known of the groups so far, and what follows from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from grids.results import VERDICTS, Verdict
from grids.search.problem import ENUMERATED, Answer, Problem

WITHIN, BEYOND, UNDECIDED, FAILED = VERDICTS
Masks = np.ndarray[Any, np.dtype[np.int64]]


class Answers:
    """Verdicts by group, with what the shortcuts make of them.

    A group of one is within delta without being asked for, unless an answer says otherwise. A direct answer always
    outweighs one that a shortcut implies.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.verdicts: dict[int, Verdict] = {}
        self.answers: dict[int, Answer] = {}
        for i in range(problem.n):
            self.verdicts[1 << i] = WITHIN
            self.answers[1 << i] = Answer({problem.similarity.degradations[i]: 0.0})

    def add(self, mask: int, answer: Answer | None) -> Verdict:
        """Take an answer in (None: it failed), and return its verdict."""
        verdict = FAILED if answer is None else self.problem.verdict(mask, answer)
        self.verdicts[mask] = verdict
        self.answers[mask] = answer or Answer()
        return verdict

    def know(self, at_hand: Mapping[frozenset[str], Answer]) -> None:
        """Take in answers that need not be asked for; what was answered before stays."""
        for group, answer in at_hand.items():
            mask = self.problem.mask(group)
            if mask not in self.verdicts:
                self.add(mask, self.problem.normalize(mask, answer))

    def supposing(self, verdicts: Mapping[int, Verdict]) -> Answers:
        """A copy with verdicts that are only supposed."""
        supposed = copy.copy(self)
        supposed.answers, supposed.verdicts = dict(self.answers), {**self.verdicts, **verdicts}
        return supposed

    def having(self, verdict: Verdict) -> list[int]:
        """The groups of two or more with this direct verdict, in a fixed order."""
        return sorted(mask for mask, v in self.verdicts.items() if v == verdict and mask & (mask - 1))

    def direct(self, mask: int) -> Verdict | None:
        """The verdict of the group's own answer, if there is one."""
        return self.verdicts.get(mask)

    def known(self, mask: int) -> Verdict | None:
        """The verdict of a group, by its own answer or by a shortcut; "failed" where no answer can be had."""
        verdict = self.verdicts.get(mask)
        if verdict is None and self.problem.shortcuts:
            verdict = self.implied(mask)
        if verdict is None and not self.problem.can_ask(mask):
            verdict = FAILED
        return verdict

    def implied(self, mask: int) -> Verdict | None:
        """What follows for a group from its parts and from what it is a part of."""
        for other, verdict in self.verdicts.items():
            if verdict == BEYOND and other & mask == other and other & (other - 1):
                return BEYOND
        if any(verdict == WITHIN and other & mask == mask for other, verdict in self.verdicts.items()):
            return WITHIN
        return None

    def total_drop(self, mask: int) -> float:
        """The sum of the drops of a group, dB; the worst times the size where only that is known; 0 if supposed."""
        if mask not in self.answers:
            return 0.0
        drops = self.answers[mask].drops
        names = self.problem.names(mask)
        if all(name in drops for name in names):
            return float(sum(drops[name] for name in names))
        return max(drops.values(), default=0.0) * len(names)

    def contradictions(self) -> int:
        """How often a group is within delta although a part of it is beyond."""
        beyond = self.having(BEYOND)
        return sum(part & whole == part for whole in self.having(WITHIN) for part in beyond)


class Table:
    """The same for all groups at once, as flags by mask; for ENUMERATED degradations or fewer.

    Args:
        answers: what is known.
        shortcuts: whether to follow the shortcuts; None for what the problem says.
    """

    def __init__(self, answers: Answers, shortcuts: bool | None = None) -> None:
        problem = answers.problem
        assert problem.n <= ENUMERATED
        masks = np.arange(1 << problem.n)
        follow = problem.shortcuts if shortcuts is None else shortcuts
        self.within = np.zeros(len(masks), dtype=bool)
        self.beyond = np.zeros(len(masks), dtype=bool)
        if follow:
            for mask in answers.having(WITHIN):
                self.within |= masks & mask == masks
            for mask in answers.having(BEYOND):
                self.beyond |= masks & mask == mask
            self.within &= ~self.beyond
        self.direct = np.zeros(len(masks), dtype=bool)
        self.open = np.zeros(len(masks), dtype=bool)  # no certain answer can be had
        for mask, verdict in answers.verdicts.items():
            self.direct[mask] = verdict == WITHIN
            self.within[mask] = verdict == WITHIN
            self.beyond[mask] = verdict == BEYOND
            self.open[mask] = verdict in (UNDECIDED, FAILED)
        if problem.askable is not None:
            held = np.zeros(len(masks), dtype=bool)
            held[[*problem.askable, *answers.verdicts]] = True
            self.open |= ~held
        for flags in (self.within, self.beyond, self.direct, self.open):
            flags[0] = False

    @property
    def usable(self) -> Masks:
        """The groups that a partition may be made of, as far as is known: not beyond, and answered for or askable."""
        return np.flatnonzero((~self.beyond & ~self.open)[1:]) + 1

    @property
    def possible(self) -> Masks:
        """The groups that may be within delta, whether or not one can ask."""
        return np.flatnonzero(~self.beyond[1:]) + 1

    @property
    def verified(self) -> Masks:
        """The groups whose own answer is within delta."""
        return np.flatnonzero(self.direct)
