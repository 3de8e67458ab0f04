"""Runs compared: how far their similarity matrices agree, as plain records, and as text for a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grids.errors import GridsError
from grids.reports.text import aligned, printable
from grids.results import FloatArray, SimilarityMatrix

NOT_RECORDED = "(not recorded)"


class Change(NamedTuple):
    """How S of a pair differs between two runs.

    Args:
        first, second: the names of the two degradations.
        s_first, s_second: S in the first and in the second run.
        change: `s_second` minus `s_first`; above 0 where the pair is less alike in the second run.
    """

    first: str
    second: str
    s_first: float
    s_second: float
    change: float


class SettingChange(NamedTuple):
    """A setting that differs between two runs.

    Args:
        key: its name.
        first, second: its values in the two runs; NOT_RECORDED where a run does not tell.
    """

    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Comparison:
    """How far two similarity matrices agree on the degradations that they share.

    Args:
        labels: what the two runs are called.
        common: the shared degradations, in the order of the first run.
        only_first, only_second: the others.
        spearman, pearson: correlations of S over all shared pairs, in [-1, 1]; None where a run's S is constant.
        mean_absolute_change, mean_change: over all shared pairs, second minus first.
        changes: every shared pair, the largest absolute change first.
        settings: the settings (with descriptor checksum and version) that differ, sorted by key.
    """

    labels: tuple[str, str]
    common: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    spearman: float | None
    pearson: float | None
    mean_absolute_change: float
    mean_change: float
    changes: tuple[Change, ...]
    settings: tuple[SettingChange, ...]


def compare(
    first: SimilarityMatrix, second: SimilarityMatrix, names: tuple[str, str] = ("first", "second")
) -> Comparison:
    """Compare two runs on the degradations that they share.

    Args:
        first, second: the matrices.
        names: what the two runs are called.

    Returns:
        Correlations and changes over all pairs of shared degradations, and the settings that differ.

    Raises:
        GridsError: they share fewer than three degradations, so there is no ranking to compare.
    """
    from scipy.stats import pearsonr, spearmanr  # half a second

    common = tuple(name for name in first.degradations if name in second.degradations)
    only_first = tuple(name for name in first.degradations if name not in common)
    only_second = tuple(name for name in second.degradations if name not in common)
    if len(common) < 3:
        raise GridsError(
            f"comparing '{names[0]}' with '{names[1]}' needs at least 3 common degradations, "
            f"but there are {len(common)} "
            f"(only in '{names[0]}': {_listed(only_first)}; only in '{names[1]}': {_listed(only_second)})"
        )
    changes = _changes(first, second, common)
    before = np.array([change.s_first for change in changes])
    after = np.array([change.s_second for change in changes])
    return Comparison(
        labels=names,
        common=common,
        only_first=only_first,
        only_second=only_second,
        spearman=correlation(spearmanr, before, after),
        pearson=correlation(pearsonr, before, after),
        mean_absolute_change=float(np.mean(np.abs(after - before))),
        mean_change=float(np.mean(after - before)),
        changes=tuple(changes),
        settings=tuple(_setting_changes(first, second, common)),
    )


def comparison_text(comparison: Comparison, count: int = 10) -> str:
    """Print a comparison for a terminal.

    Args:
        comparison: from `compare`.
        count: how many of the changes, the largest first.

    Returns:
        Correlations, mean changes, degradations of one run only, changes and settings that differ; a line feed at the
        end.
    """
    first, second = (printable(label) for label in comparison.labels)
    lines = [
        f"{first} -> {second}: {len(comparison.common)} common degradations, {len(comparison.changes)} pairs",
        f"  rank correlation of S (Spearman)    {correlation_text(comparison.spearman)}",
        f"  linear correlation of S (Pearson)   {correlation_text(comparison.pearson)}",
        f"  mean absolute change of S           {comparison.mean_absolute_change:6.3f}",
        f"  mean change of S                    {comparison.mean_change:+6.3f}",
        *_only_lines(comparison),
        *_change_lines(comparison.changes[:count], len(comparison.changes)),
    ]
    if comparison.settings:
        rows = [(printable(setting.key), f"{setting.first} -> {setting.second}") for setting in comparison.settings]
        lines += ["settings that differ", *aligned(rows, left=2)]
    return "\n".join(lines) + "\n"


def correlation(function: Any, before: FloatArray, after: FloatArray) -> float | None:
    """Correlate two rows of numbers, where that is defined.

    Args:
        function: scipy's `spearmanr` or `pearsonr`.
        before, after: (n,) each, two numbers or more.

    Returns:
        In [-1, 1]; None where all numbers of a row are equal (within 1e-9).
    """
    # scipy warns and answers NaN for a constant input, and for one that is constant up to rounding
    if np.ptp(before) < 1e-9 or np.ptp(after) < 1e-9:
        return None
    return float(function(before, after).statistic)


def correlation_text(value: float | None) -> str:
    """A correlation with three decimals, six characters wide, or a dash and why where it is None."""
    return "    - (S is constant in a run)" if value is None else f"{value:6.3f}"


def _changes(first: SimilarityMatrix, second: SimilarityMatrix, common: Sequence[str]) -> list[Change]:
    found = []
    for a, b in itertools.combinations(common, 2):
        before, after = first.distance(a, b), second.distance(a, b)
        found.append(Change(a, b, before, after, after - before))
    return sorted(found, key=lambda change: (-abs(change.change), change.first, change.second))


def _setting_changes(first: SimilarityMatrix, second: SimilarityMatrix, common: Sequence[str]) -> list[SettingChange]:
    before, after = _all_settings(first, common), _all_settings(second, common)
    rows = ((key, before.get(key, NOT_RECORDED), after.get(key, NOT_RECORDED)) for key in sorted({*before, *after}))
    return [SettingChange(*row) for row in rows if row[1] != row[2]]


def _all_settings(similarity: SimilarityMatrix, common: Sequence[str]) -> dict[str, Any]:
    settings = dict(similarity.settings)
    # of what the rows are made of, only those that are compared
    made_of = settings.pop("made_of", {})
    settings |= {f"made_of {name}": made_of[name] for name in common if name in made_of}
    identity = {"descriptor_sha256": similarity.descriptor_sha256, "grids_version": similarity.grids_version}
    return {**settings, **{key: value or NOT_RECORDED for key, value in identity.items()}}


def _only_lines(comparison: Comparison) -> list[str]:
    sides = zip(comparison.labels, (comparison.only_first, comparison.only_second), strict=True)
    return [f"  only in {printable(label)}: {_listed(names)}" for label, names in sides if names]


def _change_lines(changes: Sequence[Change], total: int) -> list[str]:
    head = "changes, the largest first" if len(changes) == total else f"the {len(changes)} largest of {total} changes"
    rows = [
        (f"{printable(c.first)} - {printable(c.second)}", f"{c.s_first:5.2f} -> {c.s_second:5.2f}", f"{c.change:+.2f}")
        for c in changes
    ]
    return [head, *aligned(rows)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names) or "none"
