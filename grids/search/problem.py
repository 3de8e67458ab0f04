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
    """The drops of a group as far as they are known: what an evaluator returns and a log keeps.

    The drop of a degradation is the PSNR that its restorer loses when it is trained for the whole group instead of for
    this degradation alone. Nothing is checked here; `Problem.normalize` does that.

    Args:
        drops: dB for each degradation, or under "*" (`WORST`) the largest of them; negative where the group gains. Some
            may be missing.
        noise: standard errors of the drops, dB, 0 or more; a drop without one is taken as exact.
        at_least: lower bounds of drops, dB, by name or under "*", from a training that was stopped early.
        why: what the group was asked for; the search fills it in.
        seconds: how long the answer took; None where that is not known.
        file: path of the group's restorer; empty where there is none.
    """

    drops: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    seconds: float | None = None
    file: str = ""


@dataclass(frozen=True, eq=False)
class Problem:
    """A grouping problem: put all degradations into the fewest groups, each with drops of at most delta.

    Source: GRIDS, eq. 5. Groups are bit masks here: bit i stands for row i of the similarity matrix.

    Args:
        similarity: S between the degradations, 1 to 62 of them.
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        delta_for: degradations with a delta of their own, dB, at least 0.
        shortcuts: take a group to be never better than a part of it, and so settle groups without asking. This saves
            most questions, but need not be true (docs/method.md, section 8).
        askable: masks of the groups of two or more that can be asked for; None for all.
        seed: of the order of groups whose distances tie, 0 to 2^63 - 1; nothing else is random.
        least_drop: with the method "exact": ask on until the total drop is the least of all partitions with as few
            groups, not only the least among the answers at hand. Without effect for more than 14 degradations.
        most: drops (dB, at least 0) that degradations may have at most whatever delta is, unless `delta_for` names
            them. They hold for drops as they are measured, without allowance for standard errors.
        anytime: with the method "exact": verify promising partitions before fewer groups are refuted, so that a search
            that is broken off has a good partition. Without effect for more than 14 degradations.

    Raises:
        GridsError: a delta is negative or not finite, the seed is out of range, or there are no degradations or more
            than 62.
        UnknownNameError: a name in delta_for is not in the similarity matrix.
    """

    similarity: SimilarityMatrix
    delta: float
    delta_for: Mapping[str, float] = field(default_factory=dict)
    shortcuts: bool = True
    askable: frozenset[int] | None = None
    seed: int = 0
    least_drop: bool = False
    most: Mapping[str, float] = field(default_factory=dict)
    anytime: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MOST:
            raise GridsError(f"the number of degradations to group must be 1 to {MOST}, but is {self.n}")
        named = {f"the delta for {name}": value for name, value in (*self.delta_for.items(), *self.most.items())}
        for what, value in {"delta": self.delta, **named}.items():
            if not (math.isfinite(value) and value >= 0):
                raise GridsError(f"{what} must be a number of dB, 0 or more, but is {value}")
        for name in self.delta_for:
            self.similarity.index(name)
        if not 0 <= self.seed < 2**63:
            raise GridsError(f"seed must be 0 to 2^63 - 1, but is {self.seed}")

    @property
    def n(self) -> int:
        """The number of degradations, 1 to 62."""
        return len(self.similarity)

    @property
    def full(self) -> int:
        """The mask of the group of all degradations."""
        return (1 << self.n) - 1

    @property
    def distances(self) -> FloatArray:
        """S between the degradations, (n, n) float64; the matrix itself, not a copy."""
        return self.similarity.matrix

    def mask(self, group: Iterable[str]) -> int:
        """The bit mask of a group.

        Args:
            group: names of degradations, in any order.

        Returns:
            A whole number above 0, in which bit i stands for row i of the similarity matrix.

        Raises:
            UnknownNameError: a name is not in the similarity matrix.
            GridsError: there are no names, or one comes twice.
        """
        names = list(group)
        found = 0
        for name in names:
            found |= 1 << self.similarity.index(name)
        if not names or found.bit_count() < len(names):
            raise GridsError(f"a group must hold distinct degradations, at least one, but is {names}")
        return found

    def names(self, mask: int) -> tuple[str, ...]:
        """The names of a group; the opposite of `mask`.

        Args:
            mask: of the group; bits beyond the last degradation are ignored.

        Returns:
            Its degradations, in the order of the similarity matrix; empty for 0.
        """
        return tuple(name for i, name in enumerate(self.similarity.degradations) if mask >> i & 1)

    def can_ask(self, mask: int) -> bool:
        """Whether an answer for a group can be had.

        Args:
            mask: of a group of two or more. A group of one needs no answer, and is not looked for here.

        Returns:
            True where `askable` is None or holds the group. It stays true after the group was answered.
        """
        return self.askable is None or mask in self.askable

    def limit(self, name: str) -> float:
        """The largest drop that a degradation may have in its group.

        Args:
            name: of the degradation.

        Returns:
            Its delta (`delta_of`), or its entry in `most` if that is less, dB.
        """
        return min(self.delta_of(name), self._caps.get(name, math.inf))

    def delta_of(self, name: str) -> float:
        """The entry of a degradation in `delta_for`, else delta, dB: the limit that allows for standard errors."""
        return self.delta_for.get(name, self.delta)

    @property
    def _caps(self) -> dict[str, float]:
        """The entries of `most` that hold: those of degradations without a delta of their own, dB."""
        return {name: most for name, most in self.most.items() if name not in self.delta_for}

    @property
    def lowered(self) -> dict[str, float]:
        """The entries of `most` that are below delta, of degradations without a delta of their own, dB."""
        return {name: most for name, most in self._caps.items() if most < self.delta}

    def distance(self, mask: int) -> float:
        """How unlike the degradations of a group are: the mean of S over its pairs.

        Args:
            mask: of the group.

        Returns:
            The mean, without unit; 0 for a group of one.
        """
        rows = members(mask)
        pairs = self.distances[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
        return float(pairs.mean()) if pairs.size else 0.0

    def verdict(self, mask: int, answer: Answer) -> Verdict:
        """On which side of delta an answer puts a group, allowing for two standard errors.

        Every degradation has its own delta (`delta_of`), which is compared with its drop less or plus two standard
        errors, and perhaps a limit in `most`, which is compared with the drop as it is measured. A drop under "*"
        (`WORST`) stands for each degradation of the group; it is beyond only where it is above all of their limits.

        Args:
            mask: of the group.
            answer: its answer; names outside the group are not refused here (see `normalize`).

        Returns:
            "beyond" if a drop less its margin, or a lower bound, is above its delta, or a drop or lower bound above its
            limit in `most`; else "within" if every degradation's drop is known, and at most that limit, and with its
            margin at most its delta; else "undecided". Limits are widened by 1e-9 dB, for rounding.
        """
        names, held = self.names(mask), self._caps
        deltas = {name: self.delta_of(name) + ROUNDING for name in names}
        caps = {name: held.get(name, math.inf) + ROUNDING for name in names}
        margins = {name: STANDARD_ERRORS * answer.noise.get(name, 0.0) for name in answer.drops}
        least = {name: drop - margins[name] for name, drop in answer.drops.items()}
        if any(_exceeds(drops, deltas) for drops in (least, answer.at_least)):
            return "beyond"
        if any(_exceeds(drops, caps) for drops in (answer.drops, answer.at_least)):
            return "beyond"
        highest = max(min(deltas[name], caps[name]) for name in names)
        if any(drops.get(WORST, -math.inf) > highest for drops in (least, answer.at_least)):
            return "beyond"
        most = {name: drop + margins[name] for name, drop in answer.drops.items()}
        return "within" if _holds(most, deltas) and _holds(answer.drops, caps) else "undecided"

    def normalize(self, mask: int, answer: Answer) -> Answer:
        """The answer as plain floats, with its names in the order of the matrix and "*" last.

        The one given is not changed.

        Args:
            mask: of the group.
            answer: what an evaluator said of it.

        Returns:
            A copy in which `why`, `seconds` and `file` stay as they are.

        Raises:
            UnknownNameError: the answer names a degradation that is not in the group.
            GridsError: a number is not finite, or a standard error is negative.
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


def _exceeds(drops: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether a drop is above its limit; one under "*" only if it is above all."""
    highest = max(limits.values())
    return any(drop > limits.get(name, highest) for name, drop in drops.items())


def _holds(drops: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether every drop is known and at most its limit: no degradation loses more than the worst."""
    worst = drops.get(WORST, math.inf)
    return all(min(drops.get(name, math.inf), worst) <= limit for name, limit in limits.items())


def members(mask: int) -> list[int]:
    """The rows of the similarity matrix that a group consists of.

    Args:
        mask: of the group, at least 0.

    Returns:
        Row numbers, in increasing order.

    >>> members(0b1101)
    [0, 2, 3]
    """
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def memberships(masks: Any, n: int) -> FloatArray:
    """Which degradations each group holds, as a matrix to compute with.

    Args:
        masks: of the groups, a sequence or an array of whole numbers below 2^63.
        n: the number of degradations, that is of columns.

    Returns:
        (groups, n) float64: 1 where the group holds the degradation, else 0.

    >>> memberships([0b011, 0b100], 3)
    array([[1., 1., 0.],
           [0., 0., 1.]])
    """
    return ((np.asarray(masks, dtype=np.int64)[:, None] >> np.arange(n)) & 1).astype(float)


def label(names: Iterable[str]) -> str:
    """A group as messages show it: its names in braces.

    Args:
        names: in the order in which they are to be shown.

    Returns:
        One line of text.

    >>> label(["haze", "rain"])
    '{haze, rain}'
    """
    return "{" + ", ".join(names) + "}"
