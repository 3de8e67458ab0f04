"""Restoring a photograph with the restorer that it needs, once or several times over."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn

from grids.errors import GridsError, ImageError, unknown_name
from grids.images import Photo
from grids.images.grey import average_channels, has_equal_channels
from grids.images.tensors import Pixels, planes_of, to_8_bit, to_pixels, to_unit
from grids.images.transparency import seen_part, with_seen
from grids.networks.heads import MultiHead, TaskView, for_task
from grids.restoration.models import load_restorer
from grids.restoration.tiling import OVERLAP, Part, restored_parts
from grids.results.selection import CLEAN, UNCERTAIN, UNKNOWN, Candidate, Selection

DONE: Literal["done"] = "done"
TOO_LITTLE: Literal["too little"] = "too little"
"""Why restoring ended, besides "clean", "unknown" and "uncertain" (it is not likely that the next step gains): all
steps are done, or the next is expected to gain less than asked for."""
Action = Literal["restored", "uncertain", "left"]
"""What became of a photograph: "uncertain" and "left" ones are as they were, the former for want of a likely gain."""
LEAST_TILE = 128


@dataclass(frozen=True)
class Step:
    """A look at the photograph, and what followed from it.

    Args:
        selection: what the image needed at this point.
        group: the id of the group whose restorer was run; None where none was.
        seconds: that the restorer took; 0 where none was run.
        head: the degradation whose head of the restorer was run; None where it has one for all.
    """

    selection: Selection
    group: str | None = None
    seconds: float = 0.0
    head: str | None = None


@dataclass(frozen=True)
class Restoration:
    """A photograph after restoring.

    Args:
        photo: the result, of the size and depth of the photograph; the photograph itself where nothing was restored.
        steps: all looks at it, in order; the last may be one after which nothing was run.
        why: why it ended: "done" (all steps), "clean", "unknown" (nothing restores what it bears), "uncertain" (a gain
            is not likely, or the same restorer would run again for the same degradation) or "too little" (less gain is
            expected than was asked for).
    """

    photo: Photo
    steps: tuple[Step, ...]
    why: str

    @property
    def groups(self) -> tuple[str, ...]:
        """The ids of the groups whose restorers were run, in order; empty for an untouched photograph."""
        return tuple(step.group for step in self.steps if step.group is not None)

    @property
    def action(self) -> Action:
        """What became of the photograph.

        Returns:
            "restored" where a restorer was run at least once. Else the photograph is as it was: "uncertain" where a
            restorer was there, but a gain not likely or too small, "left" where it is clean or unknown.
        """
        if self.groups:
            return "restored"
        return UNCERTAIN if self.why in (UNCERTAIN, TOO_LITTLE) else "left"

    @property
    def restorers(self) -> tuple[str, ...]:
        """The groups whose restorers were run, each with the head that was used.

        Returns:
            In order, "C1" for a restorer with one head for all degradations, "C1 (rain)" for one with a head for each.
        """
        return tuple(
            step.group if step.head is None else f"{step.group} ({step.head})"
            for step in self.steps
            if step.group is not None
        )


def restore_photo(
    photo: Photo,
    select: Callable[[Photo], Selection],
    restorers: Callable[[str], nn.Module],
    *,
    group: str | None = None,
    head: str | None = None,
    tile: int | None = None,
    overlap: int = OVERLAP,
    steps: int = 1,
    min_gain: float = 0.0,
    strength: float = 1.0,
    device: torch.device | str = "cpu",
) -> Restoration:
    """Select and restore, up to `steps` times.

    It ends earlier where the image is clean or unknown, where a gain is not likely, and where a restorer would run
    again for the same degradation: it has not learnt from its own results.

    Wholly transparent pixels keep their colours: the network gets, in their place, what is visible beside them.

    Args:
        photo: of any size; alpha, metadata and bit depth are kept, and grey stays grey: of a photograph whose channels
            are equal the result is the mean of the network's three. It is not changed.
        select: what a photograph needs. It is shown what a file would hold, its values rounded to the bits of the
            photograph (from step to step 16 are kept), but of a partly transparent one only the rectangle around what
            is visible.
        restorers: the network of a group's id, on the device, such as `loader` gives.
        group: the id of the group for the first step, whatever the selection says; later steps are free.
        head: the degradation whose head of that group's restorer is used; None leaves it to the selection.
        tile, overlap: pixels, as for `restore_image`; a tile has at least 128, an overlap at most half a tile.
        steps: how often to restore at most, 1 or more.
        min_gain: the least gain that must be expected, dB, at least 0; see `Selection.promises`.
        strength: of the result of each step that is blended with what went in, 0 to 1.
        device: where the networks lie.

    Returns:
        The result, and every look at the photograph with what was done.

    Raises:
        GridsError: nothing is visible, a value is wrong, a least gain is asked for where none is predicted, a network
            is missing, gives values that are not finite, or needs too much memory.
    """
    check_settings(steps, tile, overlap, group, head, min_gain, strength)
    seen = seen_part(photo)
    pixels, bits = seen.photo.pixels, 16 if steps > 1 else seen.photo.bits
    done = list[Step]()
    why: str = DONE
    while sum(step.group is not None for step in done) < steps:
        selection = select(replace(_holding(seen.photo, pixels), path=None))
        forced = group if not done else None
        stop = None if forced else _reason_to_stop(selection, min_gain)
        if stop is not None:
            done.append(Step(selection))
            why = stop
            break
        chosen = forced or selection.group
        assert chosen is not None
        # with a head for each degradation, that of the likeliest one
        network = restorers(chosen)
        network = view_of(network, chosen, head) if forced and head else for_task(network, *selection.degradations)
        used = network.task if isinstance(network, TaskView) else None
        if (chosen, used, selection.degradation) in (
            (step.group, step.head, step.selection.degradation) for step in done
        ):
            done.append(Step(selection))
            why = UNCERTAIN
            break
        begun = time.perf_counter()
        parts = restored_parts(network, planes_of(pixels), device, tile=tile, overlap=overlap)
        try:
            pixels = _with_parts(pixels, parts, strength, bits)
        except ImageError as error:
            raise GridsError(f"the restorer of the group '{chosen}' gives values that are not finite") from error
        done.append(Step(selection, chosen, time.perf_counter() - begun, used))
    restored = any(step.group is not None for step in done)
    result = with_seen(photo, seen, _holding(seen.photo, pixels)) if restored else photo
    return Restoration(result, tuple(done), why)


def _holding(photo: Photo, pixels: Pixels) -> Photo:
    """A photo with other pixels, of its own bits or more."""
    return replace(photo, pixels=pixels if pixels.dtype == photo.pixels.dtype else to_8_bit(pixels))


def _with_parts(pixels: Pixels, parts: Iterable[Part], strength: float, bits: int) -> Pixels:
    """Pixels blended with what a restorer made of them, clipped and rounded. Raises ImageError for NaN."""
    planes, grey = planes_of(pixels), has_equal_channels(pixels)
    result = np.empty(pixels.shape, np.uint8 if bits == 8 else np.uint16)
    for rows, columns, made in parts:
        new = average_channels(made.clamp(0, 1)) if grey else made.clamp(0, 1)
        if strength != 1:
            new = to_unit(planes[:, rows, columns]).lerp(new, strength)
        result[rows, columns] = to_pixels(new, bits)
    return result


def view_of(network: nn.Module, group: str, head: str) -> nn.Module:
    """Take one head of a group's restorer.

    Args:
        network: the restorer.
        group: its group's id, for messages.
        head: the degradation whose head is wanted.

    Returns:
        A view that is called with images alone; it shares the network's weights.

    Raises:
        UnknownNameError: the restorer has heads, but none of that name.
        GridsError: it has one head for all its degradations.
    """
    if not isinstance(network, MultiHead):
        raise GridsError(
            f"the restorer of the group '{group}' has one head for all its degradations: --head has no use"
        )
    return TaskView(network, head)


def check_settings(
    steps: int,
    tile: int | None,
    overlap: int,
    group: str | None = None,
    head: str | None = None,
    min_gain: float = 0.0,
    strength: float = 1.0,
) -> None:
    """Check the settings of `restore_photo`, so that a wrong one is told before any photograph is read.

    Args:
        steps, tile, overlap, group, head, min_gain, strength: as for `restore_photo`.

    Raises:
        GridsError: a head without a group, fewer than 1 step, a least gain that is negative or not finite, a strength
            outside [0, 1], an overlap below 0 or above half a tile (64 pixels where no tile is given), or a tile of
            fewer than 128 pixels. The first of them is told.
    """
    if head is not None and group is None:
        raise GridsError("--head goes with --group")
    if steps < 1:
        raise GridsError(f"the number of steps must be at least 1, but is {steps}")
    if not (min_gain >= 0 and math.isfinite(min_gain)):
        raise GridsError(f"the least gain must be a number of dB of at least 0, but is {min_gain:g}")
    if not 0 <= strength <= 1:
        raise GridsError(f"the strength must be 0 to 1, but is {strength:g}")
    if overlap < 0:
        raise GridsError(f"the overlap must be at least 0 pixels, but is {overlap}")
    if tile is not None and tile < LEAST_TILE:
        raise GridsError(f"the side of the tiles must be at least {LEAST_TILE} pixels, but is {tile}")
    if overlap > (tile or LEAST_TILE) // 2:
        raise GridsError(
            f"the overlap must be at most half the side of the tiles"
            f"{f', {tile} pixels' if tile else f' ({LEAST_TILE // 2} pixels without --tile)'}, but is {overlap}"
        )


def _reason_to_stop(selection: Selection, min_gain: float) -> str | None:
    if selection.verdict == CLEAN:
        return CLEAN
    if selection.group is None:
        return UNKNOWN
    if selection.predicted_gain is None and min_gain > 0:
        raise GridsError(
            "a least gain needs predicted gains, which these groups have none of: `grids profile` learns them"
        )
    if not selection.promises():
        return UNCERTAIN
    return None if selection.promises(min_gain) else TOO_LITTLE


def loader(groups: Sequence[Candidate], device: torch.device) -> Callable[[str], nn.Module]:
    """Make a function that gives the restorer of a group's id.

    It reads the file when a group is first asked for, then keeps the network.

    Args:
        groups: the candidates, with the files of their weights.
        device: where the networks are put.

    Returns:
        A function of the id that returns the network in evaluation mode, on the device. It raises UnknownNameError for
        an unknown group, GridsError for one without weights, and WeightsError for weights that cannot be used.
    """
    by_id = {group.id: group for group in groups}

    @functools.cache
    def restorer(name: str) -> nn.Module:
        if name not in by_id:
            raise unknown_name("group", name, by_id)
        group = by_id[name]
        if group.weights is None:
            members = ", ".join(group.degradations)
            raise GridsError(f"the group '{name}' ({members}) has no restorer: there are no weights for it in the run")
        return load_restorer(group.weights, group.network).network.to(device)

    return restorer
