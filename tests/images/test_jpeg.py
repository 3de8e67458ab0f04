"""Truncated JPEGs are refused, end marker or not; whole ones of any kind are read."""

from __future__ import annotations

import io
import re
import struct
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from grids.errors import ImageError
from grids.images import read_photo

END = b"\xff\xd9"
RESTARTS = ({}, {"restart_marker_blocks": 1}, {"restart_marker_blocks": 7}, {"restart_marker_rows": 1})
SAMPLING = ("0x411111", "0x211111", "0x221111", "0x121111", "0x111111")


@pytest.fixture(scope="module")
def pictures(scenes: list[np.ndarray]) -> dict[str, np.ndarray]:
    grey = np.full((40, 56, 3), 128, np.uint8)  # what libjpeg fills with
    noise = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    scene = scenes[0][:72, :104]
    return {
        "scene": scene,
        "noise": noise,
        "grey": grey,
        "dot": scene[:1, :1],
        "row": scene[:1],
        "column": scene[:, :1],
    }


def of_pillow(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def reads(path: Path, data: bytes) -> np.ndarray | None:
    """The pixels; None where the file is refused as truncated (some cannot be opened by Pillow before 13)."""
    path.write_bytes(data)
    try:
        return read_photo(path).pixels
    except ImageError as error:
        assert re.search("truncated or damaged|header is damaged", str(error))
        return None


def lenient(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except OSError:
        return None


def cut_and_whole(path: Path, data: bytes) -> None:
    """A whole file is read as Pillow reads it; of one that is cut, with its end marker, no pixel is made up."""
    whole = reads(path, data)
    assert whole is not None
    assert np.array_equal(whole, lenient(data))  # type: ignore[arg-type]
    for share in (0.5, 0.8, 0.97):
        cut = data[: int(len(data) * share)] + END
        found = reads(path, cut)
        assert found is None or np.array_equal(found, whole)


@pytest.mark.parametrize("name", ["scene", "noise", "grey", "dot", "row", "column"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_all_options_of_pillow(tmp_path: Path, pictures: dict[str, np.ndarray], name: str, mode: str) -> None:
    image = Image.fromarray(pictures[name]).convert(mode)
    for quality, sampling, progressive, restart in product((10, 95), (0, 2), (False, True), RESTARTS):
        options = {"quality": quality, "subsampling": sampling, "progressive": progressive, **restart}
        cut_and_whole(tmp_path / "a.jpg", of_pillow(image, **options))


@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize("progressive", [0, 1])
def test_all_options_of_opencv(
    tmp_path: Path, pictures: dict[str, np.ndarray], sampling: str, progressive: int
) -> None:
    for quality, optimize, restart in product((10, 95), (0, 1), (0, 3)):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, optimize]
        options += [cv2.IMWRITE_JPEG_RST_INTERVAL, restart, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, int(sampling, 16)]
        cut_and_whole(tmp_path / "a.jpg", cv2.imencode(".jpg", pictures["scene"], options)[1].tobytes())


@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_is_missing(tmp_path: Path, pictures: dict[str, np.ndarray], progressive: bool) -> None:
    data = of_pillow(Image.fromarray(pictures["scene"]), progressive=progressive)
    cut = data[:-60] + END
    assert lenient(cut) is not None  # Pillow paints the rest grey
    assert reads(tmp_path / "a.jpg", cut) is None


def test_a_header_that_promises_more(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
        data = bytearray(of_pillow(Image.fromarray(pictures["scene"]), **options))
        at = data.index(b"\xff\xc2" if "progressive" in options else b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 1000, 1000)
        assert reads(tmp_path / "a.jpg", bytes(data)) is None


def test_a_cut_at_a_restart_marker_or_a_scan(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    restarts = of_pillow(Image.fromarray(pictures["scene"]), restart_marker_rows=1)
    scans = of_pillow(Image.fromarray(pictures["scene"]), progressive=True)
    for data, marker in ((restarts, b"\xff\xd2"), (restarts, b"\xff\xd1"), (scans, b"\xff\xda")):
        cut = data[: data.rindex(marker)] + END
        assert lenient(cut) is not None
        assert reads(tmp_path / "a.jpg", cut) is None


def test_remarks_and_a_second_picture_do_not_disturb(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    one, other = (Image.fromarray(pictures[name]) for name in ("scene", "noise"))
    several = io.BytesIO()
    one.save(several, "MPO", save_all=True, append_images=[other])
    remarks = of_pillow(one, comment=b"\xff\xd9 \xff\xda " * 9, exif=b"Exif\0\0\xff\xd9" * 9)
    for data in (several.getvalue(), remarks, of_pillow(one) + b"\xff\xd8 more"):
        assert np.array_equal(reads(tmp_path / "a.jpg", data), lenient(data))  # type: ignore[arg-type]
