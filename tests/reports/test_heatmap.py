"""Tests."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from reports.sample_records import NAMES, eleven, random_matrix

from grids.errors import GridsError
from grids.reports.heatmap import dendrogram, heatmap, side_by_side
from grids.results import SimilarityMatrix


def luminance(colour: Any) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


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
