"""What several commands share: how options become arguments, progress, and what is said at the end."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from tqdm import tqdm

from grids.errors import GridsError
from grids.images import Skipped
from grids.results import ALL
from grids.training.pair_settings import pair_settings

BUILTIN = "builtin"
PLUGIN = "NAME=FILE.py:FUNCTION"
PAIRS = "NAME=INPUT_FOLDER:TARGET_FOLDER"


def chosen_images(images: tuple[str, ...]) -> list[str] | None:
    """None for the built-in photographs."""
    if BUILTIN in images and len(images) > 1:
        raise GridsError(f"'{BUILTIN}' stands for photographs of its own: it cannot be mixed with files")
    return None if images in ((), (BUILTIN,)) else list(images)


def split_names(names: str) -> tuple[str, ...]:
    """Names separated by commas. Raises GridsError where there is none."""
    found = tuple(name.strip() for name in names.split(",") if name.strip())
    if not found:
        raise GridsError(f"no degradation is named in '{names}': give names separated by commas")
    return found


def named_pairs(values: Sequence[str], option: str, form: str) -> dict[str, str]:
    """The values NAME=REST of an option that may be given several times; `form` says what it takes."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            raise GridsError(f"{option} takes {form}, not '{value}'")
        if name in pairs:
            raise GridsError(f"{option} names '{name}' twice")
        pairs[name] = rest
    return pairs


def seconds_of(text: str) -> float:
    """A time such as 90s, 20m or 2h, in seconds. Raises GridsError."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    try:
        value = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise GridsError(f"a time is a number of more than 0 with s, m or h, such as 90s, 20m or 2h, not '{text}'")
    return value


def chosen_tasks(names: str) -> tuple[str, ...] | None:
    """The tasks of --tasks; None for "all"."""
    return None if names.strip() == ALL else split_names(names)


def changes_of(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a recipe that the options change."""
    names = ("iterations", "crop", "batch", "precision", "learning_rate", "loss", "sampler")
    changes = {name: options[name] for name in names if options.get(name) is not None}
    if options.get("steps_per_model"):
        changes["steps_per"] = "model"
    return changes if options.get("data") is None else changes | {"data": pair_settings(options["data"])}


@contextmanager
def progress(total: int | None, unit: str, quiet: bool) -> Iterator[Any]:
    """A progress bar on stderr, where that is a terminal."""
    # disable=None shows no bar where stderr is not a terminal
    with tqdm(total=total, unit=unit, disable=True if quiet else None, leave=False, file=sys.stderr) as bar:
        yield bar


def skipper(skipped: list[Skipped]) -> Any:
    """What to call for an image that cannot be used: it is said, and put on the list."""

    def on_skip(bad: Skipped) -> None:
        skipped.append(bad)
        tqdm.write(f"skipped {bad.path}: {bad.reason}", file=sys.stderr)

    return on_skip


def count_skipped(skipped: Sequence[Skipped]) -> None:
    """Say how many images were skipped."""
    if skipped:
        click.echo(f"{len(skipped)} image{'s' if len(skipped) > 1 else ''} skipped", err=True)


def say(options: dict[str, Any], text: str) -> None:
    """Print a line, unless --quiet."""
    if not options["quiet"]:
        click.echo(text)
