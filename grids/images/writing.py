"""Writing photographs: nothing lost that the format can hold, and said what it cannot."""

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
from grids.images.exif import IPTC, XMP, exif_block, read_exif, resolution_entries
from grids.images.ifd import BYTE, LONG, SHORT, UNDEFINED, Directory, Entry, build, entry_of
from grids.images.metadata import COMMENT, IPTC_RESOURCE, XMP_HEAD
from grids.images.photo import Photo
from grids.images.png import XMP_TEXT, encode_16_bit, insert_chunks, make_chunk, says_srgb, text_chunk
from grids.images.reading import ReadOptions
from grids.images.tensors import Pixels, to_8_bit
from grids.io import STDIO, write_bytes

_WORDS = {"exif": "EXIF", "icc": "colour profile", "dpi": "resolution", "xmp": "XMP", "iptc": "IPTC", "text": "texts"}
_WORDS |= {"colour": "gamma and primaries", "alpha": "transparency", "deep": "16 bits"}
_KEPT = {
    ".png": set(_WORDS) - {"iptc"},
    ".jpg": {"exif", "icc", "dpi", "xmp", "iptc"},
    ".bmp": {"dpi"},
    ".tif": set(_WORDS) - {"text", "colour"},
    ".webp": {"exif", "icc", "dpi", "xmp", "alpha"},
}
_SAME = {".jpeg": ".jpg", ".tiff": ".tif"}
_MOST = 65_400  # bytes of a kind of metadata that a segment of a JPEG holds


def write_photo(path: str | os.PathLike[str], photo: Photo, reading: ReadOptions | None = None) -> Path:
    """Write a photo in the format of the path's suffix (see `encode`), in one step.

    Args:
        path: the file; "-" for a PNG on standard output.
        photo: what to write.
        reading: its `on_note` is told what the file does not keep of the photo, if that has a path; None to tell
            nobody.

    Returns:
        The path.

    Raises:
        ImageError: an unknown suffix, or a photo that the format cannot hold.
        RunError: the file cannot be written; what was there stays.
    """
    path = Path(path)
    suffix = suffix_of(path)
    written = write_bytes(path, encode(photo, suffix))
    if reading is not None and photo.path is not None and (lost := not_kept(photo, suffix)):
        reading.note(photo.path, f"not kept: {', '.join(lost)}")
    return written


def suffix_of(path: Path) -> str:
    """The suffix that decides the format of a file to write.

    Args:
        path: the file; it need not exist.

    Returns:
        The suffix with its dot, as it is written; ".png" for standard output ("-").

    >>> suffix_of(Path("photo.JPG")), suffix_of(Path("-"))
    ('.JPG', '.png')
    """
    return ".png" if path == STDIO else path.suffix


def encode(photo: Photo, suffix: str) -> bytes:
    """The bytes of an image file; the same photo gives the same bytes.

    png and tif keep 16 bits and alpha, webp (lossless) alpha at 8 bits, jpg (quality 95, no chroma subsampling) and bmp
    the colours at 8 bits; `not_kept` says what else a format cannot hold. A grey photo has one channel, but in webp,
    and in a tif with alpha and 16 bits, which few programs could read.

    Args:
        photo: what to encode.
        suffix: .png, .jpg, .jpeg, .bmp, .tif, .tiff or .webp, in small or capital letters.

    Returns:
        The file, with what its format holds of the metadata.

    Raises:
        ImageError: another suffix, or a photo that the format cannot hold (webp ends at 16383 pixels a side).

    >>> encode(Photo(np.zeros((2, 2, 3), np.uint8)), ".png")[1:4]
    b'PNG'
    """
    kind = _format(suffix)
    try:
        return _WRITERS[kind](_fit(photo, kind)[0])
    except ImageError:
        raise
    except Exception as error:  # Pillow, OpenCV and struct each have their own
        size = f"{photo.width} x {photo.height} pixels"
        raise ImageError(f"cannot encode {size} as {suffix.lower()}: {' '.join(str(error).split())}") from error


def not_kept(photo: Photo, suffix: str) -> tuple[str, ...]:
    """What of a photo a file of this suffix does not hold.

    Args:
        photo: what is to be written.
        suffix: as for `encode`.

    Returns:
        A few words for each: "EXIF", "transparency", "16 bits"; first what was damaged in the file that it was read
            from. Empty where nothing is lost.

    Raises:
        ImageError: an unknown suffix.

    >>> not_kept(Photo(np.zeros((2, 2, 3), np.uint16)), ".jpg")
    ('16 bits',)
    """
    damaged = tuple(f"damaged {name}" for name in photo.metadata.damaged)
    return damaged + _fit(photo, _format(suffix))[1]


def _format(suffix: str) -> str:
    kind = _SAME.get(suffix.lower(), suffix.lower())
    if kind not in _WRITERS:
        known = ".png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp"
        raise ImageError(f"cannot write images with the suffix '{suffix}', only {known}")
    return kind


def _fit(photo: Photo, kind: str) -> tuple[Photo, tuple[str, ...]]:
    """The part of a photo that a format holds, and what the rest is."""
    kept, lost, metadata = _KEPT[kind], [], photo.metadata
    for field in ("exif", "icc", "dpi", "xmp", "iptc", "colour"):
        value = getattr(metadata, field)
        too_long = kind == ".jpg" and field != "icc" and isinstance(value, bytes) and len(value) > _MOST
        if value and (field not in kept or too_long):
            if field != "colour" or not says_srgb(value):  # which is what everybody assumes
                lost.append(_WORDS[field] + (" (too long)" if too_long and field in kept else ""))
            empty: dict[str, Any] = {field: b"" if field == "colour" else None}
            metadata = replace(metadata, **empty)
    if metadata.text and "text" not in kept:
        comments = tuple(pair for pair in metadata.text if pair[0] == COMMENT and len(pair[1].encode()) <= _MOST)[:1]
        text = comments if kind == ".jpg" else ()
        lost += [] if text == metadata.text else [_WORDS["text"]]
        metadata = replace(metadata, text=text)
    if photo.alpha is not None and "alpha" not in kept:
        lost.append(_WORDS["alpha"])
        photo = replace(photo, alpha=None)
    if photo.bits == 16 and "deep" not in kept:
        lost.append(_WORDS["deep"])
        alpha = None if photo.alpha is None else to_8_bit(photo.alpha)
        photo = replace(photo, pixels=to_8_bit(photo.pixels), alpha=alpha)
    return replace(photo, metadata=metadata), tuple(lost)


