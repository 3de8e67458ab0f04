from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from reports.samples import NAMES, eleven, made, random_matrix

from grids.errors import GridsError
from grids.reports import colors, painting
from grids.reports.graph import draw_graph, neighbour_graph
from grids.reports.heatmap import dendrogram, heatmap, side_by_side
from grids.reports.painting import figure_bytes
from grids.results import SimilarityMatrix

PAINTERS: dict[str, Callable[[SimilarityMatrix], Figure]] = {
    "heatmap": heatmap,
    "dendrogram": dendrogram,
    "graph": draw_graph,
    "side_by_side": lambda similarity: side_by_side([("one", similarity), ("two", similarity)]),
}
MAP_COLOURS = colors.nearness_map()(np.arange(256))
every_painter = pytest.mark.parametrize("paint", PAINTERS.values(), ids=PAINTERS.keys())


def texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    with painting.style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        found = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        return [(text, text.get_window_extent(canvas.get_renderer())) for text in found]


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


def test_heatmap_writes_every_value_in_its_square_in_the_order_given(similarity: SimilarityMatrix) -> None:
    order = list(reversed(NAMES))
    axes = heatmap(similarity, order).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [name.replace("_", " ") for name in order]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    expected = similarity.subset(order).matrix
    assert written == {(i, j): f"{expected[i, j]:.2f}" for i, j in itertools.permutations(range(11), 2)}


def test_annotations_are_readable_on_their_square(similarity: SimilarityMatrix) -> None:
    axes = heatmap(similarity).axes[0]
    mesh = axes.collections[0]
    faces = mesh.to_rgba(np.ma.asarray(mesh.get_array())).reshape(11, 11, 4)
    assert len(axes.texts) == 110
    for text in axes.texts:
        x, y = text.get_position()
        dark, light = sorted((luminance(text.get_color()), luminance(faces[int(y), int(x)])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_colour_map_is_uniform_and_dark_where_alike() -> None:
    lightness = np.array([116 * luminance(c) ** (1 / 3) - 16 for c in MAP_COLOURS])
    assert lightness[0] < 20 and lightness[-1] > 90
    steps = np.diff(lightness)
    assert steps.min() > 0.8 * steps.mean() and steps.max() < 1.2 * steps.mean()
    assert min(colors.contrast(colors.readable_on(c), c) for c in MAP_COLOURS) >= 4.5


def test_side_by_side_shares_order_and_colours() -> None:
    runs = [("paper", eleven()), ("ours", eleven(3).subset(NAMES[2:])), ("third", eleven(4))]
    *panels, bar = side_by_side(runs).axes
    assert [axes.get_title() for axes in panels] == ["paper", "ours", "third"]
    assert len({(axes.collections[0].norm.vmin, axes.collections[0].norm.vmax) for axes in panels}) == 1
    assert [len(axes.texts) for axes in panels] == [72, 72, 72]
    assert bar.get_ylabel() == "S (small = alike)"


def test_side_by_side_makes_a_grid_past_four_and_needs_something_in_common() -> None:
    wide, grid = (side_by_side([("x", random_matrix(3))] * k).get_size_inches() for k in (4, 5))
    assert grid[0] < wide[0] and grid[1] > wide[1]
    with pytest.raises(GridsError):
        side_by_side([])
    with pytest.raises(GridsError):
        side_by_side([("a", random_matrix(3)), ("b", eleven())])


def test_dendrogram_writes_the_heights_of_all_merges() -> None:
    similarity = random_matrix(3)
    (s, a, b), *_ = similarity.pairs()
    (rest,) = set(similarity.degradations) - {a, b}
    top = (similarity.distance(a, rest) + similarity.distance(b, rest)) / 2
    assert sorted(t.get_text() for t in dendrogram(similarity).axes[0].texts) == sorted([f"{s:.2f}", f"{top:.2f}"])


@pytest.mark.parametrize("neighbours", [1, 2, 5])
def test_neighbour_graph_against_sorting(similarity: SimilarityMatrix, neighbours: int) -> None:
    graph = neighbour_graph(similarity, neighbours)
    expected = {
        frozenset((name, other))
        for name in NAMES
        for other in sorted(set(NAMES) - {name}, key=lambda o: similarity.distance(name, o))[:neighbours]
    }
    assert {frozenset(edge) for edge in graph.edges} == expected
    assert all(weight == similarity.distance(a, b) for a, b, weight in graph.edges(data="weight"))


def test_neighbour_graph_of_few() -> None:
    assert nx.number_of_edges(neighbour_graph(random_matrix(1))) == 0
    assert nx.number_of_edges(neighbour_graph(random_matrix(2))) == 1
    with pytest.raises(GridsError, match="at least 1"):
        neighbour_graph(random_matrix(2), 0)


@pytest.mark.parametrize("similarity", [eleven(), random_matrix(30), made(list("abcdef"), np.zeros((6, 2)))])
def test_boxes_of_the_graph_do_not_overlap(similarity: SimilarityMatrix) -> None:
    names = {name.replace("_", " ") for name in similarity.degradations}
    boxes = [box for text, box in texts(draw_graph(similarity)) if text.get_text() in names]
    assert len(boxes) == len(names)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_near_edges_are_thicker(similarity: SimilarityMatrix) -> None:
    lines = draw_graph(similarity).axes[0].lines
    widths = [line.get_linewidth() for line in lines]
    assert widths == sorted(widths) and widths[0] < widths[-1]  # drawn from the farthest to the nearest


def test_an_svg_loads_nothing(similarity: SimilarityMatrix) -> None:
    svg = figure_bytes(heatmap(similarity), "svg").decode()
    assert not re.search(r'(href|src)="(?!#|data:)', svg)
