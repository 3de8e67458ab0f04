"""Reading and writing photographs: what comes back is exact, and what is wrong is one ImageError of one line."""

from __future__ import annotations

import importlib.util
import io
import os
import stat
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, ImageOps

from grids.errors import ImageError, RunError
from grids.images import (
    IMAGE_SUFFIXES,
    Metadata,
    Photo,
    ReadOptions,
    Skipped,
    builtin_photos,
    decoding,
    encode,
    list_images,
    not_kept,
    photo_from_tensor,
    read_photo,
    read_photos,
    write_photo,
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


class TestPixels:
    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".webp", ".PNG"])
    def test_lossless_formats_give_the_pixels_back(self, tmp_path: Path, suffix: str) -> None:
        pixels = noise()
        path = write_photo(tmp_path / f"a{suffix}", Photo(pixels))
        photo = read_photo(path)
        assert photo.pixels.dtype == np.uint8
        assert photo.alpha is None
        assert photo.path == path
        np.testing.assert_array_equal(photo.pixels, pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)

    @pytest.mark.parametrize("suffix", DEEP_SUFFIXES)
    @pytest.mark.parametrize("with_alpha", [False, True])
    def test_16_bits_round_trip(self, tmp_path: Path, suffix: str, with_alpha: bool) -> None:
        photo = Photo(noise(dtype=np.uint16), noise(channels=0, dtype=np.uint16, seed=1) if with_alpha else None)
        back = read_photo(write_photo(tmp_path / f"a{suffix}", photo))
        assert back.bits == 16
        np.testing.assert_array_equal(back.pixels, photo.pixels)
        assert (back.alpha is not None) == with_alpha
        if photo.alpha is not None:
            np.testing.assert_array_equal(back.alpha, photo.alpha)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize(
        "exif", [None, exif_bytes(), b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x0f\0\2\0\0\0\4abc\0\0\0\0\0"]
    )
    def test_tiff_is_read_alike_by_tifffile(self, dtype: type, exif: bytes | None) -> None:
        photo = Photo(noise(dtype=dtype), noise(channels=0, dtype=dtype), metadata=Metadata(exif=exif, icc=ICC))
        with tifffile.TiffFile(io.BytesIO(encode(photo, ".tif"))) as file:
            page = file.pages[0]
            np.testing.assert_array_equal(page.asarray(), np.dstack([photo.pixels, photo.alpha]))
            assert page.tags[34675].value == ICC
            assert (271 in page.tags) == (exif is not None)

    @pytest.mark.parametrize("byteorder", ["<", ">"])
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_16_bit_colour_tiff_of_another_writer(
        self, tmp_path: Path, byteorder: str, compression: str | None
    ) -> None:
        pixels = noise(dtype=np.uint16)
        data = tiff(pixels, photometric="rgb", byteorder=byteorder, compression=compression)
        np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, pixels)

    def test_16_bit_png_with_a_clear_colour(self, tmp_path: Path) -> None:
        pixels = noise(dtype=np.uint16)
        photo = read_photo(stored(tmp_path, png(pixels, 2, chunk(b"tRNS", pixels[2, 3].astype(">u2").tobytes()))))
        np.testing.assert_array_equal(photo.pixels, pixels)
        assert photo.alpha is not None
        assert np.argwhere(photo.alpha == 0).tolist() == [[2, 3]]

    def test_16_bit_png_in_many_chunks(self, tmp_path: Path) -> None:
        pixels = noise(dtype=np.uint16)
        parts = [
            chunk(name, content[at : at + (5 if name == b"IDAT" else 100)])
            for name, content in chunks(png(pixels, 2))
            for at in range(0, max(1, len(content)), 5 if name == b"IDAT" else 100)
        ]
        assert np.array_equal(read_photo(stored(tmp_path, png(pixels, 2)[:8] + b"".join(parts))).pixels, pixels)

    def test_16_bit_grey_png_with_alpha(self, tmp_path: Path) -> None:
        pixels = noise(channels=2, dtype=np.uint16)
        photo = read_photo(stored(tmp_path, png(pixels, 4)))
        np.testing.assert_array_equal(photo.pixels, np.repeat(pixels[..., :1], 3, axis=2))
        np.testing.assert_array_equal(photo.alpha, pixels[..., 1])

    def test_16_bit_tiff_with_multiplied_alpha(self, tmp_path: Path) -> None:
        straight, alpha = noise(dtype=np.uint16), noise(channels=0, dtype=np.uint16, seed=1) // 2 + 32767
        multiplied = np.rint(straight * (alpha[..., None] / 65535)).astype(np.uint16)
        data = tiff(np.dstack([multiplied, alpha]), photometric="rgb", extrasamples=["assocalpha"])
        photo = read_photo(stored(tmp_path, data))
        np.testing.assert_array_equal(photo.alpha, alpha)
        assert np.abs(photo.pixels.astype(int) - straight).max() <= 1

    @pytest.mark.parametrize("white", [1023, 65535])
    @pytest.mark.parametrize("plain", [False, True])
    def test_deep_ppm_is_scaled_to_16_bits(self, tmp_path: Path, white: int, plain: bool) -> None:
        pixels = (noise(dtype=np.uint16).astype(int) % (white + 1)).astype(np.uint16)
        if plain:
            data = b"P3 17 12 %d\n" % white + " ".join(map(str, pixels.ravel())).encode() + b"\n"
        else:
            data = b"P6 17 12 %d\n" % white + pixels.astype(">u2").tobytes()
        expected = np.rint(pixels * (65535 / white)).astype(np.uint16)
        np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, expected)

    @pytest.mark.parametrize("kind", ["png", "pgm", "tiff<", "tiff>", "tiff, white is zero"])
    def test_16_bit_grey(self, tmp_path: Path, kind: str) -> None:
        grey = noise(channels=0, dtype=np.uint16)
        data = {
            "png": lambda: png(grey, 0),
            "pgm": lambda: b"P5 17 12 65535\n" + grey.astype(">u2").tobytes(),
            "tiff<": lambda: tiff(grey, byteorder="<"),
            "tiff>": lambda: tiff(grey, byteorder=">"),
            "tiff, white is zero": lambda: tiff(65535 - grey, photometric="miniswhite"),
        }[kind]()
        photo = read_photo(stored(tmp_path, data))
        assert photo.bits == 16
        np.testing.assert_array_equal(photo.pixels, np.repeat(grey[..., None], 3, axis=2))

    def test_16_bit_grey_png_with_a_clear_value(self, tmp_path: Path) -> None:
        grey = noise(channels=0, dtype=np.uint16)
        photo = read_photo(stored(tmp_path, png(grey, 0, chunk(b"tRNS", grey[4, 5:6].astype(">u2").tobytes()))))
        np.testing.assert_array_equal(photo.alpha, np.where(grey == grey[4, 5], 0, 65535))

    def test_other_modes_become_rgb(self, tmp_path: Path) -> None:
        picture = Image.fromarray(smooth())
        cmyk = pillow_bytes(picture.convert("CMYK"), "TIFF")
        for image, data in [
            (picture.convert("L"), pillow_bytes(picture.convert("L"), "PNG")),
            (picture.convert("1"), pillow_bytes(picture.convert("1"), "PNG")),
            (picture.quantize(16), pillow_bytes(picture.quantize(16), "PNG")),
            (picture.convert("CMYK"), cmyk),
        ]:
            photo = read_photo(stored(tmp_path, data))
            np.testing.assert_array_equal(photo.pixels, np.asarray(image.convert("RGB")))
            assert photo.alpha is None

    def test_transparency_is_split_off(self, tmp_path: Path) -> None:
        rgba = noise(channels=4)
        photo = read_photo(stored(tmp_path, pillow_bytes(Image.fromarray(rgba), "PNG")))
        np.testing.assert_array_equal(photo.pixels, rgba[..., :3])
        np.testing.assert_array_equal(photo.alpha, rgba[..., 3])
        la = Image.merge("LA", [Image.fromarray(plane) for plane in rgba[..., :2].transpose(2, 0, 1)])
        photo = read_photo(stored(tmp_path, pillow_bytes(la, "PNG")))
        np.testing.assert_array_equal(photo.pixels, np.repeat(rgba[..., :1], 3, axis=2))
        np.testing.assert_array_equal(photo.alpha, rgba[..., 1])
        palette = Image.fromarray(smooth()).quantize(16)
        photo = read_photo(stored(tmp_path, pillow_bytes(palette, "PNG", transparency=bytes(range(16)))))
        np.testing.assert_array_equal(photo.alpha, np.asarray(palette))
        np.testing.assert_array_equal(photo.pixels, np.asarray(palette.convert("RGB")))

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
    def test_animation_gives_its_first_frame(self, tmp_path: Path, kind: str) -> None:
        frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
        data = pillow_bytes(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        photo = read_photo(stored(tmp_path, data))
        assert photo.pixels.shape == (6, 8, 3)
        assert (photo.pixels == [255, 0, 0]).all()

    @pytest.mark.parametrize("suffix", sorted({".png", ".jpg", ".bmp", ".tif", ".webp"}))
    def test_one_pixel(self, tmp_path: Path, suffix: str) -> None:
        photo = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(np.full((1, 1, 3), 77, np.uint8))))
        assert np.abs(photo.pixels.astype(int) - 77).max() <= 1

    def test_jpeg_is_quality_95_without_subsampling(self, tmp_path: Path) -> None:
        path = write_photo(tmp_path / "a.jpg", Photo(smooth()))
        reference = Image.open(io.BytesIO(pillow_bytes(Image.fromarray(smooth()), "JPEG", quality=95, subsampling=0)))
        np.testing.assert_array_equal(read_photo(path).pixels, np.asarray(reference))
        with Image.open(path) as image:
            assert {component[1:3] for component in image.layer} == {(1, 1)}

    def test_16_bits_are_rounded_for_8_bit_formats(self, tmp_path: Path) -> None:
        ramp = np.arange(0, 65536, 7, dtype=np.uint16)[: 36 * 256].reshape(36, 256, 1).repeat(3, axis=2)
        for suffix in (".bmp", ".webp"):
            pixels = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(ramp))).pixels
            np.testing.assert_array_equal(pixels, np.rint(ramp / 257.0))

    @pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
    def test_alpha_is_dropped_where_the_format_has_none(self, tmp_path: Path, suffix: str) -> None:
        photo = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(smooth(), np.zeros((48, 64), np.uint8))))
        assert photo.alpha is None
        assert np.abs(photo.pixels.astype(int) - smooth()).mean() < 3

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
    def test_colours_under_clear_pixels_survive(self, tmp_path: Path, suffix: str) -> None:
        photo = Photo(noise(), np.eye(12, 17, dtype=np.uint8))
        back = read_photo(write_photo(tmp_path / f"a{suffix}", photo))
        np.testing.assert_array_equal(back.pixels, photo.pixels)
        np.testing.assert_array_equal(back.alpha, photo.alpha)


