"""Reading photographs: whatever the bytes are, a photograph or one ImageError of one line."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images.sample_files import ADAM7, SAMPLES, chunk, chunks, noise, png, refusal, smooth, stored, tiff
from PIL import Image, ImageFile

from grids.errors import ImageError
from grids.images import (
    Photo,
    ReadOptions,
    Skipped,
    encode,
    read_photo,
    read_photos,
    write_photo,
)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_whole(tmp_path: Path, name: str) -> None:
    assert read_photo(stored(tmp_path, SAMPLES[name])).pixels.std() > 10


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.8, 0.95])
def test_truncated_files_are_refused_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, share: float
) -> None:
    data = SAMPLES[name]
    refusal(stored(tmp_path, data[: max(1, int(len(data) * share))]))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["png", "png16", "jpeg", "jpeg-restarts", "tiff", "tiff16", "bmp", "webp", "ppm"])
def test_files_that_lack_a_few_bytes_are_refused(tmp_path: Path, name: str) -> None:
    cut = 13 if name.startswith("png") else 3  # the last 12 bytes of a PNG say only that it ends
    message = refusal(stored(tmp_path, SAMPLES[name][:-cut]))
    assert "truncated or damaged" in message or "damaged header" in message


def test_jpeg_whose_rest_is_lost_is_not_filled_with_grey(tmp_path: Path) -> None:
    data = SAMPLES["jpeg"]
    half = len(data) * 2 // 3
    zeros = data[:half] + bytes(len(data) - half) * 50
    stray = data[:half] + b"\xff\x05" + data[half:]
    second = data[:half] + SAMPLES["jpeg"]  # a new image starts in the middle of one
    for damaged in (zeros, stray, second):
        assert "truncated or damaged" in refusal(stored(tmp_path, damaged))


def test_jpeg_with_bytes_after_its_end_is_whole(tmp_path: Path) -> None:
    assert read_photo(stored(tmp_path, SAMPLES["jpeg"] + b"maker's trailer \xff\x05")).height == 48


@pytest.mark.parametrize("name", ["png", "png16"])
def test_png_checksums_are_checked(tmp_path: Path, name: str) -> None:
    data = bytearray(SAMPLES[name])
    data[data.index(b"IDAT") + 40] ^= 1
    assert "truncated or damaged" in refusal(stored(tmp_path, bytes(data)))


def test_tiff_without_all_its_strips(tmp_path: Path) -> None:
    data = bytearray(tiff(smooth(), photometric="rgb", rowsperstrip=16))
    entry = data.index(struct.pack("<HHI", 273, 4, 3))
    data[entry + 4] = 2  # of three strips the third is forgotten
    assert "truncated or damaged" in refusal(stored(tmp_path, bytes(data)))


def test_damaged_tiffs_print_nothing(tmp_path: Path) -> None:
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


def test_a_damaged_end_of_a_png(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damaged = bytearray(SAMPLES["png16"])
    damaged[-1] ^= 1
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_photo(stored(tmp_path, bytes(damaged)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_bytes_nothing_but_an_image_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: st.DataObject
) -> None:
    damaged = bytearray(SAMPLES[name])
    ends = st.integers(0, min(200, len(damaged) - 1)) | st.integers(0, len(damaged) - 1)  # headers above all
    for at in data.draw(st.lists(ends, min_size=1, max_size=6)):
        damaged[at] = data.draw(st.integers(0, 255))
    reads_or_refuses(stored(tmp_path, bytes(damaged)))
    assert capfd.readouterr().err == ""


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", *(sample[:24] for sample in SAMPLES.values())]), tail=st.binary(max_size=300))
def test_random_bytes_are_read_or_refused_in_one_line(tmp_path: Path, head: bytes, tail: bytes) -> None:
    reads_or_refuses(stored(tmp_path, head + tail))


def reads_or_refuses(path: Path) -> None:
    try:
        photo = read_photo(path, max_pixels=10**6)
    except ImageError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:
        assert photo.pixels.shape == (photo.height, photo.width, 3)
        assert photo.height * photo.width <= 10**6


def test_missing_folder_empty_and_other_things(tmp_path: Path) -> None:
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


def test_path_with_a_line_feed_still_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_photo(tmp_path / "two\nlines.png")
    assert "\n" not in str(caught.value)


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, SAMPLES["png"])
    path.chmod(0)
    if os.geteuid() == 0:  # root reads everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize(("height", "width"), [(100_000, 100_000), (1, 2**31 - 1)])
def test_huge_by_header_is_refused_before_decoding(tmp_path: Path, height: int, width: int) -> None:
    path = stored(tmp_path, png(noise(1, 1), 2, size=(height, width)))
    message = refusal(path)
    assert "`max_pixels`" in message
    assert f"{height * width / 1e6:,.6g} megapixels" in message
    assert "100 allowed" in message


def test_huge_webp_by_header(tmp_path: Path) -> None:
    vp8x = b"\x10\0\0\0" + (65534).to_bytes(3, "little") * 2
    data = b"WEBPVP8X" + struct.pack("<I", 10) + vp8x + b"VP8 " + struct.pack("<I", 4) + b"\0" * 4
    message = refusal(stored(tmp_path, b"RIFF" + struct.pack("<I", len(data)) + data))
    # releases of Pillow before 13 ask the decoder first, which refuses it
    assert "4,294.84 megapixels" in message or "could not create decoder object" in message


@pytest.mark.parametrize("name", SAMPLES)
def test_the_limit_of_pixels_is_exact(tmp_path: Path, name: str) -> None:
    path = stored(tmp_path, SAMPLES[name])
    photo = read_photo(path)
    pixels = photo.height * photo.width
    assert read_photo(path, max_pixels=pixels).width == photo.width
    for limit in (pixels - 1, 1):
        assert "`max_pixels`" in refusal(path, max_pixels=limit)


def test_limit_above_that_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("png", "tiff", "webp", "gif"):
            assert read_photo(stored(tmp_path, SAMPLES[name])).width == 64
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0)])
def test_images_of_no_size_are_refused(tmp_path: Path, height: int, width: int) -> None:
    refusal(stored(tmp_path, png(noise(1, 1), 2, size=(height, width))))
    refusal(stored(tmp_path, b"P6 %d %d 255\n" % (width, height)))


def test_floating_point_is_refused(tmp_path: Path) -> None:
    values = np.ones((4, 5), np.float32)
    assert "floating" in refusal(stored(tmp_path, tiff(values)))
    assert "floating" in refusal(stored(tmp_path, tiff(np.dstack([values] * 3), photometric="rgb")))
    assert "floating" in refusal(stored(tmp_path, b"Pf\n5 4\n-1.0\n" + values.tobytes()))


def test_integers_that_are_no_pixels(tmp_path: Path) -> None:
    for values in (np.full((4, 5), -1, np.int32), np.full((4, 5), 70_000, np.int32)):
        assert "32-bit integers" in refusal(stored(tmp_path, tiff(values)))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", [1, 6])
def test_planes_are_read(tmp_path: Path, compression: str | None, dtype: type, orientation: int) -> None:
    planes = noise(3, 12, 17, dtype)
    tags = [(274, "H", 1, orientation, True)]
    options = {"compression": compression, "rowsperstrip": 5, "extratags": tags}
    data = tiff(planes, photometric="rgb", planarconfig="separate", **options)
    if orientation == 6:
        planes = np.rot90(planes, -1, (1, 2))
    np.testing.assert_array_equal(read_photo(stored(tmp_path, data)).pixels, planes.transpose(1, 2, 0))


def test_without_opencv_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "opencv-python-headless" in refusal(stored(tmp_path, SAMPLES["png16"]))
    assert read_photo(stored(tmp_path, SAMPLES["png"])).bits == 8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("interlaced", [False, True])
def test_too_much_data_in_a_png_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dtype: type, interlaced: bool
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
        made = data[:8] + b"".join(chunk(*part) for part in ((b"IHDR", bytes(header)), (b"IDAT", more), (b"IEND", b"")))
        np.testing.assert_array_equal(read_photo(stored(tmp_path, made)).pixels, pixels)
    wrong = bytearray(zlib.compress(packed))
    wrong[-1] ^= 1  # its own checksum
    made = data[:8] + b"".join(chunk(*part) for part in ((b"IHDR", bytes(header)), (b"IDAT", bytes(wrong))))
    assert "truncated or damaged" in refusal(stored(tmp_path, made + chunk(b"IEND", b"")))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("bits", [8, 16])
def test_signed_integers_are_named(tmp_path: Path, bits: int) -> None:
    for values in (noise(channels=0), noise()):
        data = tiff(values.astype(f"int{bits}"), photometric="rgb" if values.ndim == 3 else "minisblack")
        assert f"{bits}-bit signed integers" in refusal(stored(tmp_path, data))


def test_unusual_tiffs_are_named(tmp_path: Path) -> None:
    two = tiff(noise(channels=2, dtype=np.uint16), photometric="minisblack", planarconfig="contig")
    assert "2 channels of 16-bit unsigned integers" in refusal(stored(tmp_path, two))
    wide = tiff(noise().astype(np.uint32), photometric="rgb")
    assert "3 channels of 32-bit unsigned integers" in refusal(stored(tmp_path, wide))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes", "grey"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_big_endian_bigtiff_is_read(tmp_path: Path, dtype: type, layout: str, compression: str | None) -> None:
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


def test_odd_metadata_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
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


def test_names_of_any_alphabet_are_read(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        photo = Photo(noise(dtype=np.uint16))
        path = write_photo(tmp_path / "Füße" / f"写真 é{suffix}", photo)
        np.testing.assert_array_equal(read_photo(str(path)).pixels, photo.pixels)


def test_the_state_of_pillow_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_photo(tmp_path / "good.png", Photo(noise(40, 50)))
    write_photo(tmp_path / "flat.png", Photo(noise(20, 64)))
    stored(tmp_path, b"no image", "bad.png")
    return tmp_path


def test_unusable_ones_are_passed_over_and_reported(folder: Path) -> None:
    skipped: list[Skipped] = []
    paths = [folder / name for name in ("bad.png", "good.png", "flat.png", "missing.png")]
    photos = list(read_photos(paths, ReadOptions(on_skip=skipped.append), 32))
    assert [photo.path for photo in photos] == [folder / "good.png"]
    assert [item.path.name for item in skipped] == ["bad.png", "flat.png", "missing.png"]
    assert skipped[1].reason == "64 x 20 pixels, but at least 32 are needed"
    assert "not an image" in skipped[0].reason
    assert str(folder) not in skipped[0].reason


def test_a_single_bad_file_is_raised(folder: Path) -> None:
    skipped: list[Skipped] = []
    with pytest.raises(ImageError, match=r"flat\.png': 64 x 20 pixels, but at least 32 are needed"):
        list(read_photos([folder / "flat.png"], ReadOptions(on_skip=skipped.append), 32))
    with pytest.raises(ImageError, match=r"bad\.png"):
        list(read_photos([folder / "bad.png"]))
    assert skipped == []


def test_nothing_usable_is_an_error(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"none of 2 images can be used \(the first, '.*bad\.png': it is not an image"):
        list(read_photos([folder / "bad.png", folder / "missing.png"]))
    with pytest.raises(ImageError, match="no images"):
        list(read_photos([]))


def test_photos_come_one_at_a_time(folder: Path) -> None:
    photos = read_photos([folder / "good.png", folder / "missing.png"], ReadOptions(2000))
    assert next(photos).height == 40
