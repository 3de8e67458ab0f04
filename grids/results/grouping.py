"""A partition of degradations into groups, how sure it is, and what was asked to find it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

from grids.errors import GridsError, unknown_name
from grids.results.record import Record, encode

if TYPE_CHECKING:
    import pandas as pd

WORST = "*"
"""In place of a degradation's name: the drop of the group's worst degradation, whichever that is."""
Verdict = Literal["within", "beyond", "undecided", "failed"]
VERDICTS = get_args(Verdict)
CertificateKind = Literal["proved", "proved-if-monotone", "heuristic"]
CERTIFICATES: tuple[CertificateKind, ...] = get_args(CertificateKind)
JSON_ORDER = (
    *("delta", "delta_for", "limits_by_gain", "method", "groups", "upper_bounds", "certificate", "lower_bound"),
    *("lower_bound_if_monotone", "trainings", "shortcuts", "contradictions", "undecided", "unknown", "fewest_known"),
    *("hangs_on", "alternatives", "solutions", "settings", "descriptor_sha256", "grids_version"),
)
"""The parts of groups.json."""


class DeltaStep(NamedTuple):
    """A step of the curve that shows how many groups are needed for which delta.

    Args:
        delta: dB; what follows holds from this largest drop on, up to the next step.
        groups: the fewest groups for which the answers allow a partition.
        at_least: fewer groups than this are surely too few, whatever the answers that are missing would be.
    """

    delta: float
    groups: int
    at_least: int


@dataclass(frozen=True)
class Trial:
    """A group that the search asked for, and the answer: how much each degradation loses when they share a restorer.

    Args:
        group: the degradations, in the order of the similarity matrix.
        verdict: "within" delta, "beyond" it, "undecided" (too near, or known in part), or "failed" (no answer).
        drops: dB for each degradation as far as it is known; negative where the group gains.
        noise: the standard errors of the drops, dB; none where they are exact.
        at_least: lower bounds in dB, of trainings that were stopped early.
        distance: the mean of S over the pairs of the group.
        why: what it was asked for.
        ruled_out: how many further groups its answer settled, by the shortcuts that were allowed.
        seconds: how long the answer took; None where that is not known.
        reason: why it failed.

    Raises:
        UnknownNameError: the verdict is none of the four.
    """

    group: tuple[str, ...]
    verdict: Verdict
    drops: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    distance: float = 0.0
    why: str = ""
    ruled_out: int = 0
    seconds: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise unknown_name("verdict", self.verdict, VERDICTS)

    @property
    def worst(self) -> float | None:
        """The drop of the degradation that loses most, as far as that is known.

        Returns:
            The largest of all drops and lower bounds, dB; None where there are none. A lower bound means that the true
            value may be larger.
        """
        return max((*self.drops.values(), *self.at_least.values()), default=None)


@dataclass(frozen=True)
class Group:
    """One group of a partition: degradations that share a restorer.

    Args:
        id: "C1", "C2", ...
        degradations: in the order of the similarity matrix.
        drops: dB for each degradation against its single-task restorer, or "*" for the worst of them where only that is
            known; 0 for a group of one.
        distance: the mean of S over its pairs; 0 for a group of one.
        weights: the file of its restorer, where there is one.

    Raises:
        GridsError: it has no degradations or no drops, or one that is not finite or of no degradation of it.
    """

    id: str
    degradations: tuple[str, ...]
    drops: Mapping[str, float]
    distance: float = 0.0
    weights: str | None = None

    def __post_init__(self) -> None:
        if not self.degradations or not self.drops:
            raise GridsError(f"the group '{self.id}' has no {'drops' if self.degradations else 'degradations'}")
        for name, drop in self.drops.items():
            if name != WORST and name not in self.degradations:
                raise unknown_name(f"degradation with a drop in the group '{self.id}':", name, self.degradations)
            if not math.isfinite(drop):
                raise GridsError(f"the drop of '{name}' in the group '{self.id}' must be finite, but is {drop}")

    @property
    def max_drop(self) -> float:
        """The drop of the degradation that loses most: the number that is compared with delta.

        Returns:
            dB; negative where all of them gain by sharing a restorer.

        >>> Group("C1", ("jpeg", "haze"), {"jpeg": 0.2, "haze": -0.1}).max_drop
        0.2
        """
        return max(self.drops.values())


@dataclass(frozen=True)
class Grouping(Record):
    """The fewest groups that were found, how sure that is, and how it was found. Source: GRIDS, section 5.1.

    Args:
        delta: the largest drop that a group may have, dB.
        method: of the search.
        groups: a partition of the degradations; each was answered for and lies within delta.
        certificate: "proved" (no partition has fewer groups), "proved-if-monotone" (the same, if a group is never
            better than a part of it) or "heuristic".
        lower_bound: so many groups are needed at least, by the answers, whatever those that are missing would be.
        lower_bound_if_monotone: the same, if a group is never better than a part of it.
        trainings: how many answers were asked for, those that its log held already included; groups of one need none.
        delta_for: degradations with a delta of their own, dB.
        limits_by_gain: degradations that may lose less than delta, dB, as their own restorer gains no more over its
            input.
        trials: every group that was asked for, in that order; empty where it was read from a file.
        undecided: the groups whose answer does not tell on which side of delta they are.
        shortcuts: name of each shortcut that was used -> how many groups it spared from being asked for.
        contradictions: pairs of answers that break the shortcuts' assumption.
        unknown: how many groups could not be asked for (a table that does not hold them).
        fewest_known: whether no partition has fewer of the groups that could be asked for (with the shortcuts, if on).
        hangs_on: groups without a certain answer that would lead to fewer groups, if they were within delta.
        alternatives: the partitions with as few groups that the answers allow, if asked for, at most 1000; the first
            is `groups`.
        solutions: how many such partitions there are (with more than 14 degradations, how many were listed).
        upper_bounds: the PSNR of the single-task restorers in dB, where they were trained.
        settings: what else the search was called with.
        descriptor_sha256: the checksum of the descriptor's weights that the similarity matrix was measured with.
        grids_version: of this package, when it was made.

    Raises:
        GridsError: there are no degradations, one is in two groups, two groups have one id, or delta is not finite.
        UnknownNameError: the certificate is none of the three.
    """

    file_name: ClassVar[str] = "groups.json"
    what: ClassVar[str] = "a grouping"
    needed: ClassVar[tuple[str, ...]] = ("trainings", "settings", "descriptor_sha256", "grids_version")

    delta: float
    method: str
    groups: tuple[Group, ...]
    certificate: CertificateKind
    lower_bound: int = 1
    lower_bound_if_monotone: int = 0
    trainings: int = 0
    delta_for: Mapping[str, float] = field(default_factory=dict)
    limits_by_gain: Mapping[str, float] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    undecided: tuple[tuple[str, ...], ...] = ()
    shortcuts: Mapping[str, int] = field(default_factory=dict)
    contradictions: int = 0
    unknown: int = 0
    fewest_known: bool = False
    hangs_on: tuple[tuple[str, ...], ...] = ()
    alternatives: tuple[tuple[tuple[str, ...], ...], ...] = ()
    solutions: int = 0
    upper_bounds: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    descriptor_sha256: str = ""
    grids_version: str = ""

    def __post_init__(self) -> None:
        if self.certificate not in CERTIFICATES:
            raise unknown_name("certificate", self.certificate, CERTIFICATES)
        names = self.degradations
        if not names or len(set(names)) < len(names):
            raise GridsError(f"groups must be a partition of the degradations, but are {self.partition}")
        ids = [group.id for group in self.groups]
        if len(set(ids)) < len(ids):
            raise GridsError(f"groups must have names of their own, but are called {', '.join(ids)}")
        if not math.isfinite(self.delta):
            raise GridsError(f"the delta of a grouping must be finite, but is {self.delta}")

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def degradations(self) -> tuple[str, ...]:
        """The names of all degradations of the grouping.

        Returns:
            Group by group, within a group in its order; no name comes twice. This is not the order of the similarity
            matrix.
        """
        return tuple(name for group in self.groups for name in group.degradations)

    @property
    def partition(self) -> tuple[tuple[str, ...], ...]:
        """The groups as names only, without drops and files.

        Returns:
            One tuple of degradations for each group, in the order of `groups`.

        >>> Grouping(0.5, "exact", (Group("C1", ("jpeg", "haze"), {"*": 0.2}),), "proved").partition
        (('jpeg', 'haze'),)
        """
        return tuple(group.degradations for group in self.groups)

    @property
    def limits(self) -> dict[str, float]:
        """Degradations that may lose something else than delta.

        Returns:
            dB by degradation: `limits_by_gain` and `delta_for` together, which have none in common.

        >>> group = Group("C1", ("jpeg", "haze"), {"*": 0.2})
        >>> Grouping(0.5, "exact", (group,), "proved", delta_for={"jpeg": 0.3}).limits
        {'jpeg': 0.3}
        """
        return {**self.limits_by_gain, **self.delta_for}

    def group_of(self, name: str) -> Group:
        """Find the group that a degradation is in.

        Args:
            name: of the degradation.

        Returns:
            The only group that holds it.

        Raises:
            UnknownNameError: no group does.
        """
        for group in self.groups:
            if name in group.degradations:
                return group
        raise unknown_name("degradation", name, self.degradations)

    def to_json(self) -> dict[str, Any]:
        """The content of groups.json.

        Returns:
            All fields but the trials, in a fixed order, `grids.results.grouping.JSON_ORDER`; each group with its
            "max_drop" in dB besides. The trials lie in trials.sqlite, and their number here under "trainings".
        """
        data = encode(self)
        data["groups"] = [{**encode(group), "max_drop": group.max_drop} for group in self.groups]
        return {name: data[name] for name in JSON_ORDER}

    def to_frame(self) -> pd.DataFrame:
        """A row for each degradation: its group, its drop (dB, NaN where only the group's worst is known) and more.

        Returns:
            The columns degradation, group, drop, max_drop and distance (of its group), upper_bound (dB, NaN where none
            was trained) and weights (the group's file, where there is one), group by group.
        """
        import pandas as pd

        rows = [
            {
                "degradation": name,
                "group": group.id,
                "drop": group.drops.get(name, group.max_drop if len(group.degradations) == 1 else math.nan),
                "max_drop": group.max_drop,
                "distance": group.distance,
                "upper_bound": self.upper_bounds.get(name, math.nan),
                "weights": group.weights,
            }
            for group in self.groups
            for name in group.degradations
        ]
        return pd.DataFrame(rows)
