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
from grids.restoration.structures import keep_structures, redraws, with_depth_of
from grids.restoration.tiling import OVERLAP, SMALLEST, Part, restore_parts
from grids.results.selection import CLEAN, UNCERTAIN, UNKNOWN, Candidate, Selection, takes_off

DONE: Literal["done"] = "done"
TOO_LITTLE: Literal["too little"] = "too little"
UNCHANGED: Literal["unchanged"] = "unchanged"
"""Why restoring ended, besides "clean", "unknown" and "uncertain" (it is not likely that the next step gains): all
steps are done, the next is expected to gain less than asked for, or changes nothing (deconvolution without a blur)."""
Action = Literal["restored", "uncertain", "unchanged", "left"]
"""What became of a photograph: all but "restored" ones are as they were, "uncertain" ones for want of a likely gain."""


@dataclass(frozen=True)
class Step:
    """A look at the photograph, and what followed from it.

    Args:
        selection: what the image needed at this point.
        group: the id of the group whose restorer was run; None where none was.
        seconds: that the restorer took; 0 where none was run.
        head: the degradation whose head of the restorer was run; None where it has one for all.
        unchanged: the id of the group whose restorer was run and changed nothing; None where there was none.
    """

    selection: Selection
    group: str | None = None
    seconds: float = 0.0
    head: str | None = None
    unchanged: str | None = None


@dataclass(frozen=True)
class Restoration:
    """A photograph after restoring.

    Args:
        photo: the result, of the size and depth of the photograph; the photograph itself where nothing was restored.
        steps: all looks at it, in order; the last may be one after which nothing was run.
        why: why it ended: "done" (all steps), "clean", "unknown" (nothing restores what it bears), "uncertain" (a gain
            is not likely, or the same restorer would run again for the same degradation), "too little" (less gain is
            expected than was asked for) or "unchanged" (the restorer changed nothing).
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
            "restored" where a restorer was run at least once and changed something. Else the photograph is as it was:
            "uncertain" where a restorer was there, but a gain not likely or too small, "unchanged" where it changed
            nothing, "left" where the photograph is clean or unknown.
        """
        if self.groups:
            return "restored"
        if self.why == UNCHANGED:
            return UNCHANGED
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


@dataclass(frozen=True)
class RestoreSettings:
    """How images are restored.

    Args:
        group: the id of a group to use for the first step, whatever the selection says; later steps are free.
        head: the degradation whose head of that group's restorer to use; None leaves it to the selection.
        tile: side of the tiles that large photographs are restored in, pixels, at least 128; None for what fits.
        overlap: pixels that tiles which fade into one another share, at most half of a tile (64 without one).
        steps: how often an image is restored at most, at least 1.
        min_gain: the least gain that must be expected, dB, at least 0; see `Selection.promises`. Not of a group given.
        strength: 0 to 1, how much of the result of each step is blended with what went in.

    Raises:
        GridsError: a value is out of range, there is a head without a group, or a least gain with a group and one step
            alone. The first of them is told.
    """

    group: str | None = None
    head: str | None = None
    tile: int | None = None
    overlap: int = OVERLAP
    steps: int = 1
    min_gain: float = 0.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        most = (self.tile or SMALLEST) // 2
        if self.head is not None and self.group is None:
            raise GridsError("`head` goes with `group`")
        if self.steps < 1:
            raise GridsError(f"the number of steps must be at least 1, but is {self.steps}")
        if not (self.min_gain >= 0 and math.isfinite(self.min_gain)):
            raise GridsError(f"the least gain must be a number of dB of at least 0, but is {self.min_gain:g}")
        if self.group is not None and self.min_gain and self.steps == 1:
            raise GridsError("`min_gain` has no use with `group`, whose restorer is always used")
        if not 0 <= self.strength <= 1:
            raise GridsError(f"the strength must be 0 to 1, but is {self.strength:g}")
        if self.overlap < 0:
            raise GridsError(f"the overlap must be at least 0 pixels, but is {self.overlap}")
        if self.tile is not None and self.tile < SMALLEST:
            raise GridsError(f"the side of the tiles must be at least {SMALLEST} pixels, but is {self.tile}")
        if self.overlap > most:
            side = f", {self.tile} pixels" if self.tile else f" ({most} pixels without `tile`)"
            raise GridsError(f"the overlap must be at most half the side of the tiles{side}, but is {self.overlap}")


