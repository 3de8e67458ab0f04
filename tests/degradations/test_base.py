"""What every degradation has from its base: any size, seed and severity, and parameters drawn from their ranges."""

from __future__ import annotations

import pytest
import scipy.stats
import torch
from contracts import generator, noise_images, raises_line
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.degradations import Degradation, Range, degradation
from grids.degradations.artifacts import line_mask
from grids.degradations.kernels import reflect
from grids.degradations.table import TABLE
from grids.psf.shapes import box_taps, gaussian_taps
from grids.random import spread_evenly

kinds = st.sampled_from(TABLE)
seeds = st.integers(0, 2**32 - 1)
severities = st.one_of(st.none(), st.floats(0, 1))
sides = st.integers(1, 40)
modest = settings(max_examples=60)


@modest
@given(kinds, st.integers(1, 3), sides, sides, seeds, severities)
def test_any_batch_keeps_its_shape_and_range_and_replays(
    kind: Degradation, count: int, height: int, width: int, seed: int, severity: float | None
) -> None:
    images = noise_images(count, 3, height, width, seed=seed % 1000)
    parameters = kind.sample(images.shape, generator(seed), severity)
    result = kind.apply(images, parameters)
    assert result.shape == images.shape
    assert 0 <= float(result.min()) <= float(result.max()) <= 1
    assert torch.equal(result, kind(images, generator(seed), severity))


@modest
@given(kinds, seeds, severities)
def test_values_lie_in_their_ranges(kind: Degradation, seed: int, severity: float | None) -> None:
    drawn = kind.sample((5, 3, 16, 16), generator(seed), severity)
    for r in kind.ranges:
        low, high = sorted((r.mild, r.strong))
        assert float(drawn[r.name].min()) >= low * (1 - 1e-5)
        assert float(drawn[r.name].max()) <= high * (1 + 1e-5)
        if r.whole:
            assert torch.equal(drawn[r.name], drawn[r.name].round())


@modest
@given(st.floats(0.01, 500), st.floats(0.01, 500), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_a_range_goes_one_way_between_its_ends(mild: float, strong: float, log: bool, a: float, b: float) -> None:
    r = Range("x", mild, strong, "", log=log)
    slack = 1e-4 * max(mild, strong)
    first, second = (float(r.at(torch.tensor(s))) for s in sorted((a, b)))
    assert min(mild, strong) - slack <= first <= max(mild, strong) + slack
    assert (second - first) * (strong - mild) >= -slack * abs(strong - mild)


@modest
@given(sides, sides, st.integers(0, 50))
def test_reflection_only_repeats_pixels(height: int, width: int, margin: int) -> None:
    image = torch.arange(height * width).float().view(1, 1, height, width)
    padded = reflect(image, margin)
    assert padded.shape[-2:] == (height + 2 * margin, width + 2 * margin)
    assert torch.equal(padded[..., margin : margin + height, margin : margin + width], image)
    assert torch.equal(padded.unique(), image.flatten())
    steps = padded[0, 0].diff(dim=-1).abs()
    assert bool((steps == (1 if width > 1 else 0)).all())


@modest
@given(st.floats(0.3, 8), st.integers(1, 15))
def test_taps_sum_to_one_and_fall_from_the_middle(sigma: float, half: int) -> None:
    taps = gaussian_taps(torch.tensor([sigma]), 2 * half + 1)[0]
    assert abs(float(taps.sum()) - 1) < 1e-5
    assert torch.allclose(taps, taps.flip(0))
    assert bool((taps[half:].diff() <= 0).all())
    box = box_taps(torch.tensor([3.0]), 2 * half + 1)[0]
    assert int((box > 0).sum()) == 3
    assert abs(float(box.sum()) - 1) < 1e-6


@modest
@given(sides, sides, st.integers(1, 8), st.floats(0.1, 12), seeds)
def test_more_lines_and_thicker_ones_cover_no_less(
    height: int, width: int, count: int, thickness: float, seed: int
) -> None:
    scale = torch.tensor([width - 1, height - 1, width - 1, height - 1.0])
    ends = torch.rand(1, count, 4, generator=generator(seed)) * scale
    wide = torch.full((1, count), thickness)
    shown = torch.arange(count).view(1, count) < max(1, count // 2)
    mask = line_mask(ends, wide, shown, height, width)
    assert mask.shape == (1, height, width)
    assert bool((mask <= line_mask(ends, wide, torch.ones_like(shown), height, width)).all())
    assert bool((mask <= line_mask(ends, wide + 0.5, shown, height, width)).all())


def test_a_kind_without_faint_values_begins_at_its_mildest() -> None:
    r = Range("x", 2, 5, "")
    assert float(r.draw(50, generator(), "low").unique()) == 2
    assert 2 <= float(r.draw(50, generator(), "wide").min()) < 2.2
    raises_line(lambda: degradation("jpeg").sample((1, 3, 8, 8), generator(), span="faint"), "faint", "wide")


def test_values_are_spread_evenly_over_a_batch() -> None:
    """One in each of as many equal parts of the range, in random order; each alone is uniform."""
    drawn = degradation("gaussian_noise").sample((40, 3, 8, 8), generator())["sigma"]
    parts = ((drawn - 10) / 40 * 40).floor()
    assert sorted(parts.tolist()) == list(range(40))
    assert parts.tolist() != sorted(parts.tolist())
    alone = torch.cat([spread_evenly(1, generator(seed)) for seed in range(2000)])
    assert scipy.stats.kstest(alone.numpy(), "uniform").pvalue > 1e-3
    assert 0 <= float(alone.min()) <= float(alone.max()) < 1


def test_whole_numbers_keep_their_step() -> None:
    r = Range("side", 13, 27, "px", whole=True, step=2)
    levels = torch.linspace(0, 1, 101)
    assert r.at(levels).unique().tolist() == r.draw(500, generator()).unique().tolist() == list(range(13, 28, 2))
    assert float((r.at(levels) - (13 + 14 * levels)).abs().max()) <= 1 + 1e-5


def test_angles_are_drawn_evenly_from_half_a_turn() -> None:
    angle = degradation("motion_blur").sample((4000, 3, 8, 8), generator())["angle"]
    assert 0 <= float(angle.min()) <= float(angle.max()) < 180
    assert scipy.stats.kstest(angle.numpy() / 180, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("r", "text"),
    [
        (Range("sigma", 1, 4, "px"), "sigma 1 -> 4 px"),
        (Range("photons", 400, 50, "at white", log=True), "photons 400 -> 50 at white, log scale"),
        (Range("share", 0.02, 0.1, "", log=True), "share 0.02 -> 0.1, log scale"),
        (Range("sigma", 10, 50, "/ 255", faint=5), "sigma 10 -> 50 / 255, faintest 5"),
    ],
)
def test_a_range_reads_well(r: Range, text: str) -> None:
    assert str(r) == text
