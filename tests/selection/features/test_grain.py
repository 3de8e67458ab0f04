"""Grain: fine and coarse, of brightness and of colour, read off smooth blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grids.images.tensors import LUMA
from grids.random import seeded
from grids.selection.features.grain import QUANTILES, REDUCED, grain_statistics


def levels(image: torch.Tensor) -> np.ndarray:
    """(sizes, planes, quantiles): deviations, levels of 255, without the logarithm."""
    return np.expm1(grain_statistics(image).numpy()).reshape(len(REDUCED), 3, len(QUANTILES))


def with_noise(noise: torch.Tensor, sigma: float) -> torch.Tensor:
    return (0.5 + sigma / 255 * noise).clamp(0, 1).mul(255).round().div(255)


def test_a_flat_image_has_none() -> None:
    assert levels(torch.full((3, 64, 64), 0.25)) == pytest.approx(np.zeros((2, 3, 3)), abs=1e-4)


def test_the_level_of_white_noise_is_read_off_at_both_sizes() -> None:
    found = levels(with_noise(torch.randn((3, 256, 256), generator=seeded(3)), 12))
    luma = 12 * math.sqrt(sum(weight**2 for weight in LUMA))
    blue = 12 * math.sqrt((1 - LUMA[2]) ** 2 + LUMA[0] ** 2 + LUMA[1] ** 2)
    assert found[0, 0, 2] == pytest.approx(luma, rel=0.15) and found[0, 1, 2] == pytest.approx(blue, rel=0.15)
    assert found[1, 0, 2] == pytest.approx(luma / 2, rel=0.15)
    assert bool((np.diff(found, axis=2) > 0).all())


def test_coarse_noise_of_colour_is_seen_where_there_is_none_of_brightness() -> None:
    noise = F.interpolate(torch.randn((1, 1, 64, 64), generator=seeded(4)), scale_factor=4, mode="bilinear")[0]
    red = torch.cat((noise, -LUMA[0] / LUMA[1] * noise, torch.zeros_like(noise)))  # luma stays the same
    luma, blue, red_only = levels(with_noise(red, 10))[1]
    assert luma.max() < 0.5 and blue.max() < 0.5 < 2 < red_only.min()


def test_texture_hides_none_of_it_while_some_blocks_are_smooth() -> None:
    image = with_noise(torch.randn((3, 256, 256), generator=seeded(5)), 6)
    busy = image.clone()
    busy[:, 40:] = torch.rand((3, 216, 256), generator=seeded(6))
    assert levels(busy)[0, :, 0] == pytest.approx(levels(image)[0, :, 1], rel=0.25)


def test_windows_of_a_large_image_stand_for_it() -> None:
    noise = torch.randn((3, 1100, 1500), generator=seeded(0))
    image = with_noise(noise, 4)
    image[..., 750:] = with_noise(noise[..., 750:], 12)
    halves = np.mean([levels(image[..., :750]), levels(image[..., 750:])], 0)
    assert levels(image) == pytest.approx(halves, rel=0.1)


def test_an_image_smaller_than_a_block_is_one() -> None:
    image = torch.randint(0, 256, (3, 7, 5), generator=seeded(7)).div(255)
    luma = sum(weight * 255 * plane for weight, plane in zip(LUMA, image, strict=True))
    assert levels(image)[0, 0] == pytest.approx([float(luma.std(correction=0))] * 3, rel=1e-4)


def test_what_is_hidden_is_not_looked_at_wherever_the_visible_lies() -> None:
    image = with_noise(torch.randn((3, 15, 15), generator=seeded(8)), 12)
    visible = torch.zeros(15, 15, dtype=torch.bool)
    visible[:, 8:] = True
    image[:, ~visible] = 0.5
    found = np.expm1(grain_statistics(image, visible).numpy())
    assert found[0] > 4  # the visible columns are no whole block
    flat = torch.full((3, 15, 15), 0.5)
    assert np.expm1(grain_statistics(flat, visible).numpy()).max() < 1e-4


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (7, 7), (9, 15)])
def test_every_size_has_them(size: tuple[int, int]) -> None:
    assert np.isfinite(grain_statistics(torch.rand((3, *size), generator=seeded(1))).numpy()).all()


def test_16_bits_are_as_8() -> None:
    image = torch.randint(0, 256, (3, 64, 64), generator=seeded(2), dtype=torch.uint8)
    wide = (image.to(torch.int32) * 257).to(torch.uint16)
    assert torch.equal(grain_statistics(wide), grain_statistics(image))
