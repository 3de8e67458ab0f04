"""From photographs to square crops of the faces in them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grids.cells import from_cell
from grids.errors import GridsError, ImageError
from grids.images import Metadata, Photo, ReadOptions, read_photos, write_photo
from grids.images.faces import Box, crop_face, find_faces, square_of
from grids.images.transparency import without_hidden
from grids.pipeline.targets import absolute, append_row, read_rows, results_folder, target_names

FACES = "faces.csv"
COLUMNS = ("file", *Box._fields)
LEAST_SIDE = 16


@dataclass(frozen=True)
class Face:
    """A face that was cut out of a photograph.

    Args:
        photo: the file of the photograph.
        box: where the face lies in the upright photograph, from the brows to the chin, pixels.
        output: the file that shows it, with its surroundings.
    """

    photo: Path
    box: Box
    output: Path


@dataclass(frozen=True)
class _Given:
    """A box that was set by hand, and the line it stands on, for errors."""

    box: Box
    line: str


def crop_faces(
    sources: Sequence[Path],
    out: str | Path,
    *,
    side: int = 128,
    every: bool = False,
    boxes: str | Path | None = None,
    reading: ReadOptions | None = None,
    on_image: Callable[[Path], None] | None = None,
) -> list[Face]:
    """Write the largest face of every photograph, as NAME.png with the sub-folders that the photographs lie in.

    Beside them faces.csv says where each lay, a row as soon as it is written; it can be corrected and given as `boxes`.

    Args:
        sources: the photographs.
        out: a new folder.
        side: of the crops, pixels. Smaller faces are not enlarged, but skipped.
        every: write all faces, the second as NAME_2.png.
        boxes: a CSV with the columns file, left, top, width and height, in pixels of the upright photograph: faces,
            from the brows to the chin, of photographs that are not searched then. "file" is the photograph's name or
            the end of its path.
        reading: how photographs are read; told of those without such a face, too.
        on_image: called after each photograph that was read.

    Returns:
        The faces that were written, in the order of the photographs; of one photograph the largest first.

    Raises:
        GridsError: no photograph can be used or none has a face, two would get the same name, `out` holds one of them
            or an earlier faces.csv, or a row of `boxes` is wrong. All rows are looked at before anything is written,
            but whether a box lies in its photograph only when that is read.
    """
    if side < LEAST_SIDE:
        raise GridsError(f"a face needs a side of {LEAST_SIDE} pixels or more, not {side}")
    names = target_names(sources)
    given = {} if boxes is None else _read_boxes(Path(boxes), sources)
    reading = reading or ReadOptions()
    faces: list[Face] = []
    reasons: list[str] = []
    with results_folder(Path(out), sources, FACES) as folder:
        for photo in read_photos(sources, reading):
            assert photo.path is not None
            try:
                found = _large(photo, _boxes(photo, given), side)
            except ImageError as error:
                reasons.append(str(error))
                if len(sources) > 1:
                    reading.skip(photo.path, str(error))
            else:
                faces += _write_faces(photo, found if every else found[:1], side, folder, names)
            if on_image is not None:
                on_image(photo.path)
        if not faces:
            which = f"'{sources[0]}'" if len(sources) == 1 else f"{len(sources)} photographs; of the first"
            raise GridsError(f"no face to cut out of {which}: {reasons[0]}")
    return faces


def _boxes(photo: Photo, given: Mapping[Path, Sequence[_Given]]) -> list[Box]:
    """The faces of a photograph, set by hand or found. Raises GridsError."""
    assert photo.path is not None
    if photo.path not in given:
        return find_faces(without_hidden(photo))  # hidden colours are nobody's
    for one in given[photo.path]:
        left, top, width, height = one.box
        if left + width > photo.width or top + height > photo.height:
            size = f"{photo.width} x {photo.height}"
            raise GridsError(f"{one.line}: the box does not lie in '{photo.path}', which is {size}")
    return [one.box for one in given[photo.path]]


def _large(photo: Photo, boxes: Sequence[Box], side: int) -> list[Box]:
    """Those that need no enlarging. Raises ImageError where there is none."""
    sides = [square_of(box, photo.width, photo.height).width for box in boxes]
    if not boxes:
        raise ImageError("no face was found")
    if max(sides) < side:
        raise ImageError(f"its largest face and surroundings are {max(sides)} pixels wide, less than {side}")
    return [box for box, found in zip(boxes, sides, strict=True) if found >= side]


def _write_faces(photo: Photo, boxes: Sequence[Box], side: int, folder: Path, names: Mapping[Path, str]) -> list[Face]:
    """Write faces of a photograph, and a row for each."""
    assert photo.path is not None
    faces = []
    for box, name in zip(boxes, _file_names(names[photo.path], len(boxes), names.values()), strict=True):
        icc = Metadata(icc=photo.metadata.icc)
        crop = Photo(crop_face(without_hidden(photo), box, side), metadata=icc, grey=photo.grey)
        faces.append(Face(photo.path, box, write_photo(folder / name, crop)))
        row = {"file": str(photo.path), **box._asdict(), "crop": name}
        append_row(folder / FACES, row)
    return faces


def _file_names(name: str, count: int, others: Iterable[str]) -> list[str]:
    """NAME.png, NAME_2.png, ... without the names that other photographs have."""
    stem, taken = name.removesuffix(".png"), {other.casefold() for other in others}
    numbered = (f"{stem}_{number}.png" for number in itertools.count(2))
    free = (one for one in numbered if one.casefold() not in taken)
    return [name, *itertools.islice(free, count - 1)]


def _read_boxes(file: Path, sources: Sequence[Path]) -> dict[Path, list[_Given]]:
    """The boxes of each photograph, the largest first. Raises GridsError, naming the line."""
    found: dict[Path, list[_Given]] = {}
    for number, row in read_rows(file, FACES, COLUMNS):
        line = f"'{file}', line {number}"
        photo = _named(from_cell((row["file"] or "").strip()), sources, line)
        found.setdefault(photo, []).append(_Given(_box(row, line), line))
    return {photo: sorted(rows, key=lambda one: -max(one.box[2:])) for photo, rows in found.items()}


def _box(row: Mapping[str, Any], line: str) -> Box:
    values = []
    for column in Box._fields:
        text = (row[column] or "").strip()
        least = 1 if column in ("width", "height") else 0
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
            raise GridsError(f"{line}: {column} must be a whole number of pixels, {least} or more, not '{text}'")
        values.append(int(text))
    return Box(*values)


def _named(name: str, sources: Sequence[Path], line: str) -> Path:
    """The one photograph that has this path, or whose path ends so."""
    parts = Path(name).parts
    exact = [path for path in sources if absolute(path) == absolute(Path(name))]
    found = exact or [path for path in sources if parts and absolute(path).parts[-len(parts) :] == parts]
    if len(found) != 1:
        raise GridsError(f"{line}: {'several' if found else 'none'} of the photographs are called '{name}'")
    return found[0]
