"""Restoring image files, each with the restorer that it needs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from grids import devices
from grids.errors import GridsError
from grids.images import Photo, ReadOptions, Skipped, encode, read_photos, suffix_of, write_photo
from grids.images.tensors import Pixels
from grids.images.transparency import on_white
from grids.io import STDIO, write_bytes, write_text
from grids.pipeline.inputs import photo_paths
from grids.pipeline.targets import check_apart, check_targets, result_file, results_folder, target_names
from grids.reports.selection import Shown
from grids.reports.selection_words import outcome_text, verdict_text
from grids.reports.sheet import MAX_TILE, as_jpeg, contact_sheet
from grids.reports.text import counted
from grids.restoration.restore import Restoration, RestoreSettings, choose_head, make_loader, restore_photo
from grids.results import Candidate, Selection

RECORDS, REPORT = "restored.json", "report.html"
PICTURES = 12
"""So many restored photographs have pictures in a report, which holds them all."""


class Selecting(Protocol):
    """What says which of its groups an image needs: `grids.selection.selector.Selector`, or a class with these two."""

    @property
    def groups(self) -> Sequence[Candidate]: ...
    def select(self, image: Photo, /) -> Selection: ...


@dataclass(frozen=True)
class RestoredFile:
    """An image file and what became of it.

    Args:
        source: the image.
        output: the file that holds the result, or the image as it was where nothing was restored.
        restoration: the result, all looks at the image, and why it ended.
        settings: how it was restored.
    """

    source: Path
    output: Path
    restoration: Restoration
    settings: RestoreSettings

    @property
    def outcome(self) -> str:
        """What was done, in words, see `outcome_text`."""
        made = self.restoration
        unchanged = next((step.unchanged for step in reversed(made.steps) if step.unchanged is not None), None)
        return outcome_text(made.restorers, made.why, unchanged, drawing=made.steps[-1].selection.is_drawing)

    def to_json(self) -> dict[str, Any]:
        """A record for restored.json: the first selection as `grids select --json` prints it, and what followed.

        Returns:
            The keys of `Selection.to_json`, and output, steps (each with group, head, seconds, unchanged and
            selection), strength, min_gain_db, action and why.
        """
        steps = [
            {
                "group": step.group,
                "head": step.head,
                "seconds": step.seconds,
                "unchanged": step.unchanged,
                "selection": step.selection.to_json(),
            }
            for step in self.restoration.steps
        ]
        return {
            **self.restoration.steps[0].selection.to_json(),
            "image": str(self.source),
            "output": str(self.output),
            "steps": steps,
            "strength": self.settings.strength,
            "min_gain_db": self.settings.min_gain,
            "action": self.restoration.action,
            "why": self.restoration.why,
        }


def restore_files(
    images: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    selector: Selecting,
    settings: RestoreSettings | None = None,
    compare: str | Path | None = None,
    report: str | Path | None = None,
    device: str = "auto",
    reading: ReadOptions | None = None,
    on_image: Callable[[RestoredFile], None] | None = None,
) -> list[RestoredFile]:
    """Restore images: one file into another, or several into a new folder, as .png with the sub-folders they lie in.

    An image that is clean, unlike anything known, not likely to gain or not changed by its restorer keeps its pixels;
    in its own format the file is copied byte for byte.

    Args:
        images: files and folders; "-" is standard input.
        out: the file, its suffix deciding the format ("-" for a PNG on standard output), or the folder; None for
            NAME_restored.png in the working folder. A folder also gets restored.json and report.html.
        selector: says which group an image needs.
        settings: which group to use instead, and how; the defaults if None.
        compare: a .png for one image before and after, side by side.
        report: a page that tells of all images and shows up to twelve that were restored, beside the one of a folder.
        device: "auto", "cpu", "cuda" or "mps".
        reading: how images are read.
        on_image: called after each.

    Returns:
        What became of each image, in their order; images that were skipped are left out.

    Raises:
        GridsError: a name, value or file is wrong, or no image can be used; nothing is written before all names
            and values were looked at. One of several images that cannot be restored is skipped.
    """
    used, reading = settings or RestoreSettings(), reading or ReadOptions()
    where = devices.resolve(device)
    restorers = make_loader(selector.groups, where)
    _check_chosen(restorers, used.group, used.head)
    targets, folder = _targets(images, out)
    _check_pages(compare, report, folder)
    outputs = [compare, report] if folder is not None else [*targets.values(), compare, report]
    check_targets(outputs, [*targets, *(targets.values() if folder is not None else ())])
    pages = _Pages(folder, compare, report)

    def note(bad: Skipped) -> None:
        pages.skipped.append(bad)
        reading.skip(bad.path, bad.reason)

    def run(photo: Photo) -> Restoration | None:
        assert photo.path is not None
        try:
            return restore_photo(photo, selector.select, restorers, used, where)
        except GridsError as error:
            if len(targets) == 1:
                raise
            note(Skipped(photo.path, str(error)))
            return None

    with contextlib.ExitStack() as stack:
        if folder is not None:
            stack.enter_context(results_folder(folder, list(targets), RECORDS))
        stack.callback(pages.write)  # Ctrl-C, too, leaves an account of what was done
        for photo in read_photos(list(targets), replace(reading, on_skip=note)):
            assert photo.path is not None
            if (restoration := run(photo)) is None:
                continue
            output = _write(photo, restoration, targets[photo.path], reading)
            made = RestoredFile(photo.path, output, restoration, used)
            pages.add(photo, made)
            if on_image is not None:
                on_image(made)
        return pages.results()


def _check_chosen(restorers: Callable[[str], nn.Module], group: str | None, head: str | None) -> None:
    """Raises GridsError for a group or head that there is not, or whose weights cannot be used."""
    if group is not None:
        network = restorers(group)
        if head is not None:
            choose_head(network, group, head)


class _Pages:
    """What was done to which image, and the pages that tell of it."""

    def __init__(self, folder: Path | None, compare: str | Path | None, report: str | Path | None) -> None:
        self.folder, self.compare, self.report = folder, compare, report
        self.done: list[RestoredFile] = []
        self.skipped: list[Skipped] = []
        self._pictures: dict[Path, bytes] = {}

    def add(self, photo: Photo, made: RestoredFile) -> None:
        self.done.append(made)  # first: Ctrl-C leaves an account of every file that is there
        # an untouched photograph among several is the same before and after
        told = self.folder is None or bool(made.restoration.groups)
        paged = (self.report is not None or self.folder is not None) and told and len(self._pictures) < PICTURES
        sheet = _side_by_side(photo, made.restoration) if paged or self.compare is not None else None
        if self.compare is not None and sheet is not None:
            write_bytes(Path(self.compare), sheet)
        if sheet and paged:
            self._pictures[made.source] = as_jpeg(sheet)

    def _row(self, made: RestoredFile) -> Shown:
        selections = tuple(step.selection for step in made.restoration.steps)
        return Shown(str(made.source), str(made.output), selections, made.outcome, self._pictures.get(made.source))

    def results(self) -> list[RestoredFile]:
        """Raises GridsError where there are none."""
        if self.done:
            return self.done
        count, first = len(self.skipped), self.skipped[0]
        raise GridsError(f"no image could be restored (the first of {count}, '{first.path}': {first.reason})")

    def write(self) -> None:
        """Write the pages, and the records of a folder."""
        if not self.done:
            return
        pages = [Path(self.report)] if self.report is not None else []
        if self.folder is not None:
            records = [made.to_json() for made in self.done]
            write_text(self.folder / RECORDS, json.dumps(records, indent=1, default=str) + "\n")
            pages.append(self.folder / REPORT)
        if not pages:
            return
        from grids.reports.html import restoring_page  # with matplotlib, half a second

        skipped = [(str(bad.path), bad.reason) for bad in self.skipped]
        page = restoring_page(
            list(map(self._row, self.done)), title=f"Restoring {counted(len(self.done), 'image')}", skipped=skipped
        )
        for path in pages:
            write_text(path, page)


def _side_by_side(photo: Photo, restoration: Restoration) -> bytes:
    """A PNG of a photograph before and after; below, where they are scaled down, the middle of both pixel by pixel."""
    pictures = [on_white(shot) for shot in (photo, restoration.photo)]
    groups = restoration.groups
    after = f"after: {' + '.join(groups)}" if groups else "after: untouched"
    tiles = list(zip((f"before: {verdict_text(restoration.steps[0].selection)}", after), pictures, strict=True))
    if photo.width > MAX_TILE:
        names = ("before, middle in full size", "after, middle in full size")
        tiles += zip(names, map(_middle, pictures), strict=True)
    return contact_sheet(tiles, columns=2)


def _middle(pixels: Pixels) -> Pixels:
    top, left = (max(0, (size - MAX_TILE) // 2) for size in pixels.shape[:2])
    return pixels[top : top + MAX_TILE, left : left + MAX_TILE]


def _targets(images: Sequence[str | Path], out: str | Path | None) -> tuple[dict[Path, Path], Path | None]:
    """The file to write for each image, and the folder for several."""
    paths = photo_paths([str(image) for image in images])
    if len(images) == 1 and not Path(images[0]).is_dir() and len(paths) == 1:
        target = result_file(out, paths[0], "restored")
        encode(Photo(np.zeros((1, 1, 3), np.uint8)), suffix_of(target))  # says which suffixes there are
        return {paths[0]: target}, None
    if out is None:
        raise GridsError("a folder of images needs a folder for the results: `out`")
    if Path(out) == STDIO:
        raise GridsError("standard output takes one image: several need a folder for the results, `out`")
    check_apart([str(image) for image in images], out)
    folder = Path(out)
    if folder.is_dir() and any(not path.name.startswith(".lock") for path in folder.iterdir()):
        raise GridsError(f"the folder for the results, '{folder}', is not empty: choose another or remove it")
    return {source: folder / name for source, name in target_names(paths).items()}, folder


def _check_pages(compare: str | Path | None, report: str | Path | None, folder: Path | None) -> None:
    if compare is not None and folder is not None:
        raise GridsError("`compare` takes one image; several are compared in the report of their folder")
    for name, given, suffix in (("compare", compare, ".png"), ("report", report, ".html")):
        if given is not None and Path(given).suffix.lower() != suffix:
            raise GridsError(f"`{name}` is written as {suffix}, not '{given}'")


_SAME = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}


def _write(photo: Photo, restoration: Restoration, target: Path, reading: ReadOptions) -> Path:
    """Write the result; an untouched image in the format it came in is copied, byte for byte."""
    assert photo.path is not None
    suffixes = [_SAME.get(suffix, suffix) for suffix in (photo.path.suffix.lower(), suffix_of(target).lower())]
    if restoration.groups or suffixes[0] != suffixes[1]:
        return write_photo(target, restoration.photo, reading)
    try:
        data = photo.path.read_bytes()
    except OSError as error:
        raise GridsError(f"cannot read '{photo.path}': {error.strerror or error}") from error
    return write_bytes(target, data)
