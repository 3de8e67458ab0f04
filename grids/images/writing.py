"""Writing photographs: nothing lost that the format can hold."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grids.errors import ImageError
from grids.images.libraries import opencv
from grids.images.photo import Photo
from grids.images.tensors import Pixels, to_8_bit
from grids.io import write_bytes


def write_photo(path: str | os.PathLike[str], photo: Photo) -> Path:
    """Write a photo in the format of the path's suffix (see `encode`), in one step.

    Raises:
        ImageError: an unknown suffix, or a photo that the format cannot hold.
        RunError: the file cannot be written; what was there stays.
    """
    path = Path(path)
    return write_bytes(path, encode(photo, path.suffix))


def encode(photo: Photo, suffix: str) -> bytes:
    """The bytes of an image file; the same photo gives the same bytes.

    png and tif keep 16 bits, alpha, EXIF and colour profile; webp (lossless) keeps alpha and metadata at 8 bits; jpg
    (quality 95, no chroma subsampling) keeps metadata at 8 bits; bmp keeps the colours at 8 bits.

    Args:
        photo: what to encode.
        suffix: .png, .jpg, .jpeg, .bmp, .tif, .tiff or .webp, in small or capital letters.

    Raises:
        ImageError: another suffix, or a photo that the format cannot hold (webp ends at 16383 pixels a side).
    """
    write = _WRITERS.get(suffix.lower())
    if write is None:
        raise ImageError(f"cannot write images with the suffix '{suffix}', only {', '.join(_WRITERS)}")
    try:
        return write(photo)
    except ImageError:
        raise
    except Exception as error:  # Pillow, OpenCV and struct each have their own
        size = f"{photo.width} x {photo.height} pixels"
        raise ImageError(f"cannot encode {size} as {suffix.lower()}: {' '.join(str(error).split())}") from error


def _channels(photo: Photo) -> Pixels:
    """(H, W, 3) or, with alpha, (H, W, 4)."""
    return photo.pixels if photo.alpha is None else np.dstack((photo.pixels, photo.alpha))


def _save(photo: Photo, kind: str, alpha: bool = True, **options: Any) -> bytes:
    pixels = to_8_bit(_channels(photo) if alpha else photo.pixels)
    if photo.exif is not None:
        options["exif"] = photo.exif
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, icc_profile=photo.icc, **options)
    return out.getvalue()


def _jpeg(photo: Photo) -> bytes:
    if photo.exif is not None and len(photo.exif) > 65533:  # the most that a JPEG segment holds
        photo = replace(photo, exif=None)
    return _save(photo, "JPEG", alpha=False, quality=95, subsampling=0)


def _png(photo: Photo) -> bytes:
    if photo.bits == 8:
        return _save(photo, "PNG")
    cv2 = opencv()
    order = [2, 1, 0] if photo.alpha is None else [2, 1, 0, 3]
    done, encoded = cv2.imencode(".png", _channels(photo)[..., order], [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ImageError(f"OpenCV cannot encode {photo.width} x {photo.height} pixels as PNG")
    data = bytes(encoded)
    metadata = b""
    if photo.icc is not None:
        metadata += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(photo.icc))
    if photo.exif is not None:
        metadata += _chunk(b"eXIf", photo.exif.removeprefix(b"Exif\0\0"))
    return data[:33] + metadata + data[33:]  # after the signature and IHDR


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _tiff(photo: Photo) -> bytes:
    """One deflated strip with horizontal prediction. Pillow writes no 16-bit colour, OpenCV no metadata."""
    exif = Image.Exif()
    if photo.exif is not None:
        exif.load(photo.exif)
    pixels = _channels(photo)
    height, width, count = pixels.shape
    steps = pixels.copy()
    steps[:, 1:] -= pixels[:, :-1]  # modulo 2^bits, as the format wants it
    strip = zlib.compress(steps.astype(steps.dtype.newbyteorder("<" if exif.endian == "<" else ">")).tobytes(), 6)
    tags = {256: width, 257: height, 258: (photo.bits,) * count, 259: 8, 262: 2, 273: 0, 277: count, 278: height}
    tags |= {279: len(strip), 284: 1, 317: 2}
    if photo.alpha is not None:
        tags[338] = 2  # not multiplied into the colours
    if photo.icc is not None:
        tags[34675] = photo.icc
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()[6:] + strip  # Pillow moves the strip's offset (273) to the end of the tags


_WRITERS: dict[str, Callable[[Photo], bytes]] = {
    ".png": _png,
    ".jpg": _jpeg,
    ".jpeg": _jpeg,
    ".bmp": lambda photo: _save(replace(photo, exif=None, icc=None), "BMP", alpha=False),
    ".tif": _tiff,
    ".tiff": _tiff,
    # exact: keep the colours under transparent pixels
    ".webp": lambda photo: _save(photo, "WEBP", lossless=True, exact=True),
}
