"""Finding faces, and cutting them out: the astronaut's is where it is, squares stay inside, areas are averaged."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from grids.errors import ImageError
from grids.images import builtin_photos, faces, read_photo
from grids.images.faces import Box, crop_face, find_faces, square_of


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(0, width) * max(0, height)
    return shared / (a.width * a.height + b.width * b.height - shared)


TRUE = Box(175, 70, 100, 115)  # by eye: from the brows to the chin, from cheek to cheek


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 3.0])
def test_the_astronaut_has_one_face(astronaut: np.ndarray, factor: float) -> None:
    side = round(512 * factor)
    pixels = np.asarray(Image.fromarray(astronaut).resize((side, side), Image.Resampling.BICUBIC))
    found = find_faces(pixels)
    assert len(found) == 1
    assert overlap(Box(*(round(value / factor) for value in found[0])), TRUE) > 0.7


def test_depth_and_place_do_not_matter(astronaut: np.ndarray) -> None:
    expected = find_faces(astronaut)
    assert find_faces(astronaut.astype(np.uint16) * 257) == expected
    framed = np.pad(astronaut[:256, 100:356], ((0, 0), (0, 256), (0, 0)), mode="edge")
    assert overlap(find_faces(framed)[0], expected[0]._replace(left=expected[0].left - 100)) > 0.7


def test_two_faces_the_larger_one_first(astronaut: np.ndarray) -> None:
    face = astronaut[:256, 90:346]
    small = np.asarray(Image.fromarray(face).resize((160, 160), Image.Resampling.BOX))
    both = np.full((256, 450, 3), 200, np.uint8)
    both[40:200, :160], both[:, 190:446] = small, face
    found = find_faces(both)
    assert len(found) == 2
    assert found[0].width > found[1].width
    assert found[0].left > 190 > found[1].left + found[1].width


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (24, 24), (30, 700), (200, 200)])
def test_nothing_has_no_face(size: tuple[int, int]) -> None:
    assert find_faces(np.full((*size, 3), 128, np.uint8)) == []
    assert find_faces(np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)) == []


@pytest.mark.parametrize("name", ["coffee.png", "brick.png", "rocket.jpg"])
def test_things_have_no_face(name: str) -> None:
    photo = next(path for path in builtin_photos() if path.name == name)
    assert find_faces(read_photo(photo).pixels) == []


def test_a_missing_detector_is_not_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    faces._detector.cache_clear()
    monkeypatch.setattr(skimage.data, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ImageError, match="install scikit-image again"):
        find_faces(np.zeros((30, 30, 3), np.uint8))


def test_squares_show_the_surroundings() -> None:
    assert square_of(Box(100, 80, 50, 40), 400, 300, margin=0.3) == Box(85, 60, 80, 80)
    assert square_of(Box(100, 80, 50, 40), 400, 300, margin=0) == Box(100, 75, 50, 50)


@pytest.mark.parametrize("box", [Box(0, 0, 60, 60), Box(340, 240, 60, 60), Box(0, 0, 400, 300), Box(399, 0, 1, 1)])
def test_squares_stay_inside(box: Box) -> None:
    square = square_of(box, 400, 300)
    assert square.width == square.height == min(round(1.6 * max(box[2:])), 300)
    assert 0 <= square.left <= 400 - square.width
    assert 0 <= square.top <= 300 - square.height
    assert square.left <= box.left + box.width / 2 <= square.left + square.width


@pytest.mark.parametrize("side", [16, 37, 63, 64])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_crops_are_averages_of_areas(astronaut: np.ndarray, side: int, dtype: type) -> None:
    pixels = astronaut.astype(dtype) * (257 if dtype is np.uint16 else 1)
    found = crop_face(pixels, Box(180, 70, 40, 40), side, margin=0.3)
    expected = cv2.resize(pixels[58:122, 168:232], (side, side), interpolation=cv2.INTER_AREA)
    assert found.dtype == dtype
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert math.isclose(found.mean(), pixels[58:122, 168:232].mean(), rel_tol=2e-3)


def test_nothing_is_enlarged(astronaut: np.ndarray) -> None:
    with pytest.raises(ImageError, match="64 pixels wide, less than 65"):
        crop_face(astronaut, Box(180, 70, 40, 40), 65)
