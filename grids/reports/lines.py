"""Lines of text for a terminal: folded, aligned, and numbers in short."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Sequence
from decimal import Decimal


def in_short(number: int) -> str:
    """A count as digits, or as "2.1e9" from 2^30 on."""
    return str(number) if number < 2**30 else f"{Decimal(number):.1e}".replace("e+", "e")


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Lines no wider than `width`; what is folded goes on indented."""
    return [part for line in lines for part in folded(line, width, "    ")]


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """A text as lines no wider than `width`, or 8; at least one line."""
    return textwrap.wrap(text, max(width, 8), subsequent_indent=indent, break_on_hyphens=False) or [""]


def table_lines(
    rows: Sequence[Sequence[str]], width: int, wrap: tuple[int, int], right: Sequence[int] = ()
) -> Iterable[str]:
    """Lines of aligned cells.

    Args:
        rows: the cells, as many in each row.
        width: of the table, at most.
        wrap: the two columns that are folded where the table would be wider.
        right: the columns that are aligned right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, second = wrap
    space = width - sum(widths) - 2 * len(widths) + widths[first] + widths[second]
    widths[second] = min(widths[second], max(space // 3, space - widths[first], 8))
    widths[first] = min(widths[first], max(space - widths[second], 8))
    for row in rows:
        cells = [
            folded(cell, size) if k in wrap else [cell] for k, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            padded = (
                part.rjust(size) if k in right else part.ljust(size)
                for k, (part, size) in enumerate(zip(parts, widths, strict=True))
            )
            yield ("  " + "  ".join(padded)).rstrip()
