"""Levels of an image, and how even its detail is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grids.random import seeded
from grids.selection.features.color import FLOOR, QUANTILES, color_statistics


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(3, 64, 96, generator=seeded(0))


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (5, 3), (64, 64), (300, 301)])
def test_any_size_gives_26_finite_numbers(size: tuple[int, int]) -> None:
    for made in (torch.rand(3, *size), torch.zeros(3, *size), torch.ones(3, *size)):
        assert color_statistics(made).shape == (26,) and bool(color_statistics(made).isfinite().all())


def test_levels_agree_with_numpy(image: torch.Tensor) -> None:
    grey = image.mean(0).numpy()
    expected = np.log(np.quantile(grey, QUANTILES) + FLOOR)
    assert color_statistics(image)[:7].numpy() == pytest.approx(expected, abs=1e-4)


def test_the_dark_channel_is_the_least_colour_of_a_block(image: torch.Tensor) -> None:
    blocks = image.numpy().min(0).reshape(4, 16, 6, 16).min((1, 3))
    expected = np.log([blocks.mean() + FLOOR, *(np.quantile(blocks, (0.1, 0.9)) + FLOOR)])
    assert color_statistics(image)[7:10].numpy() == pytest.approx(expected, abs=1e-4)


def test_a_veil_lifts_the_dark_channel_and_grey_has_no_colour(image: torch.Tensor) -> None:
    assert float(color_statistics(image * 0.4 + 0.5)[7]) > float(color_statistics(image)[7]) + 1
    grey = image.mean(0, keepdim=True).expand(3, -1, -1)
    assert color_statistics(grey)[10:16].abs().max() < 1e-3


def test_clipped_pixels_are_counted() -> None:
    half = torch.full((3, 32, 32), 0.5)
    half[:, :16] = 0
    half[:, 24:] = 1
    assert color_statistics(half)[16:18].exp().tolist() == pytest.approx([0.5 + FLOOR, 0.25 + FLOOR], abs=1e-5)


def test_contrast_shifts_its_mean_and_not_its_spread(image: torch.Tensor) -> None:
    plain, doubled = color_statistics(image * 0.4)[18:], color_statistics(image * 0.8)[18:]
    assert float(doubled[0] - plain[0]) == pytest.approx(math.log(2), abs=0.02)
    assert doubled[1:].tolist() == pytest.approx(plain[1:].tolist(), abs=0.02)


def test_turning_an_image_changes_nothing(image: torch.Tensor) -> None:
    for other in (image.flip(-1), image.rot90(1, (1, 2))):
        assert color_statistics(other).tolist() == pytest.approx(color_statistics(image).tolist(), abs=1e-4)
