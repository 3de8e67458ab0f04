"""The groups of a partition around the boxes of a graph: colours, soft shapes, tags. Sizes are in inches."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Bbox
from scipy.spatial import ConvexHull

from grids.errors import GridsError
from grids.reports.colors import readable_on
from grids.reports.painting import fitted, text_inches
from grids.reports.text import shown
from grids.results import FloatArray

# the seven of Okabe and Ito (2008), and five that keep apart from them for every kind of dichromat
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#404040", "#F4A6A6", "#7A0177", "#F0E442", "#8C510A", "#00FCCF",
)  # fmt: skip
OUTLINES, HATCHES = ("-", (0, (4, 1.5)), (0, (1, 1))), (None, "//", "..")
HALO, STROKE = 0.13, 0.15  # how far a shape reaches beyond its boxes; half the width of what joins them
TAG_SIZE, TAG_PAD, TAG_GAP, TAG_WIDTH = 8.0, 0.045, 0.035, 1.2
SHAPE_ALPHA, BOX_TINT = 0.17, 0.3
DETOUR = 3.0  # how much longer a way may be that goes behind no other group's box
ROUND = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], axis=1)


class Look(NamedTuple):
    """How a group is drawn; outline and hatch tell apart groups of the same colour.

    Args:
        colour: "#rrggbb".
        outline: a line style of matplotlib's, of the boxes.
        hatch: a hatch of matplotlib's, of the soft shape; None for none.
    """

    colour: str
    outline: str | tuple[float, tuple[float, ...]]
    hatch: str | None

    @property
    def tint(self) -> tuple[float, float, float]:
        """The pale version of the colour, for a box that holds text: red, green, blue in [0, 1]."""
        red, green, blue = (1 - BOX_TINT * (1 - channel) for channel in to_rgb(self.colour))
        return red, green, blue


class Tagged(NamedTuple):
    """A group as it is drawn.

    Args:
        rows: of its degradations in the matrix, from 0.
        tag: what the group is called, cut to 1.2 inches.
        look: its colour, outline and hatch.
    """

    rows: tuple[int, ...]
    tag: str
    look: Look


def look_of(position: int) -> Look:
    """The look of the group at a position, the same in all figures of a report.

    Args:
        position: of the group in the partition, from 0.

    Returns:
        One of 12 colours, from the thirteenth group on with another outline and a hatch; after 36 they come again.
    """
    turn = position // len(PALETTE) % len(OUTLINES)
    return Look(PALETTE[position % len(PALETTE)], OUTLINES[turn], HATCHES[turn])


def tagged_groups(
    names: Sequence[str], groups: Sequence[Sequence[str]], ids: Sequence[str] | None = None
) -> tuple[Tagged, ...]:
    """The groups of a partition with their tags and looks, in the order given.

    Args:
        names: all degradations, in the order of the matrix.
        groups: a partition of them.
        ids: a tag for each group; "C1", "C2", ... if None.

    Raises:
        GridsError: the groups are not a partition of the names, or there is not one id for each.
    """
    listed = [name for group in groups for name in group]
    if sorted(listed) != sorted(names) or not all(groups):
        raise GridsError(
            f"groups must be a partition of the degradations {', '.join(names)}, but are "
            + "; ".join(", ".join(group) for group in groups)
        )
    tags = [f"C{k}" for k in range(1, len(groups) + 1)] if ids is None else list(ids)
    if len(tags) != len(groups):
        raise GridsError(f"each group needs one id, but there are {len(groups)} groups and {len(tags)} ids")
    rows = {name: row for row, name in enumerate(names)}
    return tuple(
        Tagged(tuple(rows[name] for name in group), fitted(shown(tag), TAG_SIZE, TAG_WIDTH), look_of(k))
        for k, (group, tag) in enumerate(zip(groups, tags, strict=True))
    )


def room_for_tags(groups: Sequence[Tagged]) -> tuple[float, float]:
    """The room that tags need, before boxes are placed.

    Args:
        groups: may be empty.

    Returns:
        The smallest width of a box under a tag, and the height that a tag takes above its box, the gap between them
        included: inches; (0.0, 0.0) without groups.
    """
    sizes = [_tag_box(group.tag) for group in groups]
    return max((width for width, _ in sizes), default=0.0), max((height + TAG_GAP for _, height in sizes), default=0.0)


def draw_shapes(axes: Axes, groups: Sequence[Tagged], centres: FloatArray, boxes: FloatArray) -> None:
    """Draw a soft shape behind the boxes of each group.

    The shape is the hull of the boxes. Where that would cover a box of another group, it is strokes from box to box.

    Args:
        axes: with one unit to the inch; changed in place.
        groups: what to draw.
        centres, boxes: (n, 2) each, inches, a row for every degradation: the middle of its box, and width and height.
    """
    for group in groups:
        look = group.look
        # without an outline: the pieces that a shape is made of would show
        axes.add_patch(
            PathPatch(
                _shape(group.rows, centres, boxes),
                facecolor=look.colour,
                edgecolor=look.colour,
                linewidth=0,
                hatch=look.hatch,
                alpha=SHAPE_ALPHA,
                zorder=0.5,
            )
        )


def draw_tags(axes: Axes, groups: Sequence[Tagged], centres: FloatArray, boxes: FloatArray) -> None:
    """Draw the tag of each group, above the left end of its topmost box.

    Args:
        axes: with one unit to the inch; changed in place.
        groups: what to draw.
        centres, boxes: as for `draw_shapes`.
    """
    for group in groups:
        top = max(group.rows, key=lambda row: (centres[row, 1], -centres[row, 0]))
        width, height = _tag_box(group.tag)
        left, above = centres[top, 0] - boxes[top, 0] / 2, centres[top, 1] + boxes[top, 1] / 2 + TAG_GAP
        frame = {"boxstyle": f"round,pad={TAG_PAD * 72 / TAG_SIZE:.3f}", "facecolor": group.look.colour}
        axes.text(
            left + width / 2,
            above + height / 2,
            group.tag,
            ha="center",
            va="center",
            fontsize=TAG_SIZE,
            color=readable_on(group.look.colour),
            parse_math=False,
            bbox={**frame, "edgecolor": "none"},
            zorder=3,
        )


def _tag_box(tag: str) -> tuple[float, float]:
    width, height = text_inches(tag, TAG_SIZE)
    return width + 2 * TAG_PAD, height + 2 * TAG_PAD


def _shape(rows: Sequence[int], centres: FloatArray, boxes: FloatArray) -> Path:
    """A hull of the group's boxes, or, where that would cover a box of another group, strokes from box to box."""
    others = [_bbox(centres[row], boxes[row]) for row in range(len(centres)) if row not in rows]
    hull = _hull(np.concatenate([_rounded(centres[row], boxes[row]) for row in rows]))
    if len(rows) == 1 or not _covers(hull, others):
        return hull
    ways = nx.Graph()
    for a, b in itertools.combinations(rows, 2):
        stroke = _hull(np.concatenate([centres[row] + STROKE * ROUND for row in (a, b)]))
        length = float(np.linalg.norm(centres[a] - centres[b]))
        ways.add_edge(a, b, stroke=stroke, weight=length * (DETOUR if _covers(stroke, others) else 1.0))
    strokes = [stroke for _, _, stroke in nx.minimum_spanning_tree(ways).edges(data="stroke")]
    # all pieces turn the same way round, so that filling them together paints their union once
    return Path.make_compound_path(*(_hull(_rounded(centres[row], boxes[row])) for row in rows), *strokes)


def _rounded(centre: FloatArray, box: FloatArray) -> FloatArray:
    corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * box / 2
    return np.asarray((corners[:, None] + HALO * ROUND).reshape(-1, 2))


def _hull(points: FloatArray) -> Path:
    around = points[ConvexHull(points).vertices]
    return Path(np.concatenate([around, around[:1]]), closed=True)


def _bbox(centre: FloatArray, box: FloatArray) -> Bbox:
    return Bbox([centre - box / 2, centre + box / 2])


def _covers(path: Path, boxes: Sequence[Bbox]) -> bool:
    return any(path.intersects_bbox(box, filled=True) for box in boxes)
