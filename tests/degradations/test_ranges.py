"""The ranges of the design's table, and how strong they are on photographs."""

from __future__ import annotations

import pytest
import scipy.stats
import torch
from contracts import generator, raises_line
from torch import Tensor

from grids.degradations import Degradation, Range, degradation
from grids.degradations.table import TABLE
from grids.metrics import image_psnr
from grids.random import spread_evenly

# name, parameter, its values at severity 0, 0.5 and 1, and the PSNR in dB that was measured there: for the eleven in
# the design, for the others with this code
TABLED = (
    ("gaussian_blur", "sigma", (1, 2.5, 4), (31, 27, 25)),
    ("motion_blur", "length", (7, 19, 31), (29, 25, 24)),
    ("richardson_lucy", "psf", (3, 5, 7), (31, 28, 27)),
    ("super_resolution", "factor", (1.5, 2.75, 4), (34, 29, 27)),
    ("ringing", "cutoff", (2.0, 1.525, 1.05), (34, 31, 29)),
    ("defocus_blur", "radius", (1.5, 3, 4.5), (32, 28, 26)),
    ("jpeg", "quality", (60, 35, 10), (34, 32, 28)),
    ("poisson_noise", "photons", (400, 2**0.5 * 100, 50), (30, 25, 21)),
    ("inpainting", "thickness", (5, 7.5, 10), (18, 15, 12)),
    ("gaussian_noise", "sigma", (10, 30, 50), (28, 19, 15)),
    ("salt_pepper", "share", (0.02, 0.06, 0.10), (22, 18, 15)),
    ("haze", "beta", (0.5, 1.5, 2.5), (18, 11, 8.5)),
    ("rain", "share", (0.002, 0.005, 0.008), (24, 19.5, 17)),
    ("raindrop", "share", (0.05, 0.125, 0.20), (31, 27, 24.5)),
    ("snow", "share", (0.02, 0.06, 0.10), (23, 18.5, 16)),
    ("low_light", "gamma", (1.5, 2.5, 3.5), (18, 12, 10)),
    ("trajectory_blur", "side", (13, 21, 27), (26, 24.5, 24)),
    ("frame_blur", "extent", (6, 15, 24), (27, 24.5, 23.5)),
    ("sensor_noise", "a", (0.002, 0.004 * 2.5**0.5, 0.02), (28.5, 24, 20)),
)
SEVERITIES = (0.0, 0.5, 1.0)
FAINT = {
    "gaussian_blur": {"sigma": 0.5},
    "motion_blur": {"length": 3.5},
    "richardson_lucy": {"psf": 1.5},
    "super_resolution": {"factor": 1.25},
    "ringing": {"cutoff": 2.57},
    "defocus_blur": {"radius": 0.75},
    "jpeg": {"quality": 74},
    "poisson_noise": {"photons": 1600},
    "inpainting": {"lines": 3, "thickness": 2.5},
    "gaussian_noise": {"sigma": 5},
    "salt_pepper": {"share": 0.01},
    "haze": {"beta": 0.25},
    "rain": {"share": 0.001},
    "raindrop": {"share": 0.025},
    "snow": {"share": 0.01},
    "low_light": {"gamma": 1.25},
    "trajectory_blur": {"side": 7},
    "frame_blur": {"extent": 3},
    "sensor_noise": {"a": 0.0005},
}


def test_every_degradation_is_tabled() -> None:
    assert [row[0] for row in TABLED] == [kind.name for kind in TABLE]


@pytest.mark.parametrize(("name", "parameter", "values"), [row[:3] for row in TABLED], ids=[row[0] for row in TABLED])
def test_severity_scales_the_range(name: str, parameter: str, values: tuple[float, ...]) -> None:
    kind = degradation(name)
    for severity, value in zip(SEVERITIES, values, strict=True):
        assert kind.sample((2, 3, 8, 8), generator(), severity)[parameter].tolist() == pytest.approx([value] * 2)
    together = kind.sample((3, 3, 8, 8), generator(), torch.tensor(SEVERITIES))
    assert together[parameter].tolist() == pytest.approx(values)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_without_a_severity_the_whole_range_is_drawn_evenly(kind: Degradation) -> None:
    drawn = kind.sample((4000, 3, 8, 8), generator())
    for r in kind.drawn_ranges(None):
        low, high = sorted((r.mild, r.strong))
        values = drawn[r.name].double()
        assert low - 1e-5 <= float(values.min())
        assert float(values.max()) <= high + 1e-5
        if r.whole or low == high:
            assert sorted(values.unique().tolist()) == list(range(int(low), int(high) + 1, r.step))
            continue
        even = (
            (values / r.mild).log() / torch.tensor(r.strong / r.mild).log() if r.log else (values - low) / (high - low)
        )
        assert scipy.stats.kstest(even.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_faint_values_lie_beyond_the_mildest(kind: Degradation) -> None:
    """Between the faintest and the mildest with "low", to the strongest with "wide"; severity 0 is the mildest."""
    shape = (4000, 3, 8, 8)
    low, wide = (kind.sample(shape, generator(), span=span) for span in ("low", "wide"))
    for r in kind.ranges:
        assert r.faint == FAINT[kind.name][r.name]
        first, last = sorted((r.faint, r.mild))
        assert first <= float(low[r.name].min()) <= float(low[r.name].max()) <= last
        assert float(low[r.name].double().median()) == pytest.approx(
            (r.faint * r.mild) ** 0.5 if r.log else (r.faint + r.mild) / 2, rel=0.15
        )
        first, last = sorted((r.faint, r.strong))
        assert float(wide[r.name].min()) == pytest.approx(first, rel=0.01)
        assert float(wide[r.name].max()) == pytest.approx(last, rel=0.01)
        for severity, value in ((0.0, r.faint), (1.0, r.strong)):
            found = kind.sample((1, 3, 8, 8), generator(), severity, "wide")[r.name]
            assert float(found) == pytest.approx(value)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_the_faintest_is_seen_and_weaker_than_the_mildest(photo: Tensor, kind: Degradation) -> None:
    def mean(span: str) -> float:
        return sum(image_psnr(kind(photo, generator(seed), 0.0, span=span), photo) for seed in range(4)) / 4

    assert mean("default") + 0.5 < mean("low") < 52


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


@pytest.mark.parametrize(("name", "expected"), [(row[0], row[3]) for row in TABLED], ids=[row[0] for row in TABLED])
def test_the_input_psnr_is_the_designs(kodak: list[Tensor], name: str, expected: tuple[float, ...]) -> None:
    """On the first four Kodak images. The design does not say which four it used; these agree within 1.5 dB, while
    the average of all 24 lies up to 3.2 dB lower (for blurs: the other images hold more detail).
    """
    kind = degradation(name)
    for severity, db in zip(SEVERITIES, expected, strict=True):
        found = [image_psnr(kind(image, generator(i), severity), image) for i, image in enumerate(kodak[:4])]
        assert sum(found) / 4 == pytest.approx(db, abs=1.75)
