"""Trainings as pictures: PSNR over the share of the steps, and what each task loses. Sizes are in inches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from grids.reports.colors import readable_on
from grids.reports.painting import INK, MUTED, axes_at, fitted, label_above, painted, set_scale, text_inches, widest
from grids.reports.partition import PALETTE, Look, look_of
from grids.reports.text import decibels, shown
from grids.reports.training import Row, group_ids, restorer_rows, unsettled
from grids.results import TrainingReport, TrainingRun

PANEL, GAP_X, GAP_Y = (1.75, 1.15), 0.5, 0.42
LEFT, RIGHT, BOTTOM, TOP = 0.75, 0.15, 0.85, 0.3
TITLE_SIZE, TEXT_SIZE, SMALL = 8.5, 8.5, 7.0  # points
LEAST_SPAN = 0.5  # dB: a smaller range of values does not fill a panel, or noise would look like learning
BAR_WIDTH, ROW, NAMES_WIDTH, TAG_ROOM = 5.2, 0.27, 2.2, 0.55
MIX_COLOUR = "#b4bcc5"


class Line(NamedTuple):
    """How the curve of one kind of restorer is drawn.

    Args:
        colour: a colour of matplotlib's, such as "#1f2933".
        marker: a marker of matplotlib's, such as "o".
        dashes: a line style of matplotlib's: "-", or (offset, (on, off)) in points.
    """

    colour: str
    marker: str
    dashes: Any


ALONE, MIX = Line(INK, "o", "-"), Line(MUTED, "^", (0, (4, 2)))


@painted
def learning_curves(report: TrainingReport) -> Figure:
    """Draw what restorers gain over the degraded input while they are trained, with a panel for each task.

    A panel shows up to three lines: the restorer for the task alone, that of its group in the group's colour, and the
    one for all tasks. Each panel has its own scale in dB; the horizontal axis is the share of the steps. Where a
    single-task restorer still gained 0.1 dB or more over the last doubling of its steps, the panel says how much.

    Args:
        report: of the trainings. Only those with the first seed are drawn; a task without any says "not trained".

    Returns:
        A figure with 4 panels in a row at most, or 6 where there are more than 16 tasks.
    """
    tasks = report.tasks
    across = min(max(len(tasks), 1), 4 if len(tasks) <= 16 else 6)
    down = max(math.ceil(len(tasks) / across), 1)
    width = LEFT + across * PANEL[0] + (across - 1) * GAP_X + RIGHT
    height = TOP + down * PANEL[1] + (down - 1) * GAP_Y + BOTTOM
    figure = Figure(figsize=(max(width, 4.6), height))
    ids, looks, late = group_ids(report), _looks(report), unsettled(report)
    shares = sorted({round(100 * report.share(run, p.step)) for run in report.runs for p in run.curve}) or [100]
    air = 0.08 * max(shares[-1] - shares[0], 1)
    for k, task in enumerate(tasks):
        left = LEFT + k % across * (PANEL[0] + GAP_X)
        bottom = BOTTOM + (down - 1 - k // across) * (PANEL[1] + GAP_Y)
        axes = axes_at(figure, left, bottom, *PANEL)
        axes.set_xlim(shares[0] - air, shares[-1] + air)
        axes.xaxis.set_major_locator(FixedLocator(shares) if len(shares) <= 3 else MaxNLocator(nbins=3, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g} %"))
        axes.tick_params(labelsize=SMALL, labelbottom=k + across >= len(tasks))
        _panel(axes, report, task, looks.get(task), 0.2 if task in late else 0.0)
        _title(axes, task, ids.get(task), looks.get(task))
        if task in late:
            place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom"}
            axes.text(0.99, 0.03, f"last doubling +{late[task]:.2f} dB", fontsize=SMALL, **place)
    _curve_labels(figure, report, LEFT + (across * (PANEL[0] + GAP_X) - GAP_X) / 2)
    return figure


@painted
def drop_bars(
    report: TrainingReport, delta: float | None = None, delta_for: Mapping[str, float] | None = None
) -> Figure:
    """Draw what each task loses against the restorer for it alone: in its group, and in the mix of all tasks.

    A drop that is not known, or not finite, has no bar. Where none is known the figure says so.

    Args:
        report: of the trainings; tasks stand group by group.
        delta: the largest drop that was allowed, dB, drawn as a dashed line; None for no line.
        delta_for: tasks with a delta of their own, dB; the line makes a step there. It needs `delta`.

    Returns:
        A figure with a row for each task.
    """
    rows, looks = _by_group(report), _looks(report)
    names = [fitted(shown(row.task), TEXT_SIZE, NAMES_WIDTH) for row in rows]
    left, height = widest(names, TEXT_SIZE) + 0.25, max(len(rows), 1) * ROW
    figure = Figure(figsize=(left + BAR_WIDTH + TAG_ROOM, 0.4 + height + 0.9))
    axes = axes_at(figure, left, 0.9, BAR_WIDTH, height)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks(range(len(rows)), names, parse_math=False, fontsize=TEXT_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlabel("drop against the restorer for the task alone, dB")
    own = {} if delta is None else {row.task: (delta_for or {}).get(row.task, delta) for row in rows}
    drops = [drop for row in rows for drop in (row.drop, row.mix_drop) if drop is not None and math.isfinite(drop)]
    ends = [0.0, *drops, *own.values()]
    set_scale(axes, "x", min(ends), max(ends), 0.5 if delta is None else delta)
    axes.axvline(0, color=MUTED, linewidth=0.6, zorder=1)
    if own and delta is not None:
        _delta_line(axes, list(own.values()), delta)
    if not drops:
        axes.text(0.5, 0.5, "no drop is known", transform=axes.transAxes, ha="center", va="center")
        return figure
    for y, row in enumerate(rows):
        _bars(axes, y, row, looks.get(row.task))
    _group_tags(axes, rows, looks)
    _bar_legend(figure, rows, left)
    return figure


def _looks(report: TrainingReport) -> dict[str, Look]:
    return {task: look_of(k) for k, group in enumerate(report.groups) for task in group}


def _panel(axes: Axes, report: TrainingReport, task: str, look: Look | None, below: float) -> None:
    """The lines of a task; `below` them stays a share of the height free."""
    axes.spines[["top", "right"]].set_visible(False)
    group = next((group for group in report.groups if task in group), ())
    drawn: list[tuple[TrainingRun | None, Line]] = []
    if 1 < len(report.tasks) != len(group):
        drawn.append((report.run(report.tasks), MIX))
    if look is not None and len(group) > 1:
        drawn.append((report.run(group), Line(look.colour, "s", "-")))
    drawn.append((report.run((task,)), ALONE))
    gains: list[float] = []
    for run, line in drawn:
        found = [(report.share(run, p.step), p.psnr[task] - report.inputs[task]) for p in run.curve] if run else []
        points = [(100 * share, gain) for share, gain in found if math.isfinite(gain)]
        gains += [gain for _, gain in points]
        axes.plot(
            [share for share, _ in points],
            [gain for _, gain in points],
            color=line.colour,
            marker=line.marker,
            linestyle=line.dashes,
            markersize=4.5 if len(points) <= 8 else 0,
            markeredgecolor="white",
            markeredgewidth=0.4,
            linewidth=1.4,
        )
    if not gains:
        axes.text(0.5, 0.5, "not trained", transform=axes.transAxes, ha="center", fontsize=SMALL, color=MUTED)
        axes.set_yticks([])
        return
    middle, span = (max(gains) + min(gains)) / 2, max(max(gains) - min(gains), LEAST_SPAN)
    axes.set_ylim(middle - (0.62 + below) * span, middle + 0.62 * span)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _title(axes: Axes, task: str, tag: str | None, look: Look | None) -> None:
    room = PANEL[0] - (text_inches(tag, SMALL)[0] + 0.15 if tag else 0.0)
    title: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom", "parse_math": False}
    axes.text(0, 1.05, fitted(shown(task), TITLE_SIZE, room), ha="left", fontsize=TITLE_SIZE, **title)
    if tag and look is not None:
        _tag(axes, 0.98, 1.07, tag, look, transform=axes.transAxes, ha="right", va="bottom")


def _tag(axes: Axes, x: float, y: float, tag: str, look: Look, **place: Any) -> None:
    frame = {"boxstyle": "round,pad=0.25", "facecolor": look.colour, "edgecolor": "none"}
    axes.text(x, y, tag, fontsize=SMALL, color=readable_on(look.colour), bbox=frame, **place)


def _curve_labels(figure: Figure, report: TrainingReport, middle: float) -> None:
    width, height = figure.get_size_inches()
    figure.text(0.14 / width, (BOTTOM + height - TOP) / 2 / height, "gain over the input, dB", rotation=90, va="center")
    figure.text(middle / width, 0.5 / height, "share of the steps", ha="center")
    lines = [(ALONE, "for the task alone (upper bound)")]
    if any(len(group) > 1 for group in report.groups):
        lines.append((Line(PALETTE[0], "s", "-"), "for its group, in the group's colour"))
    if len(report.tasks) > 1 and report.mix:
        lines.append((MIX, "for all tasks (mix)"))
    narrow = width < 2.5 * len(lines)
    figure.legend(
        handles=[Line2D([], [], color=c, marker=m, linestyle=d, label=text, markersize=4) for (c, m, d), text in lines],
        loc="lower center",
        ncols=(2 if width > 4 else 1) if narrow else len(lines),
        frameon=False,
        fontsize=TEXT_SIZE,
    )


def _by_group(report: TrainingReport) -> list[Row]:
    order = [*(task for group in report.groups for task in group), *report.tasks]
    return sorted(restorer_rows(report), key=lambda row: order.index(row.task))


def _bars(axes: Axes, y: int, row: Row, look: Look | None) -> None:
    both = row.drop is not None and row.mix_drop is not None
    bars = ((row.drop, PALETTE[0] if look is None else look.colour, -0.2), (row.mix_drop, MIX_COLOUR, 0.2))
    for drop, colour, offset in bars:
        if drop is None or not math.isfinite(drop):
            continue
        at = y + (offset if both else 0.0)
        axes.barh(at, drop, 0.36 if both else 0.6, color=colour, linewidth=0, zorder=2)
        axes.annotate(
            decibels(drop),
            (drop, at),
            xytext=(2 if drop >= 0 else -2, 0),
            textcoords="offset points",
            ha="left" if drop >= 0 else "right",
            va="center_baseline",
            fontsize=6.0,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.3},
            zorder=4,
        )


def _delta_line(axes: Axes, own: Sequence[float], delta: float) -> None:
    # one line through all rows, with a jog where a task has a delta of its own
    x = np.repeat(own, 2)
    y = np.repeat(np.arange(len(own) + 1) - 0.5, 2)[1:-1]
    axes.plot(x, y, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=3)
    label_above(axes, own[0], f"delta {delta:g} dB" + ("" if set(own) == {delta} else ", or the task's own"), TEXT_SIZE)


def _group_tags(axes: Axes, rows: Sequence[Row], looks: Mapping[str, Look]) -> None:
    # right of the bars, at the middle of the rows of each group, with a line between groups
    for tag, some in groupby(enumerate(rows), key=lambda pair: pair[1].group):
        places = list(some)
        if tag is None:
            continue
        middle = (places[0][0] + places[-1][0]) / 2
        beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center"}
        _tag(axes, 1.03, middle, tag, looks[places[0][1].task], **beside)
        if places[-1][0] < len(rows) - 1:
            axes.axhline(places[-1][0] + 0.5, color=MUTED, linewidth=0.4, alpha=0.5, zorder=0)


def _bar_legend(figure: Figure, rows: Sequence[Row], left: float) -> None:
    grouped = any(row.drop is not None for row in rows)
    entries = [Patch(color=PALETTE[0], label="in its group, in the group's colour")] if grouped else []
    if any(row.mix_drop is not None for row in rows):
        entries.append(Patch(color=MIX_COLOUR, label="in the mix of all tasks"))
    place = ((left + BAR_WIDTH / 2) / figure.get_size_inches()[0], 0.0)
    plain: dict[str, Any] = {"frameon": False, "fontsize": TEXT_SIZE, "ncols": len(entries)}
    figure.legend(handles=entries, loc="lower center", bbox_to_anchor=place, **plain)