def _channels(photo: Photo) -> Pixels:
    """(H, W, C), C being 3, or 1 for a grey photo, and one more with alpha."""
    colours = photo.pixels[..., :1] if photo.grey else photo.pixels
    return colours if photo.alpha is None else np.dstack((colours, photo.alpha))


def _in_colour(photo: Photo) -> Photo:
    """The same for a format without grey, where a profile of grey would be wrong."""
    return replace(photo, grey=False, metadata=replace(photo.metadata, icc=None)) if photo.grey else photo


def _exif(photo: Photo, anyway: bool = False) -> Directory:
    """The EXIF tags, read anew so that whatever block was given is a sound one, with the resolution.

    Without EXIF there is no resolution either, unless `anyway`: the format has a place of its own for it.
    """
    block = photo.metadata.exif
    entries = {} if block is None else read_exif(block).entries
    return entries | resolution_entries(photo.metadata.dpi) if entries or anyway else {}


def _save(photo: Photo, kind: str, **options: Any) -> bytes:
    pixels, out = _channels(photo), io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out, kind, **options)
    return out.getvalue()


def _jpeg(photo: Photo) -> bytes:
    metadata, segments = photo.metadata, b""
    if metadata.xmp is not None:
        segments += _segment(0xE1, XMP_HEAD + metadata.xmp)
    if metadata.iptc is not None:
        even = metadata.iptc + bytes(len(metadata.iptc) % 2)
        resource = struct.pack(">4sHxxI", b"8BIM", IPTC_RESOURCE, len(metadata.iptc)) + even
        segments += _segment(0xED, b"Photoshop 3.0\0" + resource)
    options: dict[str, Any] = {"comment": metadata.text[0][1].encode()} if metadata.text else {}
    if metadata.dpi is not None:
        options["dpi"] = metadata.dpi
    if block := exif_block(_exif(photo)):
        options["exif"] = block
    return _save(photo, "JPEG", quality=95, subsampling=0, icc_profile=metadata.icc, extra=segments, **options)


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _png(photo: Photo) -> bytes:
    data = _save(photo, "PNG") if photo.bits == 8 else encode_16_bit(_channels(photo))
    metadata = photo.metadata
    chunks = metadata.colour
    if metadata.icc is not None:
        chunks += make_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi is not None:
        x, y = (round(value / 0.0254) for value in metadata.dpi)
        chunks += make_chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if block := exif_block(_exif(photo)):
        chunks += make_chunk(b"eXIf", block[6:])
    if metadata.xmp is not None:
        chunks += text_chunk(XMP_TEXT, metadata.xmp.decode())
    return insert_chunks(data, chunks + b"".join(text_chunk(*pair) for pair in metadata.text))


def _tiff(photo: Photo) -> bytes:
    """One deflated strip with horizontal prediction. Pillow writes no 16-bit colour, OpenCV no metadata."""
    if photo.bits == 16 and photo.alpha is not None:
        photo = _in_colour(photo)
    metadata, pixels = photo.metadata, _channels(photo)
    height, width, count = pixels.shape
    steps = pixels.copy()
    steps[:, 1:] -= pixels[:, :-1]  # modulo 2^bits, as the format wants it
    strip = zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), 6)
    entries = _exif(photo, anyway=True)
    numbers = {256: width, 257: height, 273: 0, 278: height, 279: len(strip)}
    entries |= {tag: entry_of(LONG, number) for tag, number in numbers.items()}
    numbers = {259: 8, 262: 1 if photo.grey else 2, 277: count, 284: 1, 317: 2}
    entries |= {tag: entry_of(SHORT, number) for tag, number in numbers.items()}
    entries[258] = entry_of(SHORT, *[photo.bits] * count)
    if photo.alpha is not None:
        entries[338] = entry_of(SHORT, 2)  # not multiplied into the colours
    blocks = ((34675, UNDEFINED, metadata.icc), (XMP, BYTE, metadata.xmp), (IPTC, UNDEFINED, metadata.iptc))
    for tag, kind, data in blocks:
        if data is not None:
            entries[tag] = Entry(kind, data)
    entries[273] = entry_of(LONG, len(build(entries)))
    return build(entries) + strip


def _webp(photo: Photo) -> bytes:
    options: dict[str, Any] = {} if photo.metadata.xmp is None else {"xmp": photo.metadata.xmp}
    if block := exif_block(_exif(photo, anyway=True)):
        options["exif"] = block
    # exact: keep the colours under transparent pixels
    return _save(photo, "WEBP", lossless=True, exact=True, icc_profile=photo.metadata.icc, **options)


def _bmp(photo: Photo) -> bytes:
    return _save(photo, "BMP", dpi=photo.metadata.dpi or (0, 0))  # without it, Pillow would make one up


_WRITERS: dict[str, Callable[[Photo], bytes]] = {
    ".png": _png,
    ".jpg": _jpeg,
    ".bmp": _bmp,
    ".tif": _tiff,
    ".webp": lambda photo: _webp(_in_colour(photo)),
}
