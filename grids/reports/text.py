"""Words and lines that all reports share: names as they are shown, numbers with their units, aligned columns."""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from decimal import Decimal

TEXT_WIDTH = 120


def printable(name: str) -> str:
    """A name as it is typed, without anything that a terminal or an SVG would choke on."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


def visible(text: str, keep: str = "\n\t") -> str:
    """A text whose control characters are written out (\\x1b) but for `keep`: in names, they command a terminal.

    So are those that turn the direction of writing, and halves of characters, which no encoding can print.
    """
    return _COMMANDS.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(name: str) -> str:
    """A name or label as people read it in pictures and pages: `printable`, underscores as spaces."""
    return printable(name.replace("_", " "))


def counted(count: int, what: str) -> str:
    """A number with its noun: "1 group", "2 groups"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def decibels(value: float) -> str:
    """A drop with two decimals, never "-0.00"."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def percent(probability: float) -> str:
    """A probability in per cent: "71 %", "<1 %", ">99 %"; "-" where it is not known."""
    if not math.isfinite(probability):
        return "-"
    if 0 < probability < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < probability < 1 else f"{100 * probability:.0f} %"


def time_text(seconds: float) -> str:
    """A time as people say it: "12 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


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


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of cells, the first `left` columns to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        sized = enumerate(zip(row, widths, strict=True))
        lines.append("  " + "  ".join(c.ljust(size) if k < left else c.rjust(size) for k, (c, size) in sized))
    return lines
