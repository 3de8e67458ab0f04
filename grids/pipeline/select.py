"""Choosing restorers for files: one answer for each image, and a map over one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grids import devices
from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, Skipped, note_pages, read_photo
from grids.images.reading import count_pixels, read_or_skip, unusable
from grids.images.transparency import on_white, seen_part
from grids.io import write_bytes
from grids.pipeline.inputs import Images, photo_paths
from grids.pipeline.targets import check_targets
from grids.results import Selection
from grids.selection.selector import Selector, check_method

AT_ONCE = 2**25
"""Pixels of all photographs in memory at once, about; a larger one is there alone."""


def select_images(
    images: Images = None,
    *,
    selector: Selector,
    method: str = "ours",
    reading: ReadOptions | None = None,
    on_done: Callable[[Selection], None] | None = None,
) -> list[Selection]:
    """Which restorer each image needs: small ones on all threads at once, large ones one after another.

    Args:
        images: a folder, files, or None or "builtin" for the photographs that installed packages carry.
        selector: what chooses.
        method: "ours", or "paper" for equation 7 of GRIDS to the letter.
        reading: how images are read; what is wrong with a single one is raised.
        on_done: called after every image.

    Returns:
        The selections, in the order of `list_images`.

    Raises:
        GridsError: the method is unknown, or no image can be used; the message names it.
    """
    check_method(method)
    reading, paths = reading or ReadOptions(), photo_paths(images)
    found, first = [], ""

    def select(path: Path) -> tuple[Selection | Skipped, list[tuple[Path, str]]]:
        notes: list[tuple[Path, str]] = []
        photo = read_or_skip(path, reading.max_pixels)
        if isinstance(photo, Skipped):
            return photo, notes
        note_pages(photo, ReadOptions(on_note=lambda *note: notes.append(note)))
        try:
            return selector.select(photo, method=method), notes
        except GridsError as error:
            return Skipped(path, str(error)), notes

    for made, notes in devices.spread(paths, select, lambda path: count_pixels(path, reading.max_pixels), AT_ONCE):
        for note in notes:
            reading.note(*note)
        if isinstance(made, Skipped):
            if len(paths) == 1:
                raise unusable(made)
            first = first or f"'{made.path}': {made.reason}"
            reading.skip(made.path, made.reason)
            continue
        found.append(made)
        if on_done is not None:
            on_done(made)
    if not found:
        raise ImageError(f"none of {len(paths)} images can be used (the first, {first})")
    return found


def write_map(image: str | Path, out: str | Path, *, selector: Selector, reading: ReadOptions | None = None) -> Path:
    """Write a PNG of an image, tinted by the group that each part of it needs.

    Of a partly transparent image, the rectangle around what is visible is shown.

    Args:
        image: the file.
        out: the PNG; one that is there is replaced.
        selector: what chooses.
        reading: the largest size of images.

    Returns:
        The file that was written.

    Raises:
        GridsError: the image cannot be used, `out` does not end in .png or is the image, or it cannot be written.
    """

    from grids.reports.selection_map import paint_map  # scipy.ndimage takes a while

    target = check_map(out)
    check_targets([target], [image])
    photo = seen_part(read_photo(image, (reading or ReadOptions()).max_pixels)).photo
    found = selector.map(photo)
    names = [f"{group.id} ({', '.join(group.degradations)})" for group in selector.groups]
    return write_bytes(target, paint_map(on_white(photo), found.labels, found.probabilities, names))


def check_map(out: str | Path) -> Path:
    """Check the name of a map before anything is computed.

    Args:
        out: the file; whether it can be written is not looked at.

    Raises:
        GridsError: the name does not end in .png.
    """
    target = Path(out)
    if target.suffix.lower() != ".png":
        raise GridsError(f"a map is a PNG: its name must end in .png, but is '{target}'")
    return target
