"""Drops as pictures: against the distance within a group, and how many groups each delta takes. Sizes in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from grids.reports.grouping import Point, points, rank_correlation, worst_of
from grids.reports.painting import INK, MUTED, axes_at, fitted, label_above, painted, set_scale, text_inches
from grids.reports.text import counted, shown
from grids.results import DeltaStep, Grouping, Trial

WIDTH, HEIGHT = 6.4, 4.0  # of the axes
LEFT, RIGHT, TOP = 0.85, 1.15, 0.4
TEXT_SIZE, ID_SIZE, ID_WIDTH = 8.5, 9.0, 1.2  # points, points, inches
ACCENT, BAND = "#0072B2", "#cfe3f1"
ARROW = Path([(0, 0), (0, 1), (-0.22, 0.72), (0, 1), (0.22, 0.72)], [1, 2, 1, 2, 2])
RADIUS = 0.1  # that an id keeps from the middle of its group's ring


class Mark(NamedTuple):
    """How the groups of one verdict are drawn.

    Args:
        marker: a marker of matplotlib's, such as "o".
        colour: of the marker, "#rrggbb".
        filled: whether the marker is filled; otherwise it is an outline on white.
    """

    marker: str
    colour: str
    filled: bool


MARKS = {
    "within": Mark("o", "#0072B2", True),
    "beyond": Mark("^", "#D55E00", True),
    "undecided": Mark("D", "#66727f", False),
    "failed": Mark("X", "#1f2933", False),
}


class Final(NamedTuple):
    """A group of the partition that was found, where the picture places it.

    Args:
        label: the id of the group, cut to the room there is.
        distance: the mean of S over the pairs of the group.
        drop: the worst drop of the group, dB.
    """

    label: str
    distance: float
    drop: float


@painted
def drop_against_distance(grouping: Grouping, others: Sequence[Trial] = ()) -> Figure:
    """Draw the worst drop of every group that was asked for over the mean of S within it.

    The shape of a marker is the verdict, its size the number of degradations; an arrow says that the true drop may be
    larger. The groups of the partition are ringed and labelled. A dashed line marks delta. Where drops reach beyond
    8 delta, the axis is logarithmic from 2 delta on.

    Args:
        grouping: what was found. Groups of one, and those without a finite drop, are left out.
        others: further groups whose drops are known although nobody asked for them, drawn like the others.

    Returns:
        A figure; it says so where no drop of a group is known.
    """
    asked, final = points((*grouping.trials, *others)), _final(grouping)
    figure = Figure(figsize=(LEFT + WIDTH + RIGHT, TOP + HEIGHT + 0.95))
    axes = axes_at(figure, LEFT, 0.95, WIDTH, HEIGHT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("mean S within the group (small = alike)")
    axes.set_ylabel("worst drop of the group, dB")
    _set_limits(axes, grouping.delta, [*asked, *final])
    axes.axhline(grouping.delta, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    _beside(axes, grouping.delta, f"delta {grouping.delta:g} dB")
    if not asked and not final:
        axes.text(
            0.5, 0.5, "no drop of a group of two or more is known", transform=axes.transAxes, ha="center", va="top"
        )
        return figure
    _draw_points(axes, asked)
    _draw_final(axes, final)
    _draw_legend(figure, asked, bool(final))
    rank = rank_correlation(asked)
    if rank is not None:
        text = f"rank correlation (Spearman) {rank:.2f}, {counted(len(asked), 'group')}"
        axes.set_title(text, loc="right", fontsize=TEXT_SIZE, color=MUTED)
    return figure


@painted
def groups_over_delta(steps: Sequence[DeltaStep], delta: float) -> Figure:
    """Draw how many groups the answers allow at each delta, with a band down to how many are surely needed.

    Args:
        steps: by rising delta; each holds from its delta on until the next one. May be empty, which the figure says;
            steps with an infinite delta are left out.
        delta: the one that was asked for, dB, marked by a line with the number of groups there.

    Returns:
        A figure: delta in dB across, groups upwards.
    """
    steps = [step for step in steps if math.isfinite(step.delta)]
    figure = Figure(figsize=(LEFT + WIDTH + 0.3, TOP + 2.6 + 0.6))
    axes = axes_at(figure, LEFT, 0.6, WIDTH, 2.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("delta, dB")
    axes.set_ylabel("groups")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.set_ylim(0, max([1, *(step.groups for step in steps)]) + 0.5)
    ends = [0.0, delta, *(step.delta for step in steps)]
    set_scale(axes, "x", min(ends), max(ends), delta)
    axes.axvline(delta, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    here = [step.groups for step in steps if step.delta <= delta]
    label = f"delta {delta:g} dB" + (f": {counted(here[-1], 'group')}" if here else "")
    label_above(axes, delta, label, TEXT_SIZE)
    if not steps:
        axes.text(0.5, 0.5, "the answers tell no number of groups", transform=axes.transAxes, ha="center", va="top")
        return figure
    _draw_steps(axes, steps)
    return figure


def _final(grouping: Grouping) -> list[Final]:
    found = []
    for group in grouping.groups:
        worst = worst_of(group.drops, {}, group.degradations)
        if len(group.degradations) > 1 and worst is not None and math.isfinite(worst.value):
            found.append(Final(fitted(shown(group.id), ID_SIZE, ID_WIDTH), group.distance, worst.value))
    return found


def _set_limits(axes: Axes, delta: float, marks: Sequence[Point | Final]) -> None:
    across = [mark.distance for mark in marks] or [0.0, 1.0]
    margin = max(0.07 * (max(across) - min(across)), 0.1)
    axes.set_xlim(min(across) - margin, max(across) + margin)
    drops = [0.0, delta, *(mark.drop for mark in marks)]
    set_scale(axes, "y", min(drops), max(drops), delta)


def _area(size: int) -> float:
    return 16.0 * min(size, 12)  # square points


def _draw_points(axes: Axes, asked: Sequence[Point]) -> None:
    for verdict, mark in MARKS.items():
        some = [point for point in asked if point.verdict == verdict]
        if some:
            axes.scatter(
                [point.distance for point in some],
                [point.drop for point in some],
                s=[_area(len(point.group)) for point in some],
                marker=mark.marker,
                facecolor=mark.colour if mark.filled else "white",
                edgecolor="white" if mark.filled else mark.colour,
                linewidth=0.5 if mark.filled else 1.0,
                alpha=0.8,
                zorder=3,
            )
    below = [point for point in asked if point.known_part]
    if below:
        axes.plot(
            [point.distance for point in below],
            [point.drop for point in below],
            linestyle="none",
            marker=ARROW,
            markersize=22,
            markerfacecolor="none",
            markeredgecolor=MUTED,
            markeredgewidth=1.0,
            zorder=2,
        )


def _draw_final(axes: Axes, final: Sequence[Final]) -> None:
    for mark in final:
        axes.plot(mark.distance, mark.drop, "o", markersize=13, markerfacecolor="none", markeredgecolor=INK, zorder=4)
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    rings = [axes.transData.transform((mark.distance, mark.drop)) / figure.dpi for mark in final]
    taken = [Bbox([ring - RADIUS, ring + RADIUS]) for ring in rings]
    for mark, ring in zip(final, rings, strict=True):
        box = _free(mark.label, ring, taken)
        taken.append(box)
        x, y = (np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - ring) * 72
        axes.annotate(
            mark.label,
            (mark.distance, mark.drop),
            xytext=(x, y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=ID_SIZE,
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 7},
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            zorder=5,
        )


def _free(label: str, ring: Any, taken: Sequence[Bbox]) -> Bbox:
    # the first place around the ring, going outwards, that no ring and no id takes; in inches
    width, height = text_inches(label, ID_SIZE)
    places = []
    for step in range(1, 13):
        right, up = step * 0.04 + RADIUS + width / 2, step * 0.04 + RADIUS + height / 2
        for x, y in ((right, 0.0), (-right, 0.0), (0.0, up), (0.0, -up), (right, up), (-right, up), (right, -up)):
            left, bottom = ring[0] + x - width / 2, ring[1] + y - height / 2
            places.append(Bbox.from_bounds(left, bottom, width, height))
    return next((place for place in places if not any(place.overlaps(other) for other in taken)), places[0])


def _draw_legend(figure: Figure, asked: Sequence[Point], ringed: bool) -> None:
    def entry(mark: Mark, size: int, label: str) -> Line2D:
        face = mark.colour if mark.filled else "white"
        plain: dict[str, Any] = {"linestyle": "none", "markeredgecolor": mark.colour, "markerfacecolor": face}
        return Line2D([], [], marker=mark.marker, markersize=math.sqrt(_area(size)), label=label, **plain)

    entries = [entry(mark, 3, name) for name, mark in MARKS.items() if any(point.verdict == name for point in asked)]
    sizes = {len(point.group) for point in asked}
    if len(sizes) > 1:
        some = sorted({min(sizes), max(sizes)})
        entries += [entry(Mark("o", MUTED, False), size, f"group of {size}") for size in some]
    if any(point.known_part for point in asked):
        upright = Path(np.asarray(ARROW.vertices) - (0.0, 0.5), ARROW.codes)
        arrow: dict[str, Any] = {"linestyle": "none", "markersize": 14, "markeredgecolor": MUTED}
        entries.append(Line2D([], [], marker=upright, label="at least", **arrow))
    if ringed:
        ring: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "none", "markeredgecolor": INK}
        entries.append(Line2D([], [], marker="o", markersize=11, label="in the partition", **ring))
    width = figure.get_size_inches()[0]
    figure.legend(
        handles=entries,
        loc="lower center",
        bbox_to_anchor=((LEFT + WIDTH / 2) / width, 0.0),
        ncols=len(entries),
        frameon=False,
        fontsize=TEXT_SIZE,
        handletextpad=0.2,
        columnspacing=1.1,
    )


def _draw_steps(axes: Axes, steps: Sequence[DeltaStep]) -> None:
    right = axes.get_xlim()[1]
    x = [*(step.delta for step in steps), max(right, steps[-1].delta)]
    groups = [step.groups for step in (*steps, steps[-1])]
    at_least = [step.at_least for step in (*steps, steps[-1])]
    if at_least != groups:
        axes.fill_between(x, at_least, groups, step="post", color=BAND, linewidth=0, zorder=1.5, label="not settled")
        axes.legend(loc="upper right", frameon=False, fontsize=TEXT_SIZE)
    axes.step(x, groups, where="post", color=ACCENT, linewidth=2.0, zorder=3)


def _beside(axes: Axes, y: float, label: str) -> None:
    place: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "ha": "left", "va": "center"}
    axes.annotate(label, (1, y), xycoords=axes.get_yaxis_transform(), fontsize=TEXT_SIZE, **place)
