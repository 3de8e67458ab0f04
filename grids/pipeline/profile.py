"""Learning what images are compared with: from photographs that are degraded here, or from examples as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from grids import __version__, devices, weights
from grids.degradations import Degradation, check_name
from grids.errors import GridsError, ImageError, RunError
from grids.images import ReadOptions, read_photos
from grids.images.transparency import seen_part
from grids.networks.heads import MultiHead
from grids.pipeline.inputs import Images, Plugin, named_degradations, photo_paths, split_for_calibration
from grids.pipeline.run_folder import RunFolder
from grids.pipeline.targets import check_targets
from grids.random import seeded
from grids.restoration.models import load_restorer
from grids.results import CLEAN, OTHER, Candidate, Grouping
from grids.selection.classifier import Discriminant
from grids.selection.drawn import SampleSettings
from grids.selection.features import describe
from grids.selection.features.blur import blur_statistics
from grids.selection.fit_profile import fit_profile
from grids.selection.profile import FILE, Profile, list_candidates, read_profile
from grids.selection.samples import Samples, make_outliers, make_samples
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import PHOTOGRAPHS, pair_settings

FEWEST = 8
"""Photographs, or examples of a group, that are needed."""
MOST, LEARNT_MOST = 512, 256
"""Sides of a degraded photograph, pixels; a larger one is cut to its middle. Those learnt from are smaller, since there
are more of them."""
LEAST = 32
"""Sides that a photograph must have, pixels."""
DISTORTED = 2
"""Times that every photograph is distorted, to show what is unlike anything known."""
LEAST_DISTORTED = 96
"""Distorted photographs, at least, beside examples."""
QUARTER = 128
"""An example is also described by its quarters, where they have such sides."""
EXAMPLES_SHRINKAGE = 0.5
"""Of the covariance of examples, which are few, towards that of the built-in profile."""


def profile_run(
    images: Images,
    run: str | Path,
    *,
    functions: Mapping[str, Plugin] | None = None,
    draws: int = 1,
    data: str = PHOTOGRAPHS.name,
    seed: int = 0,
    device: str = "auto",
    reading: ReadOptions | None = None,
    on_start: Callable[[int], None] = lambda total: None,
    on_done: Callable[[], object] = lambda: None,
) -> Profile:
    """Learn the profile of a run folder's groups on photographs, and write it there.

    Every photograph is degraded with every degradation of the groups, at a severity and a size that are drawn. One of
    four photographs is kept for thresholds and intervals, by a checksum of its name. What the groups' restorers gain is
    measured where their weights are there and the photographs are enough for an interval.

    Args:
        images: clean photographs: a folder, files, or None or "builtin".
        run: a run folder with a groups.json, of `grids group`; profile.safetensors is written into it.
        functions: degradations of the groups that are not built in, by name, as in `measure_similarity`.
        draws: of severity and size, for each photograph and degradation.
        data: "photographs", "camera" or "pristine": how examples are made, see `grids.training.pair_settings`.
        seed: of everything that is drawn.
        device: "auto", "cpu", "cuda" or "mps".
        reading: how photographs are read.
        on_start, on_done: called with the number of photographs, and after each.

    Returns:
        The profile, as it was written.

    Raises:
        GridsError: a name, value or file is wrong, or there are too few photographs; the message names it.
    """
    if draws < 1:
        raise GridsError(f"draws must be at least 1, but is {draws}")
    seeded(seed)
    settings = pair_settings(data)
    where = devices.resolve(device)
    folder = Path(run)
    groups, restorers = _groups_of(folder, where)
    kinds = _kinds_of(groups, functions or {})
    check_targets([folder / FILE])
    with RunFolder(folder).working():
        paths = photo_paths(images)
        if len(paths) < FEWEST:
            raise _too_few(len(paths))
        on_start(len(paths))
        learnt, kept = split_for_calibration(paths)
        # float32, as images are described when a group is chosen for them
        descriptor = Descriptor(device=where)
        reading = reading or ReadOptions()
        silent = replace(reading, on_skip=None)  # what is skipped is told once
        parts = []
        for some, most in ((learnt, LEARNT_MOST), (kept, MOST)):
            drawing = SampleSettings(draws, most=most, data=settings, seed=seed)
            photographs = _pixels(some, reading)
            made = make_samples(photographs, kinds, descriptor, restorers, drawing, device=where, on_done=on_done)
            drawing = replace(drawing, draws=DISTORTED)
            others = make_outliers(_pixels(some, silent), descriptor, len(kinds), restorers, drawing, device=where)
            parts.append(Samples.join([made, others]))
        used = [len(np.unique(part.photographs)) for part in parts]
        if min(used) < 2 or sum(used) < FEWEST:
            raise _too_few(sum(used))
        known = read_profile(weights.builtin(weights.PROFILE)).ggd
        record = {"photographs": sum(used), "draws": draws, "data": data, "seed": seed, "grids_version": __version__}
        profile = fit_profile(
            parts[0],
            parts[1],
            (*kinds, OTHER),
            groups,
            descriptor_sha256=descriptor.sha256,
            ggd={name: known[name] for name in kinds if name in known and name not in (functions or {})},
            record=record,
        )
        profile.write(folder / FILE)
    return profile


def profile_examples(
    examples: Mapping[str, Images],
    run: str | Path,
    *,
    clean: Images = None,
    restorers: Mapping[str, str | Path] | None = None,
    networks: Mapping[str, str] | None = None,
    seed: int = 0,
    device: str = "auto",
    reading: ReadOptions | None = None,
    on_start: Callable[[int], None] = lambda total: None,
    on_done: Callable[[], object] = lambda: None,
) -> Profile:
    """Learn groups from images that already bear a degradation, without clean versions, and write their profile.

    The built-in profile tells how photographs scatter, so that some ten images of a group are enough for a start.
    Gains are not predicted: they would need clean versions.

    Args:
        examples: for each group, by name, a folder or files.
        run: the folder that profile.safetensors is written into; made if needed.
        clean: clean photographs: a folder, files, or None or "builtin".
        restorers: the file of a group's restorer, by the group's name.
        networks: its preset of `grids.networks.TABLE`, where the file does not say so.
        seed: of the distortions of the clean photographs, which show what is unlike anything known.
        device, reading, on_start, on_done: as in `profile_run`.

    Returns:
        The profile, as it was written.

    Raises:
        GridsError: a name, value or file is wrong, or a group has too few examples; the message names it.
    """
    where = devices.resolve(device)
    folder = Path(run)
    seeded(seed)
    groups = _candidates(examples, restorers or {}, networks or {})
    folders = {CLEAN: photo_paths(clean)} | {name: photo_paths(given) for name, given in examples.items()}
    for name, paths in folders.items():  # now, not after minutes of describing those that come before
        _need_enough(name, len(paths))
    check_targets([folder / FILE], (restorers or {}).values())
    with RunFolder(folder).working():
        on_start(sum(map(len, folders.values())))
        # float32, as images are described when one of these is chosen: few examples must not differ from them
        descriptor = Descriptor(device=where)
        basis, reading = read_profile(weights.builtin(weights.PROFILE)).discriminant, reading or ReadOptions()
        learnt, kept = list[Samples](), list[Samples]()
        for kind, (name, paths) in enumerate(folders.items()):
            described: dict[Path, Samples] = {}
            for path, samples in _described(paths, kind, descriptor, basis, reading):
                described[path] = samples
                on_done()
            _need_enough(name, len(described))
            for part, some in zip((learnt, kept), split_for_calibration(list(described)), strict=True):
                part += [described[path] for path in some]
                if name == CLEAN:
                    part.append(_others(some, len(folders), descriptor, basis, reading, seed))
        record = {"examples": {name: len(paths) for name, paths in folders.items()}, "grids_version": __version__}
        profile = fit_profile(
            Samples.join(learnt),
            Samples.join(kept),
            (*folders, OTHER),
            groups,
            descriptor_sha256=descriptor.sha256,
            shrinkage=EXAMPLES_SHRINKAGE,
            record=record,
        )
        profile = replace(profile, discriminant=profile.discriminant.compose(basis))
        profile.write(folder / FILE)
    return profile


def _candidates(
    examples: Mapping[str, Images], restorers: Mapping[str, str | Path], networks: Mapping[str, str]
) -> tuple[Candidate, ...]:
    for name in examples:
        check_name(name)
        if name in (CLEAN, OTHER):
            raise GridsError(f"a group cannot be called '{name}': it stands for images that no group restores")
    for name in (*restorers, *networks):
        if name not in examples:
            raise GridsError(f"'{name}' is given weights or a network, but no examples: add `examples` {name}=FOLDER")
    for name in networks:
        if name not in restorers:
            raise GridsError(f"'{name}' is given a network, but no weights: add `restorers` {name}=FILE")
    for name, file in restorers.items():
        network = load_restorer(file, networks.get(name)).network  # says now what is wrong with it
        if isinstance(network, MultiHead) and name not in network.tasks:
            heads = ", ".join(network.tasks)
            raise GridsError(f"'{file}' has a head for each of {heads}: call its group by one of these, not '{name}'")
    files = {name: Path(file).resolve() for name, file in restorers.items()}
    return tuple(Candidate(name, (name,), files.get(name), networks.get(name)) for name in examples)


def _groups_of(folder: Path, device: torch.device) -> tuple[tuple[Candidate, ...], list[nn.Module]]:
    """The groups of a run, and their restorers if all of them are there."""
    if not (folder / "groups.json").is_file():
        raise RunError(f"the run folder '{folder}' holds no groups.json: `grids group` makes one, or give `examples`")
    groups = list_candidates(Grouping.load(folder))
    files = [folder / group.weights for group in groups if group.weights]
    if len(files) < len(groups):
        return groups, []
    networks = [load_restorer(file).network.to(device, memory_format=torch.channels_last) for file in files]  # type: ignore[call-overload]
    return groups, networks


def _kinds_of(groups: Sequence[Candidate], functions: Mapping[str, Plugin]) -> dict[str, Degradation | None]:
    names = [name for group in groups for name in group.degradations]
    for name in functions:
        if name not in names:
            raise GridsError(f"'{name}' is given, but is in none of the run's groups: {', '.join(names)}")
    for name in (CLEAN, OTHER):
        if name in names:
            raise GridsError(f"a degradation cannot be called '{name}': it stands for images that no group restores")
    found = named_degradations([name for name in names if name not in functions], functions)
    return {CLEAN: None} | {name: found[name] for name in names}


def _need_enough(name: str, count: int) -> None:
    """Raises GridsError for too few examples of a group, or clean photographs."""
    if count < FEWEST:
        what = "clean photographs" if name == CLEAN else f"examples of '{name}'"
        raise GridsError(f"too few {what}: at least {FEWEST} are needed, but there are {count}")


def _too_few(count: int) -> ImageError:
    return ImageError(f"too few photographs can be used: {count}, but at least {FEWEST} are needed")


def _pixels(paths: Sequence[Path], reading: ReadOptions) -> Iterator[tuple[str, Tensor]]:
    for photo in read_photos(paths, reading, LEAST):
        assert photo.path is not None
        yield photo.path.name, seen_part(photo).photo.tensor()


def _described(
    paths: Sequence[Path], kind: int, descriptor: Descriptor, basis: Discriminant, reading: ReadOptions
) -> Iterator[tuple[Path, Samples]]:
    """Every image and its quarters, in the whitened space of the basis."""
    for number, photo in enumerate(read_photos(paths, reading)):
        assert photo.path is not None
        seen = seen_part(photo)
        parts = _parts(seen.photo.tensor(), seen.mask())
        blur = blur_statistics(*parts[0])  # of the whole
        rows = basis.whiten(np.stack([describe(descriptor, *part, blur) for part in parts]))
        kinds, numbers, zeros = (np.full(len(rows), value) for value in (kind, number, 0.0))
        yield photo.path, Samples(rows, kinds, zeros, numbers, np.empty((len(rows), 0)), zeros)


def _others(
    paths: Sequence[Path], kind: int, descriptor: Descriptor, basis: Discriminant, reading: ReadOptions, seed: int
) -> Samples:
    """Clean photographs, distorted, in the whitened space of the basis."""
    draws = max(DISTORTED, math.ceil(LEAST_DISTORTED / len(paths)))
    photographs = _pixels(paths, replace(reading, on_skip=None))
    made = make_outliers(photographs, descriptor, kind, settings=SampleSettings(draws, most=MOST, seed=seed))
    return replace(made, statistics=basis.whiten(made.statistics))


def _parts(image: Tensor, visible: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    """The image and those of its quarters that show something, each with which of its pixels are visible."""
    height, width = image.shape[-2:]
    if min(height, width) < 2 * QUARTER:
        return [(image, visible)]
    rows, columns = (slice(height // 2), slice(height // 2, None)), (slice(width // 2), slice(width // 2, None))
    quarters = [
        (image[:, row, column], None if visible is None else visible[row, column]) for row in rows for column in columns
    ]
    return [(image, visible), *(one for one in quarters if one[1] is None or bool(one[1].any()))]
