"""The nearest neighbours of every degradation as a graph, laid out so that distances on paper follow S."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from grids.errors import GridsError
from grids.reports.colors import SCALE_TITLE, nearness_map, scale
from grids.reports.painting import INK, MUTED, axes_at, color_bar, fitted, painted, text_inches
from grids.reports.partition import HALO, Look, draw_shapes, draw_tags, room_for_tags, tagged_groups
from grids.reports.text import shown
from grids.results import FloatArray, SimilarityMatrix

NAME_SIZE = 9.5  # points
NAME_WIDTH, PAD, GAP, MARGIN = 2.4, 0.09, 0.16, 0.2  # inches
INCHES_PER_S = 1.05
SMALLEST_S = 0.1  # so that equal degradations do not fall on one point


def neighbour_graph(similarity: SimilarityMatrix, neighbours: int = 2) -> nx.Graph:
    """Join each degradation to its nearest others, as an undirected graph.

    Args:
        similarity: S between the degradations.
        neighbours: how many others each is joined to, at least 1; all of them where there are no more. A degradation
            has more edges where others choose it. Of equal S, the one that comes first in the matrix is chosen.

    Returns:
        A graph whose nodes are the names, in the order of the matrix; "weight" of an edge is S (small = alike).

    Raises:
        GridsError: neighbours < 1.

    Example:
        >>> from grids.results import SimilarityMatrix
        >>> s = SimilarityMatrix(("blur", "jpeg", "noise"), [[0, 1, 3], [1, 0, 2], [3, 2, 0]])
        >>> sorted(neighbour_graph(s, 1).edges(data="weight"))
        [('blur', 'jpeg', 1.0), ('jpeg', 'noise', 2.0)]
    """
    if neighbours < 1:
        raise GridsError(f"a neighbour graph needs at least 1 neighbour, but was asked for {neighbours}")
    graph = nx.Graph()
    graph.add_nodes_from(similarity.degradations)
    for i, name in enumerate(similarity.degradations):
        nearest = [j for j in np.argsort(similarity.matrix[i], kind="stable") if j != i][:neighbours]
        for j in nearest:
            graph.add_edge(name, similarity.degradations[j], weight=float(similarity.matrix[i, j]))
    return graph


@painted
def draw_graph(
    similarity: SimilarityMatrix,
    neighbours: int = 2,
    groups: Sequence[Sequence[str]] | None = None,
    ids: Sequence[str] | None = None,
) -> Figure:
    """Draw `neighbour_graph`: a box for each name, and thick dark edges between those that are alike.

    Boxes are placed by all of S, not only by the edges that are drawn (Kamada and Kawai, 1989), and then moved apart
    until none overlap. Names wider than 2.4 inches are cut. The same input gives the same figure.

    Args:
        similarity: any number of degradations from one.
        neighbours: how many edges each degradation has at least.
        groups: a partition of the degradations; the boxes of a group get its colour, and a soft shape joins them.
        ids: what the groups are called; "C1", "C2", ... if None.

    Raises:
        GridsError: there are no degradations, neighbours < 1, or the groups are not a partition with an id for each.
    """
    if len(similarity) == 0:
        raise GridsError("there are no degradations to draw")
    tagged = () if groups is None else tagged_groups(similarity.degradations, groups, ids)
    graph = neighbour_graph(similarity, neighbours)
    labels = [fitted(shown(name), NAME_SIZE, NAME_WIDTH) for name in similarity.degradations]
    boxes = np.array([text_inches(label, NAME_SIZE) for label in labels]) + 2 * PAD
    tag_width, tag_height = room_for_tags(tagged)
    spaced = np.maximum(boxes, (tag_width, 0.0)) + GAP + (0.0, tag_height)
    centres = _pushed_apart(_layout(similarity), spaced)
    margin = MARGIN + (HALO + tag_height if tagged else 0.0)
    low, high = (centres - boxes / 2).min(axis=0) - margin, (centres + boxes / 2).max(axis=0) + margin
    figure, axes = _canvas(low, high, graph)
    draw_shapes(axes, tagged, centres, boxes)
    _draw_edges(axes, graph, dict(zip(similarity.degradations, centres, strict=True)))
    looks = {row: group.look for group in tagged for row in group.rows}
    for row, label in enumerate(labels):
        _draw_name(axes, label, centres[row], looks.get(row))
    draw_tags(axes, tagged, centres, boxes)
    return figure


def _canvas(low: FloatArray, high: FloatArray, graph: nx.Graph) -> tuple[Figure, Axes]:
    # axes with one unit to the inch, and the legend under them
    legend = 0.75 if graph.number_of_edges() else 0.0
    width, height = max(high[0] - low[0], 3.0), high[1] - low[1]
    figure = Figure(figsize=(width, height + legend))
    axes = axes_at(figure, 0, legend, width, height)
    middle = (low[0] + high[0]) / 2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.set_ylim(low[1], high[1])
    axes.set_axis_off()
    if legend:
        bar = axes_at(figure, width / 2 - 1.1, 0.5, 2.2, 0.11)
        color_bar(bar, _edge_scale(graph), _edge_map(), f"{SCALE_TITLE} of an edge", 8.5, orientation="horizontal")
    return figure, axes


def _layout(similarity: SimilarityMatrix) -> FloatArray:
    # Kamada and Kawai (1989) on all of S, not only on the edges drawn; (n, 2) in inches, its longest side level
    names = similarity.degradations
    if len(names) == 1:
        return np.zeros((1, 2))
    wanted = np.maximum(similarity.matrix, SMALLEST_S) * (1 - np.eye(len(names)))
    if len(names) == 2:
        return np.array([[0.0, 0.0], [max(wanted[0, 1], 1.5) * INCHES_PER_S, 0.0]])
    distances = {a: dict(zip(names, row.tolist(), strict=True)) for a, row in zip(names, wanted, strict=True)}
    found = nx.kamada_kawai_layout(nx.complete_graph(names), dist=distances, scale=1)
    points = np.array([found[name] for name in names])
    points -= points.mean(axis=0)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    points = points @ (axes * np.where(axes.sum(axis=1, keepdims=True) < 0, -1, 1)).T
    pairs = list(itertools.combinations(range(len(names)), 2))
    drawn = np.array([np.linalg.norm(points[i] - points[j]) for i, j in pairs])
    target = np.array([wanted[i, j] for i, j in pairs])
    fit = float(drawn @ target / (drawn @ drawn))
    room = max(1.0, float(np.sqrt(len(names) / 16)))
    return np.asarray(points * INCHES_PER_S * fit * room)


def _pushed_apart(centres: FloatArray, boxes: FloatArray, rounds: int = 500) -> FloatArray:
    """Move boxes (n, 2: width and height) until none overlap, each pair along the axis that needs the shorter way."""
    centres = centres.copy()
    for _ in range(rounds):
        overlaps = (boxes[:, None] + boxes) / 2 - np.abs(centres[:, None] - centres)
        touching = np.argwhere(np.triu(np.all(overlaps > 1e-6, axis=-1), 1))
        if len(touching) == 0:
            break
        for i, j in touching:
            apart = centres[j] - centres[i]
            overlap = (boxes[i] + boxes[j]) / 2 - np.abs(apart)
            k = int(overlap.argmin())
            step = (max(overlap[k], 0.0) / 2 + 1e-6) * (1 if apart[k] >= 0 else -1)
            centres[i, k] -= step
            centres[j, k] += step
    return centres


def _edge_scale(graph: nx.Graph) -> Normalize:
    return scale(np.array([weight for _, _, weight in graph.edges(data="weight")]))


def _edge_map() -> LinearSegmentedColormap:
    # the pale end of the heatmap's map would not show as a line on white
    return LinearSegmentedColormap.from_list("edges", nearness_map()(np.linspace(0, 0.78, 64)))


def _draw_edges(axes: Axes, graph: nx.Graph, places: dict[str, FloatArray]) -> None:
    if not graph.number_of_edges():
        return
    norm, colours = _edge_scale(graph), _edge_map()
    for a, b, weight in sorted(graph.edges(data="weight"), key=lambda edge: (-edge[2], edge[0], edge[1])):
        far = float(norm(weight))
        line = np.stack([places[a], places[b]])
        axes.plot(*line.T, color=colours(far), linewidth=5.0 - 4.0 * far, solid_capstyle="butt", zorder=1)


def _draw_name(axes: Axes, label: str, centre: FloatArray, look: Look | None) -> None:
    frame: dict[str, Any] = {
        "boxstyle": f"round,pad={PAD * 72 / NAME_SIZE:.3f}",
        "facecolor": "white",
        "edgecolor": MUTED,
    }
    if look is not None:
        frame |= {"facecolor": look.tint, "edgecolor": look.colour, "linestyle": look.outline}
    axes.text(
        centre[0],
        centre[1],
        label,
        ha="center",
        va="center",
        fontsize=NAME_SIZE,
        color=INK,
        parse_math=False,
        bbox={**frame, "linewidth": 0.8 if look is None else 1.2},
        zorder=2,
    )
