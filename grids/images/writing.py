"""Writing photographs: nothing lost that the format can hold."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grids.errors import ImageError
from grids.images.photo import Photo
from grids.images.png import chunk, encode_16_bit
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
    (quality 95, no chroma subsampling) keeps metadata at 8 bits; bmp keeps the colours at 8 bits. A grey photo has one
    channel, but in webp, and in a tif with alpha and 16 bits, which few programs could read.

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
    """(H, W, C), C being 3, or 1 for a grey photo, and one more with alpha."""
    colours = photo.pixels[..., :1] if photo.grey else photo.pixels
    return colours if photo.alpha is None else np.dstack((colours, photo.alpha))


def _in_colour(photo: Photo) -> Photo:
    """The same for a format without grey, where a profile of grey would be wrong."""
    return replace(photo, grey=False, icc=None) if photo.grey else photo


def _save(photo: Photo, kind: str, alpha: bool = True, **options: Any) -> bytes:
    pixels = to_8_bit(_channels(photo if alpha else replace(photo, alpha=None)))
    if photo.exif is not None:
        options["exif"] = photo.exif
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        out, kind, icc_profile=photo.icc, **options
    )
    return out.getvalue()


def _jpeg(photo: Photo) -> bytes:
    if photo.exif is not None and len(photo.exif) > 65533:  # the most that a JPEG segment holds
        photo = replace(photo, exif=None)
    return _save(photo, "JPEG", alpha=False, quality=95, subsampling=0)


def _png(photo: Photo) -> bytes:
    if photo.bits == 8:
        return _save(photo, "PNG")
    data = encode_16_bit(_channels(photo))
    metadata = b""
    if photo.icc is not None:
        metadata += chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(photo.icc))
    if photo.exif is not None:
        metadata += chunk(b"eXIf", photo.exif.removeprefix(b"Exif\0\0"))
    return data[:33] + metadata + data[33:]  # after the signature and IHDR


def _tiff(photo: Photo) -> bytes:
    """One deflated strip with horizontal prediction. Pillow writes no 16-bit colour, OpenCV no metadata."""
    if photo.bits == 16 and photo.alpha is not None:
        photo = _in_colour(photo)
    exif = Image.Exif()
    if photo.exif is not None:
        exif.load(photo.exif)
    pixels = _channels(photo)
    height, width, count = pixels.shape
    steps = pixels.copy()
    steps[:, 1:] -= pixels[:, :-1]  # modulo 2^bits, as the format wants it
    strip = zlib.compress(steps.astype(steps.dtype.newbyteorder("<" if exif.endian == "<" else ">")).tobytes(), 6)
    tags = {256: width, 257: height, 258: (photo.bits,) * count, 259: 8, 273: 0, 277: count, 278: height}
    tags |= {262: 1 if photo.grey else 2, 279: len(strip), 284: 1, 317: 2}
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
    ".webp": lambda photo: _save(_in_colour(photo), "WEBP", lossless=True, exact=True),
}
