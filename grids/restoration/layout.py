"""Where the tiles of a photograph lie, and how they fade into one another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

GOLDEN = (math.sqrt(5) - 1) / 2


class Core(NamedTuple):
    """Rows or columns of a tile that is made with a margin around it.

    Args:
        core: where it goes.
        seen: what it is made from.
        inner: where it lies in that.
    """

    core: slice
    seen: slice
    inner: slice


class Span(NamedTuple):
    """Rows or columns of a tile that fades into its neighbours.

    Args:
        start: the first of them.
        weights: (n,), of each, 0 to 1; those of all tiles add up to 1 everywhere.
        core: the first and the end of those that are no other tile's, counted from `start`.
        padded: how many the network makes of the n, a multiple of its own.
    """

    start: int
    weights: Tensor
    core: tuple[int, int]
    padded: int


def split_with_margins(size: int, side: int, multiple: int, margin: int) -> list[Core]:
    """Split rows or columns into tiles side by side, each with what it is made from.

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
        reach: how far the network sees, pixels.

    Returns:
        The tiles, in order; the last may be shorter than a tile.
    """
    starts = _places(size, tile, overlap, multiple)
    weights = _weights(size, tile, starts, reach)
    ends = [start + len(weight) for start, weight in zip(starts, weights, strict=True)]
    # between two tiles the cores meet in the middle of what they share
    meets = [(start + end) // 2 // multiple * multiple for start, end in zip(starts[1:], ends, strict=False)]
    padded = [math.ceil(len(weight) / multiple) * multiple for weight in weights]
    borders = [0, *meets, starts[-1] + padded[-1]]
    return [
        Span(start, weight, (borders[k] - start, borders[k + 1] - start), padded[k])
        for k, (start, weight) in enumerate(zip(starts, weights, strict=True))
    ]


def scatter_tiles(rows: Sequence[Span], columns: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Put tiles in an order in which any few that follow one another come from all over the photograph.

    So the means that are gathered on the way soon resemble those of the whole.

    Args:
        rows: of the tiles.
        columns: of the tiles.

    Returns:
        The rows and columns of every tile.
    """
    tiles = list(itertools.product(rows, columns))
    return [tiles[k] for k in sorted(range(len(tiles)), key=lambda k: k * GOLDEN % 1)]


def _places(size: int, tile: int, overlap: int, multiple: int = 1) -> list[int]:
    """Where tiles begin: evenly, at multiples, the first at 0; the last may be shorter than a tile."""
    if size <= tile:
        return [0]
    step = max(1, (tile - overlap) // multiple) * multiple
    count = math.ceil((size - tile) / step)
    return [math.ceil(k * (size - tile) / (count * multiple)) * multiple for k in range(count + 1)]


def _weights(size: int, tile: int, places: Sequence[int], reach: int) -> list[Tensor]:
    """For each place the weights of its pixels, which add up to 1 everywhere.

    From one tile to the next they fade over the middle quarter of what the two share, or less where the network sees
    farther than the rest: at its own edge a tile sees too little. At an edge of the image, which no neighbour shares,
    it sees all there is.
    """
    pixels = torch.arange(size)
    begun = [torch.ones(size)]  # of each tile and those after it, at every pixel
    for before, start in itertools.pairwise(places):
        shared = min(before + tile, size) - start
        margin = max(3 * shared // 8, reach if 2 * reach <= shared else 0)
        begun.append((pixels + 1 - start - margin).clamp(0, width := shared + 1 - 2 * margin) / width)
    begun.append(torch.zeros(size))
    found = [these - later for these, later in itertools.pairwise(begun)]
    return [weights[place : place + tile] for place, weights in zip(places, found, strict=True)]
