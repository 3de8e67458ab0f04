"""What an image file says of its photograph beside the pixels, whatever its format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO

from PIL import Image, ImageFile

from grids.images.exif import IPTC, XMP, Exif, checked_dpi, exif_block, read_exif, with_size
from grids.images.png import XMP_TEXT, colour_chunks

COMMENT = "Comment"
"""The keyword under which the comment of a JPEG or GIF is kept."""
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
IPTC_RESOURCE = 0x0404  # of Photoshop
_TURNED = re.compile(rb"(tiff:Orientation(?:=[\"']|>))([1-8])")


@dataclass(frozen=True)
class Metadata:
    """What describes a photograph, and goes with it into other files. Nothing of it says how a file is laid out.

    Args:
        exif: the EXIF block ("Exif", two zeros, a classic TIFF header, ...) without orientation and resolution.
        icc: the RGB colour profile. Pixels are as stored: no profile is applied.
        dpi: pixels per inch, horizontal and vertical.
        xmp: the XMP packet, UTF-8.
        iptc: the IPTC records (IIM).
        text: keywords and texts, as PNG has them; the comment of a JPEG or GIF is called "Comment".
        colour: the chunks of a PNG that say how its numbers become colours: gAMA, cHRM, sRGB, cICP.
        damaged: what a file held besides, but cannot be used, in words.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    colour: bytes = b""
    damaged: tuple[str, ...] = ()


def read_metadata(image: ImageFile.ImageFile, stream: IO[bytes], grey: bool) -> tuple[Metadata, int]:
    """The metadata of a decoded image, and how its stored pixels have to be turned.

    What is damaged is left out and named: it does not make the photograph worse. Nothing is raised for it.

    Args:
        image: decoded by Pillow.
        stream: its file, which must allow seeking.
        grey: a colour profile is kept where it is one of grey, not of RGB.

    Returns:
        The metadata, without the orientation, as for upright pixels; and the orientation of EXIF, 1 to 8, of the stored
        ones.
    """
    exif = _read_exif(image, stream)
    damaged = list(exif.damaged)
    xmp = _checked_xmp(_read_xmp(image, exif), damaged)
    icc = _checked_icc(image.info.get("icc_profile"), b"GRAY" if grey else b"RGB ", damaged)
    turned = _TURNED.search(xmp or b"")
    orientation = exif.orientation or (int(turned[2]) if turned else 1)
    dpi = _read_dpi(image) or exif.dpi
    width, height = image.size
    if orientation >= 5:
        dpi = dpi and (dpi[1], dpi[0])
        if image.format != "TIFF":  # which Pillow has turned already
            width, height = height, width
    found = Metadata(
        exif=exif_block(with_size(exif.entries, width, height)),
        icc=icc,
        dpi=dpi,
        xmp=xmp and _TURNED.sub(rb"\g<1>1", xmp),
        iptc=_read_iptc(image, exif, damaged),
        text=_read_text(image),
        colour=_read_colour(image, stream),
        damaged=tuple(damaged),
    )
    return found, orientation


def _read_exif(image: ImageFile.ImageFile, stream: IO[bytes]) -> Exif:
    if image.format == "TIFF":
        return read_exif(stream)
    block = image.info.get("exif")
    if block is None and "Raw profile type exif" in image.info:  # of ImageMagick, in a PNG
        try:
            block = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
        except ValueError:
            block = b"damaged"
    return read_exif(block) if isinstance(block, bytes) and block else Exif()


def _read_xmp(image: ImageFile.ImageFile, exif: Exif) -> bytes | None:
    if image.format in ("JPEG", "MPO"):
        segments = [data for name, data in getattr(image, "applist", ()) if name == "APP1"]
        return next((data.removeprefix(XMP_HEAD) for data in segments if data.startswith(XMP_HEAD)), None)
    text = image.info.get(XMP_TEXT)
    if isinstance(text, str):
        return text.encode("utf-8", "replace")
    xmp = exif.others.get(XMP) if image.format == "TIFF" else image.info.get("xmp")
    return xmp if isinstance(xmp, bytes) else None


def _checked_xmp(xmp: bytes | None, damaged: list[str]) -> bytes | None:
    xmp = (xmp or b"").strip(b"\0")
    try:
        if b"\0" not in xmp and xmp.decode("utf-8"):
            return xmp
    except UnicodeDecodeError:
        pass
    if xmp:
        damaged.append("XMP")
    return None


def _checked_icc(icc: object, space: bytes, damaged: list[str]) -> bytes | None:
    if not isinstance(icc, bytes) or not icc:
        return None
    if icc[36:40] != b"acsp" or int.from_bytes(icc[:4], "big") != len(icc):
        damaged.append("colour profile")
    elif icc[16:20] == space:  # one of CMYK, for instance, is wrong for RGB pixels
        return icc
    return None


def _read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """What the format itself says of the resolution."""
    if image.format in ("JPEG", "MPO"):  # Pillow makes one up where EXIF has a bad one
        scale = {1: 1.0, 2: 2.54}.get(image.info.get("jfif_unit", 0))
        x, y = image.info.get("jfif_density", (0, 0))
        return checked_dpi((x * scale, y * scale)) if scale else None
    dpi = None if image.format == "TIFF" else checked_dpi(image.info.get("dpi"))
    return dpi and (_whole(dpi[0]), _whole(dpi[1]))


def _whole(dpi: float) -> float:
    """The whole number that was meant, where steps of a pixel per metre miss it: 300 are stored as 299.9994."""
    return float(round(dpi)) if abs(dpi - round(dpi)) <= 0.0254 / 2 else dpi


def _read_iptc(image: ImageFile.ImageFile, exif: Exif, damaged: list[str]) -> bytes | None:
    photoshop = image.info.get("photoshop")
    iptc = photoshop.get(IPTC_RESOURCE) if isinstance(photoshop, dict) else exif.others.get(IPTC)
    if not isinstance(iptc, bytes) or not iptc.strip(b"\0"):
        return None
    if iptc[0] != 0x1C:  # what every record begins with
        damaged.append("IPTC")
        return None
    return iptc


def _read_text(image: ImageFile.ImageFile) -> tuple[tuple[str, str], ...]:
    """Texts, but for those that hold other metadata."""
    found = []
    for keyword, text in getattr(image, "text", {}).items() if image.format == "PNG" else ():
        if keyword != XMP_TEXT and not keyword.startswith("Raw profile type "):
            found.append((keyword, str(text)))
    comment = image.info.get("comment") if image.format in ("JPEG", "MPO", "GIF") else None
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        comment = comment.rstrip(b"\0")
        try:
            found.append((COMMENT, comment.decode("utf-8")))
        except UnicodeDecodeError:
            found.append((COMMENT, comment.decode("latin-1")))
    return tuple(found)


def _read_colour(image: ImageFile.ImageFile, stream: IO[bytes]) -> bytes:
    if image.format != "PNG":
        return b""
    stream.seek(0)
    return colour_chunks(stream.read())
