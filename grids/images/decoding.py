"""From the bytes of a file to a photograph: nothing is made up where something is missing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from grids.errors import ImageError
from grids.images import tiff
from grids.images.jpeg import check_jpeg
from grids.images.libraries import opencv, quiet_opencv
from grids.images.metadata import read_metadata
from grids.images.photo import Photo
from grids.images.png import bare_png, check_end
from grids.images.tensors import Pixels

# Named one by one: Pillow would also start Ghostscript for EPS, and take nearly any bytes for a TGA.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "GIF")


def unidentified(stream: IO[bytes]) -> str:
    """Why nothing that can be decoded was found in a file, after Pillow gave up on it.

    Args:
        stream: the file; it is read from its beginning.

    Returns:
        The reason, for the message of an ImageError: of a TIFF what its pixels are, of others that it is no image of a
            supported kind.
    """
    stream.seek(0)
    if stream.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return tiff.unsupported(stream)
    return "it is not an image of a supported kind, or its header is damaged"


def too_large(pixels: int, max_pixels: int) -> ImageError:
    """The error for a file of too many pixels; it is returned, not raised.

    Args:
        pixels: how many the file has.
        max_pixels: how many are allowed.

    Returns:
        An error whose message gives both in megapixels.
    """
    found, limit = f"{pixels / 1e6:,.6g}", f"{max_pixels / 1e6:,.6g}"
    return ImageError(f"{found} megapixels are more than the {limit} allowed (raise `max_pixels`)")


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()  # a name that is not registered would be a KeyError: AVIF is missing from older releases
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def header_pixels(stream: IO[bytes]) -> int:
    """How many pixels the first photograph in a file has, by its header: nothing is decoded.

    Args:
        stream: the file, which must allow seeking.

    Returns:
        Width times height.

    Raises:
        ImageError: it is a damaged BigTIFF. Of other damaged bytes Pillow makes nearly any exception.
    """
    with Image.open(tiff.classic(stream), formats=_formats()) as image:
        return image.width * image.height


def decode(stream: IO[bytes], path: Path, max_pixels: int) -> Photo:
    """The photograph in a file: whole and upright. To be called inside `strict_pillow`, else damage may go unnoticed.

    Args:
        stream: the file, which must allow seeking; it is read more than once.
        path: where it comes from, for `Photo.path`.
        max_pixels: larger ones are refused by their header, before anything is decoded.

    Returns:
        The first page or frame, with its metadata, 16 bits a channel where the file has them (see `read_photo`).

    Raises:
        ImageError: it is too large, truncated, damaged, of floating point, or wholly transparent. Of damaged bytes
            Pillow makes nearly any other exception; `read_photo` turns these into ImageErrors.
    """
    source = tiff.classic(stream)
    with Image.open(source, formats=_formats()) as image:
        if image.width * image.height > max_pixels:
            raise too_large(image.width * image.height, max_pixels)
        pages = _count_pages(image)
        _check_whole(image, source)
    with Image.open(source, formats=_formats()) as image:  # again, because the check uses a PNG up
        deepest, grey = _deepest_colour(image), is_grey(image)
        image.load()
        if image.format in ("JPEG", "MPO"):
            source.seek(0)
            check_jpeg(source.read(), image)
        metadata, orientation = read_metadata(image, stream, grey)
        if image.format == "TIFF":  # Pillow and OpenCV turn it themselves
            orientation = 1
        pixels, alpha = _decode_deep(image, source, deepest) if deepest else to_rgb(image)
    if alpha is not None and not alpha.any():
        raise ImageError("it is wholly transparent: there is nothing to see")
    opacity = None if alpha is None else upright(alpha, orientation)
    return Photo(upright(pixels, orientation), opacity, path, metadata, pages, grey)


def _count_pages(image: ImageFile.ImageFile) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # what follows the first page may be damaged
        return 1


def is_grey(image: Image.Image) -> bool:
    """Whether an image has one channel, besides alpha; a palette of greys counts as colours.

    Args:
        image: opened by Pillow; for PNG of 16 bits with alpha it must not be decoded yet.

    Returns:
        True for Pillow's modes 1, L, LA, La and I, and for grey PNG with alpha of 16 bits.
    """
    deep_with_alpha = any("LA;16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # which Pillow opens as RGBA
    return deep_with_alpha or image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


def _check_whole(image: ImageFile.ImageFile, stream: IO[bytes]) -> None:
    """Find the damage that Pillow's decoders would paint over in black or grey; `check_jpeg` finds that of a JPEG."""
    if image.format == "PNG":
        image.verify()  # the checksums, which decoding skips, but for the last one
        stream.seek(0)
        check_end(stream.read())
    elif image.format == "TIFF":
        tiff.check_numbers(stream)
        if image.tile[0][0] == "raw":
            layers = len(image.getbands()) if getattr(image, "tag_v2", {}).get(284) == 2 else 1
            boxes = [tile[1] or (0, 0, 0, 0) for tile in image.tile]
            if sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) < layers * image.width * image.height:
                raise ImageError("it is truncated or damaged (strips are missing)")


