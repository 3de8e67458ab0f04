"""A photograph and its tensor: there and back, and what is no photograph."""

from __future__ import annotations

import subprocess
import sys
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
def test_there_and_back(dtype: type) -> None:
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


def test_extremes_map_to_zero_and_one() -> None:
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        assert Photo(np.array([[[0, 0, top]]], dtype)).tensor().flatten().tolist() == [0, 0, 1]


def test_values_are_clipped_and_rounded() -> None:
    values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0]).reshape(1, 1, 6).expand(3, 1, 6)
    assert photo_from_tensor(values).pixels[0, :, 1].tolist() == [0, 0, 0, 1, 255, 255]
    assert photo_from_tensor(values.double().requires_grad_(), bits=16).pixels[0, -1].tolist() == [65535] * 3


def test_wrong_tensors() -> None:
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


def test_wrong_arrays() -> None:
    for pixels in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ImageError, match="uint8 or uint16"):
            Photo(pixels)
    with pytest.raises(ImageError, match="alpha"):
        Photo(noise(), np.zeros((12, 17), np.uint16))


def test_importing_the_module_is_light() -> None:
    code = "import sys, grids.images; grids.images.builtin_photos(); "
    code += "print({'torch', 'cv2', 'skimage', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
