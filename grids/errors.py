"""What a user did wrong, said in one line. Everything the package raises on purpose is a GridsError."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GridsError(Exception):
    """A wrong name, value or file. The command line prints the message, one line, on stderr and exits with 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UnknownNameError(GridsError):
    """A name that is not in a table."""


class ImageError(GridsError):
    """An image file that cannot be used: missing, unreadable, truncated, too large, too small."""


class WeightsError(GridsError):
    """A weights file that cannot be used: wrong format, shapes, NaN, or checksum."""


class RunError(GridsError):
    """A run folder or one of its files that cannot be read or written."""


def unknown_name(what: str, name: str, choices: Iterable[str]) -> UnknownNameError:
    """The error for `name` not being one of `choices`, with the nearest one suggested."""
    known = sorted(choices)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return UnknownNameError(f"unknown {what} '{name}'{hint} (known: {', '.join(known)})")
