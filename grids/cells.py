"""Cells of CSV files that spreadsheets show and do not compute, whatever names of files hold."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_cell(text: str) -> str:
    """A text as a cell of a CSV file that a spreadsheet shows and does not compute.

    Args:
        text: any text, such as the name of a file.

    Returns:
        The text, with ' before it where it begins with =, +, -, @, a tab or a carriage return (after any number of ').
        `from_cell` undoes it.

    >>> to_cell("=1+1.png"), to_cell("photo.png")
    ("'=1+1.png", 'photo.png')
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def from_cell(cell: str) -> str:
    """The text that `to_cell` made a cell of.

    Args:
        cell: of a CSV file. Where somebody else wrote it, without the ', it is returned as it is.

    Returns:
        The text without the ' that `to_cell` puts before it.

    >>> from_cell("'=1+1.png"), from_cell("'tis.png")
    ('=1+1.png', "'tis.png")
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def frame_to_csv(frame: pd.DataFrame, **options: Any) -> str:
    """A table as CSV, with every text in it made safe for spreadsheets by `to_cell`, names of rows and columns
    included.

    Args:
        frame: the table; it stays as it is.
        options: those of `DataFrame.to_csv`, such as index=False.

    Returns:
        The CSV text, with a line feed at the end of each line. Where a text holds a carriage return, all that is not a
        number is quoted.
    """

    def cell(value: Any) -> Any:
        return to_cell(value) if isinstance(value, str) else value

    safe = frame.map(cell).rename(index=cell, columns=cell)
    text = safe.to_csv(lineterminator="\n", **options)
    if "\r" in text:  # quoted only where all is, though it ends a line
        text = safe.to_csv(lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC, **options)
    return str(text)
