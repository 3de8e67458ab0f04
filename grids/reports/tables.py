"""What the report of a similarity matrix shows, as plain records, and as text for a terminal. No pixels here."""

from __future__ import annotations

from typing import NamedTuple

from grids.errors import GridsError
from grids.reports.text import TEXT_WIDTH, aligned, printable
from grids.results import FloatArray, SimilarityMatrix


class Pair(NamedTuple):
    """Two degradations and how alike they are.

    Args:
        s: S between them; small means alike.
        first, second: their names.
        low, high: the interval of S; None where it was not measured.
    """

    s: float
    first: str
    second: str
    low: float | None
    high: float | None


class Extremes(NamedTuple):
    """The closest pairs, closest first, and the farthest, farthest first."""

    closest: tuple[Pair, ...]
    farthest: tuple[Pair, ...]


def cluster_order(similarity: SimilarityMatrix) -> tuple[tuple[str, ...], FloatArray | None]:
    """Order degradations so that like stand beside like, by average-linkage clusters on S.

    Args:
        similarity: any number of degradations.

    Returns:
        The names in the order of the optimal leaves, and scipy's (n - 1, 4) linkage, its leaves numbered as the rows of
        S; None in its place below two degradations.

    Example:
        >>> s = SimilarityMatrix(("a", "b", "c"), [[0, 3, 1], [3, 0, 2.5], [1, 2.5, 0]])
        >>> cluster_order(s)[0]
        ('b', 'c', 'a')
    """
    from scipy.cluster import hierarchy  # half a second
    from scipy.spatial.distance import squareform

    if len(similarity) < 2:
        return similarity.degradations, None
    symmetric = (similarity.matrix + similarity.matrix.T) / 2
    linkage = hierarchy.linkage(squareform(symmetric, checks=False), method="average", optimal_ordering=True)
    return tuple(similarity.degradations[leaf] for leaf in hierarchy.leaves_list(linkage)), linkage


def matrix_text(similarity: SimilarityMatrix, width: int = TEXT_WIDTH) -> str:
    """Print S as a table for a terminal: numbered rows, and the numbers again as headings.

    Args:
        similarity: any number of degradations.
        width: characters; columns that do not fit follow in further blocks, of a column at least.

    Returns:
        Blocks with a blank line between them, values with two decimals, and a line feed at the end.
    """
    count = len(similarity)
    digits = len(str(count))
    heads = [f"{i:>{digits}} {printable(name)}" for i, name in enumerate(similarity.degradations, 1)]
    cells = [["-" if i == j else f"{similarity.matrix[i, j]:.2f}" for j in range(count)] for i in range(count)]
    cell = max((len(text) for row in cells for text in row), default=0) + 1
    head = max(map(len, heads), default=0)
    at_once = max((width - head) // cell, 1)
    blocks = []
    for start in range(0, count, at_once):
        columns = range(start, min(start + at_once, count))
        lines = [" " * head + "".join(f"{j + 1:>{cell}}" for j in columns)]
        lines += [heads[i].ljust(head) + "".join(f"{cells[i][j]:>{cell}}" for j in columns) for i in range(count)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def closest_and_farthest(similarity: SimilarityMatrix, count: int = 3) -> Extremes:
    """Find the pairs of degradations that are most alike, and those that are least.

    Args:
        similarity: any number of degradations.
        count: how many of each, 0 or more; fewer are returned where there are fewer.

    Returns:
        The closest pairs, closest first, and the farthest, farthest first. Of few pairs, some are in both.

    Raises:
        GridsError: count is negative.
    """
    if count < 0:
        raise GridsError(f"the number of pairs to show must not be negative, but is {count}")
    pairs = [_pair(similarity, first, second) for _, first, second in similarity.pairs()]
    return Extremes(tuple(pairs[:count]), tuple(pairs[::-1][:count]))


def pairs_text(extremes: Extremes) -> str:
    """Print the closest and the farthest pairs for a terminal, with S and its interval where that was measured.

    Args:
        extremes: from `closest_and_farthest`.

    Returns:
        A line for each pair, under two headings, and a line feed at the end.
    """
    rows = [*extremes.closest, *extremes.farthest]
    if not rows:
        return "no pairs: fewer than two degradations\n"
    cells = [(f"{printable(p.first)} - {printable(p.second)}", f"{p.s:5.2f}", _interval_text(p)) for p in rows]
    lines = aligned(cells)
    split = len(extremes.closest)
    return "\n".join(["closest", *lines[:split], "farthest", *lines[split:]]) + "\n"


def _pair(similarity: SimilarityMatrix, first: str, second: str) -> Pair:
    i, j = similarity.index(first), similarity.index(second)
    low, high = (None if bound is None else float(bound[i, j]) for bound in (similarity.low, similarity.high))
    return Pair(float(similarity.matrix[i, j]), first, second, low, high)


def _interval_text(pair: Pair) -> str:
    return "" if pair.low is None or pair.high is None else f"[{pair.low:.2f}, {pair.high:.2f}]"
