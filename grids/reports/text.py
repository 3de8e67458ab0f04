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
    """Replace each character of a name that does not print, such as a line feed, by the replacement character (U+FFFD).

    A terminal or an SVG would choke on them. All else, spaces included, stays as it is typed.
    """
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
    """A number with its noun.

    Args:
        count: how many.
        what: the noun in the singular; the plural takes an s.

    Example:
        >>> counted(1, "group"), counted(0, "group")
        ('1 group', '0 groups')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def decibels(value: float) -> str:
    """A drop with two decimals, never "-0.00"."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def percent(probability: float) -> str:
    """A probability in per cent, without a rounded 0 or 100 for what is possible or not certain.

    Args:
        probability: in [0, 1]; one that is not finite means that it is not known.

    Example:
        >>> [percent(value) for value in (0.714, 0.001, 0.999, 1.0, float("nan"))]
        ['71 %', '<1 %', '>99 %', '100 %', '-']
    """
    if not math.isfinite(probability):
        return "-"
    if 0 < probability < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < probability < 1 else f"{100 * probability:.0f} %"


def time_text(seconds: float) -> str:
    """A time as people say it.

    Args:
        seconds: 0 or more; rounded to seconds, from an hour on to minutes.

    Example:
        >>> time_text(12.3), time_text(200), time_text(7500)
        ('12 s', '3 min 20 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def in_short(number: int) -> str:
    """A count as digits, or in a short form from 2^30 on.

    Args:
        number: 0 or more, of any size.

    Example:
        >>> in_short(2036), in_short(2**31)
        ('2036', '2.1e9')
    """
    return str(number) if number < 2**30 else f"{Decimal(number):.1e}".replace("e+", "e")


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Fold lines to a width; what is folded goes on indented by four spaces.

    Args:
        lines: each is folded by itself.
        width: characters of a line at most, but never below 8.

    Returns:
        The lines, at least one for each that was given.
    """
    return [part for line in lines for part in folded(line, width, "    ")]


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """Fold a text to a width, at spaces; a word that is longer than a line is cut, hyphens are no place to break.

    Args:
        text: line feeds count as spaces.
        width: characters of a line at most, but never below 8.
        indent: what all lines but the first begin with.

    Returns:
        The lines; one empty line for an empty text.

    Example:
        >>> folded("jpeg, gaussian_noise", 16, "  ")
        ['jpeg,', '  gaussian_noise']
    """
    return textwrap.wrap(text, max(width, 8), subsequent_indent=indent, break_on_hyphens=False) or [""]


def table_lines(
    rows: Sequence[Sequence[str]], width: int, wrap: tuple[int, int], right: Sequence[int] = ()
) -> list[str]:
    """Lay out cells as columns of equal width, two spaces apart and indented by two; two columns may be folded.

    Args:
        rows: the cells, as many in each row; at least one row.
        width: of the table in characters; it may be wider where the other columns alone take that much.
        wrap: the two columns that are folded where the table would be wider.
        right: the columns that are aligned right; the others are aligned left.

    Returns:
        The lines, one after the other; a row whose cells are folded takes several.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, second = wrap
    space = width - sum(widths) - 2 * len(widths) + widths[first] + widths[second]
    widths[second] = min(widths[second], max(space // 3, space - widths[first], 8))
    widths[first] = min(widths[first], max(space - widths[second], 8))
    lines: list[tuple[str, ...]] = []
    for row in rows:
        cells = [folded(cell, widths[k]) if k in wrap else [cell] for k, cell in enumerate(row)]
        lines += itertools.zip_longest(*cells, fillvalue="")
    return _joined(lines, widths, right)


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lay out cells as columns of equal width, two spaces apart and indented by two.

    Args:
        rows: the cells, as many in each row; may be empty.
        left: so many columns from the left are aligned left, all others right.

    Returns:
        A line for each row; nothing is folded.

    Example:
        >>> aligned([("task", "dB"), ("jpeg", "31.2")])
        ['  task    dB', '  jpeg  31.2']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return _joined(rows, widths, range(left, len(widths)))


def _joined(rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int]) -> list[str]:
    sized = (enumerate(zip(row, widths, strict=True)) for row in rows)
    lines = ("  ".join(c.rjust(size) if k in right else c.ljust(size) for k, (c, size) in cells) for cells in sized)
    return [f"  {line}".rstrip() for line in lines]
