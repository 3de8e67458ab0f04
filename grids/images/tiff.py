"""TIFF files that Pillow cannot read as they are, made into ones that it can; and words for the others."""

from __future__ import annotations

import io
from typing import IO

from grids.errors import ImageError
from grids.images.ifd import LONG, SHORT, Read, build, entry_of, read_directory

_SAMPLES, _BITS, _PLANAR, _FORMAT, _PHOTOMETRIC = 277, 258, 284, 339, 262
_OFFSETS, _LENGTHS = (273, 324), (279, 325)  # of strips and tiles
# all that says how pixels are stored, but for where
_LAYOUT = {256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 292, 293, 317, 320, 322, 323, 338, 339, 347, 529, 530, 532}
_NUMBERS = {2: "signed integers", 3: "floating point", 5: "complex integers", 6: "complex numbers"}


def classic(stream: IO[bytes]) -> IO[bytes]:
    """The file, or where it is a big-endian BigTIFF, which Pillow does not know, its first page as a classic TIFF.

    Args:
        stream: any image file, which must allow seeking.

    Returns:
        The given stream, at its beginning, or a new one in memory.

    Raises:
        ImageError: it is a big-endian BigTIFF and damaged.
    """
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    return _rewrapped(stream) if head == b"MM\0+" else stream


def split_planes(stream: IO[bytes]) -> list[IO[bytes]]:
    """The planes of an image that stores its colours one after another, each as a grey image.

    Args:
        stream: a TIFF file of which the header says so.

    Returns:
        For each channel a classic TIFF file in memory, in the order of the file.

    Raises:
        ImageError: it is damaged.
    """
    return [_rewrapped(stream, plane) for plane in range(_number(_directory(stream), _SAMPLES, 1))]


def check_numbers(stream: IO[bytes]) -> None:
    """See that a TIFF does not hold signed integers of 8 or 16 bits, which Pillow takes for unsigned ones.

    Args:
        stream: the TIFF file.

    Raises:
        ImageError: it does, or its first directory is damaged.
    """
    found = _directory(stream)
    if _number(found, _FORMAT, 1) == 2 and _number(found, _BITS, 1) < 32:
        raise ImageError(unsupported(stream))


def unsupported(stream: IO[bytes]) -> str:
    """Why a TIFF that is whole cannot be read.

    Args:
        stream: the TIFF file.

    Returns:
        What its pixels are and which ones can be read, for the message of an ImageError; or that its header is damaged.
    """
    try:
        found = _directory(stream)
    except ImageError:
        return "it is a TIFF with a damaged header"
    channels, bits, kind = (_number(found, tag, 1) for tag in (_SAMPLES, _BITS, _FORMAT))
    numbers = _NUMBERS.get(kind, "unsigned integers")
    if kind == 1 and bits in (1, 4, 8, 16) and channels in (1, 3, 4):
        return "it is a TIFF with a damaged header, or of an unusual kind"
    found_one = f"it is a TIFF of {channels} channel{'s' if channels > 1 else ''} of {bits}-bit {numbers}"
    return f"{found_one}, but only grey, RGB, RGBA and CMYK of 8 and 16-bit unsigned integers can be read"


def _directory(stream: IO[bytes]) -> Read:
    try:
        return read_directory(stream)
    except ValueError as error:
        raise ImageError("it is truncated or damaged (its first page is not there)") from error


def _number(found: Read, tag: int, default: int) -> int:
    return int(found.entries[tag].numbers[0]) if tag in found.entries else default


def _rewrapped(stream: IO[bytes], plane: int | None = None) -> IO[bytes]:
    """The first page, or one plane of it, as a classic TIFF."""
    found = _directory(stream)
    pieces = [
        [int(at) for tag in tags if tag in found.entries for at in found.entries[tag].numbers]
        for tags in (_OFFSETS, _LENGTHS)
    ]
    if plane is not None:
        each = len(pieces[0]) // _number(found, _SAMPLES, 1)
        pieces = [one[plane * each : (plane + 1) * each] for one in pieces]
    data = []
    for offset, length in zip(*pieces, strict=False):
        stream.seek(offset)
        data.append(stream.read(length))
    if not data or any(len(piece) < length for piece, length in zip(data, pieces[1], strict=False)):
        raise ImageError("it is truncated or damaged (strips are missing)")
    entries = {tag: entry for tag, entry in found.entries.items() if tag in _LAYOUT}
    if plane is not None:
        entries |= {_SAMPLES: entry_of(SHORT, 1), _PLANAR: entry_of(SHORT, 1), _PHOTOMETRIC: entry_of(SHORT, 1)}
        entries |= {_BITS: entry_of(SHORT, _number(found, _BITS, 1)), _FORMAT: entry_of(SHORT, 1)}
        entries.pop(338, None)
    tiled = int(324 in found.entries)
    entries[_LENGTHS[tiled]] = entry_of(LONG, *map(len, data))
    entries[_OFFSETS[tiled]] = entry_of(LONG, *[0] * len(data))
    at, offsets = len(build(entries, found.order)), []
    for piece in data:
        offsets.append(at)
        at += len(piece)
    entries[_OFFSETS[tiled]] = entry_of(LONG, *offsets)
    return io.BytesIO(build(entries, found.order) + b"".join(data))
