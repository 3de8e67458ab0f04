"""Directories of a TIFF file, which an EXIF block is made of too: tags, each with a type and values.

TIFF 6.0, section 2; BigTIFF as libtiff describes it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, NamedTuple, TypeAlias

BYTE, TEXT, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
_UTF8 = 129  # of EXIF 3.0; everybody else writes UTF-8 as TEXT
# of a value of each type: its bytes, and the letter of its numbers (of which a rational has two)
_TYPES = {1: (1, "B"), 2: (1, "B"), 3: (2, "H"), 4: (4, "I"), 5: (8, "I"), 6: (1, "b"), 7: (1, "B"), 8: (2, "h")}
_TYPES |= {9: (4, "i"), 10: (8, "i"), 11: (4, "f"), 12: (8, "d"), 13: (4, "I"), _UTF8: (1, "B")}
_TYPES |= {16: (8, "Q"), 17: (8, "q"), 18: (8, "Q")}
_CLASSIC = {16: 4, 17: 9, 18: 4, _UTF8: TEXT}  # what BigTIFF and EXIF 3.0 have besides, and what takes its place
_MOST = 1 << 26  # bytes of a tag: what is longer is no description, and no list of strips


class Entry(NamedTuple):
    """The type of a tag and its values, as bytes.

    Args:
        kind: the type, as TIFF numbers them: `SHORT`, `RATIONAL`, ...
        data: the values one after another, a whole number of them.
        order: of the bytes in `data`, "<" little-endian or ">" big-endian.
    """

    kind: int
    data: bytes
    order: str = "<"

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers that the values consist of: a rational is two of them, a text one for each byte.

        They are whole numbers but for the types of floating point.

        Raises:
            struct.error: `data` ends within a number.
        """
        letter = _TYPES[self.kind][1]
        return struct.unpack(f"{self.order}{len(self.data) // struct.calcsize(letter)}{letter}", self.data)


Directory: TypeAlias = "dict[int, Entry | Directory]"


@dataclass(frozen=True)
class Read:
    """A directory that was read.

    Args:
        order: of the bytes in the file, "<" or ">".
        big: whether the file is a BigTIFF.
        entries: its tags.
        damaged: the tags of entries whose type is unknown, or whose values do not lie in the file.
    """

    order: str
    big: bool
    entries: dict[int, Entry] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)


def entry_of(kind: int, *numbers: float) -> Entry:
    """A little-endian entry of numbers.

    Args:
        kind: the type; for a `RATIONAL` numerator and denominator are two numbers.
        numbers: its values, one at least.

    Raises:
        struct.error: a number does not fit the type.

    >>> entry_of(SHORT, 300, 1).numbers
    (300, 1)
    """
    return Entry(kind, struct.pack(f"<{len(numbers)}{_TYPES[kind][1]}", *numbers))


def read_directory(stream: IO[bytes], at: int | None = None) -> Read:
    """Read the first directory of a TIFF or BigTIFF file, or the one at an offset.

    Args:
        stream: the file, which must allow seeking.
        at: bytes from its beginning; None for where the header says that the first one is.

    Returns:
        Its tags; types that only BigTIFF or EXIF 3.0 have become classic ones. Entries that cannot be read are named as
        damaged.

    Raises:
        ValueError: there is no TIFF header, no directory where one should be, or a number of a BigTIFF does not fit
            into 32 bits.
    """
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if version not in (42, 43) or (version == 43 and len(head) < 16):
        raise ValueError("no TIFF header")
    big = version == 43
    first: int = struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}I", head[4:8])[0]
    found = Read(order, big)
    for raw in _raw_entries(stream, first if at is None else at, order, big):
        tag, kind, count = struct.unpack(f"{order}HHQ" if big else f"{order}HHI", raw[: 12 if big else 8])
        data = _values(stream, kind, count, raw[12:] if big else raw[8:], order)
        if not data:
            found.damaged.append(tag)
        elif kind in _CLASSIC:
            found.entries[tag] = _classic(kind, data, order)
        else:
            found.entries[tag] = Entry(kind, data, order)
    return found


def _raw_entries(stream: IO[bytes], at: int, order: str, big: bool) -> list[bytes]:
    size, letter, each = (8, "Q", 20) if big else (2, "H", 12)
    try:
        stream.seek(at)
        (count,) = struct.unpack(order + letter, stream.read(size))
    except (struct.error, OSError, OverflowError, ValueError) as error:
        raise ValueError("no directory") from error
    if count > 65535:
        raise ValueError("no directory")
    table = stream.read(count * each)
    return [table[i : i + each] for i in range(0, len(table) - each + 1, each)]


def _values(stream: IO[bytes], kind: int, count: int, inline: bytes, order: str) -> bytes:
    """The values of an entry; none where they do not lie in the file."""
    size = count * _TYPES.get(kind, (0, ""))[0]
    if not 0 < size <= _MOST:
        return b""
    if size <= len(inline):
        return inline[:size]
    offset = struct.unpack(order + ("Q" if len(inline) == 8 else "I"), inline)[0]
    try:
        stream.seek(offset)
    except (OSError, OverflowError):  # beyond what the file system can have
        return b""
    data = stream.read(size)
    return data if len(data) == size else b""


def _classic(kind: int, data: bytes, order: str) -> Entry:
    """An entry whose type is not in TIFF 6.0. Raises ValueError for offsets above 4 GiB."""
    if kind == _UTF8:
        return Entry(TEXT, data)
    try:
        return entry_of(_CLASSIC[kind], *Entry(kind, data, order).numbers)
    except struct.error as error:
        raise ValueError("values above 4 GiB") from error


def build(entries: Mapping[int, Entry | Directory], order: str = "<") -> bytes:
    """A classic TIFF file of one directory, with the directories in it.

    Args:
        entries: by their tag; an inner directory becomes a pointer to it. They are written in the order of their tags.
        order: of the bytes, "<" or ">"; entries of the other order are turned round.

    Returns:
        The file from its header on. It holds no pixels: offsets to these are the caller's to reckon with.

    Raises:
        struct.error: an offset or a tag does not fit into a classic TIFF.
    """
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return head + _built(entries, order, 8)


def _built(entries: Mapping[int, Entry | Directory], order: str, at: int) -> bytes:
    table, behind = b"", b""
    start = at + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        if isinstance(entry, Entry):
            kind, data = entry.kind, entry.data
            size, letter = _TYPES[kind]
            count = len(data) // size
            if entry.order != order:
                data = struct.pack(f"{order}{len(data) // struct.calcsize(letter)}{letter}", *entry.numbers)
        else:
            kind, count, data = LONG, 1, struct.pack(f"{order}I", start + len(behind))
            behind += _built(entry, order, start + len(behind))
        if len(data) > 4:
            data, behind = struct.pack(f"{order}I", start + len(behind)), behind + data + b"\0" * (len(data) % 2)
        table += struct.pack(f"{order}HHI", tag, kind, count) + data.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(entries)) + table + bytes(4) + behind
