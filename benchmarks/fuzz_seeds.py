"""The sound images that `fuzz.py` damages, in every format that grids reads; all are made here, none is a file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, features

HEIGHT, WIDTH = 40, 48
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Seed:
    """A sound file.

    kind: what sort of file it is, as a row of the report.
    name: its file name.
    """

    kind: str
    name: str
    data: bytes


def picture(channels: int = 3, dtype: type = np.uint8) -> Array:
    """Slopes, an edge and some noise: (HEIGHT, WIDTH, channels)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [np.sin(x / (3 + i) + i) * np.cos(y / (5 - i)) + (x > y) for i in range(channels)]
    noise = np.random.default_rng(0).normal(0, 0.05, (HEIGHT, WIDTH, channels))
    top = np.iinfo(dtype).max
    return ((np.stack(planes, 2) / 3 + 0.4 + noise).clip(0, 1) * top).astype(dtype)


def images() -> list[Seed]:
    """One or more of every format that this Pillow writes."""
    rgb, exif, icc = Image.fromarray(picture()), _exif(), _profile()
    rgba = Image.fromarray(picture(4))
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a picture")
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", zip=True)
    told: dict[str, Any] = {"exif": exif, "icc_profile": icc, "dpi": (300, 300)}
    palette = rgb.quantize(16)
    frames = [rgb.rotate(90 * i) for i in range(3)]
    found = [
        _saved("png", rgb, "PNG", pnginfo=text, **told),
        _saved("png", rgba, "PNG"),
        _saved("png", palette, "PNG", transparency=3),
        _saved("png", Image.fromarray(picture(1, np.uint16)[..., 0]), "PNG"),
        Seed("png", "deep.png", _by_opencv(".png", picture(3, np.uint16))),
        Seed("png", "deep.png", _by_opencv(".png", picture(4, np.uint16))),
        _saved("jpeg", rgb, "JPEG", quality=80, comment=b"a picture", **told),
        _saved("jpeg", rgb.convert("L"), "JPEG", restart_marker_blocks=2),
        _saved("jpeg", rgb.convert("CMYK"), "JPEG", subsampling=0),
        _saved("progressive jpeg", rgb, "JPEG", progressive=True, **told),
        _saved("tiff", rgb, "TIFF", **told),
        *(_saved("tiff", rgba, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
        _saved("tiff", rgb.convert("1"), "TIFF", compression="group4"),
        _saved("tiff", rgb, "TIFF", save_all=True, append_images=frames),
        Seed("tiff", "deep.tif", _by_opencv(".tif", picture(3, np.uint16))),
        *(Seed("tiff", "tiled.tif", tiled_tiff(order, deflate)) for order in "<>" for deflate in (False, True)),
        _saved("webp", rgba, "WEBP", lossless=True),
        _saved("webp", rgb, "WEBP", exif=exif, icc_profile=icc),
        _saved("webp", rgb, "WEBP", save_all=True, append_images=frames),
        _saved("gif", palette, "GIF", transparency=3),
        _saved("gif", rgb, "GIF", save_all=True, append_images=frames),
        *(_saved("bmp", image, "BMP") for image in (rgb, palette, rgb.convert("1"), rgba)),
        _saved("ppm", rgb, "PPM"),
        Seed(
            "ppm",
            "deep.ppm",
            b"P6\n# 16 bit\n%d %d\n65535\n" % (WIDTH, HEIGHT) + picture(3, np.dtype(">u2").type).tobytes(),
        ),
        Seed("ppm", "text.pgm", b"P2 20 16 255\n" + b" 7 80 255 0\n" * 80),
    ]
    if features.check("avif"):
        found += [_saved("avif", image, "AVIF", exif=exif, speed=10, max_threads=1) for image in (rgb, rgba)]
    if features.check("jpg_2000"):
        found += [_saved("jpeg 2000", rgb, "JPEG2000"), _saved("jpeg 2000", rgba, "JPEG2000", no_jp2=True)]
    return found


def tiled_tiff(order: str, deflate: bool) -> bytes:
    """Tiles of 16 pixels of 16 bits, which Pillow does not write; `order` is struct's: "<" or ">"."""
    pixels, side = picture(3, np.uint16).astype(f"{order}u2"), 16
    padded = np.pad(pixels, ((0, -HEIGHT % side), (0, -WIDTH % side), (0, 0)))
    tiles = [
        padded[top : top + side, left : left + side].tobytes()
        for top in range(0, padded.shape[0], side)
        for left in range(0, padded.shape[1], side)
    ]
    parts = [zlib.compress(tile) if deflate else tile for tile in tiles]
    data, offsets = bytearray(b"\0" * 8), []
    for part in parts:
        offsets.append(len(data))
        data += part + b"\0" * (len(part) % 2)
    counts = [len(part) for part in parts]
    values: Mapping[int, tuple[str, list[int]]] = {
        256: ("H", [WIDTH]),
        257: ("H", [HEIGHT]),
        258: ("H", [16, 16, 16]),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [2]),
        277: ("H", [3]),
        284: ("H", [1]),
        322: ("H", [side]),
        323: ("H", [side]),
        324: ("L", offsets),
        325: ("L", counts),
    }
    entries = b""
    for tag, (form, numbers) in values.items():
        raw = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        if len(raw) > 4:
            raw, place = struct.pack(f"{order}L", len(data)), raw
            data += place + b"\0" * (len(place) % 2)
        entries += struct.pack(f"{order}HHL", tag, {"H": 3, "L": 4}[form], len(numbers)) + raw.ljust(4, b"\0")
    data[:8] = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HL", 42, len(data))
    return bytes(data) + struct.pack(f"{order}H", len(values)) + entries + bytes(4)


def _saved(kind: str, image: Image.Image, form: str, **options: Any) -> Seed:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    suffix = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "j2k" if options.get("no_jp2") else "jp2"}.get(
        form, form.lower()
    )
    return Seed(kind, f"photo.{suffix}", stream.getvalue())


def _by_opencv(suffix: str, pixels: Array) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


def _exif() -> bytes:
    """The orientation, words, a rational number, and a directory of its own."""
    exif = Image.Exif()
    for tag, value in {0x0112: 6, 0x010F: "a maker", 0x011A: 72.0, 0x0132: "2024:01:01 00:00:00"}.items():
        exif[tag] = value
    exif.get_ifd(0x8769)[0x829A] = 0.01
    return exif.tobytes()


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
