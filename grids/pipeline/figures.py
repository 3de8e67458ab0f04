"""Figures as the files of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from grids.io import write_bytes
from grids.reports.painting import figure_bytes


def write_figures(folder: Path, figures: Mapping[str, Figure]) -> dict[str, Path]:
    """Write every figure as NAME.png and NAME.svg; the files by name. Raises RunError."""
    written = {}
    for name, figure in figures.items():
        written[f"{name}.png"] = write_bytes(folder / f"{name}.png", figure_bytes(figure, "png"))
        written[f"{name}.svg"] = write_bytes(folder / f"{name}.svg", figure_bytes(figure, "svg"))
    return written
