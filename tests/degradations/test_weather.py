"""What is peculiar to haze, rain, raindrops, snow and low light, against their equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from contracts import generator, noise_images, raises_line, scene
from torch import Tensor

from grids.degradations import Parameters, degradation
from grids.degradations.raindrop import SOFT
from grids.degradations.scatter import paint, scatter


def applied(name: str, images: Tensor, severity: float = 0.5, seed: int = 0, **changes: Tensor) -> Tensor:
    """Degraded without rounding, with some parameters changed."""
    kind = degradation(name)
    parameters = kind.sample(images.shape, generator(seed), severity) | changes
    return kind.apply(images, parameters, round_to_8_bit=False)


def black(count: int, size: int) -> Tensor:
    return torch.zeros(count, 3, size, size)


# ---------------------------------------------------------------- haze


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
        (torch.full((2, 8, 8), math.nan), ["depth", "finite"]),
    ],
    ids=["channel", "empty", "count", "metres", "NaN"],
)
def test_a_depth_that_is_none(depth: Tensor, fragments: list[str]) -> None:
    raises_line(lambda: applied("haze", noise_images(), depth=depth), *fragments)


# ---------------------------------------------------------------- low light


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


# ---------------------------------------------------------------- rain


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


# ---------------------------------------------------------------- snow


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


# ---------------------------------------------------------------- raindrops


def single_drop(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """A picture with one drop on it, and where it lies: for a share of nearly nothing there is one all the same."""
    share = torch.tensor([1e-9])
    found = applied("raindrop", images, 0.0, seed, share=share)
    plain = torch.full_like(images, 0.5)
    return found, (applied("raindrop", plain, 0.0, seed, share=share) != plain).any(1)[0]


@pytest.mark.parametrize("size", [128, 512])
@pytest.mark.parametrize(("severity", "share"), [(0.0, 0.05), (1.0, 0.20)])
def test_drops_cover_their_share(size: int, severity: float, share: float) -> None:
    plain = torch.full((96 if size == 128 else 4, 3, size, size), 0.5)
    touched = float((applied("raindrop", plain, severity) != plain).any(1).float().mean())
    # the soft rim reaches beyond the edge, where it is half opaque
    covered = 1 - (1 - touched) ** (1 / (1 + SOFT / 2) ** 2)
    assert covered == pytest.approx(share, rel=1 / 3)


def test_drops_leave_the_rest_of_the_picture_untouched() -> None:
    images = scene(1, 96)
    for seed in range(5):
        found, drop = single_drop(images, seed)
        rows, columns = (drop.any(axis).nonzero() for axis in (1, 0))
        assert 1 <= len(rows) <= 28
        assert 1 <= len(columns) <= 28
        assert torch.equal(found[..., ~drop], images[..., ~drop])
        assert not torch.equal(found[..., drop], images[..., drop])


def test_a_drop_shows_the_scene_upside_down_and_mirrored() -> None:
    rise = torch.linspace(0.3, 0.7, 96)
    turned = 0
    for seed in range(6):
        for axis in (0, 1):
            ramp = rise.view(96, 1) if axis == 0 else rise.view(1, 96)
            found, drop = single_drop(ramp.expand(1, 3, 96, 96).contiguous(), seed)
            lit, plain = (single_drop(torch.full((1, 3, 96, 96), level), seed)[0] for level in (0.4, 0.5))
            inside = drop & ((plain - lit)[0, 0] > 0.07)  # where the drop is opaque
            place = torch.arange(96.0).view(96, 1) if axis == 0 else torch.arange(96.0).view(1, 96)
            x = place.expand(96, 96)[inside]
            change = (found - plain)[0, 0][inside]
            turned += bool(((x - x.mean()) * (change - change.mean())).sum() < 0)
    assert turned >= 11  # at the border of the picture the mirrored scene goes the other way


# ---------------------------------------------------------------- what they share


def test_things_lie_evenly_in_the_frame_and_its_margin() -> None:
    items = scatter(torch.tensor([0.01, 0.02]), 50, 80, 10, 1, (0, 1), least=1)
    counts = items.shown.sum(1)
    for count, density in zip(counts.tolist(), (0.01, 0.02), strict=True):
        assert count == pytest.approx(1 + (density * 4000 - 1) * 70 * 100 / 4000, abs=1)
    assert bool((items.x[:, 0].abs() < 80).all())
    assert float(items.x.min()) >= -10.5
    assert float(items.x.max()) <= 89.5
    assert float(items.y.min()) >= -10.5
    assert float(items.y.max()) <= 59.5


def test_more_things_leave_the_first_ones_where_they_were() -> None:
    few, many = (scatter(torch.full((3,), density), 40, 40, 5, 2, (1, 2, 3)) for density in (0.01, 0.05))
    count = few.x.shape[1]
    assert many.x.shape[1] > 2 * count
    assert torch.equal(many.x[:, :count][few.shown], few.x[few.shown])
    assert torch.equal(many.draws[:, :count][few.shown], few.draws[few.shown])


def test_counts_are_right_on_average() -> None:
    items = scatter(torch.full((4000,), 0.3 / 64), 8, 8, 0, 0, range(4000))
    assert float(items.shown.sum(1).float().mean()) == pytest.approx(0.3, abs=0.03)


def test_paint_sums_or_takes_the_largest_and_drops_what_lies_outside() -> None:
    x, y = torch.tensor([[[1, 1, -1, 5]]]), torch.tensor([[[2, 2, 0, 0]]])
    values = torch.tensor([[[3, 4, 9, 9]]])
    for reduce, expected in (("sum", 7), ("amax", 4)):
        found = paint(values, x, y, 4, 3, reduce)
        assert found.shape == (1, 4, 3)
        assert int(found[0, 2, 1]) == int(found.sum()) == expected


@pytest.mark.parametrize("name", ["rain", "raindrop", "snow"])
def test_the_layout_is_that_of_the_seed(name: str) -> None:
    kind, images = degradation(name), scene(1)
    first: Parameters = kind.sample(images.shape, generator(), 0.5)
    other = first | {"seed": first["seed"] + 1}
    assert not torch.equal(kind.apply(images, first), kind.apply(images, other))


@pytest.mark.parametrize("name", ["rain", "raindrop", "snow"])
def test_even_a_small_picture_bears_one(name: str) -> None:
    images = torch.full((1, 3, 12, 12), 0.4)
    for seed in range(20):
        assert not torch.equal(applied(name, images, 0.0, seed), images)
