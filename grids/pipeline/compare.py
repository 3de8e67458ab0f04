"""Similarity matrices of runs: read, and compared. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from grids import weights
from grids.errors import GridsError
from grids.io import make_folder, write_text
from grids.pipeline.outputs import write_report
from grids.reports.comparison import Comparison, compare
from grids.results import SimilarityMatrix


def builtin_similarity() -> SimilarityMatrix:
    """Read the similarity matrix that ships with the package.

    Returns:
        S between the paper's eleven degradations, measured on photographs kept for that, with the published settings.

    Raises:
        WeightsError: the file is missing from the installation, or was changed.
        RunError: it cannot be read.
    """
    return SimilarityMatrix.load(weights.builtin(weights.SIMILARITY))


def load_similarity(run: str | Path) -> SimilarityMatrix:
    """Read a similarity matrix.

    Args:
        run: a run folder with a similarity.json, such a file under any name, or "builtin" for the matrix that ships.

    Raises:
        RunError: there is no such file, or it holds no similarity matrix.
        WeightsError: the one that ships is missing, or was changed.
    """
    return builtin_similarity() if str(run) == "builtin" else SimilarityMatrix.load(Path(run))


def compare_runs(runs: Sequence[str | Path], out: str | Path | None = None) -> list[Comparison]:
    """Compare the first run with each of the others.

    Args:
        runs: two or more run folders, similarity.json files, or "builtin".
        out: a folder for comparison.json, heatmaps.png, heatmaps.svg and report.html.

    Returns:
        One comparison for each run but the first.

    Raises:
        GridsError: fewer than two runs, one that cannot be read, or two that share fewer than three degradations.
    """
    if len(runs) < 2:
        raise GridsError(f"comparing needs at least two runs, but got {len(runs)}")
    labelled = list(zip(_labels(runs), (load_similarity(run) for run in runs), strict=True))
    first_label, first = labelled[0]
    found = [compare(first, other, (first_label, label)) for label, other in labelled[1:]]
    if out is not None:
        from grids.reports.html import comparison_report  # matplotlib takes half a second

        folder = make_folder(Path(out))
        records = json.dumps([asdict(comparison) for comparison in found], indent=1)
        write_text(folder / "comparison.json", records + "\n")
        title = "How much do similarity matrices differ?"
        write_report(comparison_report(found, labelled, title=title), folder / "report.html")
    return found


def _labels(runs: Sequence[str | Path]) -> list[str]:
    """The last part of each path, or the whole path where those are not distinct."""
    short = [Path(run).parent.name if Path(run).name == "similarity.json" else Path(run).name for run in runs]
    return short if len(set(short)) == len(runs) and all(short) else [str(run) for run in runs]
