"""Image files of every kind, made in memory: by Pillow, by tifffile, and written out from the specification."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from grids.errors import ImageError
from grids.images import (
    read_photo,
)

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
DEEP_SUFFIXES = (".png", ".tif")


def noise(height: int = 12, width: int = 17, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), 2 * (x + y)], axis=-1).astype(np.uint8)


def exif_bytes(orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    exif[271] = "Maker"
    if orientation is not None:
        exif[0x0112] = orientation
    exif[0x8769] = {36867: "2020:01:02 03:04:05", 33434: 0.01}
    return exif.tobytes()


def pillow_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels: np.ndarray, colour: int, *extra: bytes, size: tuple[int, int] | None = None) -> bytes:
    """A PNG written from the specification: no library that the module uses takes part."""
    height, width = pixels.shape[:2] if size is None else size
    bits = 8 * pixels.dtype.itemsize
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The names and contents of the chunks of a PNG."""
    found, at = [], 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        found.append((name, data[at + 8 : at + 8 + length]))
        at += length + 12
    return found


def tiff(array: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def stored(folder: Path, data: bytes, name: str = "image.bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refusal(path: Path, **options: int) -> str:
    """The message of the ImageError that reading must end in: one line, naming the file."""
    with pytest.raises(ImageError) as caught:
        read_photo(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


SAMPLES = {
    "png": pillow_bytes(Image.fromarray(smooth()), "PNG"),
    "png-palette": pillow_bytes(Image.fromarray(smooth()).quantize(16), "PNG"),
    "png16": png(noise(20, 30, 3, np.uint16), 2),
    "jpeg": pillow_bytes(Image.fromarray(smooth()), "JPEG", quality=90),
    "jpeg-progressive": pillow_bytes(Image.fromarray(smooth()), "JPEG", progressive=True),
    "jpeg-restarts": pillow_bytes(Image.fromarray(smooth()), "JPEG", restart_marker_rows=1),
    "tiff": pillow_bytes(Image.fromarray(smooth()), "TIFF"),
    "tiff-deflate": pillow_bytes(Image.fromarray(smooth()), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-lzw": pillow_bytes(Image.fromarray(smooth()), "TIFF", compression="tiff_lzw"),
    "tiff16": tiff(noise(20, 30, 3, np.uint16), photometric="rgb", compression="zlib"),
    "webp": pillow_bytes(Image.fromarray(smooth()), "WEBP"),
    "webp-lossless": pillow_bytes(Image.fromarray(smooth()), "WEBP", lossless=True),
    "bmp": pillow_bytes(Image.fromarray(smooth()), "BMP"),
    "ppm": pillow_bytes(Image.fromarray(smooth()), "PPM"),
    "ppm16": b"P6 30 20 65535\n" + noise(20, 30, 3, np.uint16).astype(">u2").tobytes(),
    "jpeg2000": pillow_bytes(Image.fromarray(smooth()), "JPEG2000"),
    "gif": pillow_bytes(Image.fromarray(smooth()).quantize(16), "GIF"),
}
