"""The chunks of a PNG file: what lies beside the pixels, the pixels alone, and pixels of 16 bits a channel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from grids.errors import ImageError
from grids.images.tensors import Pixels

XMP_TEXT = "XML:com.adobe.xmp"
"""The keyword of an XMP packet."""
_END = b"IEND\xaeB\x60\x82"
_COLOUR = (b"cICP", b"gAMA", b"cHRM", b"sRGB")  # how the numbers become colours, where no profile says it
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

_PIECE = 2**20
_KIND = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number for grey, grey with alpha, RGB, and RGB with alpha, by the count of channels."""
_SUB = 1
"""The filter that takes from each byte that of the pixel to the left."""


def make_chunk(name: bytes, data: bytes | memoryview) -> bytes:
    """A chunk of a PNG: length, name, content and checksum.

    Args:
        name: four letters, such as b"pHYs".
        data: its content, less than 2^31 bytes.

    Returns:
        The bytes as they stand in the file.
    """
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))))


def text_chunk(keyword: str, text: str) -> bytes:
    """A chunk with a keyword and its text: tEXt where Latin-1 can hold the text, else iTXt (UTF-8, not compressed).

    Args:
        keyword: what Latin-1 does not have becomes "?". That of XMP always takes an iTXt.
        text: any text without zeros.

    Returns:
        The bytes of the chunk.
    """
    name = keyword.encode("latin-1", "replace")
    try:
        if keyword != XMP_TEXT:
            return make_chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        pass
    return make_chunk(b"iTXt", name + bytes(5) + text.encode())


def insert_chunks(png: bytes, chunks: bytes) -> bytes:
    """A PNG with further chunks right after its header, where all of them may stand.

    Args:
        png: a PNG file that begins with its signature and a header (IHDR), 33 bytes together.
        chunks: what `make_chunk` and `text_chunk` made, one after another.

    Returns:
        The file, a new one.
    """
    return png[:33] + chunks + png[33:]


def check_end(data: bytes) -> None:
    """See that the last chunk (IEND), which Pillow does not look at, is there and whole.

    Args:
        data: a PNG file; bytes after its end do no harm.

    Raises:
        ImageError: it is missing or damaged.
    """
    if _END not in data:
        raise ImageError("it is truncated or damaged (its last chunk is)")


def colour_chunks(data: bytes) -> bytes:
    """The chunks of a PNG that say how its numbers become colours (cICP, gAMA, cHRM, sRGB), for another PNG to hold.

    Args:
        data: a PNG file.

    Returns:
        The chunks one after another, with new checksums; empty where there are none.
    """
    return b"".join(make_chunk(name, content) for name, content in _chunks(data) if name in _COLOUR)


def says_srgb(colour: bytes) -> bool:
    """Whether such chunks say that the colours are plain sRGB, as everybody assumes of a file that says nothing.

    Args:
        colour: what `colour_chunks` returned.

    Returns:
        True where sRGB is among them and cICP, which comes before it, is not.
    """
    return b"sRGB" in colour and b"cICP" not in colour


def bare_png(data: bytes) -> bytearray:
    """A PNG with the pixels of another one and nothing else: header, transparent colour, pixels, end.

    libpng prints a warning for other chunks that it dislikes, and for too much data.

    Args:
        data: a PNG file with a header; checksums are not checked.

    Returns:
        The file, its pixels not compressed.

    Raises:
        ImageError: the data of the pixels cannot be unpacked.
    """
    first: dict[bytes, memoryview] = {}  # of chunks with one name
    for name, content in _chunks(data):
        if name in (b"IHDR", b"tRNS"):
            first.setdefault(name, content)
    kept, pack = bytearray(data[:8]), zlib.compressobj(0)
    for name, content in sorted(first.items()):  # IHDR comes first
        kept += make_chunk(name, content)
    try:
        for rows in _unpack((content for name, content in _chunks(data) if name == b"IDAT"), _length(first[b"IHDR"])):
            if part := pack.compress(rows):
                kept += make_chunk(b"IDAT", part)
    except zlib.error as error:
        raise ImageError(f"it is truncated or damaged ({error})") from error
    kept += make_chunk(b"IDAT", pack.flush()) + make_chunk(b"IEND", b"")
    return kept


def _unpack(packed: Iterable[memoryview], length: int) -> Iterator[bytes]:
    """The first bytes of what is packed in these parts, part by part; fewer where there are no more."""
    stream = zlib.decompressobj()
    for part in packed:
        for at in range(0, len(part), _PIECE):
            if length == 0 or stream.eof:  # no limit, for zlib; it would collect what comes after the end
                return
            rows = stream.decompress(part[at : at + _PIECE], length)
            length -= len(rows)
            yield rows


def _length(header: memoryview) -> int:
    """The bytes of the pixels with their filters, as the header has it."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for x, y, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = (-(-(width - x) // across), -(-(height - y) // down))
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * _CHANNELS[colour] * bits // 8))
    return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The names and contents of all chunks to the last one."""
    at, name, view = 8, b"", memoryview(data)
    while at + 8 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, view[at + 8 : at + 8 + length]
        at += length + 12


def encode_16_bit(pixels: Pixels) -> bytes:
    """A PNG file of 16 bits a channel. Pillow writes these for grey alone, and OpenCV not for grey with alpha.

    Args:
        pixels: (H, W, C) uint16: C is 1 for grey, 2 with alpha, 3 for RGB, 4 with alpha.

    Returns:
        The file, without metadata; the same pixels give the same bytes with one version of zlib.
    """
    height, width, count = pixels.shape
    rows = np.frombuffer(pixels.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    filtered, step = np.empty((height, rows.shape[1] + 1), np.uint8), 2 * count
    filtered[:, 0] = _SUB
    filtered[:, 1 : step + 1] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, step + 1 :])  # modulo 256, as the format wants it
    header = struct.pack(">IIBBBBB", width, height, 16, _KIND[count], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(make_chunk(*chunk) for chunk in chunks)
