"""From photographs and names of tasks to what restorers are trained with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grids.degradations import ELEVEN, NAMES, Degradation
from grids.errors import GridsError, ImageError
from grids.images import MAX_PIXELS, Skipped
from grids.pipeline.matrices import BUILTIN, load_similarity
from grids.pipeline.similarity import Images, Plugin, measure_similarity, named_degradations, photo_paths
from grids.results import ALL, Grouping, SimilarityMatrix
from grids.search.problem import label
from grids.training.checkpoint import EVERY
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment
from grids.training.photographs import Photographs
from grids.training.recipes import Extras, get_recipe, resolve_config
from grids.training.samplers import check_counted, sampler
from grids.training.systems.makers import prepare_maker
from grids.training.tasks import Pairs, Synthesized, Task
from grids.training.validation import COUNT, SIDE, Validation

MIX, SCRATCH = "mix", "scratch"
"""What restorers start from: one for all tasks that is trained first, or random weights."""
HELD_OUT = 5
"""Without photographs of their own, every so many-th is measured on only."""
LEAST, FEWEST = 2, 3


@dataclass(frozen=True)
class TrainingSettings:
    """How restorers are trained and compared.

    Args:
        network: a preset of `grids.networks.TABLE`.
        config: of every restorer.
        start: "mix" (first one restorer for all tasks, from which all others start), "scratch" (as the paper does), or
            a file of weights that all start from.
        repeats: seeds that a group is trained with at most, while it straddles delta.
        early: stop a group that is clearly beyond delta half way.
        validation_side, validation_count: of the crops that are measured on.
        every: seconds between checkpoints.
        recipe: a recipe of `grids.training.recipes.TABLE`, as whose restorers are trained; None for one loss. It goes
            with a network and settings of its own: `by_recipe` takes them.
        vgg, trunk: files for the system, see `grids.training.recipes.Extras`.
    """

    network: str = "unet"
    config: TrainingConfig = field(default_factory=TrainingConfig)
    start: str | Path = MIX
    repeats: int = 2
    early: bool = True
    validation_side: int = SIDE
    validation_count: int = COUNT
    every: float = EVERY
    recipe: str | None = None
    vgg: str | Path | None = None
    trunk: str | Path | None = None

    @classmethod
    def by_recipe(
        cls,
        recipe: str,
        budget: str = "quick",
        network: str | None = None,
        vgg: str | Path | None = None,
        trunk: str | Path | None = None,
        **changes: Any,
    ) -> TrainingSettings:
        """The settings of a recipe, its network with them. Raises GridsError.

        Args:
            recipe: a recipe of `grids.training.recipes.TABLE`.
            budget: "quick", "standard" or "paper".
            network: one of its two presets; None for the small one, or, with "paper", the published one.
            vgg, trunk: files, see `grids.training.recipes.Extras`.
            changes: of `grids.training.config.TrainingConfig`.
        """
        chosen, config = resolve_config(recipe, budget, network, **changes)
        return cls(chosen, config, recipe=recipe, vgg=vgg, trunk=trunk)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise GridsError(f"repeats must be at least 1, but is {self.repeats}")
        check_start(None if self.start in (MIX, SCRATCH) else self.start, self.trunk)


def make_tasks(
    names: Sequence[str] | None,
    functions: Mapping[str, Plugin] | None = None,
    pairs: Mapping[str, str] | None = None,
    least: int = 64,
    max_pixels: int = MAX_PIXELS,
) -> list[Task]:
    """The tasks of these names.

    Args:
        names: of degradations, functions and pairs; None for the eleven and whatever else is given.
        functions: further degradations by name, as in `measure_similarity`.
        pairs: further tasks by name: "INPUTS:TARGETS", two folders.
        least: side that images of pairs must have, pixels.
        max_pixels: refuse larger ones.

    Raises:
        GridsError: a name is unknown or given twice, or the pairs do not match.
    """
    functions, pairs = functions or {}, pairs or {}
    wanted = tuple(names) if names is not None else (*ELEVEN, *functions, *pairs)
    tasks: dict[str, Task] = {name: Synthesized(kind) for name, kind in synthesized(wanted, functions, pairs).items()}
    tasks |= {name: Pairs(name, *pair_folders(name, value), least, max_pixels) for name, value in pairs.items()}
    return [tasks[name] for name in wanted]


def synthesized(
    names: Sequence[str], functions: Mapping[str, Plugin], pairs: Mapping[str, str], standing_in: bool = False
) -> dict[str, Degradation]:
    """The degradations among the tasks of these names: all but the pairs. Errors are those of `make_tasks`.

    Args:
        names, functions, pairs: see there.
        standing_in: pairs may bear the name of a built-in degradation, whose place they take.
    """
    for name in pairs:
        if name in functions:
            raise GridsError(f"the task '{name}' is named twice")
    for name in functions if standing_in else (*functions, *pairs):
        if name in NAMES:  # a file of weights knows its tasks by their names alone
            raise GridsError(
                f"there is a built-in degradation '{name}': a task of your own needs another name to be trained"
            )
    if not names:
        raise GridsError("no task is named")
    if ALL in names:
        raise GridsError(f"'{ALL}' stands for all tasks: a task cannot bear that name")
    for name in (*functions, *pairs):
        if name not in names:
            raise GridsError(f"'{name}' is given, but is not among the tasks that are named: {', '.join(names)}")
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

    Without `val`, about one photograph of five is kept for measuring, by a checksum of its name: each stays where it is
    when others come and go or the folder moves. Of few photographs some more are taken, so that three measure, of nine.

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
        if len(paths) < LEAST:
            raise ImageError(f"too few photographs: {LEAST} or more are needed, but there is {len(paths)}")
        lots = {path: lot_of(path) for path in paths}
        least_held = min(len(paths) - 1, max(1, min(FEWEST, len(paths) // FEWEST)))
        first = sorted(paths, key=lambda path: lots[path])[:least_held]  # few photographs: chance may pick none of them
        kept = [path for path in paths if not lots[path] % HELD_OUT or path in first][: len(paths) - 1]
        paths = [path for path in paths if path not in kept]
    else:
        kept = photo_paths(val)
        if both := {path.resolve() for path in paths} & {path.resolve() for path in kept}:
            raise ImageError(f"'{min(both)}' is both learnt from and measured on: --val takes other photographs")
    learnt, measured = (Photographs(some, least, max_pixels=max_pixels, on_skip=on_skip) for some in (paths, kept))
    if both_digests := set(learnt.digests) & set(measured.digests):
        copy = measured.paths[next(i for i, digest in enumerate(measured.digests) if digest in both_digests)]
        raise ImageError(f"'{copy}' is measured on, but the same picture is among those that are learnt from")
    return learnt, measured


def lot_of(path: Path) -> int:
    """A photograph's lot, by a checksum of its name: it stays where it is when others come and go."""
    return int.from_bytes(hashlib.sha256(path.name.encode("utf-8", "replace")).digest())


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


