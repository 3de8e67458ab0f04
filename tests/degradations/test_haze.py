"""Haze and low light against their equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from contracts import generator, noise_images, raises_line, scene
from degradations.weather import applied, black
from torch import Tensor

from grids.degradations import degradation


def test_haze_is_koschmieders_equation_on_a_given_depth() -> None:
    images, depth = noise_images(2, 3, 24, 20), torch.rand(2, 24, 20, generator=generator(1))
    row = {"beta": torch.tensor([0.7, 2.2]), "airlight": torch.tensor([0.8, 0.95])}
    found = applied("haze", images, depth=depth, **row).double().numpy()
    passed = np.exp(-row["beta"].double().numpy()[:, None, None] * depth.double().numpy())[:, None]
    light = row["airlight"].double().numpy()[:, None, None, None]
    np.testing.assert_allclose(found, images.double().numpy() * passed + light * (1 - passed), atol=1e-6)


def test_a_depth_of_nothing_is_clear_and_its_size_is_free() -> None:
    images = noise_images(1, 3, 31, 17)
    assert torch.equal(applied("haze", images, depth=torch.zeros(1, 4, 4)), images)
    even = applied("haze", images, depth=torch.ones(1, 31, 17))
    for size in ((1, 1), (3, 5), (90, 70)):
        assert torch.allclose(applied("haze", images, depth=torch.ones(1, *size)), even, atol=1e-5)
    ramp = torch.linspace(0, 1, 200).view(1, 200, 1).expand(1, 200, 150)
    lit = applied("haze", black(1, 40), depth=ramp)[0, 0]
    assert bool((lit.diff(dim=0) > 0).all()), "reduced, a map keeps its order"


def test_sampled_depths_fill_0_to_1_and_are_mostly_farther_at_the_top() -> None:
    drawn = degradation("haze").sample((400, 3, 8, 8), generator())
    depth = drawn["depth"]
    assert torch.equal(depth.amin((1, 2)), torch.zeros(400))
    assert torch.allclose(depth.amax((1, 2)), torch.ones(400))
    farther = depth[:, :4].mean((1, 2)) > depth[:, -4:].mean((1, 2))
    assert float(farther.float().mean()) > 0.9
    assert float(depth.diff(dim=1).abs().max()) < 0.35, "relief is smooth"
    assert 0.8 <= float(drawn["airlight"].min()) < 0.81
    assert 0.99 < float(drawn["airlight"].max()) <= 1


@pytest.mark.parametrize(
    ("depth", "fragments"),
    [
        (torch.rand(2, 1, 8, 8), ["depth", "(2, 1, 8, 8)"]),
        (torch.rand(2, 0, 8), ["depth", "(2, 0, 8)"]),
        (torch.rand(3, 8, 8), ["depth", "3 images"]),
        (torch.full((2, 8, 8), 10.0), ["depth", "[0, 1]"]),
        (torch.full((2, 8, 8), math.nan), ["depth", "[0, 1]"]),
    ],
    ids=["channel", "empty", "count", "metres", "NaN"],
)
def test_a_depth_that_is_none(depth: Tensor, fragments: list[str]) -> None:
    raises_line(lambda: applied("haze", noise_images(), depth=depth), *fragments)


@pytest.mark.parametrize("gamma", [1.5, 2.5, 3.5])
@pytest.mark.parametrize("level", [0.3, 0.7])
def test_low_light_is_its_curve_with_the_noise_of_200_photons(gamma: float, level: float) -> None:
    found = applied("low_light", torch.full((1, 3, 256, 256), level), gamma=torch.tensor([gamma])).double()
    expected, count = level**gamma, found.numel()
    assert float(found.mean()) == pytest.approx(expected, abs=4 * (expected / 200 / count) ** 0.5)
    spread = ((2 + 1 / (200 * expected)) / count) ** 0.5
    assert float(found.var()) == pytest.approx(expected / 200, rel=5 * spread)


def test_low_light_averages_to_its_curve_on_a_picture() -> None:
    images = scene(1, 16)
    found = applied("low_light", images.repeat(200, 1, 1, 1), 1.0).mean(0)
    assert float((found - images[0] ** 3.5).abs().max()) < 5 * (1 / 200 / 200) ** 0.5