class TestMetadata:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
    def test_rotation_is_that_of_pillow(self, tmp_path: Path, orientation: int, kind: str) -> None:
        data = pillow_bytes(
            Image.fromarray(noise(channels=4 if kind == "PNG" else 3)), kind, exif=exif_bytes(orientation)
        )
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        photo = read_photo(stored(tmp_path, data))
        np.testing.assert_array_equal(photo.pixels, expected[..., :3])
        if kind == "PNG":
            np.testing.assert_array_equal(photo.alpha, expected[..., 3])
        # what is written again must not be turned a second time
        again = read_photo(write_photo(tmp_path / "again.png", photo))
        np.testing.assert_array_equal(again.pixels, photo.pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["png", "tiff"])
    def test_rotation_at_16_bits(self, tmp_path: Path, orientation: int, kind: str) -> None:
        pixels = noise(dtype=np.uint16)
        if kind == "png":
            data = png(pixels, 2, chunk(b"eXIf", exif_bytes(orientation)[6:]))
        else:
            data = tiff(pixels, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        small = Image.fromarray((pixels >> 8).astype(np.uint8))
        small.getexif()[0x0112] = orientation
        photo = read_photo(stored(tmp_path, data))
        assert photo.bits == 16
        np.testing.assert_array_equal(photo.pixels >> 8, np.asarray(ImageOps.exif_transpose(small)))

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_exif_and_profile_round_trip(self, tmp_path: Path, suffix: str, dtype: type) -> None:
        photo = read_photo(
            write_photo(
                tmp_path / f"a{suffix}", Photo(noise(dtype=dtype), metadata=Metadata(exif=exif_bytes(1), icc=ICC))
            )
        )
        assert photo.metadata.icc == ICC
        assert photo.metadata.exif is not None
        exif = Image.Exif()
        exif.load(photo.metadata.exif)
        assert exif[271] == "Maker"
        assert exif.get_ifd(0x8769)[36867] == "2020:01:02 03:04:05"
        assert exif.get_ifd(0x8769)[33434] == pytest.approx(0.01)
        assert exif.get(0x0112, 1) == 1
        assert set(exif) <= {271, 0x0112, 0x8769}

    def test_orientation_is_not_in_the_kept_block(self, tmp_path: Path) -> None:
        data = pillow_bytes(Image.fromarray(smooth()), "JPEG", exif=exif_bytes(6))
        photo = read_photo(stored(tmp_path, data))
        exif = Image.Exif()
        assert photo.metadata.exif is not None
        exif.load(photo.metadata.exif)
        assert 0x0112 not in exif
        assert exif[271] == "Maker"

    def test_bmp_drops_metadata_and_none_stays_none(self, tmp_path: Path) -> None:
        photo = read_photo(
            write_photo(tmp_path / "a.bmp", Photo(noise(), metadata=Metadata(exif=exif_bytes(), icc=ICC)))
        )
        assert (photo.metadata.exif, photo.metadata.icc) == (None, None)
        photo = read_photo(write_photo(tmp_path / "a.png", Photo(noise())))
        assert (photo.metadata.exif, photo.metadata.icc) == (None, None)

    def test_profile_of_other_colours_is_not_kept(self, tmp_path: Path) -> None:
        grey = ICC[:16] + b"GRAY" + ICC[20:]
        data = pillow_bytes(Image.fromarray(smooth()).convert("L"), "PNG", icc_profile=grey)
        assert read_photo(stored(tmp_path, data)).metadata.icc == grey
        data = pillow_bytes(Image.fromarray(smooth()).convert("L"), "PNG", icc_profile=ICC)
        assert read_photo(stored(tmp_path, data)).metadata.icc is None

    def test_damaged_exif_does_not_spoil_the_photo(self, tmp_path: Path) -> None:
        data = png(noise(), 2, chunk(b"eXIf", b"rubbish"))
        photo = read_photo(stored(tmp_path, data))
        np.testing.assert_array_equal(photo.pixels, noise())
        assert photo.metadata.exif is None

    def test_exif_too_long_for_jpeg_is_left_out(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[271] = "m" * 70_000
        photo = Photo(smooth(), metadata=Metadata(exif=exif.tobytes()))
        assert not_kept(photo, ".jpg") == ("EXIF (too long)",)
        assert read_photo(write_photo(tmp_path / "a.jpg", photo)).metadata.exif is None
        assert not_kept(photo, ".png") == ()
        assert read_photo(write_photo(tmp_path / "a.png", photo)).metadata.exif is not None


class TestRefusals:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_samples_are_whole(self, tmp_path: Path, name: str) -> None:
        assert read_photo(stored(tmp_path, SAMPLES[name])).pixels.std() > 10

    @pytest.mark.parametrize("name", SAMPLES)
    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.8, 0.95])
    def test_truncated(self, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, share: float) -> None:
        data = SAMPLES[name]
        refusal(stored(tmp_path, data[: max(1, int(len(data) * share))]))
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("name", ["png", "png16", "jpeg", "jpeg-restarts", "tiff", "tiff16", "bmp", "webp", "ppm"])
    def test_truncated_by_a_few_bytes(self, tmp_path: Path, name: str) -> None:
        cut = 13 if name.startswith("png") else 3  # the last 12 bytes of a PNG say only that it ends
        message = refusal(stored(tmp_path, SAMPLES[name][:-cut]))
        assert "truncated or damaged" in message or "damaged header" in message

    def test_jpeg_whose_rest_is_lost_is_not_filled_with_grey(self, tmp_path: Path) -> None:
        data = SAMPLES["jpeg"]
        half = len(data) * 2 // 3
        zeros = data[:half] + bytes(len(data) - half) * 50
        stray = data[:half] + b"\xff\x05" + data[half:]
        second = data[:half] + SAMPLES["jpeg"]  # a new image starts in the middle of one
        for damaged in (zeros, stray, second):
            assert "truncated or damaged" in refusal(stored(tmp_path, damaged))

    def test_jpeg_with_bytes_after_its_end_is_whole(self, tmp_path: Path) -> None:
        assert read_photo(stored(tmp_path, SAMPLES["jpeg"] + b"maker's trailer \xff\x05")).height == 48

    @pytest.mark.parametrize("name", ["png", "png16"])
    def test_png_checksums_are_checked(self, tmp_path: Path, name: str) -> None:
        data = bytearray(SAMPLES[name])
        data[data.index(b"IDAT") + 40] ^= 1
        assert "truncated or damaged" in refusal(stored(tmp_path, bytes(data)))

    def test_tiff_without_all_its_strips(self, tmp_path: Path) -> None:
        data = bytearray(tiff(smooth(), photometric="rgb", rowsperstrip=16))
        entry = data.index(struct.pack("<HHI", 273, 4, 3))
        data[entry + 4] = 2  # of three strips the third is forgotten
        assert "truncated or damaged" in refusal(stored(tmp_path, bytes(data)))

    def test_damaged_tiffs_print_nothing(self, tmp_path: Path) -> None:
        header = bytearray(SAMPLES["tiff-deflate"])
        at = header.index(struct.pack("<HHI", 277, 3, 1))  # 255 samples a pixel: Pillow logs an error
        header[at + 8] = 255
        body = bytearray(SAMPLES["tiff-deflate"])
        body[len(body) // 3 :] = bytes(len(body) - len(body) // 3)  # libtiff prints an error
        for data in (header, body):
            path = stored(tmp_path, bytes(data))
            code = f"import grids.images as i; i.read_photo({str(path)!r})"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            lines = done.stderr.splitlines()
            assert lines[0].startswith("Traceback")
            assert lines[-1].startswith("grids.errors.ImageError: cannot use the image")

    def test_a_damaged_end_of_a_png(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        damaged = bytearray(SAMPLES["png16"])
        damaged[-1] ^= 1
        with pytest.raises(ImageError, match="truncated or damaged"):
            read_photo(stored(tmp_path, bytes(damaged)))
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("name", SAMPLES)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_whatever_the_bytes_nothing_but_an_image_error(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: st.DataObject
    ) -> None:
        damaged = bytearray(SAMPLES[name])
        ends = st.integers(0, min(200, len(damaged) - 1)) | st.integers(0, len(damaged) - 1)  # headers above all
        for at in data.draw(st.lists(ends, min_size=1, max_size=6)):
            damaged[at] = data.draw(st.integers(0, 255))
        self.reads_or_refuses(stored(tmp_path, bytes(damaged)))
        assert capfd.readouterr().err == ""

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(head=st.sampled_from([b"", *(sample[:24] for sample in SAMPLES.values())]), tail=st.binary(max_size=300))
    def test_random_bytes(self, tmp_path: Path, head: bytes, tail: bytes) -> None:
        self.reads_or_refuses(stored(tmp_path, head + tail))

    def reads_or_refuses(self, path: Path) -> None:
        try:
            photo = read_photo(path, max_pixels=10**6)
        except ImageError as error:
            assert "\n" not in str(error)
            assert str(path) in str(error)
        else:
            assert photo.pixels.shape == (photo.height, photo.width, 3)
            assert photo.height * photo.width <= 10**6

    def test_missing_folder_empty_and_other_things(self, tmp_path: Path) -> None:
        assert "no such file" in refusal(tmp_path / "missing.png")
        assert "no such file" in refusal(tmp_path / "missing" / "a.png")
        assert "folder" in refusal(tmp_path)
        assert "empty" in refusal(stored(tmp_path, b"", "empty.png"))
        assert "not an image" in refusal(stored(tmp_path, b"hello, world" * 99, "text.png"))
        assert "not a directory" in refusal(stored(tmp_path, b"x", "file") / "a.png")
        assert "too long" in refusal(tmp_path / ("n" * 300 + ".png"))
        os.mkfifo(tmp_path / "pipe.png")
        assert "not a regular file" in refusal(tmp_path / "pipe.png")
        with pytest.raises(ImageError, match="null"):
            read_photo("nul\0byte.png")

    def test_path_with_a_line_feed_still_gives_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError) as caught:
            read_photo(tmp_path / "two\nlines.png")
        assert "\n" not in str(caught.value)

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = stored(tmp_path, SAMPLES["png"])
        path.chmod(0)
        if os.geteuid() == 0:  # root reads everything

            def refuse(*_: object) -> None:
                raise PermissionError(13, "Permission denied", str(path))

            monkeypatch.setattr(Path, "open", refuse)
        assert "permission denied" in refusal(path)

    @pytest.mark.parametrize(("height", "width"), [(100_000, 100_000), (1, 2**31 - 1)])
    def test_huge_by_header_is_refused_before_decoding(self, tmp_path: Path, height: int, width: int) -> None:
        path = stored(tmp_path, png(noise(1, 1), 2, size=(height, width)))
        message = refusal(path)
        assert "`max_pixels`" in message
        assert f"{height * width / 1e6:,.6g} megapixels" in message
        assert "100 allowed" in message

    def test_huge_webp_by_header(self, tmp_path: Path) -> None:
        vp8x = b"\x10\0\0\0" + (65534).to_bytes(3, "little") * 2
        data = b"WEBPVP8X" + struct.pack("<I", 10) + vp8x + b"VP8 " + struct.pack("<I", 4) + b"\0" * 4
        message = refusal(stored(tmp_path, b"RIFF" + struct.pack("<I", len(data)) + data))
        # releases of Pillow before 13 ask the decoder first, which refuses it
        assert "4,294.84 megapixels" in message or "could not create decoder object" in message

    @pytest.mark.parametrize("name", SAMPLES)
    def test_limit_is_exact(self, tmp_path: Path, name: str) -> None:
        path = stored(tmp_path, SAMPLES[name])
        photo = read_photo(path)
        pixels = photo.height * photo.width
        assert read_photo(path, max_pixels=pixels).width == photo.width
        for limit in (pixels - 1, 1):
            assert "`max_pixels`" in refusal(path, max_pixels=limit)

    def test_limit_above_that_of_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in ("png", "tiff", "webp", "gif"):
                assert read_photo(stored(tmp_path, SAMPLES[name])).width == 64
        assert Image.MAX_IMAGE_PIXELS == 100

    @pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0)])
    def test_zero_size(self, tmp_path: Path, height: int, width: int) -> None:
        refusal(stored(tmp_path, png(noise(1, 1), 2, size=(height, width))))
        refusal(stored(tmp_path, b"P6 %d %d 255\n" % (width, height)))

    def test_floating_point(self, tmp_path: Path) -> None:
        values = np.ones((4, 5), np.float32)
        assert "floating" in refusal(stored(tmp_path, tiff(values)))
        assert "floating" in refusal(stored(tmp_path, tiff(np.dstack([values] * 3), photometric="rgb")))
        assert "floating" in refusal(stored(tmp_path, b"Pf\n5 4\n-1.0\n" + values.tobytes()))

    def test_integers_that_are_no_pixels(self, tmp_path: Path) -> None:
        for values in (np.full((4, 5), -1, np.int32), np.full((4, 5), 70_000, np.int32)):
            assert "32-bit integers" in refusal(stored(tmp_path, tiff(values)))

    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_planes_are_read(self, tmp_path: Path, compression: str | None, dtype: type, orientation: int) -> None:
        planes = noise(3, 12, 17, dtype)
        tags = [(274, "H", 1, orientation, True)]
        options = {"compression": compression, "rowsperstrip": 5, "extratags": tags}
        data = tiff(planes, photometric="rgb", planarconfig="separate", **options)
        if orientation == 6:
            planes = np.rot90(planes, -1, (1, 2))
        np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, planes.transpose(1, 2, 0))

    def test_without_opencv_the_message_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "cv2", None)
        assert "opencv-python-headless" in refusal(stored(tmp_path, SAMPLES["png16"]))
        assert read_photo(stored(tmp_path, SAMPLES["png"])).bits == 8

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("interlaced", [False, True])
    def test_too_much_data_in_a_png_prints_nothing(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], dtype: type, interlaced: bool
    ) -> None:
        pixels = noise(dtype=dtype)
        data = encode(Photo(pixels), ".png")
        packed = zlib.decompress(b"".join(content for name, content in chunks(data) if name == b"IDAT"))
        header = bytearray(data[16:29])
        if interlaced:  # Adam7: rows of seven smaller images
            header[12] = 1
            passes = [pixels[y::dy, x::dx] for x, y, dx, dy in ADAM7]
            rows = [row.astype(row.dtype.newbyteorder(">")).tobytes() for one in passes if one.size for row in one]
            packed = b"".join(b"\0" + row for row in rows)
        for more in (zlib.compress(packed + b"x" * 999), zlib.compress(packed) + b"junk" * 9):
            made = data[:8] + b"".join(
                chunk(*part) for part in ((b"IHDR", bytes(header)), (b"IDAT", more), (b"IEND", b""))
            )
            np.testing.assert_array_equal(read_photo(stored(tmp_path, made)).pixels, pixels)
        wrong = bytearray(zlib.compress(packed))
        wrong[-1] ^= 1  # its own checksum
        made = data[:8] + b"".join(chunk(*part) for part in ((b"IHDR", bytes(header)), (b"IDAT", bytes(wrong))))
        assert "truncated or damaged" in refusal(stored(tmp_path, made + chunk(b"IEND", b"")))
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("bits", [8, 16])
    def test_signed_integers_are_named(self, tmp_path: Path, bits: int) -> None:
        for values in (noise(channels=0), noise()):
            data = tiff(values.astype(f"int{bits}"), photometric="rgb" if values.ndim == 3 else "minisblack")
            assert f"{bits}-bit signed integers" in refusal(stored(tmp_path, data))

    def test_unusual_tiffs_are_named(self, tmp_path: Path) -> None:
        two = tiff(noise(channels=2, dtype=np.uint16), photometric="minisblack", planarconfig="contig")
        assert "2 channels of 16-bit unsigned integers" in refusal(stored(tmp_path, two))
        wide = tiff(noise().astype(np.uint32), photometric="rgb")
        assert "3 channels of 32-bit unsigned integers" in refusal(stored(tmp_path, wide))

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("layout", ["strips", "tiles", "planes", "grey"])
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_big_endian_bigtiff(self, tmp_path: Path, dtype: type, layout: str, compression: str | None) -> None:
        pixels = noise(40, 50, 0 if layout == "grey" else 3, dtype)
        options = {"tile": (16, 16)} if layout == "tiles" else {"rowsperstrip": 7}
        if layout == "planes":
            options["planarconfig"] = "separate"
        given = pixels.transpose(2, 0, 1) if layout == "planes" else pixels
        kind = "minisblack" if layout == "grey" else "rgb"
        options |= {"compression": compression, "photometric": kind}
        data = tiff(given, bigtiff=True, byteorder=">", **options)
        expected = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, expected)
        for share in (0.3, 0.9):
            assert "truncated or damaged" in refusal(stored(tmp_path, data[: int(len(data) * share)]))

    def test_odd_metadata_prints_nothing(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        deep, flat = noise(dtype=np.uint16), noise()
        junk = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"junk"))
        tags = [(60000, "s", 0, "private", True)]
        for data in (
            png(deep, 2, junk),
            png(flat, 2, junk),
            tiff(deep, photometric="rgb", compression="zlib", extratags=tags),
            tiff(flat, photometric="rgb", compression="zlib", extratags=tags),
        ):
            assert read_photo(stored(tmp_path, data)).pixels.shape == (12, 17, 3)
        assert capfd.readouterr() == ("", "")

    def test_non_ascii_names(self, tmp_path: Path) -> None:
        for suffix in (".png", ".tif"):
            photo = Photo(noise(dtype=np.uint16))
            path = write_photo(tmp_path / "Füße" / f"写真 é{suffix}", photo)
            np.testing.assert_array_equal(read_photo(str(path)).pixels, photo.pixels)

    def test_the_state_of_pillow_is_put_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
        good, bad = stored(tmp_path, SAMPLES["png"], "good"), stored(tmp_path, SAMPLES["jpeg"][:-400], "bad")
        results: list[bool] = []

        def read_both() -> None:
            for _ in range(10):
                results.append(read_photo(good).width == 64)
                with pytest.raises(ImageError):
                    read_photo(bad)

        threads = [threading.Thread(target=read_both) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 40
        assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True


class TestTensors:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_there_and_back(self, dtype: type) -> None:
        photo = Photo(
            noise(dtype=dtype), noise(channels=0, dtype=dtype), Path("a.png"), Metadata(exif=exif_bytes(), icc=ICC)
        )
        images = photo.tensor()
        assert images.dtype == torch.float32
        assert images.is_contiguous()
        np.testing.assert_allclose(images.numpy(), photo.pixels.transpose(2, 0, 1) / np.iinfo(dtype).max, atol=1e-7)
        back = photo.with_pixels(images)
        np.testing.assert_array_equal(back.pixels, photo.pixels)
        assert back.alpha is photo.alpha
        assert (back.path, back.metadata) == (photo.path, photo.metadata)
        np.testing.assert_array_equal(photo_from_tensor(images, bits=photo.bits).pixels, photo.pixels)

    def test_extremes_map_to_zero_and_one(self) -> None:
        for dtype in (np.uint8, np.uint16):
            top = np.iinfo(dtype).max
            assert Photo(np.array([[[0, 0, top]]], dtype)).tensor().flatten().tolist() == [0, 0, 1]

    def test_values_are_clipped_and_rounded(self) -> None:
        values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0]).reshape(1, 1, 6).expand(3, 1, 6)
        assert photo_from_tensor(values).pixels[0, :, 1].tolist() == [0, 0, 0, 1, 255, 255]
        assert photo_from_tensor(values.double().requires_grad_(), bits=16).pixels[0, -1].tolist() == [65535] * 3

    def test_wrong_tensors(self) -> None:
        photo = Photo(noise())
        with pytest.raises(ImageError, match=r"17 x 12.*17 x 11"):
            photo.with_pixels(torch.zeros(3, 11, 17))
        for wrong in (torch.zeros(1, 12, 17), torch.zeros(1, 3, 12, 17), torch.zeros(3, 12, 17, dtype=torch.uint8)):
            with pytest.raises(ImageError, match=r"\(3, H, W\)"):
                photo.with_pixels(wrong)
        with pytest.raises(ImageError, match="finite"):
            photo_from_tensor(torch.full((3, 2, 2), float("nan")))
        with pytest.raises(ImageError, match="12"):
            photo_from_tensor(torch.zeros(3, 2, 2), bits=12)

    def test_wrong_arrays(self) -> None:
        for pixels in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32), np.zeros((0, 5, 3), np.uint8)):
            with pytest.raises(ImageError, match="uint8 or uint16"):
                Photo(pixels)
        with pytest.raises(ImageError, match="alpha"):
            Photo(noise(), np.zeros((12, 17), np.uint16))

    def test_importing_the_module_is_light(self) -> None:
        code = "import sys, grids.images; grids.images.builtin_photos(); "
        code += "print({'torch', 'cv2', 'skimage', 'matplotlib'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"


