"""The files that a run folder shows of a similarity matrix or a grouping. Nothing here imports torch."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from grids.errors import GridsError, unknown_name
from grids.images import Skipped
from grids.io import make_folder, write_bytes, write_text
from grids.reports.text import counted
from grids.results import DeltaStep, Grouping, SimilarityMatrix, TrainingReport, Trial

if TYPE_CHECKING:
    from grids.reports.html import Report

Order = Literal["cluster", "paper"]
ORDERS = get_args(Order)


def write_similarity(
    similarity: SimilarityMatrix,
    out: str | Path,
    *,
    order: Order = "cluster",
    pictures: Mapping[str, bytes] | None = None,
    skipped: Sequence[Skipped] = (),
) -> dict[str, Path]:
    """Write everything that a run folder shows.

    Args:
        similarity: what was measured.
        out: the run folder, made if needed.
        order: of the heatmap: "cluster" (alike ones together) or "paper" (as the degradations were given).
        pictures: caption -> PNG bytes, for the page.
        skipped: the images that were left out, for the page.

    Returns:
        The files by name: similarity.json, similarity.csv, heatmap.png, heatmap.svg, dendrogram.png, dendrogram.svg,
        graph.png, graph.svg, report.html.

    Raises:
        GridsError: the order is unknown, or a file cannot be written.
    """
    from grids.reports.html import similarity_report  # matplotlib takes half a second

    if order not in ORDERS:
        raise unknown_name("order", order, ORDERS)
    folder = make_folder(Path(out))
    names = None if order == "cluster" else similarity.degradations
    written = {
        "similarity.json": similarity.save(folder / "similarity.json"),
        "similarity.csv": write_text(folder / "similarity.csv", similarity.to_csv()),
    }
    report = similarity_report(
        similarity,
        title=f"How alike are {len(similarity)} degradations?",
        order=names,
        pictures=pictures,
        skipped=[(str(bad.path), bad.reason) for bad in skipped],
    )
    return written | write_report(report, folder / "report.html")


def write_grouping(
    grouping: Grouping,
    similarity: SimilarityMatrix,
    out: str | Path,
    *,
    steps: Sequence[DeltaStep] = (),
    others: Sequence[Trial] = (),
    training: TrainingReport | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> dict[str, Path]:
    """Write what a run folder shows of a grouping.

    Args:
        grouping: what was found.
        similarity: S between its degradations, for the graph.
        out: the run folder, made if needed.
        steps: the number of groups over delta (`grids.search.groups_over_delta`), for the page and a figure.
        others: groups with an answer that was not asked for, for the picture of drops.
        training, pictures: the restorers behind the drops, for the page; see `grouping_report`.

    Returns:
        The files by name: groups.json, partition.png, partition.svg, drops.png, drops.svg, with steps delta.png and
        delta.svg, with trainings curves.png and curves.svg, and report.html (groups.html in the folder of a similarity
        run, whose page stays).

    Raises:
        GridsError: a file cannot be written.
    """
    from grids.reports.html import grouping_report  # matplotlib takes half a second

    folder = make_folder(Path(out))
    title = f"{counted(len(grouping), 'group')} for {counted(len(similarity), 'degradation')}"
    report = grouping_report(
        grouping, similarity, title=title, steps=steps, others=others, training=training, pictures=pictures
    )
    written = {"groups.json": grouping.save(folder / "groups.json")}
    return written | write_report(report, report_file(folder))


def stored_grouping(folder: Path) -> Grouping | None:
    """Read the grouping that a run folder holds, if there is one.

    Args:
        folder: the run folder; it need not exist.

    Returns:
        The content of its groups.json; None where that is missing or cannot be read.
    """
    try:
        return Grouping.load(folder)
    except GridsError:
        return None


def replaced_text(before: Grouping | None, now: Grouping) -> str:
    """Say in which settings a new grouping differs from the one that its folder held before.

    Args:
        before: the earlier grouping; None where there was none.
        now: the new one.

    Returns:
        A sentence with the old and the new value of each setting; empty where nothing differs.
    """
    if before is None:
        return ""
    sides = [
        {
            "delta": f"{one.delta:g} dB",
            "deltas of single degradations": dict(one.delta_for) or "none",
            "method": one.method,
            "degradations": "+".join(sorted(one.degradations)),
            "drops": textwrap.shorten(str(one.settings.get("source")), 40, placeholder=" ..."),
            "similarity": one.settings.get("similarity"),
        }
        for one in (before, now)
    ]
    changes = [f"{name} {value}, now {sides[1][name]}" for name, value in sides[0].items() if value != sides[1][name]]
    return f"replaces groups of other settings: {'; '.join(changes)}" if changes else ""


def write_report(report: Report, page: Path) -> dict[str, Path]:
    """Write a page and, beside it, its figures as NAME.png and NAME.svg; files of these names are replaced.

    Args:
        report: the page and its figures.
        page: the file of the page.

    Returns:
        The files by name, the page last.

    Raises:
        RunError: a file cannot be written.
    """
    written = {}
    for name, figure in report.figures.items():
        written[f"{name}.png"] = write_bytes(page.with_name(f"{name}.png"), figure.png)
        written[f"{name}.svg"] = write_bytes(page.with_name(f"{name}.svg"), figure.svg)
    return written | {page.name: write_text(page, report.page)}


def report_file(folder: Path) -> Path:
    """The file for the page of a grouping in a run folder.

    Args:
        folder: the run folder.

    Returns:
        report.html; groups.html in the folder of a similarity matrix, whose own page is report.html.
    """
    return folder / ("groups.html" if (folder / "similarity.json").exists() else "report.html")
