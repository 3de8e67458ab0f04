"""What all figures have in common: the same bytes twice, no text cut off, names drawn as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from reports.figures_and_pages import texts
from reports.sample_records import NAMES, eleven, made, random_matrix

from grids.errors import GridsError
from grids.reports import painting
from grids.reports.graph import draw_graph
from grids.reports.heatmap import dendrogram, heatmap, side_by_side
from grids.reports.painting import figure_bytes
from grids.results import SimilarityMatrix

PAINTERS: dict[str, Callable[[SimilarityMatrix], Figure]] = {
    "heatmap": heatmap,
    "dendrogram": dendrogram,
    "graph": draw_graph,
    "side_by_side": lambda similarity: side_by_side([("one", similarity), ("two", similarity)]),
}
MAP_COLOURS = painting.nearness_map()(np.arange(256))
every_painter = pytest.mark.parametrize("paint", PAINTERS.values(), ids=PAINTERS.keys())


def luminance(colour: Any) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


@every_painter
def test_the_same_bytes_twice_and_no_global_state_left(paint: Callable[[SimilarityMatrix], Figure]) -> None:
    before = dict(matplotlib.rcParams)
    similarity = eleven().subset(NAMES[:6])
    once = [figure_bytes(paint(similarity), kind) for kind in ("png", "svg")]
    with matplotlib.rc_context({"font.size": 20, "text.color": "red", "svg.fonttype": "none"}):
        again = paint(similarity)
        assert [figure_bytes(again, kind) for kind in ("png", "svg")] == once
    assert dict(matplotlib.rcParams) == before
    assert once[0].startswith(b"\x89PNG") and b"Software" not in once[0]
    assert b"dc:date" not in once[1] and matplotlib.__version__.encode() not in once[1]


@every_painter
@pytest.mark.parametrize("count", [1, 2, 3, 11, 30])
def test_no_text_is_cut_off(paint: Callable[[SimilarityMatrix], Figure], count: int) -> None:
    figure = paint(eleven() if count == 11 else random_matrix(count))
    with painting.style():
        drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -1e-6 and drawn.y0 >= -1e-6
    assert drawn.x1 <= width + 1e-6 and drawn.y1 <= height + 1e-6


@every_painter
def test_hostile_names_are_drawn_as_they_are(paint: Callable[[SimilarityMatrix], Figure]) -> None:
    names = ["$\\frac$ $x$", "<script>", "a\nb\x00", "x" * 200]
    figure = paint(made(names, np.eye(4)))
    assert figure_bytes(figure, "svg").startswith(b"<?xml")
    drawn = {text.get_text() for text, _ in texts(figure)}
    assert "$\\frac$ $x$" in drawn and "<script>" in drawn
    assert any(text.startswith("xxx") and text.endswith("\N{HORIZONTAL ELLIPSIS}") for text in drawn)


@every_painter
def test_no_degradations_is_an_error(paint: Callable[[SimilarityMatrix], Figure]) -> None:
    with pytest.raises(GridsError, match="no degradations"):
        paint(SimilarityMatrix((), np.zeros((0, 0))))


def test_figure_bytes_refuses_other_kinds() -> None:
    with pytest.raises(GridsError, match="pdf"):
        figure_bytes(Figure(), "pdf")  # type: ignore[arg-type]


def test_the_colour_map_is_uniform_and_dark_where_alike() -> None:
    lightness = np.array([116 * luminance(c) ** (1 / 3) - 16 for c in MAP_COLOURS])
    assert lightness[0] < 20 and lightness[-1] > 90
    steps = np.diff(lightness)
    assert steps.min() > 0.8 * steps.mean() and steps.max() < 1.2 * steps.mean()
    assert min(painting.contrast(painting.readable_on(c), c) for c in MAP_COLOURS) >= 4.5


def test_an_svg_loads_nothing(similarity: SimilarityMatrix) -> None:
    svg = figure_bytes(heatmap(similarity), "svg").decode()
    assert not re.search(r'(href|src)="(?!#|data:)', svg)
