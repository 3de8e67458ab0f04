"""The positions of the tiles of a photograph, and the weights with which they are blended."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

GOLDEN = (math.sqrt(5) - 1) / 2


class Core(NamedTuple):
    """Rows or columns of a tile that is computed with a margin of context.

    Args:
        core: in the image.
        seen: of the tile with its context, in the image.
        inner: of the tile, within `seen`.
    """

    core: slice
    seen: slice
    inner: slice


class Span(NamedTuple):
    """Rows or columns of a tile that is blended with its neighbours.

    Args:
        start: the first row or column.
        weights: (n,), the blending weights, 0 to 1; those of all tiles add up to 1 at every pixel.
        core: first and end of the part that belongs to this tile alone, counted from `start`, of `padded`.
        padded: n, rounded up to the multiple that the network pads its inputs to.
    """

    start: int
    weights: Tensor
    core: tuple[int, int]
    padded: int


def split_with_margins(size: int, side: int, multiple: int, margin: int) -> list[Core]:
    """Split rows or columns into adjoining tiles, each with context around it.

    Args:
        size: of the photograph, pixels.
        side: of a tile, pixels, at most; at least the multiple.
        multiple: where tiles begin, pixels.
        margin: pixels that a tile needs on either side; fewer at the edges of the photograph.

    Returns:
        Tiles of equal sides, in order; the last may be smaller.
    """
    count = math.ceil(size / side)
    step = max(1, min(side // multiple, math.ceil(size / (count * multiple)))) * multiple
    found = []
    for start in range(0, size, step):
        end, first = min(size, start + step), max(0, start - margin)
        seen = slice(first, min(size, end + margin))
        found.append(Core(slice(start, end), seen, slice(start - first, end - first)))
    return found


def split_with_overlaps(size: int, tile: int, overlap: int, multiple: int, reach: int) -> list[Span]:
    """Split rows or columns into tiles that overlap.

    Args:
        size: of the photograph, pixels.
        tile: side of a tile, pixels, at least the multiple.
        overlap: pixels that neighbours share at least, less than `tile`.
        multiple: where tiles begin, pixels.
        reach: receptive field of the network to each side, pixels.

    Returns:
        The tiles, in order; the last may be shorter than a tile.
    """
    starts = _places(size, tile, overlap, multiple)
    weights = _weights(size, tile, starts, reach)
    ends = [start + len(weight) for start, weight in zip(starts, weights, strict=True)]
    # neighbouring cores meet in the middle of the overlap
    meets = [(start + end) // 2 // multiple * multiple for start, end in zip(starts[1:], ends, strict=False)]
    padded = [math.ceil(len(weight) / multiple) * multiple for weight in weights]
    borders = [0, *meets, starts[-1] + padded[-1]]
    return [
        Span(start, weight, (borders[k] - start, borders[k + 1] - start), padded[k])
        for k, (start, weight) in enumerate(zip(starts, weights, strict=True))
    ]


def scatter_tiles(rows: Sequence[Span], columns: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Order the tiles so that consecutive ones are spread over the photograph.

    So the means gathered on the way soon approach those of the whole image.

    Args:
        rows: of the tiles.
        columns: of the tiles.

    Returns:
        The rows and columns of every tile.
    """
    tiles = list(itertools.product(rows, columns))
    return [tiles[k] for k in sorted(range(len(tiles)), key=lambda k: k * GOLDEN % 1)]


def _places(size: int, tile: int, overlap: int, multiple: int = 1) -> list[int]:
    """The starts of the tiles: evenly spaced, at multiples, from 0; the last tile may be shorter."""
    if size <= tile:
        return [0]
    step = max(1, (tile - overlap) // multiple) * multiple
    count = math.ceil((size - tile) / step)
    return [math.ceil(k * (size - tile) / (count * multiple)) * multiple for k in range(count + 1)]


def _weights(size: int, tile: int, places: Sequence[int], reach: int) -> list[Tensor]:
    """The blending weights of each tile's pixels; at every pixel they add up to 1.

    Between two tiles the weights change over the middle quarter of the overlap, or over less if the receptive field
    reaches further in, because a tile lacks context at its edges. At an edge of the image nothing is lacking.
    """
    pixels = torch.arange(size)
    begun = [torch.ones(size)]  # summed weights of each tile and those after it
    for before, start in itertools.pairwise(places):
        shared = min(before + tile, size) - start
        margin = max(3 * shared // 8, reach if 2 * reach <= shared else 0)
        begun.append((pixels + 1 - start - margin).clamp(0, width := shared + 1 - 2 * margin) / width)
    begun.append(torch.zeros(size))
    found = [these - later for these, later in itertools.pairwise(begun)]
    return [weights[place : place + tile] for place, weights in zip(places, found, strict=True)]
