"""The files of a similarity run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from grids.errors import unknown_name
from grids.images import Skipped
from grids.io import make_folder, write_text
from grids.pipeline.figures import write_figures
from grids.reports.graph import draw_graph
from grids.reports.heatmap import dendrogram, heatmap
from grids.reports.html import similarity_page
from grids.reports.tables import cluster_order
from grids.results import SimilarityMatrix

ORDERS = ("cluster", "paper")


def write_similarity(
    similarity: SimilarityMatrix,
    out: str | Path,
    *,
    order: str = "cluster",
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
    if order not in ORDERS:
        raise unknown_name("order", order, ORDERS)
    folder = make_folder(Path(out))
    names = None if order == "cluster" else similarity.degradations
    written = {
        "similarity.json": similarity.save(folder / "similarity.json"),
        "similarity.csv": write_text(folder / "similarity.csv", similarity.to_csv()),
    }
    figures = {
        "heatmap": heatmap(similarity, names or cluster_order(similarity)[0]),
        "dendrogram": dendrogram(similarity),
        "graph": draw_graph(similarity),
    }
    written |= write_figures(folder, figures)
    page = similarity_page(
        similarity,
        title=f"How alike are {len(similarity)} degradations?",
        order=names,
        pictures=pictures,
        skipped=[(str(bad.path), bad.reason) for bad in skipped],
    )
    return written | {"report.html": write_text(folder / "report.html", page)}