class TestWriting:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_bytes_are_deterministic(self, suffix: str, dtype: type) -> None:
        photo = Photo(noise(dtype=dtype), metadata=Metadata(exif=exif_bytes(), icc=ICC))
        assert encode(photo, suffix) == encode(photo, suffix)

    @pytest.mark.parametrize("suffix", ["", ".gif", ".txt", "png"])
    def test_unknown_suffix(self, tmp_path: Path, suffix: str) -> None:
        with pytest.raises(ImageError, match=r"\.png, \.jpg, \.jpeg, \.bmp, \.tif, \.tiff, \.webp"):
            encode(Photo(noise()), suffix)

    def test_unknown_suffix_writes_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError):
            write_photo(tmp_path / "folder" / "a.xyz", Photo(noise()))
        assert list(tmp_path.iterdir()) == []

    def test_too_large_for_the_format(self) -> None:
        with pytest.raises(ImageError, match=r"16384 x 1 pixels as \.webp"):
            encode(Photo(np.zeros((1, 16384, 3), np.uint8)), ".webp")
        with pytest.raises(ImageError, match=r"65536 x 1 pixels as \.jpg"):
            encode(Photo(np.zeros((1, 65536, 3), np.uint8)), ".jpg")

    def test_failing_write_leaves_the_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_photo(tmp_path / "a.png", Photo(noise()))
        old = path.read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(RunError, match="No space left"):
            write_photo(path, Photo(noise(seed=1)))
        assert path.read_bytes() == old
        assert [item.name for item in tmp_path.iterdir()] == ["a.png"]

    def test_written_files_are_readable_by_others(self, tmp_path: Path) -> None:
        path = write_photo(tmp_path / "new" / "a.png", Photo(noise()))
        assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


