"""From what users type to values: images, names, pairs of names, times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from grids.errors import GridsError

BUILTIN = "builtin"


def chosen_images(images: Sequence[str]) -> list[str] | None:
    """Bring the arguments IMAGES into the form that the pipeline takes.

    Args:
        images: files, folders, or the word "builtin" alone.

    Returns:
        Files and folders; None for the built-in photographs, and where none are named.

    Raises:
        GridsError: "builtin" is mixed with files.
    """
    if BUILTIN in images and len(images) > 1:
        raise GridsError(f"'{BUILTIN}' stands for photographs of its own: it cannot be mixed with files")
    return None if tuple(images) in ((), (BUILTIN,)) else list(images)


def split_names(text: str) -> tuple[str, ...]:
    """Split names that are separated by commas; spaces around them, and empty ones, are dropped.

    Args:
        text: as the user typed it.

    Raises:
        GridsError: no name is left.

    Example:
        >>> split_names("jpeg, haze,")
        ('jpeg', 'haze')
    """
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise GridsError(f"no degradation is named in '{text}': give names separated by commas")
    return found


def named_pairs(values: Sequence[str], option: str, form: str) -> dict[str, str]:
    """Split the values NAME=REST of an option that may be given several times.

    Args:
        values: as the user typed them; the first = of each counts.
        option: its name, for errors.
        form: what it takes, for errors.

    Returns:
        REST by NAME, in the order given.

    Raises:
        GridsError: a part is missing, or a name comes twice.

    Example:
        >>> named_pairs(["fog=my.py:fog"], "--degradation", "NAME=FILE.py:FUNCTION")
        {'fog': 'my.py:fog'}
    """
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            raise GridsError(f"{option} takes {form}, not '{value}'")
        if name in found:
            raise GridsError(f"{option} names '{name}' twice")
        found[name] = rest
    return found


def seconds_of(text: str) -> float:
    """Turn a time as users type it into seconds.

    Args:
        text: a number above 0, and s, m or h for seconds, minutes or hours.

    Raises:
        GridsError: it is no such text.

    Example:
        >>> seconds_of("90s"), seconds_of("1.5h")
        (90.0, 5400.0)
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    try:
        value = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise GridsError(f"a time is a number of more than 0 with s, m or h, such as 90s, 20m or 2h, not '{text}'")
    return value


def given(**values: Any) -> dict[str, Any]:
    """Keep the values that are not None: those that take the place of a default elsewhere.

    Args:
        values: by name.

    Example:
        >>> given(crop=64, batch=None)
        {'crop': 64}
    """
    return {name: value for name, value in values.items() if value is not None}
