"""Choosing restorers for files: one answer for each image, and a map over one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, read_photo, read_photos
from grids.images.transparency import on_white, seen_part
from grids.io import write_bytes
from grids.pipeline.inputs import Images, photo_paths
from grids.pipeline.targets import check_targets
from grids.results import Selection
from grids.selection.selector import Selector, check_method


def select_images(
    images: Images = None,
    *,
    selector: Selector,
    method: str = "ours",
    reading: ReadOptions | None = None,
    on_done: Callable[[Selection], None] | None = None,
) -> list[Selection]:
    """Which restorer each image needs. One image at a time is in memory.

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
    for photo in read_photos(paths, reading):
        assert photo.path is not None
        try:
            found.append(selector.select(photo, method=method))
        except GridsError as error:
            if len(paths) == 1:
                raise ImageError(f"cannot use the image '{photo.path}': {error}") from error
            first = first or f"'{photo.path}': {error}"
            reading.skip(photo.path, str(error))
            continue
        if on_done is not None:
            on_done(found[-1])
    if not found:
        raise ImageError(f"none of {len(paths)} images can be used (the first, {first})")
    return found


def write_map(image: str | Path, out: str | Path, *, selector: Selector, reading: ReadOptions | None = None) -> Path:
    """Write a PNG of an image, tinted by the group that each part of it needs; of a partly transparent one, the
    rectangle around what is visible.

    Raises:
        GridsError: the image cannot be used, or the file cannot be written.
    """

    from grids.reports.selection_map import paint_map  # scipy.ndimage takes a while

    target = check_map(out)
    check_targets([target], [image])
    photo = seen_part(read_photo(image, (reading or ReadOptions()).max_pixels)).photo
    found = selector.map(photo)
    names = [f"{group.id} ({', '.join(group.degradations)})" for group in selector.groups]
    return write_bytes(target, paint_map(on_white(photo), found.labels, found.probabilities, names))


def check_map(out: str | Path) -> Path:
    """The file of a map; raises GridsError where it is no PNG."""
    target = Path(out)
    if target.suffix.lower() != ".png":
        raise GridsError(f"a map is a PNG: give --map a file name that ends in .png, not '{target}'")
    return target
