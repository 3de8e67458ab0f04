"""The pixels of every kind of file: exact, whatever the depth, the channels and the writer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from images.sample_files import (
    DEEP_SUFFIXES,
    ICC,
    chunk,
    chunks,
    exif_bytes,
    noise,
    pillow_bytes,
    png,
    smooth,
    stored,
    tiff,
)
from PIL import Image, ImageOps

from grids.images import (
    Metadata,
    Photo,
    encode,
    read_photo,
    write_photo,
)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".webp", ".PNG"])
def test_lossless_formats_give_the_pixels_back(tmp_path: Path, suffix: str) -> None:
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
def test_16_bits_round_trip(tmp_path: Path, suffix: str, with_alpha: bool) -> None:
    photo = Photo(noise(dtype=np.uint16), noise(channels=0, dtype=np.uint16, seed=1) if with_alpha else None)
    back = read_photo(write_photo(tmp_path / f"a{suffix}", photo))
    assert back.bits == 16
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    assert (back.alpha is not None) == with_alpha
    if photo.alpha is not None:
        np.testing.assert_array_equal(back.alpha, photo.alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("exif", [None, exif_bytes(), b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x0f\0\2\0\0\0\4abc\0\0\0\0\0"])
def test_tiff_is_read_alike_by_tifffile(dtype: type, exif: bytes | None) -> None:
    photo = Photo(noise(dtype=dtype), noise(channels=0, dtype=dtype), metadata=Metadata(exif=exif, icc=ICC))
    with tifffile.TiffFile(io.BytesIO(encode(photo, ".tif"))) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), np.dstack([photo.pixels, photo.alpha]))
        assert page.tags[34675].value == ICC
        assert (271 in page.tags) == (exif is not None)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_colour_tiff_of_another_writer(tmp_path: Path, byteorder: str, compression: str | None) -> None:
    pixels = noise(dtype=np.uint16)
    data = tiff(pixels, photometric="rgb", byteorder=byteorder, compression=compression)
    np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, pixels)


def test_16_bit_png_with_a_clear_colour(tmp_path: Path) -> None:
    pixels = noise(dtype=np.uint16)
    photo = read_photo(stored(tmp_path, png(pixels, 2, chunk(b"tRNS", pixels[2, 3].astype(">u2").tobytes()))))
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.alpha is not None
    assert np.argwhere(photo.alpha == 0).tolist() == [[2, 3]]


def test_16_bit_png_in_many_chunks(tmp_path: Path) -> None:
    pixels = noise(dtype=np.uint16)
    parts = [
        chunk(name, content[at : at + (5 if name == b"IDAT" else 100)])
        for name, content in chunks(png(pixels, 2))
        for at in range(0, max(1, len(content)), 5 if name == b"IDAT" else 100)
    ]
    assert np.array_equal(read_photo(stored(tmp_path, png(pixels, 2)[:8] + b"".join(parts))).pixels, pixels)


def test_16_bit_grey_png_with_alpha(tmp_path: Path) -> None:
    pixels = noise(channels=2, dtype=np.uint16)
    photo = read_photo(stored(tmp_path, png(pixels, 4)))
    np.testing.assert_array_equal(photo.pixels, np.repeat(pixels[..., :1], 3, axis=2))
    np.testing.assert_array_equal(photo.alpha, pixels[..., 1])


def test_16_bit_tiff_with_multiplied_alpha(tmp_path: Path) -> None:
    straight, alpha = noise(dtype=np.uint16), noise(channels=0, dtype=np.uint16, seed=1) // 2 + 32767
    multiplied = np.rint(straight * (alpha[..., None] / 65535)).astype(np.uint16)
    data = tiff(np.dstack([multiplied, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    photo = read_photo(stored(tmp_path, data))
    np.testing.assert_array_equal(photo.alpha, alpha)
    assert np.abs(photo.pixels.astype(int) - straight).max() <= 1


@pytest.mark.parametrize("white", [1023, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_deep_ppm_is_scaled_to_16_bits(tmp_path: Path, white: int, plain: bool) -> None:
    pixels = (noise(dtype=np.uint16).astype(int) % (white + 1)).astype(np.uint16)
    if plain:
        data = b"P3 17 12 %d\n" % white + " ".join(map(str, pixels.ravel())).encode() + b"\n"
    else:
        data = b"P6 17 12 %d\n" % white + pixels.astype(">u2").tobytes()
    expected = np.rint(pixels * (65535 / white)).astype(np.uint16)
    np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, expected)


@pytest.mark.parametrize("kind", ["png", "pgm", "tiff<", "tiff>", "tiff, white is zero"])
def test_16_bit_grey(tmp_path: Path, kind: str) -> None:
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


def test_16_bit_grey_png_with_a_clear_value(tmp_path: Path) -> None:
    grey = noise(channels=0, dtype=np.uint16)
    photo = read_photo(stored(tmp_path, png(grey, 0, chunk(b"tRNS", grey[4, 5:6].astype(">u2").tobytes()))))
    np.testing.assert_array_equal(photo.alpha, np.where(grey == grey[4, 5], 0, 65535))


def test_other_modes_become_rgb(tmp_path: Path) -> None:
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


def test_transparency_is_split_off(tmp_path: Path) -> None:
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
def test_animation_gives_its_first_frame(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    data = pillow_bytes(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    photo = read_photo(stored(tmp_path, data))
    assert photo.pixels.shape == (6, 8, 3)
    assert (photo.pixels == [255, 0, 0]).all()


@pytest.mark.parametrize("suffix", sorted({".png", ".jpg", ".bmp", ".tif", ".webp"}))
def test_one_pixel(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(np.full((1, 1, 3), 77, np.uint8))))
    assert np.abs(photo.pixels.astype(int) - 77).max() <= 1


def test_jpeg_is_quality_95_without_subsampling(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", Photo(smooth()))
    reference = Image.open(io.BytesIO(pillow_bytes(Image.fromarray(smooth()), "JPEG", quality=95, subsampling=0)))
    np.testing.assert_array_equal(read_photo(path).pixels, np.asarray(reference))
    with Image.open(path) as image:
        assert {component[1:3] for component in image.layer} == {(1, 1)}


def test_16_bits_are_rounded_for_8_bit_formats(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 7, dtype=np.uint16)[: 36 * 256].reshape(36, 256, 1).repeat(3, axis=2)
    for suffix in (".bmp", ".webp"):
        pixels = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(ramp))).pixels
        np.testing.assert_array_equal(pixels, np.rint(ramp / 257.0))


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_dropped_where_the_format_has_none(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(write_photo(tmp_path / f"a{suffix}", Photo(smooth(), np.zeros((48, 64), np.uint8))))
    assert photo.alpha is None
    assert np.abs(photo.pixels.astype(int) - smooth()).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_colours_under_clear_pixels_survive(tmp_path: Path, suffix: str) -> None:
    photo = Photo(noise(), np.eye(12, 17, dtype=np.uint8))
    back = read_photo(write_photo(tmp_path / f"a{suffix}", photo))
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    np.testing.assert_array_equal(back.alpha, photo.alpha)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_rotation_is_that_of_pillow(tmp_path: Path, orientation: int, kind: str) -> None:
    data = pillow_bytes(Image.fromarray(noise(channels=4 if kind == "PNG" else 3)), kind, exif=exif_bytes(orientation))
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
def test_rotation_at_16_bits(tmp_path: Path, orientation: int, kind: str) -> None:
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
