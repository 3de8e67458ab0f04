from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from grids.errors import GridsError
from grids.reports.sheet import contact_sheet


def tile(height: int, width: int, value: int = 200) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def opened(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG" and image.mode == "RGB" and not image.info
    return np.asarray(image)


def area(sheet: np.ndarray, value: int) -> tuple[int, int]:
    rows, columns = np.nonzero(np.all(sheet == value, axis=-1))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_the_same_bytes_twice() -> None:
    tiles = [("jpeg  28.4 dB", tile(40, 60)), ("clean", tile(50, 30))]
    assert contact_sheet(tiles) == contact_sheet(tiles)


@pytest.mark.parametrize("size, expected", [((800, 1200), (256, 384)), ((600, 384), (600, 384)), ((9, 7), (9, 7))])
def test_a_tile_is_scaled_down_but_never_stretched(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert area(opened(contact_sheet([("", tile(*size, value=77))])), 77) == expected


def test_small_tiles_keep_their_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 250, (32, 48, 3)).astype(np.uint8)
    sheet = opened(contact_sheet([("x", pixels)]))
    left = 16 + (200 - 48) // 2
    assert np.array_equal(sheet[16:48, left : left + 48], pixels)


def test_rows_columns_and_labels() -> None:
    tiles = [(f"label {k}", tile(60, 200)) for k in range(5)]
    three, five = opened(contact_sheet(tiles, columns=3)), opened(contact_sheet(tiles, columns=9))
    assert three.shape[1] < five.shape[1] and three.shape[0] > five.shape[0]
    under = five[16 + 60 : -16]
    for k in range(5):  # dark ink under every picture, inside its column
        column = under[:, 16 + k * 214 : 16 + k * 214 + 200]
        assert column.min() < 80
    assert np.all(five[:16] == 255) and np.all(five[:, -16:] == 255)


def test_long_labels_stay_on_the_sheet() -> None:
    sheet = opened(contact_sheet([("many words " * 8, tile(20, 20)), ("x" * 99, tile(20, 20)), ("a\nb", tile(2, 2))]))
    assert np.all(sheet[:, :16] == 255) and np.all(sheet[-16:] == 255)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_other_pictures_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(GridsError, match=r"'jpeg' must be \(H, W, 3\) uint8"):
        contact_sheet([("jpeg", pixels)])


def test_no_tiles_or_no_columns_is_an_error() -> None:
    with pytest.raises(GridsError):
        contact_sheet([])
    with pytest.raises(GridsError):
        contact_sheet([("x", tile(4, 4))], columns=0)
