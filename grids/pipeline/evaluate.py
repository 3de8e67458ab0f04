"""Measuring a restorer on whole photographs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from grids import devices
from grids.degradations import ELEVEN, NAMES, Degradation
from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, read_photo, read_photos
from grids.images.photo import Photo
from grids.images.tensors import to_8_bit, to_tensor
from grids.images.transparency import seen_part
from grids.metrics import WINDOW, whole_scores
from grids.networks.heads import select_head
from grids.pipeline.inputs import Images, Tasks, TaskSources, pair_folders, photo_paths
from grids.random import seed_for, seeded
from grids.restoration.models import Restorer, load_restorer
from grids.restoration.tiling import restore_image
from grids.results import Evaluation, Score
from grids.training.pair_settings import JPEG_90
from grids.training.pairs import save_some
from grids.training.tasks import check_sizes, matched

LEAST = 16
"""Pixels that both sides of a photograph must have; the window of SSIM alone takes 11."""
assert LEAST >= WINDOW


def evaluate_restorer(
    model: str | Path,
    images: Images = None,
    tasks: Tasks = None,
    *,
    network: str | None = None,
    as_made: bool = False,
    seed: int = 0,
    device: str = "auto",
    reading: ReadOptions | None = None,
    on_score: Callable[[Score], None] | None = None,
) -> Evaluation:
    """Measure a restorer on whole photographs: PSNR and SSIM, RGB, 8 bit, no border cut.

    Each degraded photograph is measured twice: as it was made, and saved once as JPEG of quality 90, 4:2:0 (pairs of
    one's own only as they are).

    What a photograph is degraded with depends on the seed, the task and the name of its file alone, not on which other
    photographs or tasks are measured.

    Args:
        model: a file of `train_restorer` or of `grids group`; with `network`, weights from elsewhere.
        images: clean photographs: a folder, files, or None or "builtin"; not read where all tasks are pairs.
        tasks: what to restore, names or `TaskSources`; None for what the restorer was trained for (the eleven where its
            file does not say). Of pairs, all images are measured; those that bear the name of a built-in degradation
            take its place: real pairs through the head that learnt from made ones.
        network: a preset of `grids.networks.TABLE`, for files that do not say which they are.
        as_made: do not measure after JPEG 90.
        seed: of the degrading.
        device: "auto", "cpu", "cuda" or "mps".
        reading: how photographs are read.
        on_score: called after every photograph of every task.

    Returns:
        The scores of every photograph, task by task, in the order of the tasks.

    Raises:
        GridsError: a name, value or file is wrong, or no photograph can be used; the message names it.
    """
    sources, reading = TaskSources.of(tasks), reading or ReadOptions()
    seeded(seed)  # says what seeds there are
    where = devices.resolve(device)
    restorer = load_restorer(model, network)
    _check_known(restorer, sources)
    names = sources.chosen(restorer.tasks or ELEVEN)
    kinds = sources.degradations(restorer.tasks or ELEVEN, stand_in=True)
    files = {
        name: matched(name, *pair_folders(name, sources.pairs[name]), reading)
        for name in names
        if name in sources.pairs
    }
    module = restorer.network.to(where)
    scores = []
    for score in itertools.chain(
        _degraded(module, kinds, images, as_made, seed, where, reading),
        _paired(module, files, where, reading.max_pixels),
    ):
        scores.append(score)
        if on_score is not None:
            on_score(score)
    scores.sort(key=lambda score: names.index(score.task))
    return Evaluation(str(model), restorer.preset, seed, tuple(scores), tuple(files))


def _check_known(restorer: Restorer, sources: TaskSources) -> None:
    """Raise GridsError where the restorer was trained for a wanted task that is none of ours."""
    for name in restorer.tasks:
        wanted = sources.names is None or name in sources.names
        if wanted and name not in (*NAMES, *sources.functions, *sources.pairs):
            raise GridsError(
                f"the restorer was trained for '{name}', which is none of ours: give it with `pairs` or `functions`, "
                "or choose other `tasks`"
            )


def _degraded(
    network: nn.Module,
    kinds: Mapping[str, Degradation],
    images: Images,
    as_made: bool,
    seed: int,
    device: torch.device,
    reading: ReadOptions,
) -> Iterator[Score]:
    if not kinds:
        return
    for photo in read_photos(photo_paths(images), reading, LEAST):
        assert photo.path is not None
        clean = _pixels(seen_part(photo).photo)
        for task, kind in kinds.items():
            generator = seeded(seed_for(seed, f"{task} {photo.path.name}"))
            made, head = kind(clean[None], generator), select_head(network, task)
            yield _score(head, task, photo.path, made[0], clean, device)
            if not as_made:
                saved = save_some(made, JPEG_90, generator)[0]
                yield _score(head, task, photo.path, saved[0], clean, device, JPEG_90.name)


def _paired(
    network: nn.Module, files: Mapping[str, Sequence[tuple[Path, Path]]], device: torch.device, max_pixels: int
) -> Iterator[Score]:
    for task, paths in files.items():
        for first, second in paths:
            given, wanted = read_photo(first, max_pixels), read_photo(second, max_pixels)
            check_sizes(task, first, (given.height, given.width), (wanted.height, wanted.width))
            if min(given.height, given.width) < LEAST:
                raise ImageError(f"'{first}' is smaller than {LEAST} pixels")
            image, target = (_pixels(photo) for photo in (given, wanted))
            yield _score(select_head(network, task), task, first, image, target, device)


def _score(
    network: nn.Module,
    task: str,
    path: Path,
    image: Tensor,
    target: Tensor,
    device: torch.device,
    saved: str = "",
) -> Score:
    made = restore_image(network, image, device)
    if not bool(torch.isfinite(made).all()):
        raise GridsError(f"the restorer gives values that are not finite for '{path}' ({task})")
    return Score(task, path.name, *whole_scores(image, target), *whole_scores(made, target), saved)


def _pixels(photo: Photo) -> Tensor:
    """(3, H, W) float32 in [0, 1], rounded to 8 bit."""
    return to_tensor(to_8_bit(photo.pixels))
