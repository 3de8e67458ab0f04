"""From photographs and names of tasks to what restorers are trained with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from grids.degradations import ELEVEN, Degradation
from grids.errors import GridsError, ImageError, unknown_name
from grids.images import MAX_PIXELS, Skipped
from grids.pipeline.similarity import Images, Plugin, named_degradations, photo_paths
from grids.training.photographs import Photographs
from grids.training.tasks import Pairs, Synthesized, Task
from grids.training.validation import COUNT, SIDE, Validation

HELD_OUT = 5
"""Without photographs of their own, every so many-th is measured on only."""
LEAST = 2


def make_tasks(
    names: Sequence[str] | None,
    functions: Mapping[str, Plugin] | None = None,
    pairs: Mapping[str, str] | None = None,
    least: int = 64,
) -> list[Task]:
    """The tasks of these names.

    Args:
        names: of degradations, functions and pairs; None for the eleven and whatever else is given.
        functions: further degradations by name, as in `measure_similarity`.
        pairs: further tasks by name: "INPUTS:TARGETS", two folders.
        least: side that images of pairs must have, pixels.

    Raises:
        GridsError: a name is unknown or given twice, or the pairs do not match.
    """
    functions, pairs = functions or {}, pairs or {}
    wanted = tuple(names) if names is not None else (*ELEVEN, *functions, *pairs)
    tasks: dict[str, Task] = {name: Synthesized(kind) for name, kind in synthesized(wanted, functions, pairs).items()}
    tasks |= {name: Pairs(name, *pair_folders(name, value), least) for name, value in pairs.items()}
    return [tasks[name] for name in wanted]


def synthesized(
    names: Sequence[str], functions: Mapping[str, Plugin], pairs: Mapping[str, str]
) -> dict[str, Degradation]:
    """The degradations among the tasks of these names: all but the pairs. Errors are those of `make_tasks`."""
    for name in pairs:
        if name in functions or name in ELEVEN:
            raise GridsError(f"the task '{name}' is named twice")
    if not names:
        raise GridsError("no task is named")
    for name in (*functions, *pairs):
        if name not in names:
            raise GridsError(f"'{name}' is given, but is not among the tasks {', '.join(names)}")
    if len(set(names)) < len(names):
        raise GridsError(f"the tasks name '{next(n for n in names if names.count(n) > 1)}' twice")
    return named_degradations([name for name in names if name not in functions and name not in pairs], functions)


def split_photographs(
    images: Images,
    val: Images | None,
    least: int,
    *,
    max_pixels: int = MAX_PIXELS,
    on_skip: Callable[[Skipped], None] | None = None,
) -> tuple[Photographs, Photographs]:
    """What is learnt from, and what is measured on.

    Without `val`, one photograph of five is kept for measuring: in the order of a checksum of the file names, so that
    the split stays when files come and go or the folder moves.

    Args:
        images: a folder, files, or None or "builtin"; see `measure_similarity`.
        val: the same, for measuring.
        least: side that a photograph must have, pixels.
        max_pixels: refuse larger ones.
        on_skip: called for every file that cannot be used.

    Raises:
        ImageError: too few photographs can be used, or one is in both sets.
    """
    paths = photo_paths(images)
    if val is None:
        ordered = sorted(paths, key=lambda path: (hashlib.sha256(path.name.encode("utf-8", "replace")).digest(), path))
        count = max(1, len(ordered) // HELD_OUT)
        held = set(ordered[:count])
        paths, kept = [path for path in paths if path not in held], [path for path in paths if path in held]
        if not paths:
            raise ImageError(f"too few photographs: {LEAST} or more are needed, but there is 1")
    else:
        kept = photo_paths(val)
        if both := {path.resolve() for path in paths} & {path.resolve() for path in kept}:
            raise ImageError(f"'{min(both)}' is both learnt from and measured on: --val takes other photographs")
    learnt, measured = (Photographs(some, least, max_pixels=max_pixels, on_skip=on_skip) for some in (paths, kept))
    return learnt, measured


def make_validation(
    tasks: Sequence[Task], photographs: Photographs, side: int = SIDE, count: int = COUNT
) -> Validation:
    """What restorers of these tasks are measured on."""
    return Validation(tasks, photographs, side, count)


def pick_tasks(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names in the order of `known`; "all" stands for all. Raises UnknownNameError."""
    if tuple(names) == ("all",):
        return tuple(known)
    for name in names:
        if name not in known:
            raise unknown_name("task", name, known)
    return tuple(name for name in known if name in names)


def pair_folders(name: str, value: str) -> tuple[Path, Path]:
    """The two folders of "INPUTS:TARGETS". Raises GridsError."""
    # a drive letter or a name may hold a colon: the split is where both sides exist
    parts = value.split(":")
    for i in range(1, len(parts)):
        first, second = Path(":".join(parts[:i])), Path(":".join(parts[i:]))
        if first.exists() and second.exists():
            return first, second
    if len(parts) != 2 or not all(parts):
        raise GridsError(f"--pairs {name} takes INPUT_FOLDER:TARGET_FOLDER, not '{value}'")
    missing = next(part for part in parts if not Path(part).exists())
    raise GridsError(f"--pairs {name}: there is no folder '{missing}'")
