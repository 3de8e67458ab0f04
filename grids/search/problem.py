"""What a search is asked: degradations, how alike they are, how much each may lose, and which groups can be asked for.

Groups are bit masks inside this package: bit i stands for row i of the similarity matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grids.errors import GridsError, UnknownNameError
from grids.results import WORST, FloatArray, SimilarityMatrix, Verdict

ENUMERATED = 14
"""Up to so many degradations all their groups are looked at; beyond, what is looked at is bounded."""
MOST = 62
"""Degradations; their groups are bits of a 64-bit number."""
STANDARD_ERRORS = 2.0
ROUNDING = 1e-9  # dB


@dataclass(frozen=True)
class Answer:
    """The drops of a group as far as they are known: what an evaluator says, and a log keeps.

    Args:
        drops: dB for each degradation, or for WORST the largest of them; may be known in part.
        noise: their standard errors, dB; none where they are exact.
        at_least: lower bounds in dB, of a training that was stopped early.
        why: what the group was asked for; the search fills it in.
        seconds: how long the answer took; None where that is not known.
        file: of the group's restorer, where there is one.
    """

    drops: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    seconds: float | None = None
    file: str = ""


@dataclass(frozen=True, eq=False)
class Problem:
    """A grouping problem (GRIDS, eq. 5): the fewest groups, each with drops of at most delta.

    Args:
        similarity: S between the degradations.
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        delta_for: degradations with a delta of their own.
        shortcuts: take a group to be never better than a part of it, and so settle groups without asking.
        askable: the groups of two or more that can be asked for, from `mask`; None for all.
        seed: of the order of groups whose distances tie; nothing else is drawn.
        least_drop: with the method "exact": ask on until the total drop is the least of all partitions with as few
            groups, not only the least among the answers at hand.

    Raises:
        GridsError: a delta or the seed is negative or not a number, or there are no degradations or more than 62.
        UnknownNameError: a name is not in the similarity matrix.
    """

    similarity: SimilarityMatrix
    delta: float
    delta_for: Mapping[str, float] = field(default_factory=dict)
    shortcuts: bool = True
    askable: frozenset[int] | None = None
    seed: int = 0
    least_drop: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MOST:
            raise GridsError(f"the number of degradations to group must be 1 to {MOST}, but is {self.n}")
        named = {f"the delta for {name}": value for name, value in self.delta_for.items()}
        for what, value in {"delta": self.delta, **named}.items():
            if not (math.isfinite(value) and value >= 0):
                raise GridsError(f"{what} must be a number of dB, 0 or more, but is {value}")
        for name in self.delta_for:
            self.similarity.index(name)
        if not 0 <= self.seed < 2**63:
            raise GridsError(f"seed must be 0 to 2^63 - 1, but is {self.seed}")

    @property
    def n(self) -> int:
        """The number of degradations."""
        return len(self.similarity)

    @property
    def full(self) -> int:
        """The group of all."""
        return (1 << self.n) - 1

    @property
    def distances(self) -> FloatArray:
        """S, (n, n)."""
        return self.similarity.matrix

    def mask(self, group: Iterable[str]) -> int:
        """The bits of a group of names. Raises UnknownNameError, or GridsError for an empty or repeating group."""
        names = list(group)
        found = 0
        for name in names:
            found |= 1 << self.similarity.index(name)
        if not names or found.bit_count() < len(names):
            raise GridsError(f"a group must hold distinct degradations, at least one, but is {names}")
        return found

    def names(self, mask: int) -> tuple[str, ...]:
        """The names of a group, in the order of the matrix."""
        return tuple(name for i, name in enumerate(self.similarity.degradations) if mask >> i & 1)

    def can_ask(self, mask: int) -> bool:
        """Whether an answer for this group of two or more can be had."""
        return self.askable is None or mask in self.askable

    def distance(self, mask: int) -> float:
        """The mean of S over the pairs of a group; 0 for a group of one."""
        rows = members(mask)
        pairs = self.distances[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
        return float(pairs.mean()) if pairs.size else 0.0

    def verdict(self, mask: int, answer: Answer) -> Verdict:
        """ "within", "beyond" or "undecided": on which side of delta an answer puts a group."""
        allowed = {name: self.delta_for.get(name, self.delta) + ROUNDING for name in self.names(mask)}
        most = max(allowed.values())
        sure = dict(answer.at_least)
        for name, drop in answer.drops.items():
            sure[name] = max(drop - STANDARD_ERRORS * answer.noise.get(name, 0.0), sure.get(name, -math.inf))
        if any(drop > allowed.get(name, most) for name, drop in sure.items()):
            return "beyond"
        possible = {name: drop + STANDARD_ERRORS * answer.noise.get(name, 0.0) for name, drop in answer.drops.items()}
        reach = possible.get(WORST, math.inf)  # no member loses more than the worst
        within = all(min(possible.get(name, math.inf), reach) <= limit for name, limit in allowed.items())
        return "within" if within else "undecided"

    def normalize(self, mask: int, answer: Answer) -> Answer:
        """The answer as plain numbers, its names in the order of the matrix.

        Raises:
            UnknownNameError: it names a degradation that is not in the group.
            GridsError: a number is not finite, or a standard error negative.
        """
        group, names = label(self.names(mask)), (*self.names(mask), WORST)
        parts = (answer.drops, answer.noise, answer.at_least)
        for name, value in (item for part in parts for item in part.items()):
            if name not in names:
                raise UnknownNameError(f"the answer for {group} holds '{name}', not in the group")
            if not math.isfinite(value):
                raise GridsError(f"the answer for {group} must be finite, but {name} is {value}")
        if any(value < 0 for value in answer.noise.values()):
            raise GridsError(f"the standard errors for {group} must not be negative")
        drops, noise, at_least = ({name: float(part[name]) for name in names if name in part} for part in parts)
        return replace(answer, drops=drops, noise=noise, at_least=at_least)


def members(mask: int) -> list[int]:
    """The rows of a group."""
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def memberships(masks: Any, n: int) -> FloatArray:
    """1 where a group holds a degradation, else 0: (groups, n)."""
    return ((np.asarray(masks, dtype=np.int64)[:, None] >> np.arange(n)) & 1).astype(float)


def label(names: Iterable[str]) -> str:
    """A group as messages show it."""
    return "{" + ", ".join(names) + "}"
