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
    """The verdicts on groups so far, and what the shortcuts make of them.

    A group of one has a drop of 0 and is within delta from the start, unless an answer says otherwise. A direct answer
    always outweighs one that a shortcut implies. Groups are bit masks (see `Problem`).

    Args:
        problem: whose delta decides on the verdicts.

    Attributes:
        verdicts: mask -> verdict, for every group with an answer of its own, in the order of the answers.
        answers: mask -> answer; an empty one where the group failed, none where the verdict is only supposed.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.verdicts: dict[int, Verdict] = {}
        self.answers: dict[int, Answer] = {}
        for i in range(problem.n):
            self.verdicts[1 << i] = WITHIN
            self.answers[1 << i] = Answer({problem.similarity.degradations[i]: 0.0})

    def add(self, mask: int, answer: Answer | None) -> Verdict:
        """Take an answer in. An earlier one of the same group is replaced.

        Args:
            mask: of the group.
            answer: its drops, already checked by `Problem.normalize`; None where the group failed.

        Returns:
            The verdict: "within", "beyond" or "undecided" by `Problem.verdict`, or "failed".
        """
        verdict = FAILED if answer is None else self.problem.verdict(mask, answer)
        self.verdicts[mask] = verdict
        self.answers[mask] = answer or Answer()
        return verdict

    def know(self, at_hand: Mapping[frozenset[str], Answer]) -> None:
        """Take in answers that need not be asked for, such as those of a table.

        A group that has a verdict keeps it. So groups of one never change here; `add` can change them.

        Args:
            at_hand: answers by the names of the group.

        Raises:
            UnknownNameError: a name is not in the similarity matrix, or is not in its group.
            GridsError: a group is empty, or a number is not finite or a standard error negative. Answers before it
                stay.
        """
        for group, answer in at_hand.items():
            mask = self.problem.mask(group)
            if mask not in self.verdicts:
                self.add(mask, self.problem.normalize(mask, answer))

    def supposing(self, verdicts: Mapping[int, Verdict]) -> Answers:
        """A copy with further verdicts that are only supposed, to see what a method would do then.

        Args:
            verdicts: by mask; they replace verdicts that are there. Empty for a plain copy.

        Returns:
            The copy. Changing it does not change this object, nor the other way round.
        """
        supposed = copy.copy(self)
        supposed.answers, supposed.verdicts = dict(self.answers), {**self.verdicts, **verdicts}
        return supposed

    def having(self, verdict: Verdict) -> list[int]:
        """The groups with a given verdict of their own; what shortcuts imply does not count.

        Args:
            verdict: "within", "beyond", "undecided" or "failed".

        Returns:
            Masks of groups of two or more, in increasing order.
        """
        return sorted(mask for mask, v in self.verdicts.items() if v == verdict and mask & (mask - 1))

    @property
    def verified(self) -> list[int]:
        """The groups whose own answer is within delta, those of one too: masks, in increasing order."""
        return sorted(mask for mask, verdict in self.verdicts.items() if verdict == WITHIN)

    def direct(self, mask: int) -> Verdict | None:
        """The verdict of a group's own answer, whatever shortcuts imply.

        Args:
            mask: of the group.

        Returns:
            The verdict, which may be a supposed one; None where the group has none.
        """
        return self.verdicts.get(mask)

    def known(self, mask: int) -> Verdict | None:
        """The verdict on a group: by its own answer, else by a shortcut if the problem allows them.

        Args:
            mask: of the group.

        Returns:
            The verdict; "failed" where nothing is known and the group cannot be asked for; None where it can.
        """
        verdict = self.verdicts.get(mask)
        if verdict is None and self.problem.shortcuts:
            verdict = self.implied(mask)
        if verdict is None and not self.problem.can_ask(mask):
            verdict = FAILED
        return verdict

    def implied(self, mask: int) -> Verdict | None:
        """What follows for a group if no group is better than a part of it; the problem's `shortcuts` is not looked at.

        Args:
            mask: of the group.

        Returns:
            "beyond" if a part of two or more is beyond; else "within" if it is a part of a group that is within; else
            None. The group itself counts as its part, and as what it is a part of. It looks at every answer once.
        """
        for other, verdict in self.verdicts.items():
            if verdict == BEYOND and other & mask == other and other & (other - 1):
                return BEYOND
        if any(verdict == WITHIN and other & mask == mask for other, verdict in self.verdicts.items()):
            return WITHIN
        return None

    def total_drop(self, mask: int) -> float:
        """The sum of the drops of a group, by which partitions with as few groups are compared.

        Args:
            mask: of the group.

        Returns:
            dB. Where not every drop is known, the largest that is known counts for each degradation. 0 where none is
            known, or the verdict is only supposed.
        """
        if mask not in self.answers:
            return 0.0
        drops = self.answers[mask].drops
        names = self.problem.names(mask)
        if all(name in drops for name in names):
            return float(sum(drops[name] for name in names))
        return max(drops.values(), default=0.0) * len(names)

    def contradictions(self) -> int:
        """How often answers contradict the assumption of the shortcuts.

        Returns:
            The number of pairs of a group that is within delta and a part of it, of two or more, that is beyond.
        """
        beyond = self.having(BEYOND)
        return sum(part & whole == part for whole in self.having(WITHIN) for part in beyond)


class Table:
    """The same as `Answers` for all groups at once, as flags by mask, for 14 degradations (`ENUMERATED`) or fewer.

    It is a picture of the moment: answers that come later are not in it.

    Args:
        answers: what is known.
        shortcuts: whether to follow the shortcuts; None for what the problem says.

    Attributes:
        within: (2^n,) bool, whether the group is within delta, by its own answer or a shortcut.
        beyond: (2^n,) bool, whether it is beyond, likewise.
        direct: (2^n,) bool, whether its own answer is within.
        open: (2^n,) bool, whether no certain answer can be had: it is undecided, failed, or has no
            answer and cannot be asked for.
        shadowed: (2^n,) bool, whether a part of it (or itself) is undecided, and it is not within: by a shortcut it is
            no better than that part, so an answer would hardly be within.
    """

    def __init__(self, answers: Answers, shortcuts: bool | None = None) -> None:
        problem = answers.problem
        assert problem.n <= ENUMERATED
        masks = np.arange(1 << problem.n)
        follow = problem.shortcuts if shortcuts is None else shortcuts
        self.within, self.beyond, self.direct, self.open, self.shadowed = np.zeros((5, len(masks)), dtype=bool)
        if follow:
            for mask in answers.having(WITHIN):
                self.within |= masks & mask == masks
            for mask in answers.having(BEYOND):
                self.beyond |= masks & mask == mask
            self.within &= ~self.beyond
            for mask in answers.having(UNDECIDED):
                if not self.within[mask]:
                    self.shadowed |= masks & mask == mask
        for mask, verdict in answers.verdicts.items():
            self.direct[mask] = verdict == WITHIN
            self.within[mask] = verdict == WITHIN
            self.beyond[mask] = verdict == BEYOND
            self.open[mask] = verdict in (UNDECIDED, FAILED)
        if problem.askable is not None:
            held = np.zeros(len(masks), dtype=bool)
            held[[*problem.askable, *answers.verdicts]] = True
            self.open |= ~held
        self.shadowed &= ~self.within
        for flags in (self.within, self.beyond, self.direct, self.open):
            flags[0] = False

    @property
    def usable(self) -> Masks:
        """The groups that a partition may be made of, as far as is known: not beyond, and answered for or askable.

        Masks, (groups,) int64, in increasing order.
        """
        return np.flatnonzero((~self.beyond & ~self.open)[1:]) + 1

    @property
    def promising(self) -> Masks:
        """Those of the usable groups that are not shadowed: masks, (groups,) int64, in increasing order."""
        return np.flatnonzero((~self.beyond & ~self.open & ~self.shadowed)[1:]) + 1

    @property
    def possible(self) -> Masks:
        """The groups that may be within delta, whether or not one can ask: all that are not beyond.

        Masks, (groups,) int64, in increasing order. Certificates count with these.
        """
        return np.flatnonzero(~self.beyond[1:]) + 1

    @property
    def verified(self) -> Masks:
        """The groups whose own answer is within delta; results are made of these alone.

        Masks, (groups,) int64, in increasing order.
        """
        return np.flatnonzero(self.direct)
