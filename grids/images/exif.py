"""What an EXIF block says of a photograph, without what it says of the file that the photograph was in."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import IO

from PIL import ExifTags

from grids.images.ifd import (
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    TEXT,
    UNDEFINED,
    Directory,
    Entry,
    build,
    entry_of,
    read_directory,
)

HEAD = b"Exif\0\0"
ORIENTATION, XMP, IPTC = 274, 700, 33723
_X, _Y, _UNIT = 282, 283, 296  # of the resolution
_EXIF, _GPS, _INTEROP = 34665, 34853, 40965
_INCH, _CENTIMETRE = 2, 3
_NUMBERS = frozenset({BYTE, SHORT, LONG, RATIONAL, 6, 8, 9, 10, 11, 12})
_TEXT = frozenset({TEXT})

# Tags that describe the photograph in a first directory, and the types that they may have. All others, such as those of
# strips, tiles, thumbnails and compression, are of the file that was read: in another file they would be lies.
_FIRST = dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 50708), _TEXT)
_FIRST |= {18246: frozenset({SHORT}), 18249: frozenset({SHORT})}  # rating
_FIRST |= dict.fromkeys(range(40091, 40096), frozenset({BYTE, UNDEFINED}))  # title, comment, author, ... of Windows
# Of the other directories every tag is kept that has no wrong type, but for those on compression.
_OF_THE_FILE = {37121, 37122}
_SIZE = (40962, 40963)  # width and height
_TYPES = {
    _EXIF: {
        **dict.fromkeys((34852, 36867, 36868, 36880, 36881, 36882, 37520, 37521, 37522, 40964, 42016), _TEXT),
        **dict.fromkeys((42032, 42033, 42035, 42036, 42037), _TEXT),
        **dict.fromkeys((33434, 33437, 34850, 34855, *range(34864, 34870), *range(37377, 37387), 37396), _NUMBERS),
        **dict.fromkeys((40961, *_SIZE, 41483, *range(41486, 41489), 41492, 41493, 41495), _NUMBERS),
        **dict.fromkeys((*range(41985, 41995), 41996, 42034, 42240), _NUMBERS),
    },
    _GPS: {
        **dict.fromkeys((1, 3, 8, 9, 10, 12, 14, 16, 18, 19, 21, 23, 25, 29), _TEXT),
        **dict.fromkeys((0, 2, 4, 5, 6, 7, 11, 13, 15, 17, 20, 22, 24, 26, 30, 31), _NUMBERS),
    },
    _INTEROP: {1: _TEXT},
}


@dataclass
class Exif:
    """What was found in a block.

    Args:
        entries: what describes the photograph, its resolution and orientation apart.
        orientation: 1 to 8; None where it does not say.
        dpi: horizontal and vertical, of the pixels as they are stored.
        others: tags of the first directory that hold metadata of another kind.
        damaged: what is of a wrong type or not there, in words.
    """

    entries: Directory = field(default_factory=dict)
    orientation: int | None = None
    dpi: tuple[float, float] | None = None
    others: dict[int, bytes] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def read_exif(block: bytes | IO[bytes]) -> Exif:
    """Read an EXIF block, with or without "Exif" before it, or the first directory of a TIFF file.

    Only what describes the photograph is kept: not its size, layout, compression or thumbnail.

    Args:
        block: the bytes, or a stream that is read from its beginning.

    Returns:
        What was found. What is damaged is left out and named in `damaged`; nothing is raised.
    """
    stream = io.BytesIO(block.removeprefix(HEAD)) if isinstance(block, bytes) else block
    found = Exif()
    try:
        first = read_directory(stream)
    except ValueError:
        found.damaged.append("EXIF")
        return found
    for tag, entry in first.entries.items():
        if tag in _FIRST:
            _keep(found, found.entries, tag, entry, _FIRST[tag])
        elif tag in (XMP, IPTC):
            found.others[tag] = entry.data  # as it lies in the file; IPTC is often said to be of numbers
    for tag in (_EXIF, _GPS):
        if tag in first.entries:
            _descend(found, found.entries, stream, tag, first.entries[tag])
    _read_orientation(found, first.entries)
    _read_resolution(found, first.entries)
    known = {*_FIRST, _EXIF, _GPS, ORIENTATION, _X, _Y, _UNIT}
    found.damaged += [_name(tag) for tag in first.damaged if tag in known]
    return found


def _keep(found: Exif, entries: Directory, tag: int, entry: Entry, kinds: frozenset[int], group: int = 0) -> None:
    if entry.kind not in kinds:
        found.damaged.append(_name(tag, group))
    else:
        entries[tag] = entry._replace(data=entry.data.rstrip(b"\0") + b"\0") if entry.kind == TEXT else entry


def _descend(found: Exif, entries: Directory, stream: IO[bytes], tag: int, pointer: Entry) -> None:
    """Read the directory that an entry points to."""
    try:
        if pointer.kind not in (LONG, 13):
            raise ValueError
        read = read_directory(stream, int(pointer.numbers[0]))
    except ValueError:
        found.damaged.append(_name(tag))
        return
    inner: Directory = {}
    for one, entry in read.entries.items():
        if one == _INTEROP and tag == _EXIF:
            _descend(found, inner, stream, one, entry)
        elif one not in _OF_THE_FILE:
            _keep(found, inner, one, entry, _TYPES[tag].get(one, frozenset({entry.kind})), tag)
    found.damaged += [_name(one, tag) for one in read.damaged if one not in _OF_THE_FILE]
    if inner:
        entries[tag] = inner


def _read_orientation(found: Exif, entries: dict[int, Entry]) -> None:
    entry = entries.get(ORIENTATION)
    if entry is None:
        return
    if entry.kind not in (BYTE, SHORT, LONG):
        found.damaged.append(_name(ORIENTATION))
    elif entry.numbers[0] in range(1, 9):
        found.orientation = int(entry.numbers[0])


def _read_resolution(found: Exif, entries: dict[int, Entry]) -> None:
    values = []
    for tag in (_X, _Y):
        if tag not in entries:
            continue
        entry = entries[tag]
        if entry.kind != RATIONAL:
            found.damaged.append(_name(tag))
        elif entry.numbers[1]:
            values.append(entry.numbers[0] / entry.numbers[1])
    unit = entries[_UNIT].numbers[0] if _UNIT in entries else _INCH
    if values and unit in (_INCH, _CENTIMETRE):
        scale = 1.0 if unit == _INCH else 2.54
        found.dpi = checked_dpi((values[0] * scale, values[-1] * scale))


def checked_dpi(dpi: object) -> tuple[float, float] | None:
    """A resolution, or None where it is none that a file can hold.

    Args:
        dpi: anything; pixels per inch, horizontal and vertical, is a tuple of two numbers.

    Returns:
        The two as floats if both are finite and 0.01 to 60,000, else None.

    >>> checked_dpi((300, 300)), checked_dpi((0, 300))
    ((300.0, 300.0), None)
    """
    if not (isinstance(dpi, tuple) and len(dpi) == 2):
        return None
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if all(math.isfinite(value) and 0.01 <= value <= 60_000 for value in (x, y)) else None


def _name(tag: int, group: int = 0) -> str:
    names = ExifTags.GPSTAGS if group == _GPS else ExifTags.TAGS
    return f"EXIF tag {tag} ({names[tag]})" if tag in names else f"EXIF tag {tag}"


def resolution_entries(dpi: tuple[float, float] | None) -> Directory:
    """The tags of a resolution, XResolution, YResolution and ResolutionUnit (inch).

    Args:
        dpi: pixels per inch, horizontal and vertical; None for no tags.

    Returns:
        A new directory of three entries, or an empty one; values are rounded to 1/10,000 of a pixel per inch.
    """
    if dpi is None:
        return {}
    x, y = (entry_of(RATIONAL, round(value * 10_000), 10_000) for value in dpi)
    return {_X: x, _Y: y, _UNIT: entry_of(SHORT, _INCH)}


def with_size(entries: Directory, width: int, height: int) -> Directory:
    """EXIF tags in which the width and height, where they are named, are those of the upright pixels.

    Args:
        entries: of `Exif.entries`; they stay as they are.
        width, height: in pixels, after the rotation.

    Returns:
        The given entries, or a copy with PixelXDimension and PixelYDimension corrected; missing ones are not added.
    """
    inner = entries.get(_EXIF)
    if not isinstance(inner, dict):
        return entries
    sized = {tag: entry_of(LONG, value) for tag, value in zip(_SIZE, (width, height), strict=True) if tag in inner}
    return {**entries, _EXIF: {**inner, **sized}}


def exif_block(entries: Directory) -> bytes | None:
    """The bytes of an EXIF block, as image files hold it: "Exif", two zeros and a classic TIFF file, little-endian.

    Args:
        entries: the tags, such as `Exif.entries`.

    Returns:
        The block; None without entries.

    Raises:
        struct.error: an entry does not fit into a classic TIFF.
    """
    return HEAD + build(entries) if entries else None
