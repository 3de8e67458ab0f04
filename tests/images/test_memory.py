"""Photographs from arrays and from Pillow's images, and a selector that takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contracts import raises_line
from PIL import Image

from grids.errors import ImageError
from grids.images import Photo, photo_from_array, photo_from_pillow
from grids.selection.selector import Selector


def values(count: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(count).integers(1, np.iinfo(dtype).max, (20, 30, count), dtype=dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_arrays_are_photographs(count: int, dtype: type) -> None:
    pixels = values(count, dtype)
    photo = photo_from_array(pixels)
    assert photo.pixels.dtype == dtype and photo.grey == (count < 3)
    np.testing.assert_array_equal(photo.pixels, np.repeat(pixels[..., :1], 3, 2) if count < 3 else pixels[..., :3])
    if count in (2, 4):
        np.testing.assert_array_equal(photo.alpha, pixels[..., -1])
    else:
        assert photo.alpha is None
    if count == 1:
        np.testing.assert_array_equal(photo_from_array(pixels[..., 0]).pixels, photo.pixels)


def test_the_order_of_bytes_does_not_matter() -> None:
    pixels = values(3, np.uint16)
    np.testing.assert_array_equal(photo_from_array(pixels.astype(">u2")).pixels, pixels)


def test_arrays_that_are_no_pictures() -> None:
    for wrong in (np.zeros((4, 5, 5), np.uint8), np.zeros((2, 4, 5, 3), np.uint8), np.zeros((4, 5, 3))):
        raises_line(lambda array=wrong: photo_from_array(array), str(wrong.shape), str(wrong.dtype))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "CMYK", "I;16"])
def test_images_of_pillow_are_photographs(mode: str) -> None:
    image = (
        Image.fromarray(values(1, np.uint16)[..., 0]) if mode == "I;16" else Image.fromarray(values(4)).convert(mode)
    )
    photo = photo_from_pillow(image)
    assert (photo.height, photo.width) == (20, 30) and photo.grey == (mode in ("1", "L", "LA", "I;16"))
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA")) and photo.bits == (16 if mode == "I;16" else 8)


def test_images_of_pillow_are_turned_upright() -> None:
    image = Image.fromarray(values(3))
    image.getexif()[274] = 6
    assert (photo_from_pillow(image).height, photo_from_pillow(image).width) == (30, 20)


def test_a_selector_takes_them_all() -> None:
    selector, pixels = Selector.builtin("cpu"), np.kron(values(3), np.ones((6, 6, 1), np.uint8))
    found = [selector.select(image) for image in (Photo(pixels), pixels, Image.fromarray(pixels))]
    assert found[0] == found[1] == found[2]
    for wrong in (None, b"bytes", 3):
        raises_line(lambda image=wrong: selector.select(image), "an image must be", type(wrong).__name__)
    restored = selector.restore(Image.fromarray(pixels), group="mix").photo
    np.testing.assert_array_equal(restored.pixels, selector.restore(Photo(pixels), group="mix").photo.pixels)


def test_damage_of_pillows_images_is_an_image_error(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(values(3)).save(file, exif=exif)
    wrong = bytearray(file.read_bytes())
    with Image.open(file) as image:
        photo = photo_from_pillow(image)
    assert (photo.height, photo.width) == (30, 20)
    file.write_bytes(wrong[: len(wrong) - 200])
    with Image.open(file) as image:
        raises_line(lambda: photo_from_pillow(image), "truncated or damaged", kind=ImageError)
