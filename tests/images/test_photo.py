"""A photograph and its tensor: there and back, and what is no photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from images.sample_files import ICC, exif_bytes, noise

from grids.errors import ImageError
from grids.images import (
    Metadata,
    Photo,
    photo_from_tensor,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_photograph_survives_its_tensor(dtype: type) -> None:
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


def test_wrong_tensors_are_refused() -> None:
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


def test_wrong_arrays_are_refused() -> None:
    for pixels in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ImageError, match="uint8 or uint16"):
            Photo(pixels)
    with pytest.raises(ImageError, match="alpha"):
        Photo(noise(), np.zeros((12, 17), np.uint16))
