"""The graph of nearest neighbours: its edges against sorting, its boxes apart."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from reports.figures_and_pages import texts
from reports.sample_records import NAMES, eleven, made, random_matrix

from grids.errors import GridsError
from grids.reports.graph import draw_graph, neighbour_graph
from grids.results import SimilarityMatrix


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
