"""A run, or runs compared, as one HTML file that needs nothing beside it (no network, no scripts), and its figures."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from grids.errors import GridsError
from grids.reports import grouping_text, training_text
from grids.reports.comparison import Comparison, correlation_text
from grids.reports.curves import drop_bars, learning_curves
from grids.reports.drops import drop_against_distance, groups_over_delta
from grids.reports.graph import draw_graph
from grids.reports.grouping import TRIALS_FIRST, members, shown_trials
from grids.reports.heatmap import dendrogram, heatmap, side_by_side
from grids.reports.painting import Drawing
from grids.reports.selection import Shown
from grids.reports.selection_words import gain_text, likely_text, verdict_text
from grids.reports.tables import closest_and_farthest, cluster_order
from grids.reports.text import counted, decibels, shown, visible
from grids.reports.training import any_drop, restorer_table
from grids.results import DeltaStep, Grouping, SimilarityMatrix, TrainingReport, Trial

SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
PAIRS_SHOWN, CHANGES_SHOWN, PARTITIONS_SHOWN = 5, 15, 20


class Report(NamedTuple):
    """A page, and its figures.

    Args:
        page: a whole HTML document that needs no other file; every name, file name and note is escaped.
        figures: by name, those figures of the page that are files of their own, too; each is drawn once.
    """

    page: str
    figures: Mapping[str, Drawing]


def similarity_report(
    similarity: SimilarityMatrix,
    *,
    title: str,
    order: Sequence[str] | None = None,
    pictures: Mapping[str, bytes] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
) -> Report:
    """Make the report of one similarity matrix.

    Args:
        similarity: what was measured.
        title: the heading, plain text.
        order: of the rows; like beside like if None.
        pictures: caption -> bytes of a PNG or JPEG, shown in this order (such as a contact sheet "examples").
        skipped: (file, reason) for each image that was left out.

    Returns:
        The page, and the figures "heatmap", "dendrogram" and "graph". Nothing is written.

    Raises:
        GridsError: there are no degradations, `order` names an unknown one, or a picture is neither PNG nor JPEG.
    """
    clustered = order is None
    order = cluster_order(similarity)[0] if order is None else order
    figures = {
        "heatmap": Drawing(heatmap(similarity, order)),
        "dendrogram": Drawing(dendrogram(similarity)),
        "graph": Drawing(draw_graph(similarity)),
    }
    page = _render(
        "similarity.html.j2",
        title=title,
        similarity=similarity,
        ordered=similarity.subset(tuple(order)),
        clustered=clustered,
        **{name: _svg(figure) for name, figure in figures.items()},
        extremes=closest_and_farthest(similarity, PAIRS_SHOWN),
        pictures={caption: _picture(caption, data) for caption, data in (pictures or {}).items()},
        skipped=skipped,
    )
    return Report(page, figures)


def comparison_report(
    comparisons: Sequence[Comparison],
    runs: Sequence[tuple[str, SimilarityMatrix]],
    *,
    title: str,
) -> Report:
    """Make the report of runs compared: all matrices on one colour scale, then each comparison.

    Args:
        comparisons: from `comparison.compare`, in the order to show them.
        runs: (label, matrix) of every run, for the picture; the first one sets the order.
        title: as for `similarity_report`.

    Returns:
        The page, and the figure "heatmaps". Nothing is written.

    Raises:
        GridsError: there are no runs, or they share no degradation.
    """
    heatmaps = Drawing(side_by_side(runs))
    page = _render(
        "comparison.html.j2",
        title=title,
        runs=runs,
        comparisons=comparisons,
        heatmaps=_svg(heatmaps),
        changes_shown=CHANGES_SHOWN,
    )
    return Report(page, {"heatmaps": heatmaps})


def grouping_report(
    grouping: Grouping,
    similarity: SimilarityMatrix,
    *,
    title: str,
    steps: Sequence[DeltaStep] = (),
    others: Sequence[Trial] = (),
    training: TrainingReport | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Report:
    """Make the report of a grouping: the groups with their drops, how sure they are, and the search that found them.

    Args:
        grouping: what was found; a "source" among its settings is told under the heading.
        similarity: the matrix that it was found with; it may hold further degradations.
        steps: how many groups each delta takes, by rising delta.
        others: groups with an answer that was not asked for, for the picture of drops.
        training: the restorers behind the drops, where they were trained.
        pictures: caption -> bytes of a PNG or JPEG, shown in this order as "before and after".
        title: as for `similarity_report`.

    Returns:
        The page, and the figures "partition" and "drops", with steps "delta", with trainings "curves". Nothing is
        written.

    Raises:
        GridsError: the matrix lacks a degradation of the grouping, or a picture is neither PNG nor JPEG.
    """
    for name in grouping.degradations:
        similarity.index(name)
    held = similarity.subset([name for name in similarity.degradations if name in grouping.degradations])
    trials, left_out = shown_trials(grouping.trials)
    graph = draw_graph(held, groups=grouping.partition, ids=[group.id for group in grouping.groups])
    figures = {"partition": Drawing(graph), "drops": Drawing(drop_against_distance(grouping, others))}
    if steps:
        figures["delta"] = Drawing(groups_over_delta(steps, grouping.delta))
    if training is not None:
        figures["curves"] = Drawing(learning_curves(training))
    page = _render(
        "grouping.html.j2",
        title=title,
        grouping=grouping,
        graph=_svg(figures["partition"]),
        groups=[(group, members(grouping, group)) for group in grouping.groups],
        certificate=grouping_text.certificate_text(grouping),
        answers=grouping_text.answers_text(grouping),
        trials=trials,
        left_out=left_out,
        first_shown=TRIALS_FIRST,
        ids={group.degradations: group.id for group in grouping.groups},
        drops=_svg(figures["drops"]),
        steps=_svg(figures["delta"]) if steps else "",
        partitions_shown=PARTITIONS_SHOWN,
        restorers=_restorers(training, pictures, figures.get("curves"), grouping),
    )
    return Report(page, figures)


def training_report(
    report: TrainingReport,
    *,
    title: str,
    pictures: Mapping[str, bytes] | None = None,
) -> Report:
    """Make the report of trainings without a search: what the restorers reach, learning curves, before and after.

    Args:
        report: of the trainings.
        pictures: as for `grouping_report`.
        title: as for `similarity_report`.

    Returns:
        The page, and the figure "curves". Nothing is written.

    Raises:
        GridsError: a picture is neither PNG nor JPEG.
    """
    curves = Drawing(learning_curves(report))
    page = _render("training.html.j2", title=title, report=report, restorers=_restorers(report, pictures, curves, None))
    return Report(page, {"curves": curves})


def restoring_page(rows: Sequence[Shown], *, title: str, skipped: Sequence[tuple[str, str]] = ()) -> str:
    """Make the report of restored images: what was found on each, what was done, before and after.

    Args:
        rows: the images, in the order to show them.
        title, skipped: as for `similarity_report`.

    Returns:
        A whole HTML document, its pictures included. Nothing is written.

    Raises:
        GridsError: a picture is neither PNG nor JPEG.
    """
    pictures = [_picture(row.source, row.sheet) for row in rows if row.sheet]
    return _render("restoring.html.j2", title=title, rows=rows, pictures=pictures, skipped=skipped)


def _restorers(
    report: TrainingReport | None,
    pictures: Mapping[str, bytes] | None,
    curves: Drawing | None,
    grouping: Grouping | None,
) -> dict[str, Any]:
    """What restorers.html.j2 shows; parts that are not there are empty."""
    shows = {
        "pictures": {caption: _picture(caption, data) for caption, data in (pictures or {}).items()},
        "table": None,
    }
    if report is None or curves is None:
        return shows
    delta, limits = (None, None) if grouping is None else (grouping.delta, grouping.limits)
    table = restorer_table(report)
    return shows | {
        "table": table,
        "head": training_text.head_lines(report),
        "rest": training_text.rest_lines(report),
        "drops": _svg(Drawing(drop_bars(report, delta, limits))) if any_drop(report) else "",
        "delta_drawn": delta is not None,
        "curves": _svg(curves),
    }


@cache
def _environment() -> Environment:
    # autoescape by file suffix would not know .j2
    environment = Environment(
        loader=PackageLoader("grids.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        shown=shown,
        correlation=correlation_text,
        value=_value_text,
        counted=counted,
        decibels=decibels,
        group=grouping_text.shown_group,
        served_by=grouping_text.served_by,
        worst=grouping_text.worst_text,
        worst_drop=grouping_text.worst_drop_text,
        why=grouping_text.why_text,
        verdict=verdict_text,
        gain=gain_text,
        likely=likely_text,
    )
    return environment


def _render(template: str, **content: Any) -> str:
    """The page of a template; no control character of a name gets into it."""
    return visible(_environment().get_template(template).render(**content))


def _svg(figure: Drawing) -> str:
    # an image, not inline: its ids cannot clash with another figure's, and it takes an alt text
    return "data:image/svg+xml;base64," + base64.b64encode(figure.svg).decode("ascii")


def _picture(caption: str, data: bytes) -> str:
    kind = next((kind for signature, kind in SIGNATURES.items() if data.startswith(signature)), None)
    if kind is None:
        raise GridsError(f"the picture '{caption}' of a report must be a PNG or JPEG file")
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def _value_text(value: Any) -> str:
    """A setting as a person reads it: text as it is, but of a checksum the begin, all else as JSON."""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"{value[:12]}…"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
