"""A map of an image: which group each part of it needs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from grids.errors import GridsError
from grids.results import CLEAN, CLEAN_CELL, HIDDEN_CELL, UNKNOWN_CELL, FloatArray, Selection
from grids.selection.features import describe
from grids.selection.features.blur import blur_statistics
from grids.selection.judge import judge
from grids.selection.profile import Profile
from grids.similarity.descriptor import Descriptor

CELL, LEAST_CELL, CELLS = 96, 64, 400
"""Side of a map's cells in pixels; the least side; and how many cells there are, at most."""


@dataclass(frozen=True, eq=False)
class SelectionMap:
    """Which group fits where.

    Args:
        labels: (rows, columns), the number of the group in `Selector.groups`; -1 clean, -2 unknown, -3 nothing visible.
        probabilities: (rows, columns), of the label; of unknown cells that of the likeliest group, of hidden ones 0.
        height: of the image, pixels; row i begins at i height // rows.
        width: of the image, pixels; column i begins at i width // columns.
    """

    labels: np.ndarray[Any, np.dtype[np.int64]]
    probabilities: FloatArray
    height: int
    width: int


def map_image(
    profile: Profile,
    descriptor: Descriptor,
    image: Tensor,
    side: int | None = None,
    visible: Tensor | None = None,
) -> SelectionMap:
    """Choose a group for every cell of an image.

    Args:
        profile: what cells are compared with.
        descriptor: describes them.
        image: (3, H, W), floating point in [0, 1], uint8 or uint16, on the CPU.
        side: of a cell in pixels, about, at least 64; None for 96, or more where there would be over 400 cells.
        visible: (H, W) bool, which pixels count, at least one of them; None for all.

    Returns:
        The map. Each cell is described and judged as if it were an image of its own, but for the blur, which is that
        of the whole image; the work grows with the number of cells.

    Raises:
        GridsError: the side is too small.
    """
    if side is not None and side < LEAST_CELL:
        raise GridsError(f"the cells of a map must be at least {LEAST_CELL} pixels wide, not {side}")
    height, width = image.shape[-2:]
    rows, columns = _count_cells(height, width, side)
    tops = [row * height // rows for row in range(rows + 1)]
    lefts = [column * width // columns for column in range(columns + 1)]
    labels, chances, statistics = np.full(rows * columns, HIDDEN_CELL), np.zeros(rows * columns), {}
    blur = blur_statistics(image, visible)
    spans = itertools.product(itertools.pairwise(tops), itertools.pairwise(lefts))
    for number, ((top, bottom), (left, right)) in enumerate(spans):
        shown = None if visible is None else visible[top:bottom, left:right]
        if shown is None or bool(shown.any()):
            statistics[number] = describe(descriptor, image[:, top:bottom, left:right], shown, blur)
    numbers = {group.id: number for number, group in enumerate(profile.groups)}
    found = judge(profile, np.stack(list(statistics.values())), ("",) * len(statistics))
    for cell, one in zip(statistics, found, strict=True):
        labels[cell], chances[cell] = _label(one, numbers)
    return SelectionMap(labels.reshape(rows, columns), chances.reshape(rows, columns), height, width)


def _count_cells(height: int, width: int, side: int | None) -> tuple[int, int]:
    """Rows and columns of a map."""

    def count(pixels: int) -> tuple[int, int]:
        return max(1, round(height / pixels)), max(1, round(width / pixels))

    return count(side or next(pixels for pixels in itertools.count(CELL) if math.prod(count(pixels)) <= CELLS))


def _label(selection: Selection, numbers: dict[str, int]) -> tuple[int, float]:
    """The label of a cell, and its probability."""
    if selection.verdict == CLEAN:
        return CLEAN_CELL, selection.degradations[CLEAN]
    if selection.group is None:
        return UNKNOWN_CELL, max(ranked.probability for ranked in selection.ranking)
    return numbers[selection.group], selection.ranking[0].probability
