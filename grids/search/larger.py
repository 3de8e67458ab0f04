"""What the restorers of larger groups do for parts of these: they serve every part in which nothing loses too much."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from grids.results import WORST
from grids.search.problem import ENUMERATED, ROUNDING, STANDARD_ERRORS, Answer, Problem

Answers = Mapping[frozenset[str], Answer]


class LargerGroups:
    """The parts of measured groups, each with the drops of that group's restorer in which it surely loses least.

    Such drops say nothing against the part: a restorer for it alone may lose less. So a part counts only where it is
    within delta. Up to 14 degradations all parts of a group are looked at; beyond, only that of all its degradations
    that are within delta.

    Args:
        problem: its delta is the one of `at`, where none is given.
        answers: by the names of the group; some of these may not be degradations of the problem.
    """

    def __init__(self, problem: Problem, answers: Answers) -> None:
        self.problem, self.answers = problem, answers
        self._groups = list(answers)
        self._reaches = np.array([self._reach(group) for group in self._groups]).reshape(-1, problem.n)
        self._found = self._best() if problem.n <= ENUMERATED else {}

    def at(self, delta: float | None = None) -> dict[int, Answer]:
        """The parts that are within delta, by mask, without the measured groups themselves.

        Args:
            delta: dB; None for that of the problem.
        """
        most = (self.problem.delta if delta is None else delta) + ROUNDING
        found = self._found or self._largest(most)
        return {mask: self._answer(mask, place) for mask, (reach, place) in found.items() if reach <= most}

    def server(self, mask: int) -> frozenset[str] | None:
        """The larger group whose restorer serves a part; None where no part of that mask was found."""
        found = self._found or self._largest(self.problem.delta + ROUNDING)
        return self._groups[found[mask][1]] if mask in found else None

    def _reach(self, group: frozenset[str]) -> list[float]:
        """The delta that each degradation of the problem needs in a group, dB; infinite if it is not in it."""
        answer, needed = self.answers[group], []
        for name in self.problem.similarity.degradations:
            known = [one for one in (name, WORST) if name in group and one in answer.drops]
            most = min(
                (answer.drops[one] + STANDARD_ERRORS * answer.noise.get(one, 0.0) for one in known), default=math.inf
            )
            if name in self.problem.delta_for:  # whatever delta is
                most = -math.inf if most <= self.problem.delta_for[name] + ROUNDING else math.inf
            needed.append(most)
        return needed

    def _best(self) -> dict[int, tuple[float, int]]:
        """By mask of every part, the least delta that it needs, and the number of the group where it needs it."""
        masks = np.arange(1 << self.problem.n)
        least, place = np.full(len(masks), math.inf), np.zeros(len(masks), int)
        for number, reaches in enumerate(self._reaches):
            needed = np.full(len(masks), -math.inf)
            for bit, reach in enumerate(reaches):
                needed = np.where(masks >> bit & 1, np.maximum(needed, reach), needed)
            better = needed < least
            least[better], place[better] = needed[better], number
        found = (mask for mask in masks.tolist() if self._is_part(mask) and least[mask] < math.inf)
        return {mask: (float(least[mask]), int(place[mask])) for mask in found}

    def _largest(self, most: float) -> dict[int, tuple[float, int]]:
        """The same for the part of each group that consists of all that are within delta."""
        found: dict[int, tuple[float, int]] = {}
        for number, reaches in enumerate(self._reaches):
            within = [bit for bit, reach in enumerate(reaches) if reach <= most]
            mask = sum(1 << bit for bit in within)
            needed = max((reaches[bit] for bit in within), default=math.inf)
            if self._is_part(mask) and needed < found.get(mask, (math.inf, 0))[0]:
                found[mask] = float(needed), number
        return found

    def _is_part(self, mask: int) -> bool:
        """Whether it has two degradations or more, and was not measured itself."""
        return mask.bit_count() > 1 and frozenset(self.problem.names(mask)) not in self.answers

    def _answer(self, mask: int, place: int) -> Answer:
        names, whole = (*self.problem.names(mask), WORST), self.answers[self._groups[place]]
        drops, noise = ({name: of[name] for name in names if name in of} for of in (whole.drops, whole.noise))
        return Answer(drops, noise)