class TestLists:
    def test_folder(self, tmp_path: Path) -> None:
        names = [
            "b.JPG",
            "a.png",
            "sub/z.tif",
            "sub/deep/y.webp",
            "note.txt",
            ".hidden.png",
            ".git/x.png",
            "sub/.h/y.png",
        ]
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = [path.relative_to(tmp_path).as_posix() for path in list_images([tmp_path])]
        assert found == ["a.png", "b.JPG", "sub/deep/y.webp", "sub/z.tif"]

    def test_named_files_are_kept_and_duplicates_dropped(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.png", "odd.dat", ".hidden.png"):
            (tmp_path / name).touch()
        twice = tmp_path / "." / ".." / tmp_path.name / "a.png"
        given = [tmp_path / "odd.dat", tmp_path / "b.png", twice, tmp_path, tmp_path / ".hidden.png"]
        assert [path.name for path in list_images(given)] == ["odd.dat", "b.png", "a.png", ".hidden.png"]

    def test_a_file_comes_before_links_to_it(self, tmp_path: Path) -> None:
        for name in ("b.png", "d.png"):
            stored(tmp_path, SAMPLES["png"], name)
        for link, target in (("a.png", "b.png"), ("c.png", "b.png"), ("e.png", "d.png")):
            (tmp_path / link).symlink_to(tmp_path / target)
        assert list_images([tmp_path]) == [tmp_path / "b.png", tmp_path / "d.png"]
        assert list_images([tmp_path / "a.png", tmp_path]) == [tmp_path / "a.png", tmp_path / "d.png"]

    def test_hidden_folder_given_by_name_and_circular_links(self, tmp_path: Path) -> None:
        folder = tmp_path / ".cache"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a.png").touch()
        (folder / "sub" / "loop").symlink_to(folder, target_is_directory=True)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "b.png").touch()
        (folder / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        (folder / "turn.png").symlink_to(folder / "turn.png")
        assert [path.name for path in list_images([folder])] == ["b.png", "a.png", "turn.png"]
        refusal(folder / "turn.png")

    def test_nothing_found(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").touch()
        with pytest.raises(ImageError) as caught:
            list_images([tmp_path])
        assert str(tmp_path) in str(caught.value)
        assert all(suffix in str(caught.value) for suffix in IMAGE_SUFFIXES)
        for name, reason in (("nowhere", "no such file"), ("n" * 300, "too long"), ("nul\0", "null")):
            with pytest.raises(ImageError, match=reason):
                list_images([tmp_path / name])
        with pytest.raises(ImageError, match="no input"):
            list_images([])

    def test_unreadable_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(folder: object) -> None:
            raise PermissionError(13, "Permission denied", str(folder))

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(ImageError, match=r"cannot list the folder.*Permission denied"):
            list_images([tmp_path])

    def test_suffixes_are_ones_that_pillow_opens(self) -> None:
        Image.init()
        assert {Image.registered_extensions()[suffix] for suffix in IMAGE_SUFFIXES} <= set(decoding._formats())


class TestReadPhotos:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_photo(tmp_path / "good.png", Photo(noise(40, 50)))
        write_photo(tmp_path / "flat.png", Photo(noise(20, 64)))
        stored(tmp_path, b"no image", "bad.png")
        return tmp_path

    def test_unusable_ones_are_passed_over_and_reported(self, folder: Path) -> None:
        skipped: list[Skipped] = []
        paths = [folder / name for name in ("bad.png", "good.png", "flat.png", "missing.png")]
        photos = list(read_photos(paths, ReadOptions(on_skip=skipped.append), 32))
        assert [photo.path for photo in photos] == [folder / "good.png"]
        assert [item.path.name for item in skipped] == ["bad.png", "flat.png", "missing.png"]
        assert skipped[1].reason == "64 x 20 pixels, but at least 32 are needed"
        assert "not an image" in skipped[0].reason
        assert str(folder) not in skipped[0].reason

    def test_a_single_bad_file_is_raised(self, folder: Path) -> None:
        skipped: list[Skipped] = []
        with pytest.raises(ImageError, match=r"flat\.png': 64 x 20 pixels, but at least 32 are needed"):
            list(read_photos([folder / "flat.png"], ReadOptions(on_skip=skipped.append), 32))
        with pytest.raises(ImageError, match=r"bad\.png"):
            list(read_photos([folder / "bad.png"]))
        assert skipped == []

    def test_nothing_usable(self, folder: Path) -> None:
        with pytest.raises(
            ImageError, match=r"none of 2 images can be used \(the first, '.*bad\.png': it is not an image"
        ):
            list(read_photos([folder / "bad.png", folder / "missing.png"]))
        with pytest.raises(ImageError, match="no images"):
            list(read_photos([]))

    def test_photos_come_one_at_a_time(self, folder: Path) -> None:
        photos = read_photos([folder / "good.png", folder / "missing.png"], ReadOptions(2000))
        assert next(photos).height == 40


class TestBuiltin:
    def test_they_are_photographs_on_disk(self) -> None:
        paths = builtin_photos()
        assert len(paths) >= 10
        assert len({path.name for path in paths}) == len(paths)
        assert {"astronaut.png", "grace_hopper.jpg"} <= {path.name for path in paths}
        for photo in read_photos(paths, min_side=256):
            assert photo.pixels.std() > 20
            assert photo.alpha is None

    def test_missing_packages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ImageError, match="scikit-image"):
            builtin_photos()
