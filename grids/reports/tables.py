"""What the reports show, as plain records, and as text for a terminal. No pixels here."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grids.errors import GridsError
from grids.reports.text import TEXT_WIDTH, printable
from grids.results import FloatArray, SimilarityMatrix

NOT_RECORDED = "(not recorded)"


class Pair(NamedTuple):
    """Two degradations and how alike they are.

    Args:
        s: S between them; small means alike.
        first, second: their names.
        low, high: the interval of S; None where it was not measured.
    """

    s: float
    first: str
    second: str
    low: float | None
    high: float | None


class Extremes(NamedTuple):
    """The closest pairs, closest first, and the farthest, farthest first."""

    closest: tuple[Pair, ...]
    farthest: tuple[Pair, ...]


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


def cluster_order(similarity: SimilarityMatrix) -> tuple[tuple[str, ...], FloatArray | None]:
    """Order degradations so that like stand beside like, by average-linkage clusters on S.

    Args:
        similarity: any number of degradations.

    Returns:
        The names in the order of the optimal leaves, and scipy's (n - 1, 4) linkage, its leaves numbered as the rows of
        S; None in its place below two degradations.

    Example:
        >>> s = SimilarityMatrix(("a", "b", "c"), [[0, 3, 1], [3, 0, 2.5], [1, 2.5, 0]])
        >>> cluster_order(s)[0]
        ('b', 'c', 'a')
    """
    from scipy.cluster import hierarchy  # half a second
    from scipy.spatial.distance import squareform

    if len(similarity) < 2:
        return similarity.degradations, None
    symmetric = (similarity.matrix + similarity.matrix.T) / 2
    linkage = hierarchy.linkage(squareform(symmetric, checks=False), method="average", optimal_ordering=True)
    return tuple(similarity.degradations[leaf] for leaf in hierarchy.leaves_list(linkage)), linkage


def matrix_text(similarity: SimilarityMatrix, width: int = TEXT_WIDTH) -> str:
    """Print S as a table for a terminal: numbered rows, and the numbers again as headings.

    Args:
        similarity: any number of degradations.
        width: characters; columns that do not fit follow in further blocks, of a column at least.

    Returns:
        Blocks with a blank line between them, values with two decimals, and a line feed at the end.
    """
    count = len(similarity)
    digits = len(str(count))
    heads = _padded(f"{i:>{digits}} {printable(name)}" for i, name in enumerate(similarity.degradations, 1))
    cells = [["-" if i == j else f"{similarity.matrix[i, j]:.2f}" for j in range(count)] for i in range(count)]
    cell = max((len(text) for row in cells for text in row), default=0) + 1
    head = max(map(len, heads), default=0)
    at_once = max((width - head) // cell, 1)
    blocks = []
    for start in range(0, count, at_once):
        columns = range(start, min(start + at_once, count))
        lines = [" " * head + "".join(f"{j + 1:>{cell}}" for j in columns)]
        lines += [heads[i] + "".join(f"{cells[i][j]:>{cell}}" for j in columns) for i in range(count)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def closest_and_farthest(similarity: SimilarityMatrix, count: int = 3) -> Extremes:
    """Find the pairs of degradations that are most alike, and those that are least.

    Args:
        similarity: any number of degradations.
        count: how many of each, 0 or more; fewer are returned where there are fewer.

    Returns:
        The closest pairs, closest first, and the farthest, farthest first. Of few pairs, some are in both.

    Raises:
        GridsError: count is negative.
    """
    if count < 0:
        raise GridsError(f"the number of pairs to show must not be negative, but is {count}")
    pairs = [_pair(similarity, first, second) for _, first, second in similarity.pairs()]
    return Extremes(tuple(pairs[:count]), tuple(pairs[::-1][:count]))


def pairs_text(extremes: Extremes) -> str:
    """Print the closest and the farthest pairs for a terminal, with S and its interval where that was measured.

    Args:
        extremes: from `closest_and_farthest`.

    Returns:
        A line for each pair, under two headings, and a line feed at the end.
    """
    rows = [*extremes.closest, *extremes.farthest]
    if not rows:
        return "no pairs: fewer than two degradations\n"
    names = _padded(f"{printable(pair.first)} - {printable(pair.second)}" for pair in rows)
    lines = [f"  {name}  {pair.s:5.2f}{_interval_text(pair)}" for name, pair in zip(names, rows, strict=True)]
    split = len(extremes.closest)
    return "\n".join(["closest", *lines[:split], "farthest", *lines[split:]]) + "\n"


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
        keys = _padded(setting.key for setting in comparison.settings)
        lines += ["settings that differ"]
        lines += [f"  {printable(k)}  {s.first} -> {s.second}" for k, s in zip(keys, comparison.settings, strict=True)]
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


def _pair(similarity: SimilarityMatrix, first: str, second: str) -> Pair:
    i, j = similarity.index(first), similarity.index(second)
    low, high = (None if bound is None else float(bound[i, j]) for bound in (similarity.low, similarity.high))
    return Pair(float(similarity.matrix[i, j]), first, second, low, high)


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
    names = _padded(f"{printable(change.first)} - {printable(change.second)}" for change in changes)
    head = "changes, the largest first" if len(changes) == total else f"the {len(changes)} largest of {total} changes"
    rows = [
        f"  {n}  {c.s_first:5.2f} -> {c.s_second:5.2f}  {c.change:+.2f}" for n, c in zip(names, changes, strict=True)
    ]
    return [head, *rows]


def _interval_text(pair: Pair) -> str:
    return "" if pair.low is None or pair.high is None else f"  [{pair.low:.2f}, {pair.high:.2f}]"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names) or "none"


def _padded(texts: Iterable[str]) -> list[str]:
    kept = list(texts)
    width = max(map(len, kept), default=0)
    return [text.ljust(width) for text in kept]
