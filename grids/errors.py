"""What a user did wrong, said in one line. Everything the package raises on purpose is a GridsError."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class GridsError(Exception):
    """Something that the user gave is wrong: a name, a value or a file.

    Everything that the package raises on purpose is of this kind or derived from it, so `except GridsError` catches it
    all. The command line prints the message on stderr and exits with 1.

    Args:
        message: what is wrong, and where possible what to do. Line breaks and repeated blanks become single blanks, so
            that it is one line. Arguments that it names stand in backticks; the command line makes them flags by
            `to_flags`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UnknownNameError(GridsError):
    """A name that is not in the table where it was looked up, such as that of a degradation or a device.

    Its message lists the names that are known and suggests the nearest one. See `unknown_name`, which makes it.
    """


class ImageError(GridsError):
    """An image that cannot be used.

    The file is missing, unreadable, truncated, too large or too small, or an array or tensor has the wrong shape, type
    or values. It is also raised where a library that images need cannot be imported.
    """


class WeightsError(GridsError):
    """A file of weights that cannot be used.

    It is missing or unreadable, is of another format, holds no state dict or one that does not fit the network, holds
    values that are not finite, or is a shipped file with another checksum.
    """


class RunError(GridsError):
    """A folder or file of results that cannot be read, written or locked.

    The disk is full, the folder is read-only, the path is something other than a regular file, or another process is
    using the run folder.
    """


class InUseError(RunError):
    """A folder or file of results that another process, or another part of this one, has locked."""


SAME = (
    *("compare", "group", "head", "jobs", "max_pixels", "min_gain", "network", "only", "out", "pairs"),
    *("recipe", "report", "resume", "start", "tasks", "tile", "topology", "trunk", "val", "vgg"),
)
FLAGS = {
    **{name: f"--{name.replace('_', '-')}" for name in SAME},
    "functions": "--degradation",
    "examples": "--group",
    "restorers": "--weights",
}
"""Arguments that messages name in backticks, and their flags. Other words in backticks are not ours, or no flags."""


def to_flags(message: str) -> str:
    """A message of the library as the command line says it: an argument in backticks becomes its flag.

    Args:
        message: of an error, or of an image that was skipped. Only names in `FLAGS` are replaced, and nothing in
            names of files, which stand in quotes.

    Returns:
        The message with flags in place of these names.

    >>> print(to_flags("raise `max_pixels`, or see `grids degrade`"))
    raise --max-pixels, or see `grids degrade`
    """
    return re.sub("(?<!')`([a-z_]+)`", lambda found: FLAGS.get(found[1], found[0]), message)


def unknown_name(what: str, name: str, choices: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not one of the choices; it is returned, not raised.

    Args:
        what: the kind of thing, for the message: "degradation", "device".
        name: what was given. The choice most similar to it is suggested, if any is similar enough; capital letters do
            not matter.
        choices: the names that are known; the message lists them in alphabetical order.

    Returns:
        The error, for the caller to raise.

    >>> print(unknown_name("degradation", "jpg", ["jpeg", "haze"]))
    unknown degradation 'jpg'; did you mean 'jpeg'? (known: haze, jpeg)
    """
    known = sorted(choices)
    by_lower = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    hint = f"; did you mean '{by_lower[near[0]]}'?" if near else ""
    return UnknownNameError(f"unknown {what} '{name}'{hint} (known: {', '.join(known) or 'none'})")


def look_up(what: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The entry of a name in a table that a user's name is looked up in.

    Args:
        what: the kind of thing, for the message: "degradation", "device".
        name: what was given.
        table: entries by name.

    Returns:
        The entry.

    Raises:
        UnknownNameError: the table does not hold the name; see `unknown_name`.

    >>> look_up("unit", "min", {"s": 1, "min": 60})
    60
    """
    if name not in table:
        raise unknown_name(what, name, table)
    return table[name]
