"""Rain and snow against their equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from contracts import generator, noise_images
from degradations.weather import applied, black

from grids.degradations import degradation


def test_streaks_are_added_and_the_rest_is_untouched() -> None:
    images = noise_images(2, 3, 64, 48)
    layer = applied("rain", torch.zeros_like(images), 1.0)
    assert torch.equal(layer[:, 0], layer[:, 2]), "rain has no colour"
    found = applied("rain", images, 1.0)
    assert torch.allclose(found, (images + layer).clamp(max=1), atol=1e-6)
    dry = layer == 0
    assert 0.1 < float(dry.float().mean()) < 0.9
    assert torch.equal(found[dry], images[dry])


@pytest.mark.parametrize("share", [0.002, 0.008])
def test_so_many_pixels_seed_a_streak(share: float) -> None:
    """The light that is added is that of so many streaks: tapered over a third of each half, 1.4 px wide."""
    faint = {"brightness": torch.full((8, 3), 0.01), "length": torch.full((8, 3), 36.0)}
    found = applied("rain", black(8, 256), share=torch.full((8,), share), **faint)
    one = 0.01 * 0.75 * 36 * (5 / 6) * 1.4
    assert float(found.mean()) == pytest.approx(share * one, rel=0.05)


def test_streaks_lean_as_drawn_within_45_degrees_of_the_vertical() -> None:
    drawn = degradation("rain").sample((1000, 3, 8, 8), generator())
    for name, low, high in (("angle", -45, 45), ("length", 30, 40), ("layers", 1, 3)):
        assert low <= float(drawn[name].min()) < low + 0.2
        assert high - 0.2 < float(drawn[name].max()) <= high
    row = {"layers": torch.ones(1), "length": torch.full((1, 3), 36.0), "brightness": torch.full((1, 3), 0.3)}
    row |= {"share": torch.tensor([1e-9]), "seed": torch.tensor([2])}  # one streak, near the middle
    for angle in (-45.0, -20.0, 0.0, 33.0, 45.0):
        row["angle"] = torch.full((1, 3), angle)
        lit = degradation("rain").apply(black(1, 99), row, round_to_8_bit=False)[0, 0].double().numpy()
        y, x = np.mgrid[:99, :99]
        (xx, xy), (_, yy) = np.cov(np.stack([x.ravel(), y.ravel()]), aweights=lit.ravel())
        assert math.degrees(math.atan2(2 * xy, yy - xx) / 2) == pytest.approx(angle, abs=1)
        # the spread of a streak whose light tapers off over the last third of each half
        assert 36 * 0.24 < (xx + yy) ** 0.5 < 36 * 0.26


@pytest.mark.parametrize("name", ["rain", "snow"])
def test_a_stronger_one_adds_to_what_lies_there(name: str) -> None:
    mild, strong = (applied(name, black(2, 64), severity) for severity in (0.0, 1.0))
    assert bool((strong >= mild - 1e-6).all())
    assert float(strong.mean()) > 2 * float(mild.mean())


@pytest.mark.parametrize("size", [128, 512])
@pytest.mark.parametrize(("severity", "share"), [(0.0, 0.02), (1.0, 0.10)])
def test_flakes_cover_their_share(size: int, severity: float, share: float) -> None:
    found = applied("snow", black(32 if size == 128 else 3, size), severity)
    assert float(found.mean()) / 0.85 == pytest.approx(share, rel=0.15)  # flakes are 70 to 100 % opaque
    assert float(found.max()) > 0.95


def test_flakes_are_white_and_the_rest_is_untouched() -> None:
    images = noise_images(2, 3, 64, 48)
    cover = applied("snow", torch.zeros_like(images), 1.0)
    found = applied("snow", images, 1.0)
    assert torch.allclose(found, images + (1 - images) * cover, atol=1e-6)
    assert torch.equal(found[cover == 0], images[cover == 0])
    assert torch.equal(applied("snow", torch.ones_like(images), 1.0), torch.ones_like(images))
