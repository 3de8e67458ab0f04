"""Similarity matrices as pictures: a heatmap, heatmaps side by side, a dendrogram. Sizes are in inches throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.cluster import hierarchy

from grids.errors import GridsError
from grids.reports.colors import SCALE_TITLE, nearness_map, readable_on, scale
from grids.reports.painting import BLANK, INK, MUTED, axes_at, color_bar, fitted, painted, widest
from grids.reports.tables import cluster_order
from grids.reports.text import shown
from grids.results import FloatArray, SimilarityMatrix

NAME_SIZE, TITLE_SIZE = 9.0, 10.5  # points
NAME_WIDTH = 2.4  # longer names are cut
MARGIN, GAP, BAR, BAR_SPACE = 0.12, 0.3, 0.16, 0.75
SLANT = math.radians(45)


@painted
def heatmap(similarity: SimilarityMatrix, order: Sequence[str] | None = None) -> Figure:
    """Draw S as annotated squares, dark where degradations are alike; the diagonal is blank.

    Squares are smaller for more degradations; past about forty they bear no numbers.

    Args:
        similarity: any number of degradations from one.
        order: the names from top to bottom, some of them or all; by default `cluster_order`, like beside like.

    Raises:
        GridsError: there are no degradations, or `order` names one that is not there.
    """
    return _panels([("", similarity)], order, _cell(len(similarity)), columns=1)


@painted
def side_by_side(runs: Sequence[tuple[str, SimilarityMatrix]]) -> Figure:
    """Draw several matrices with one colour scale and in one order, that of the first run's clusters.

    Up to four stand in a row, more in a grid. Where the runs' degradations differ, only the common ones are shown.

    Args:
        runs: (label, matrix) of each; labels are cut to the width of their heatmap.

    Raises:
        GridsError: there are no runs, or they share no degradation.
    """
    if not runs:
        raise GridsError("there are no similarity matrices to show side by side")
    common = [name for name in runs[0][1].degradations if all(name in run.degradations for _, run in runs)]
    cut = [(label, run.subset(common)) for label, run in runs]
    columns = len(runs) if len(runs) <= 4 else math.ceil(math.sqrt(len(runs)))
    return _panels(cut, None, 0.78 * _cell(len(common)), columns)


@painted
def dendrogram(similarity: SimilarityMatrix) -> Figure:
    """Draw the average-linkage clusters of the degradations as a tree.

    The farther right two branches meet, the less alike what hangs on them is: the place is the mean S between the two.

    Args:
        similarity: any number of degradations from one; up to 40, each junction bears its value.

    Raises:
        GridsError: there are no degradations.
    """
    _require_some(similarity)
    names, linkage = cluster_order(similarity)
    labels = [fitted(shown(name), NAME_SIZE, NAME_WIDTH) for name in names]
    left, row, width = widest(labels, NAME_SIZE) + 0.2 + MARGIN, 0.3, 5.2
    height = max(len(names) * row, 0.6)
    figure = Figure(figsize=(left + width + 0.3, height + 0.65 + MARGIN))
    axes = axes_at(figure, left, 0.65, width, height)
    top = 1.0 if linkage is None else max(float(linkage[:, 2].max()), 1e-3)
    if linkage is not None:
        _branches(axes, linkage, annotate=len(names) <= 40)
    axes.set_xlim(0, top * 1.08)
    axes.set_ylim(len(names), 0)
    axes.set_yticks(np.arange(len(names)) + 0.5, labels, parse_math=False, fontsize=NAME_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"mean {SCALE_TITLE} at which clusters join")
    return figure


def _branches(axes: Axes, linkage: FloatArray, annotate: bool) -> None:
    # scipy places leaf k at 5 + 10 k
    drawn = hierarchy.dendrogram(linkage, no_plot=True)
    across = np.array(drawn["icoord"]) / 10
    along = np.array(drawn["dcoord"])
    axes.add_collection(LineCollection(list(np.stack([along, across], axis=-1)), colors=INK, linewidths=1.3))
    if annotate:
        for s, low, high in zip(along[:, 1], across[:, 1], across[:, 2], strict=True):
            place: dict[str, Any] = {"xytext": (2.5, 1.5), "textcoords": "offset points", "ha": "left", "va": "bottom"}
            text = axes.annotate(f"{s:.2f}", (s, (low + high) / 2), fontsize=7, color=MUTED, **place)
            text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _panels(
    runs: Sequence[tuple[str, SimilarityMatrix]], order: Sequence[str] | None, cell: float, columns: int
) -> Figure:
    _require_some(runs[0][1])
    names = list(cluster_order(runs[0][1])[0] if order is None else order)
    _require_some(names)
    labels = [fitted(shown(name), NAME_SIZE, NAME_WIDTH) for name in names]
    rows = math.ceil(len(runs) / columns)
    side = cell * len(names)
    title = 0.32 if any(label for label, _ in runs) else 0.0
    reach = widest(labels, NAME_SIZE) * math.cos(SLANT)  # how far a slanted name goes down, and to the left
    left = MARGIN + max(widest(labels, NAME_SIZE) + 0.1, reach + 0.1 - cell / 2)
    bottom = MARGIN + reach + 0.25
    width = left + columns * side + (columns - 1) * GAP + GAP + BAR + BAR_SPACE
    height = bottom + rows * (side + title) + (rows - 1) * GAP + MARGIN
    figure = Figure(figsize=(width, height))
    cut = [run.subset(names).matrix for _, run in runs]
    norm = scale(np.concatenate([matrix[~np.eye(len(names), dtype=bool)] for matrix in cut]))
    for k, ((label, _), matrix) in enumerate(zip(runs, cut, strict=True)):
        row, column = divmod(k, columns)
        x, y = left + column * (side + GAP), bottom + (rows - 1 - row) * (side + title + GAP)
        axes = axes_at(figure, x, y, side, side)
        _paint(axes, matrix, norm, cell)
        _name(axes, labels, left=column == 0, below=k + columns >= len(runs))
        axes.set_title(fitted(shown(label), TITLE_SIZE, side), fontsize=TITLE_SIZE, parse_math=False, pad=6)
    tall = min(rows * (side + title + GAP) - GAP - title, 6.0)
    bar = axes_at(figure, width - BAR_SPACE - BAR, height - MARGIN - title - tall, BAR, tall)
    color_bar(bar, norm, nearness_map(), SCALE_TITLE, NAME_SIZE)
    bar.invert_yaxis()
    return figure


def _paint(axes: Axes, matrix: FloatArray, norm: Normalize, cell: float) -> None:
    count = len(matrix)
    hidden = np.ma.masked_array(matrix, mask=np.eye(count, dtype=bool))
    axes.set_facecolor(BLANK)
    axes.pcolormesh(hidden, cmap=nearness_map(), norm=norm, edgecolors="white", linewidth=min(1.0, 2 * cell))
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    axes.spines[:].set_visible(False)
    if cell < 0.24:
        return
    size = min(9.0, 20 * cell)
    for i, j in np.argwhere(~hidden.mask):
        ink = readable_on(nearness_map()(norm(matrix[i, j])))
        axes.text(j + 0.5, i + 0.5, f"{matrix[i, j]:.2f}", ha="center", va="center", fontsize=size, color=ink)


def _name(axes: Axes, labels: list[str], left: bool, below: bool) -> None:
    at = np.arange(len(labels)) + 0.5
    axes.set_xticks([])
    axes.set_yticks([])
    if left:
        axes.set_yticks(at, labels, parse_math=False, fontsize=NAME_SIZE)
    if below:
        slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "va": "center", "rotation_mode": "anchor"}
        axes.set_xticks(at, labels, parse_math=False, fontsize=NAME_SIZE, **slanted)
    axes.tick_params(length=0, pad=4)


def _cell(count: int) -> float:
    # the side of a square: roomy for a few, 0.34 for thirty, without numbers past about a hundred
    if count <= 12:
        return max(0.54, 1.8 / max(count, 1))
    return max(0.1, min(0.54 - 0.011 * (count - 12), 26 / count))


def _require_some(names: Sequence[str] | SimilarityMatrix) -> None:
    if len(names) == 0:
        raise GridsError("there are no degradations to draw")