def make_experiment(
    images: Images,
    val: Images | None,
    names: Sequence[str] | None,
    functions: Mapping[str, Plugin] | None,
    pairs: Mapping[str, str] | None,
    settings: TrainingSettings,
    max_pixels: int,
    on_skip: Callable[[Skipped], None] | None,
    say: Callable[[str], None] = lambda text: None,
) -> Experiment:
    """Tasks, photographs and validation crops, without a start. Raises GridsError.

    `say` is told what a system takes its features from, and where its decoders attach: for groups all in one place.
    """
    crop, config = settings.config.crop, settings.config
    if names is None and settings.recipe is not None:
        names = (*get_recipe(settings.recipe).tasks, *(functions or {}), *(pairs or {}))
    tasks = make_tasks(names, functions, pairs, least=crop, max_pixels=max_pixels)
    if len(tasks) < 2:
        raise GridsError("grouping needs at least two tasks")
    photographs, measured = split_photographs(images, val, crop, max_pixels=max_pixels, on_skip=on_skip)
    check_batches(config, tasks, photographs, settings.recipe)
    validation = Validation(tasks, measured, settings.validation_side, settings.validation_count)
    vgg, trunk = (None if file is None else Path(file) for file in (settings.vgg, settings.trunk))
    maker = prepare_maker(settings.recipe, settings.network, (), Extras(vgg, trunk, say=say))
    return Experiment(tasks, photographs, validation, settings.network, config, maker)


def check_start(start: str | Path | None, trunk: str | Path | None) -> None:
    """Raises GridsError for two sources of the same weights."""
    if start is not None and trunk is not None:
        raise GridsError("--start gives all weights, --trunk those of the trunk: give one of the two")


def check_batches(
    config: TrainingConfig, tasks: Sequence[Task], photographs: Photographs, recipe: str | None = None
) -> None:
    """Raises GridsError where the sampler counts a task that is none, or batches are too small for it.

    What a paper's recipe counts (`recipe`) may be among the tasks or not.
    """
    names = [task.name for task in tasks]
    check_counted(config.sampler, names if recipe is None else (*NAMES, *names))
    sampler(config.sampler, names, [task.size(photographs) for task in tasks])(0, config.batch, config.seed)


def matrix_for(
    similarity: str | Path | SimilarityMatrix,
    names: tuple[str, ...],
    images: Images,
    functions: Mapping[str, Plugin] | None,
    pairs: Mapping[str, str] | None,
    device: str,
    folder: Path | None,
) -> SimilarityMatrix:
    """S between the tasks: as given, or measured where the one that ships lacks some."""
    matrix = similarity if isinstance(similarity, SimilarityMatrix) else load_similarity(similarity)
    missing = [name for name in names if name not in matrix.degradations]
    if missing and similarity == BUILTIN:
        pairs = dict(pairs or {})
        kept = [name for name in names if name not in pairs and name not in (functions or {})]
        extra = {name: str(pair_folders(name, value)[0]) for name, value in pairs.items()}
        matrix = measure_similarity(
            images, degradations=kept, functions=functions, extra=extra, device=device, out=folder
        )
    elif missing:
        raise GridsError(f"the similarity matrix lacks {label(missing)}: measure it with `grids similarity`")
    return matrix.subset(names)


def bounds(
    names: tuple[str, ...], settings: TrainingSettings, partition: Grouping | None
) -> list[tuple[tuple[str, ...], int]]:
    """The upper bounds and the baseline; and the baseline again, which tells the noise of all tasks at once."""
    again = [(names, 1)] if settings.repeats > 1 and partition is None else []
    return [*(((name,), 0) for name in names), (names, 0), *again]
