"""Choosing restorers for files: one answer for each image, and a map over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from grids.errors import GridsError, ImageError, RunError
from grids.images import MAX_PIXELS, Photo, Skipped, read_photo, read_photos
from grids.images.photo import to_8_bit
from grids.io import make_folder, write_bytes
from grids.pipeline.similarity import Images, photo_paths
from grids.results import Selection
from grids.selection.selector import Selector, check_method


def select_images(
    images: Images = None,
    *,
    selector: Selector,
    method: str = "ours",
    on_skip: Callable[[Skipped], None] | None = None,
    max_pixels: int = MAX_PIXELS,
    on_done: Callable[[Selection], None] | None = None,
) -> list[Selection]:
    """Which restorer each image needs. One image at a time is in memory.

    Args:
        images: a folder, files, or None or "builtin" for the photographs that installed packages carry.
        selector: what chooses.
        method: "ours", or "paper" for equation 7 of GRIDS to the letter.
        on_skip: called for every image that cannot be used; what is wrong with a single one is raised.
        max_pixels: refuse larger images.
        on_done: called after every image.

    Returns:
        The selections, in the order of `list_images`.

    Raises:
        GridsError: the method is unknown, or no image can be used; the message names it.
    """
    check_method(method)
    paths = photo_paths(images)
    found = []
    for selection in _selected(read_photos(paths, max_pixels, on_skip=on_skip), len(paths), selector, method, on_skip):
        found.append(selection)
        if on_done is not None:
            on_done(selection)
    return found


def _selected(
    photos: Iterator[Photo],
    count: int,
    selector: Selector,
    method: str,
    on_skip: Callable[[Skipped], None] | None,
) -> Iterator[Selection]:
    done, first = 0, ""
    for photo in photos:
        try:
            selection = selector.select(photo, method=method)
        except GridsError as error:
            if count == 1:
                raise ImageError(f"cannot use the image '{photo.path}': {error}") from error
            first = first or f"'{photo.path}': {error}"
            if on_skip is not None and photo.path is not None:
                on_skip(Skipped(photo.path, str(error)))
            continue
        done += 1
        yield selection
    if not done and first:
        raise ImageError(f"none of {count} images can be used (the first, {first})")


def write_map(image: str | Path, out: str | Path, *, selector: Selector, max_pixels: int = MAX_PIXELS) -> Path:
    """Write a PNG of an image, tinted by the group that each part of it needs.

    Raises:
        GridsError: the image cannot be used, or the file cannot be written.
    """
    from grids.reports.selection_map import paint_map  # scipy.ndimage takes a while

    target = check_map(out, image)
    photo = read_photo(image, max_pixels)
    found = selector.map(photo)
    names = [f"{group.id} ({', '.join(group.degradations)})" for group in selector.groups]
    return write_bytes(target, paint_map(to_8_bit(photo.pixels), found.labels, found.probabilities, names))


def check_map(out: str | Path, image: str | Path) -> Path:
    """The file of a map; raises GridsError where it is no PNG, would overwrite the image, or has no folder."""
    target = Path(out)
    if target.suffix.lower() != ".png":
        raise GridsError(f"a map is a PNG: give --map a file name that ends in .png, not '{target}'")
    check_target(target, [Path(image)])
    return target


def check_target(target: Path, images: list[Path]) -> None:
    """Raise GridsError where a result would overwrite one of the images, or could not be written."""
    if target.resolve() in {image.resolve() for image in images}:
        raise GridsError(f"'{target}' is one of the images or files that are read: choose another name for the result")
    if target.is_dir():
        raise RunError(f"cannot write '{target}': it is a folder")
    make_folder(target.parent)
