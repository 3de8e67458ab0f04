"""Impulses, strokes and noise: counted by their width, and read off."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grids.degradations import degradation
from grids.random import seeded
from grids.selection.features.defects import FLOOR as LEAST_SHARE
from grids.selection.features.defects import defect_statistics
from grids.selection.features.windows import WINDOW, WINDOWS


def defects(image: torch.Tensor) -> np.ndarray:
    """Shares and levels as they are, without the logarithm."""
    return np.exp(defect_statistics(image).numpy()) - LEAST_SHARE


def grey_scene(side: int = 128) -> torch.Tensor:
    return torch.linspace(0.3, 0.7, side).expand(3, side, side).mul(255).round().div(255)


def test_impulses_and_strokes_are_counted_by_their_width() -> None:
    plain = defects(grey_scene())
    assert plain[:16] == pytest.approx(np.zeros(16), abs=0.01)
    salted = degradation("salt_pepper")(grey_scene()[None], seeded(0), severity=1.0)[0]
    found = defects(salted)
    assert found[4] == pytest.approx(0.1, abs=0.02)  # farther than 64 levels from the median
    assert found[7] == pytest.approx(0.05, abs=0.01) and found[12] == pytest.approx(0.05, abs=0.01)  # black, white
    stroke = grey_scene()
    stroke[:, 40:48] = 0
    found = defects(stroke)
    black, by_width, white = found[7], found[8:12], found[12:17]
    assert black == pytest.approx(8 / 128, abs=1e-3) and white == pytest.approx(np.zeros(5), abs=1e-3)
    assert by_width == pytest.approx([0, 0, black, black], abs=1e-3)  # narrower than 13 pixels


def test_the_level_of_noise_is_read_off() -> None:
    for sigma in (5, 20):
        noise = sigma / 255 * torch.randn((3, 256, 256), generator=seeded(3))
        found = defects((grey_scene(256) + noise).clamp(0, 1).mul(255).round().div(255))
        grey = sigma / 255 * math.sqrt(0.299**2 + 0.587**2 + 0.114**2)
        assert found[19] == pytest.approx(grey, rel=0.15)
        assert found[26] == pytest.approx(math.sqrt(2) * sigma / 255, rel=0.15)  # red - green
        assert found[-2] == pytest.approx(grey, rel=0.15)


def test_windows_of_a_large_image_stand_for_it() -> None:
    image = torch.rand((3, 1100, 1500), generator=seeded(0)).mul(255).round().div(255)
    whole, part = defect_statistics(image), defect_statistics(image[:, : WINDOW * WINDOWS, : WINDOW * WINDOWS])
    assert whole[:7] == pytest.approx(part[:7], abs=0.02)
    assert not torch.equal(whole, defect_statistics(image.flip(1)))


def test_windows_that_are_longer_than_a_side_are_as_long_as_it() -> None:
    long = torch.rand((3, 100, 4 * WINDOW * WINDOWS), generator=seeded(0)).mul(255).round().div(255)
    assert defect_statistics(long)[:7] == pytest.approx(defect_statistics(long[..., : WINDOW * WINDOWS])[:7], abs=0.03)