def restore_photo(
    photo: Photo,
    select: Callable[[Photo], Selection],
    restorers: Callable[[str], nn.Module],
    settings: RestoreSettings | None = None,
    device: torch.device | str = "cpu",
) -> Restoration:
    """Select and restore, once or several times.

    It ends earlier where the image is clean or unknown, where a gain is not likely, where a restorer would run again
    for the same degradation, or one that only takes off for any (none has learnt from its own results), and where one
    that was selected changes nothing. What a selected restorer erases although nothing was drawn over the image comes
    back (`grids.restoration.structures`).

    Wholly transparent pixels keep their colours: the network gets, in their place, what is visible beside them.

    Args:
        photo: of any size; alpha, metadata and bit depth are kept, and grey stays grey: of a photograph whose channels
            are equal the result is the mean of the network's three. It is not changed.
        select: what a photograph needs. It is shown what a file would hold, its values rounded to the bits of the
            photograph (from step to step 16 are kept), but of a partly transparent one only the rectangle around what
            is visible.
        restorers: the network of a group's id, on the device, such as `make_loader` gives.
        settings: which group and head to use instead of those selected, how often, and how; the defaults if None.
        device: where the networks lie.

    Returns:
        The result, and every look at the photograph with what was done.

    Raises:
        GridsError: nothing is visible, a least gain is asked for where none is predicted, a network is missing, gives
            values that are not finite, or needs too much memory.
    """
    settings, seen = settings or RestoreSettings(), seen_part(photo)
    pixels, bits = seen.photo.pixels, 16 if settings.steps > 1 else seen.photo.bits
    done = list[Step]()
    for number in range(settings.steps):
        selection = select(replace(_with_pixels(seen.photo, pixels), path=None))
        forced, head = (None, None) if number else (settings.group, settings.head)
        why = None if forced is not None else _find_reason_to_stop(selection, settings.min_gain)
        if why is None:
            chosen = selection.group if forced is None else forced
            assert chosen is not None
            network = restorers(chosen)
            # with a head for each degradation, that of the likeliest one
            network = for_task(network, *selection.degradations) if head is None else choose_head(network, chosen, head)
            used = network.task if isinstance(network, TaskView) else None
            if _was_run(done, chosen, used, selection):
                why = UNCERTAIN
        if why is not None:
            done.append(Step(selection))
            break
        begun = time.perf_counter()
        parts = restore_parts(network, planes_of(pixels), device, tile=settings.tile, overlap=settings.overlap)
        try:
            made = _blend_parts(pixels, parts, settings.strength, bits)
        except ImageError as error:
            raise GridsError(f"the restorer of the group '{chosen}' gives values that are not finite") from error
        made = keep_structures(pixels, made) if forced is None and redraws(selection) else made
        seconds = time.perf_counter() - begun
        if np.array_equal(made, with_depth_of(made, pixels)):
            why = UNCHANGED
            done.append(Step(selection, seconds=seconds, unchanged=chosen))
            if forced is None:
                break
            continue  # later steps are free
        pixels = made
        done.append(Step(selection, chosen, seconds, used))
    restored = any(step.group is not None for step in done)
    result = with_seen(photo, seen, _with_pixels(seen.photo, pixels)) if restored else photo
    return Restoration(result, tuple(done), why or DONE)


def _was_run(done: Sequence[Step], group: str, head: str | None, selection: Selection) -> bool:
    """Whether a restorer ran already for the same degradation; one that only takes off, for whichever it was."""
    once = bool(selection.ranking) and takes_off(selection.ranking[0].degradations)
    return any(
        (step.group, step.head) == (group, head) and (once or step.selection.degradation == selection.degradation)
        for step in done
    )


def _with_pixels(photo: Photo, pixels: Pixels) -> Photo:
    """A photo with other pixels, of its own bits or more."""
    return replace(photo, pixels=pixels if pixels.dtype == photo.pixels.dtype else to_8_bit(pixels))


def _blend_parts(pixels: Pixels, parts: Iterable[Part], strength: float, bits: int) -> Pixels:
    """Pixels blended with what a restorer made of them, clipped and rounded. Raises ImageError for NaN."""
    planes, grey = planes_of(pixels), has_equal_channels(pixels)
    result = np.empty(pixels.shape, np.uint8 if bits == 8 else np.uint16)
    for rows, columns, made in parts:
        new = average_channels(made.clamp(0, 1)) if grey else made.clamp(0, 1)
        if strength != 1:
            new = to_unit(planes[:, rows, columns]).lerp(new, strength)
        result[rows, columns] = to_pixels(new, bits)
    return result


def choose_head(network: nn.Module, group: str, head: str) -> nn.Module:
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
        raise GridsError(f"the restorer of the group '{group}' has one head for all degradations: `head` has no use")
    return TaskView(network, head)


def _find_reason_to_stop(selection: Selection, min_gain: float) -> str | None:
    """None where a restorer is to be run. Raises GridsError for a least gain where no gains are predicted."""
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


def make_loader(groups: Sequence[Candidate], device: torch.device) -> Callable[[str], nn.Module]:
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