def _deepest_colour(image: ImageFile.ImageFile) -> int:
    """The value of white in a colour image that Pillow would cut to 8 bits; 0 for every other image."""
    if image.mode not in ("RGB", "RGBA") or not image.tile:
        return 0
    layout = image.tile[0][3]
    if image.format == "PNG":
        return 65535 if ";16" in str(layout) else 0
    if image.format == "PPM" and isinstance(layout, tuple):
        return int(layout[1]) if layout[1] > 255 else 0
    tags = getattr(image, "tag_v2", {})
    if max(tags.get(258, (8,))) <= 8:
        return 0
    return 65535


def _decode_deep(image: ImageFile.ImageFile, stream: IO[bytes], white: int) -> tuple[Pixels, Pixels | None]:
    """16-bit colour. Of a TIFF it is turned as the file says, as `image` is."""
    separate = getattr(image, "tag_v2", {}).get(284) == 2
    decoded = _decode_planes(stream) if separate else _decode_by_opencv(image, stream)
    pixels = decoded[..., :3]
    if white != 65535:
        pixels = np.rint(pixels.clip(0, white) * (65535.0 / white)).astype(np.uint16)
    if image.mode == "RGB" and "transparency" not in image.info:
        return pixels, None
    alpha = decoded[..., 3]
    if 1 in getattr(image, "tag_v2", {}).get(338, ()):  # colours were stored multiplied by alpha
        opacity = np.maximum(alpha, 1)[..., None] / 65535.0
        pixels = np.rint(np.minimum(pixels / opacity, 65535)).astype(np.uint16)
    return pixels, alpha


def _decode_by_opencv(image: ImageFile.ImageFile, stream: IO[bytes]) -> Pixels:
    cv2 = opencv()
    stream.seek(0)
    data = bare_png(stream.read()) if image.format == "PNG" else stream.read()
    with quiet_opencv():
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3 or decoded.shape[1::-1] != image.size:
        raise ImageError("it is a 16-bit colour image that OpenCV cannot decode")
    return decoded[..., [2, 1, 0, 3][: decoded.shape[2]]]


def _decode_planes(stream: IO[bytes]) -> Pixels:
    planes = []
    for plane in tiff.split_planes(stream):
        with Image.open(plane, formats=("TIFF",)) as grey:
            planes.append(np.asarray(grey).astype(np.uint16))
    return np.dstack(planes)


def to_rgb(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """The colours and the alpha of a decoded image of any of Pillow's modes.

    CMYK becomes RGB by Pillow's simple formula, without colour profiles; premultiplied alpha is divided out.

    Args:
        image: decoded by Pillow.

    Returns:
        (H, W, 3) and (H, W), or None for an image without transparency: uint16 for Pillow's modes I and I;16, uint8 for
        all others.

    Raises:
        ImageError: it is of floating point, or holds integers outside 0 to 65535.
    """
    clear = image.info.get("transparency")
    if image.mode == "F":
        raise ImageError("it holds floating-point values, but only 8 and 16-bit integers can be read")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ImageError("it holds 32-bit integers outside 0 to 65535")
        grey = grey.astype(np.uint16)
        alpha = np.where(grey == clear, 0, 65535).astype(np.uint16) if isinstance(clear, int) else None
        if getattr(image, "tag_v2", {}).get(262) == 0:  # white is zero: Pillow inverts it at 8 bits only
            grey = 65535 - grey
        return np.repeat(grey[..., None], 3, axis=2), alpha
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and clear is None:
        return np.array(image if image.mode == "RGB" else image.convert("RGB")), None
    straight = image.convert("LA") if image.mode == "La" else image
    rgba = np.array(straight.convert("RGBA"))
    return rgba[..., :3], rgba[..., 3]


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels as they are to be seen, turned and mirrored as EXIF says.

    Args:
        pixels: (H, W, ...) as they are stored.
        orientation: that of EXIF, 1 to 8; 1 changes nothing, from 5 on rows and columns are exchanged.

    Returns:
        A contiguous array; the given one where it is that already and nothing changes.

    >>> upright(np.array([[1, 2, 3]]), 6)[:, 0]
    array([1, 2, 3])
    """
    if orientation >= 5:  # stored with rows and columns exchanged
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
