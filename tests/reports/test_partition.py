"""The figure of a partition: colours that differ for everyone, shapes that hold their groups and no others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.path import Path
from reports.figures_and_pages import assert_inside, boxes_overlap, texts
from reports.sample_records import (
    NAMES,
    PAPER_GROUPS,
    eleven,
    random_matrix,
)

from grids.errors import GridsError
from grids.reports import painting
from grids.reports.graph import draw_graph
from grids.reports.partition import PALETTE, look_of

# Machado, Oliveira and Fernandes (2009): linear sRGB as it is seen without red and without green cones
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


@pytest.mark.parametrize("seen", [np.eye(3), PROTANOPIA, DEUTERANOPIA])
def test_the_colours_of_groups_differ_for_everyone(seen: np.ndarray) -> None:
    rgb = np.array([painting.to_rgb(colour) for colour in PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = np.array([TO_LAB @ np.cbrt(TO_CONES @ np.clip(seen @ colour, 0, 1)) for colour in linear])
    assert len(PALETTE) == 12
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2)) > 0.07
    assert len({look_of(k) for k in range(36)}) == 36
    assert min(painting.contrast("#1f2933", look_of(k).tint) for k in range(12)) > 4.5


@pytest.mark.parametrize("count", [1, 2, 3, 11, 50])
def test_a_graph_with_groups_has_every_name_and_tag_once_and_apart(count: int) -> None:
    similarity = random_matrix(count)
    parts = [similarity.degradations[k::14] for k in range(min(14, count))]
    figure = draw_graph(similarity, groups=parts)
    names = {name.replace("_", " ") for name in similarity.degradations}
    assert not boxes_overlap(figure, names | {f"C{k}" for k in range(1, len(parts) + 1)})
    assert_inside(figure)
    assert max(figure.get_size_inches()) < 20
    assert len(figure.axes[0].patches) == len(parts)


def test_the_shape_of_a_group_holds_its_boxes_and_no_others() -> None:
    similarity = eleven()
    parts = [NAMES[:3], NAMES[3:6], NAMES[6:9], NAMES[9:]]
    axes = draw_graph(similarity, groups=parts).axes[0]
    places = {text.get_text().replace(" ", "_"): text.get_position() for text in axes.texts}
    for part, patch in zip(parts, axes.patches, strict=True):
        shape = patch.get_path()
        pieces = shape.to_polygons(closed_only=False)
        held = {name for name in NAMES if any(Path(piece).contains_point(places[name]) for piece in pieces)}
        assert set(part) <= held
        assert held == set(part) or len(pieces) > 1  # a hull never swallows; a stroke may have to pass behind


def test_graph_with_groups_takes_ids_and_refuses_what_is_no_partition() -> None:
    similarity = eleven()
    drawn = {text.get_text() for text, _ in texts(draw_graph(similarity, groups=PAPER_GROUPS, ids=list("pqrs")))}
    assert {"p", "q", "r", "s"} <= drawn and "C1" not in drawn
    for parts in (PAPER_GROUPS[:3], (*PAPER_GROUPS, ("jpeg",)), (*PAPER_GROUPS, ()), ()):
        with pytest.raises(GridsError, match="partition"):
            draw_graph(similarity, groups=parts)
    with pytest.raises(GridsError, match="one id"):
        draw_graph(similarity, groups=PAPER_GROUPS, ids=["a"])
