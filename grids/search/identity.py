"""In which settings two problems differ, in words: why a log of one is not taken for the other's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 3
"""So many differences are shown; others are counted."""


def describe_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """In what two identities of logs differ.

    Args:
        there: the identity in a file.
        here: the one that is wanted.

    Returns:
        One line; long values are shortened to where they begin to differ.

    >>> describe_differences({"seed": 1, "delta": {"all": 0.5}}, {"seed": 1, "delta": {"all": 0.7}})
    'delta.all is 0.5 there and 0.7 here'
    """
    old, new = dict(_leaves(there)), dict(_leaves(here))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    parts = [
        f"{'.'.join(name)} is {_shorten(old.get(name), new.get(name))} there"
        f" and {_shorten(new.get(name), old.get(name))} here"
        for name in names[:SHOWN]
    ]
    return "; ".join([*parts, *([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])])


def _leaves(value: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*name, key))
    else:
        yield name, f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _shorten(text: str | None, other: str | None, length: int = 32) -> str:
    """The piece of a long text around the place where it begins to differ from the other one."""
    if text is None:
        return "missing"
    same = next((i for i, (a, b) in enumerate(zip(text, other or "", strict=False)) if a != b), len(other or ""))
    start = max(0, min(same - length // 2, len(text) - length))
    end = start + length
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
