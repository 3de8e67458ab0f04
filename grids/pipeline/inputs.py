"""What users name: photographs, degradations and pairs, and what becomes of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from grids.degradations import ELEVEN, NAMES, Degradation, FunctionDegradation, check_name, degradation, load_function
from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, builtin_photos, list_images
from grids.results import ALL
from grids.training.photographs import Photographs
from grids.training.tasks import Pairs, Synthesized, Task

BUILTIN = "builtin"
HELD_OUT = 5
"""Without photographs of their own, every so many-th is measured on only."""
LEAST, FEWEST = 2, 3
CALIBRATION = 4
"""One photograph of so many is kept to calibrate a profile."""

Images = str | Path | Sequence[str | Path] | None
Plugin = str | Callable[..., Tensor] | Degradation


@dataclass(frozen=True)
class TaskSources:
    """Tasks by name, and what those are made of that are not built in.

    Args:
        names: of degradations, functions and pairs; None for what is usual (the eleven, or those of a recipe or of a
            restorer) and whatever else is given.
        functions: further degradations by name, as in `measure_similarity`.
        pairs: further tasks by name: "INPUTS:TARGETS", two folders.
    """

    names: Sequence[str] | None = None
    functions: Mapping[str, Plugin] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Tasks) -> TaskSources:
        """Bring tasks, as users give them, into one form.

        Args:
            tasks: sources, which are returned as they are; names of built-in degradations; or None for what is usual.
        """
        return tasks if isinstance(tasks, TaskSources) else cls(tasks)

    def chosen(self, usual: Sequence[str] = ELEVEN) -> tuple[str, ...]:
        """The names of the tasks, in their order.

        Args:
            usual: where no names are given; then all functions and pairs come after these.

        Returns:
            The names as they were given: whether they exist, or repeat, is not checked here.
        """
        return tuple(dict.fromkeys((*usual, *self.functions, *self.pairs)) if self.names is None else self.names)

    def degradations(self, usual: Sequence[str] = ELEVEN, stand_in: bool = False) -> dict[str, Degradation]:
        """The degradations among the tasks: all but the pairs.

        Args:
            usual: where no names are given.
            stand_in: pairs may bear the name of a built-in degradation, whose place they take.

        Raises:
            GridsError: a name is unknown or given twice.
        """
        names = self.chosen(usual)
        for name in self.pairs:
            if name in self.functions:
                raise GridsError(f"the task '{name}' is named twice")
        for name in self.functions if stand_in else (*self.functions, *self.pairs):
            if name in NAMES:  # a file of weights knows its tasks by their names alone
                raise GridsError(
                    f"there is a built-in degradation '{name}': a task of your own needs another name to be trained"
                )
        if not names:
            raise GridsError("no task is named")
        if ALL in names:
            raise GridsError(f"'{ALL}' stands for all tasks: a task cannot bear that name")
        for name in (*self.functions, *self.pairs):
            if name not in names:
                raise GridsError(f"'{name}' is given, but is not among the tasks that are named: {', '.join(names)}")
        if len(set(names)) < len(names):
            raise GridsError(f"the tasks name '{next(n for n in names if names.count(n) > 1)}' twice")
        builtin = [name for name in names if name not in self.functions and name not in self.pairs]
        return named_degradations(builtin, self.functions)


Tasks = TaskSources | Sequence[str] | None
"""Tasks as users give them: names will do for built-in degradations."""


def make_tasks(
    sources: TaskSources, usual: Sequence[str] = ELEVEN, least: int = 64, reading: ReadOptions | None = None
) -> list[Task]:
    """The tasks of some names.

    Args:
        sources: the names, and what is not built in.
        usual: the tasks where no names are given.
        least: side that images of pairs must have, pixels.
        reading: how these are read.

    Raises:
        GridsError: a name is unknown or given twice, or the pairs do not match.
    """
    tasks: dict[str, Task] = {name: Synthesized(kind) for name, kind in sources.degradations(usual).items()}
    for name, value in sources.pairs.items():
        tasks[name] = Pairs(name, *pair_folders(name, value), least, reading)
    return [tasks[name] for name in sources.chosen(usual)]


def split_photographs(
    images: Images, val: Images | None, least: int, reading: ReadOptions | None = None
) -> tuple[Photographs, Photographs]:
    """What is learnt from, and what is measured on.

    Without `val`, about one photograph of five is kept for measuring, by a checksum of its name: each stays where it is
    when others come and go or the folder moves. Of few photographs some more are taken, so that three measure, of nine.

    Args:
        images: a folder, files, or None or "builtin"; see `measure_similarity`.
        val: the same, for measuring.
        least: side that a photograph must have, pixels.
        reading: how photographs are read.

    Raises:
        ImageError: too few photographs can be used, or one is in both sets.
    """
    paths = photo_paths(images)
    if val is None:
        if len(paths) < LEAST:
            raise ImageError(f"too few photographs: {LEAST} or more are needed, but there is {len(paths)}")
        lots = {path: _lot(path) for path in paths}
        least_held = min(len(paths) - 1, max(1, min(FEWEST, len(paths) // FEWEST)))
        first = sorted(paths, key=lambda path: lots[path])[:least_held]  # few photographs: chance may pick none of them
        kept = [path for path in paths if not lots[path] % HELD_OUT or path in first][: len(paths) - 1]
        paths = [path for path in paths if path not in kept]
    else:
        kept = photo_paths(val)
        # not resolve(): links may go in a circle
        if both := {os.path.realpath(path) for path in paths} & {os.path.realpath(path) for path in kept}:
            raise ImageError(f"'{min(both)}' is both learnt from and measured on: `val` takes other photographs")
    learnt, measured = (Photographs(some, least, reading) for some in (paths, kept))
    if both_digests := set(learnt.digests) & set(measured.digests):
        copy = measured.paths[next(i for i, digest in enumerate(measured.digests) if digest in both_digests)]
        raise ImageError(f"'{copy}' is measured on, but the same picture is among those that are learnt from")
    return learnt, measured


def split_for_calibration(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """What a profile is learnt from, and what is kept for its thresholds and intervals: one of four, at least two.

    Args:
        paths: the files, which are not read.

    Returns:
        Both parts, in the order of the paths. A file seldom changes sides when others come and go, and never when its
        folder moves.
    """
    ranked = sorted(paths, key=lambda path: (_lot(path), path))
    kept = set(ranked[: max(2, len(ranked) // CALIBRATION)])
    return [path for path in paths if path not in kept], [path for path in paths if path in kept]


def _lot(path: Path) -> int:
    """A number drawn for a photograph by a checksum of its file name, without its folder."""
    return int.from_bytes(hashlib.sha256(path.name.encode("utf-8", "replace")).digest())


def pair_folders(name: str, value: str) -> tuple[Path, Path]:
    """Split "INPUTS:TARGETS" into two folders.

    Args:
        name: of the task, for errors.
        value: the text. It may hold more colons, as in drive letters: it is split where both sides exist.

    Returns:
        The folder of degraded images, and that of their targets.

    Raises:
        GridsError: the text has no such form, or a folder is missing.
    """
    parts = value.split(":")
    for i in range(1, len(parts)):
        first, second = Path(":".join(parts[:i])), Path(":".join(parts[i:]))
        if first.exists() and second.exists():
            return first, second
    if len(parts) != 2 or not all(parts):
        raise GridsError(f"`pairs` takes INPUT_FOLDER:TARGET_FOLDER, not '{value}' for '{name}'")
    missing = next(part for part in parts if not Path(part).exists())
    raise GridsError(f"`pairs` of '{name}': there is no folder '{missing}'")


def pair_files(pairs: Mapping[str, str]) -> list[Path]:
    """List all images of pairs: inputs and targets, task by task.

    Args:
        pairs: "INPUTS:TARGETS" by name.

    Raises:
        GridsError: a text has no such form, or a folder is missing, or both of a task hold no image.
    """
    return [path for name, value in pairs.items() for path in list_images(pair_folders(name, value))]


def photo_paths(images: Images) -> list[Path]:
    """List the image files that an argument `images` stands for.

    Args:
        images: None or "builtin" for the photographs that installed packages carry; otherwise a folder, a file, or
            several of them.

    Returns:
        The files as `grids.images.list_images` finds them, each once; folders with all below them. None is read.

    Raises:
        ImageError: a file or folder is missing, or no image was found.
    """
    if images is None or images == BUILTIN or list(images if isinstance(images, (list, tuple)) else ()) == [BUILTIN]:
        return builtin_photos()
    given = [images] if isinstance(images, (str, Path)) else images
    return list_images([Path(item) for item in given])


def named_degradations(names: Sequence[str], functions: Mapping[str, Plugin]) -> dict[str, Degradation]:
    """Look up degradations by name, and make further ones of functions.

    Args:
        names: of built-in degradations, or of those that installed packages offer.
        functions: by name: "file.py:function", a function (images, severity, generator) -> images, or a Degradation.

    Returns:
        The degradations by name: first those of `names`, then those of `functions`, in their orders.

    Raises:
        GridsError: a name is unknown, given twice or not fit for a file name, a function cannot be loaded, or `names`
            is a text instead of a list.
    """
    if isinstance(names, str):
        raise GridsError(f"degradations must be a list of names, not the text '{names}'")
    found: dict[str, Degradation] = {}
    for name, kind in [*((n, degradation(n)) for n in names), *((n, _plugin(n, f)) for n, f in functions.items())]:
        check_name(name)
        if name in found:
            raise GridsError(f"the degradation '{name}' is named twice")
        found[name] = kind
    return found


def _plugin(name: str, plugin: Plugin) -> Degradation:
    if isinstance(plugin, Degradation):
        return plugin
    return load_function(name, plugin) if isinstance(plugin, str) else FunctionDegradation(name, plugin)
