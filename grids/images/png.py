"""PNG with 16 bits a channel, which Pillow writes for grey alone, and OpenCV not for grey with alpha."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from grids.images.tensors import Pixels

_KIND = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number for grey, grey with alpha, RGB, and RGB with alpha, by the count of channels."""
_SUB = 1
"""The filter that takes from each byte that of the pixel to the left."""


def encode_16_bit(pixels: Pixels) -> bytes:
    """A PNG file of uint16 pixels, (H, W, C) with C channels: 1 grey, 2 with alpha, 3 RGB, 4 with alpha."""
    height, width, count = pixels.shape
    rows = np.frombuffer(pixels.astype(">u2").tobytes(), np.uint8).reshape(height, -1)
    filtered, step = np.empty((height, rows.shape[1] + 1), np.uint8), 2 * count
    filtered[:, 0] = _SUB
    filtered[:, 1 : step + 1] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=filtered[:, step + 1 :])  # modulo 256, as the format wants it
    header = struct.pack(">IIBBBBB", width, height, 16, _KIND[count], 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file, with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
