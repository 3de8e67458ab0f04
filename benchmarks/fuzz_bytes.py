"""Damage to bytes of any sort, and to images piece by piece, mostly with checksums and lengths made right again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random

NUMBERS = (0, 1, 2, 3, 7, 8, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
"""What breaks counts, sizes and places."""
Damage = Callable[[bytes, Random], bytes]
Piece = tuple[bytes, bytes]
REPAIRED = 0.9
"""The share of files whose checksums are made right again, and of those whose lengths are."""


def flip_bits(data: bytes, rng: Random) -> bytes:
    """One to eight bits."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def overwrite(data: bytes, rng: Random) -> bytes:
    """A run of other bytes."""
    start, length = rng.randrange(len(data)), rng.randint(1, 32)
    run = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    return data[:start] + run[: len(data) - start] + data[start + length :]


def truncate(data: bytes, rng: Random) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(1, len(data))] if len(data) > 1 else data


def splice(data: bytes, rng: Random) -> bytes:
    """A piece is missing, stands twice, or stands elsewhere."""
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, max(2, len(data) // 4)))
    piece, rest = data[start:end], data[:start] + data[end:]
    place = rng.randint(0, len(rest))
    return rng.choice([rest, data[:end] + data[start:], rest[:place] + piece + rest[place:]])


def set_number(data: bytes, rng: Random) -> bytes:
    """Two, four or eight bytes hold a number that is a length, a count or a place too large or too small."""
    size, order = rng.choice((2, 4, 8)), rng.choice(("big", "little"))
    start = rng.randrange(max(1, min(len(data), rng.choice((64, 1024, len(data)))) - size))
    number = (rng.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(size, order)
    return data[:start] + number + data[start + size :]


def append(data: bytes, rng: Random) -> bytes:
    """More bytes than there should be."""
    return data + rng.choice([rng.randbytes(rng.randint(1, 64)), data, bytes(4096)])


ANYWHERE: tuple[Damage, ...] = (flip_bits, flip_bits, overwrite, truncate, splice, set_number, append)


def damage_bytes(data: bytes, rng: Random) -> bytes:
    """One of all that is done to bytes of any sort."""
    return rng.choice(ANYWHERE)(data, rng) if data else rng.randbytes(8)


def damage_pieces(pieces: list[Piece], rng: Random, names: tuple[bytes, ...], keep: int = 1) -> list[Piece]:
    """Pieces that are changed, missing, twice, elsewhere, or new; the first `keep` stay where they are."""
    found = list(pieces)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(min(keep, len(found) - 1), len(found))
        name, content = found[at]
        what = rng.choice(("content", "content", "content", "drop", "twice", "move", "rename", "new", "empty"))
        if what == "content":
            found[at] = name, damage_bytes(content, rng)
        elif what == "empty":
            found[at] = name, b""
        elif what == "rename":
            found[at] = rng.choice(names), content
        elif what == "new":
            found.insert(at, (rng.choice(names), rng.randbytes(rng.choice((0, 1, 4, 13, 26, 300)))))
        elif what == "twice":
            found.insert(at, found[at])
        elif what == "move":
            found.insert(rng.randrange(at, len(found)), found.pop(at))
        elif len(found) > 1:
            del found[at]
    return found


def _wrong_ones(pieces: list[Piece], rng: Random) -> tuple[int, int]:
    """The piece whose checksum and the one whose length stays wrong: -1 for none."""
    checksum, length = (rng.randrange(len(pieces)) if pieces and rng.random() > REPAIRED else -1 for _ in range(2))
    return checksum, length


def damage_png(data: bytes, rng: Random) -> bytes:
    """Chunks, or what is packed in IDAT; CRC and adler are repaired in most."""
    pieces, at = [], 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        pieces.append((name, data[at + 8 : at + 8 + length]))
        at += 12 + length
    if rng.random() < 0.25:
        pieces = _in_idat(pieces, rng)
    else:
        names = (
            b"tRNS",
            b"PLTE",
            b"iCCP",
            b"eXIf",
            b"gAMA",
            b"pHYs",
            b"zTXt",
            b"iTXt",
            b"acTL",
            b"fcTL",
            b"IDAT",
            b"sRGB",
        )
        pieces = damage_pieces(pieces, rng, names)
    out, wrong = data[:8], _wrong_ones(pieces, rng)
    for i, (name, content) in enumerate(pieces):
        crc = rng.getrandbits(32) if i == wrong[0] else zlib.crc32(name + content)
        length = rng.choice(NUMBERS) if i == wrong[1] else len(content)
        out += struct.pack(">I", length) + name + content + struct.pack(">I", crc)
    return out


def _in_idat(pieces: list[Piece], rng: Random) -> list[Piece]:
    """Rows and filters are changed; the stream around them is right again."""
    packed = b"".join(content for name, content in pieces if name == b"IDAT")
    rows = damage_bytes(zlib.decompress(packed), rng)
    others = [piece for piece in pieces if piece[0] != b"IDAT"]
    return [*others[:-1], (b"IDAT", zlib.compress(rows)), others[-1]]


def damage_jpeg(data: bytes, rng: Random) -> bytes:
    """Segments before the first scan, with right lengths in most; the scans stay as they are, or are damaged alone."""
    pieces, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        pieces.append((data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + length
    scans = data[at:]
    if rng.random() < 0.4:
        middle = len(scans) - 2
        scans = damage_bytes(scans[:middle], rng) + scans[middle:]
    else:
        exif = next((i for i, (_, content) in enumerate(pieces) if content[:4] == b"Exif"), None)
        if exif is not None and rng.random() < 0.4:
            name, content = pieces[exif]
            pieces[exif] = name, content[:6] + damage_tiff(content[6:], rng)
        else:
            names = (
                b"\xff\xe0",
                b"\xff\xe1",
                b"\xff\xe2",
                b"\xff\xee",
                b"\xff\xdb",
                b"\xff\xc4",
                b"\xff\xdd",
                b"\xff\xfe",
            )
            pieces = damage_pieces(pieces, rng, names, keep=0)
    out, wrong = data[:2], _wrong_ones(pieces, rng)
    for i, (name, content) in enumerate(pieces):
        length = rng.choice(NUMBERS) if i == wrong[1] else len(content) + 2
        out += name + struct.pack(">H", length % 65536) + content
    return out + scans


def damage_tiff(data: bytes, rng: Random) -> bytes:
    """Entries of the first directory: another tag, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    start: int = struct.unpack_from(f"{order}L", data, 4)[0]
    if data[2:4] not in (b"*\0", b"\0*") or start + 2 > len(data):
        return damage_bytes(data, rng)
    found, count = bytearray(data), struct.unpack_from(f"{order}H", data, start)[0]
    tags = (
        254,
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        274,
        277,
        278,
        279,
        282,
        284,
        317,
        320,
        322,
        323,
        324,
        338,
        339,
        34665,
    )
    for _ in range(rng.choice((1, 1, 2))):
        at = start + 2 + 12 * rng.randrange(max(1, count))
        place, form, most = rng.choice(((0, "H", 0), (2, "H", 19), (4, "L", 0), (8, "L", 0), (8, "H", 0)))
        number = rng.choice(tags) if place == 0 else rng.choice((rng.choice(NUMBERS), rng.randrange(len(data))))
        number = number % (most or (65536 if form == "H" else 2**32))
        if at + place + 4 <= len(found):
            struct.pack_into(f"{order}{form}", found, at + place, number)
    return bytes(found)


def damage_riff(data: bytes, rng: Random) -> bytes:
    """Chunks of a WebP, with right lengths in most."""
    pieces, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    names = (b"EXIF", b"ICCP", b"XMP ", b"ALPH", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF")
    pieces, body = damage_pieces(pieces, rng, names, keep=0), b""
    wrong = _wrong_ones(pieces, rng)
    for i, (name, content) in enumerate(pieces):
        length = rng.choice(NUMBERS) if i == wrong[1] else len(content)
        body += name + struct.pack("<I", length) + content + bytes(len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def damage_boxes(data: bytes, rng: Random) -> bytes:
    """Boxes of an AVIF or JPEG 2000 file, with right lengths."""
    pieces, at = [], 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        length = length if 8 <= length <= len(data) - at else len(data) - at
        pieces.append((name, data[at + 8 : at + length]))
        at += length
    names = (b"meta", b"mdat", b"free", b"jp2h", b"jp2c", b"uuid", b"moov")
    return b"".join(
        struct.pack(">I4s", len(content) + 8, name) + content for name, content in damage_pieces(pieces, rng, names)
    )


PIECES: dict[str, Damage] = {
    "png": damage_png,
    "jpeg": damage_jpeg,
    "progressive jpeg": damage_jpeg,
    "tiff": damage_tiff,
    "webp": damage_riff,
    "avif": damage_boxes,
    "jpeg 2000": damage_boxes,
}


def damage_image(kind: str, data: bytes, rng: Random) -> bytes:
    """Mostly piece by piece, where the format has pieces; else bytes."""
    if kind in PIECES and data[:4] != b"\xff\x4f\xff\x51" and rng.random() < 0.75:  # but for a bare JPEG 2000 stream
        return PIECES[kind](data, rng)
    return damage_bytes(data, rng)
