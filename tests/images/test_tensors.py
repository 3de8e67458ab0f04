"""Pixels to tensors and back: exact for every value that a file can hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grids.errors import ImageError
from grids.images.tensors import (
    byte_planes,
    checked_image,
    crop_middle,
    round_to_8_bit,
    to_8_bit,
    to_bytes,
    to_pixels,
    to_tensor,
    to_unit,
)


def every_value(dtype: type) -> np.ndarray:
    """(H, 1, 3), each value of the dtype in each channel, in another order."""
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    return np.stack((values, values[::-1], np.roll(values, 7)), 1)[:, None]


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
def test_there_and_back(dtype: type, bits: int) -> None:
    pixels = every_value(dtype)
    tensor = to_tensor(pixels)
    assert tensor.shape == (3, len(pixels), 1) and tensor.dtype == torch.float32 and tensor.is_contiguous()
    assert (float(tensor.min()), float(tensor.max())) == (0, 1)
    back = to_pixels(tensor, bits)
    assert back.dtype == dtype and np.array_equal(back, pixels)


def test_bytes_and_planes_agree_with_pixels() -> None:
    pixels = every_value(np.uint8)
    planes = byte_planes(pixels)
    assert planes.dtype == torch.uint8 and np.array_equal(planes.permute(1, 2, 0).numpy(), pixels)
    assert torch.equal(to_unit(planes), to_tensor(pixels))
    assert torch.equal(to_bytes(to_unit(planes)), planes)
    assert torch.equal(round_to_8_bit(to_unit(planes)), to_unit(planes))


def test_sixteen_bits_are_rounded_to_eight() -> None:
    pixels = every_value(np.uint16)
    expected = np.round(pixels / 257).astype(np.uint8)
    assert np.array_equal(to_8_bit(pixels), expected)
    assert np.array_equal(byte_planes(pixels).permute(1, 2, 0).numpy(), expected)


def test_values_are_clipped_and_rounded() -> None:
    values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0])
    assert round_to_8_bit(values).mul(255).tolist() == [0, 0, 0, 1, 255, 255]
    assert to_pixels(values.expand(3, 1, 6))[0, :, 1].tolist() == [0, 0, 0, 1, 255, 255]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (torch.zeros(1, 4, 4), r"\(1, 4, 4\)"),
        (torch.zeros(3, 4), r"\(3, 4\)"),
        (torch.zeros(3, 0, 4), r"\(3, 0, 4\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "uint8"),
        (torch.full((3, 4, 4), math.nan), "finite"),
        (torch.full((3, 4, 4), math.inf), "finite"),
    ],
)
def test_what_is_no_image(image: torch.Tensor, says: str) -> None:
    for function in (checked_image, to_pixels):
        with pytest.raises(ImageError, match=says):
            function(image)


def test_the_middle() -> None:
    ramp = torch.arange(100.0).view(10, 10).expand(3, -1, -1)
    assert torch.equal(crop_middle(ramp, 4), ramp[:, 3:7, 3:7])
    assert torch.equal(crop_middle(ramp, 20), ramp)
