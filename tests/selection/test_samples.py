"""Tests."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from contracts import noise_images
from psf.test_estimate import BLURS, blurred, photographs
from skimage.transform import downscale_local_mean
from small_profiles import Mean, degraded
from torch import Tensor, nn

from grids.degradations import degradation
from grids.errors import GridsError
from grids.metrics import image_psnr
from grids.networks import Deconvolution
from grids.networks.heads import MultiHead
from grids.random import seed_for, seeded
from grids.selection.drawn import LEAST, SHIFT, Drawn, SampleSettings, draw, reduce_photo
from grids.selection.features import describe
from grids.selection.samples import Samples, make_outliers, make_samples, measure_gains
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import PRISTINE

SAVED = replace(PRISTINE, saved=1.0)
NOISE = degradation("gaussian_noise")


def photograph(height: int = 260, width: int = 200) -> Tensor:
    return torch.rand((3, height, width), generator=seeded(0)).mul(255).round().div(255)


def test_everything_is_drawn_from_the_seed() -> None:
    image = photograph()
    kept = image.clone()
    first = draw(image, NOISE, 3)
    torch.manual_seed(9)
    again = draw(image, NOISE, 3)
    assert torch.equal(first.clean, again.clean)
    assert torch.equal(first.degraded, again.degraded)
    assert first[2:] == again[2:]
    other = draw(image, NOISE, 4)
    assert other.severity != first.severity
    assert torch.equal(image, kept)


@pytest.mark.parametrize("kind", [None, NOISE, degradation("jpeg")])
def test_what_is_drawn(kind: object) -> None:
    image, factors, severities = photograph(), [], []
    for seed in range(40):
        drawn = draw(image, kind, seed, SampleSettings(data=PRISTINE))  # type: ignore[arg-type]
        assert drawn.clean.shape == drawn.degraded.shape
        assert drawn.clean.shape[0] == 3
        assert 0 <= float(drawn.degraded.min()) <= float(drawn.degraded.max()) <= 1
        # up to 8 rows and columns are cut off
        for side, size in zip(drawn.clean.shape[-2:], image.shape[-2:], strict=True):
            assert round(size / drawn.factor) - SHIFT <= side <= round(size / drawn.factor)
        assert 1 <= drawn.factor <= 200 / LEAST + 1e-9
        factors.append(drawn.factor)
        severities.append(drawn.severity)
        assert torch.equal(drawn.clean, drawn.degraded) == (kind is None)
    assert 5 <= factors.count(1.0) <= 25
    assert max(factors) > 2
    if kind is None:
        assert set(severities) == {0.0}
    else:
        assert 0 <= min(severities) < 0.15 < 0.85 < max(severities) <= 1


def test_the_severity_is_that_of_the_image() -> None:
    for seed in range(6):
        drawn = draw(photograph(), NOISE, seed, SampleSettings(factor=1.0, data=PRISTINE))
        half = [image_psnr(degraded(drawn.clean, "gaussian_noise", drawn.severity, k), drawn.clean) for k in range(2)]
        assert image_psnr(drawn.degraded, drawn.clean) == pytest.approx(half[0], abs=0.3)


def test_the_factor_and_the_largest_side_are_respected() -> None:
    image = photograph()
    for seed in range(5):
        drawn = draw(image, NOISE, seed, SampleSettings(factor=2.0, data=PRISTINE))
        assert drawn.factor == 2
        assert 130 - SHIFT <= drawn.clean.shape[1] <= 130
        drawn = draw(image, NOISE, seed, SampleSettings(factor=1.0, most=96, data=PRISTINE))
        assert 88 <= min(drawn.clean.shape[-2:]) <= max(drawn.clean.shape[-2:]) <= 96
        drawn = draw(image, NOISE, seed, SampleSettings(most=70, data=PRISTINE))
        assert max(drawn.clean.shape[-2:]) <= 70


@pytest.mark.parametrize("size", [(65, 300), (64, 64), (40, 90), (1, 1), (17, 15)])
def test_small_photographs_stay_as_they_are(size: tuple[int, int]) -> None:
    for seed in range(12):
        drawn = draw(photograph(*size), NOISE, seed, SampleSettings(data=PRISTINE))
        assert 1 <= drawn.factor <= max(1.0, min(size) / LEAST)
        if min(size) <= 2 * SHIFT:
            assert drawn.clean.shape[-2:] == size


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_reducing_against_another_library(factor: int) -> None:
    image = photograph(factor * 20, factor * 31)
    expected = downscale_local_mean(image.double().numpy(), (1, factor, factor))
    found = reduce_photo(image, factor).double().numpy()
    assert found.shape == (3, 20, 31)
    assert np.abs(found - expected).max() < 0.5 / 255 + 1e-6
    assert np.allclose(found * 255, np.round(found * 255), atol=1e-4)


def test_reducing_by_parts_of_pixels_keeps_the_mean() -> None:
    image = photograph(100, 130)
    found = reduce_photo(image, 1.7)
    assert found.shape == (3, 59, 76)
    assert float(found.mean()) == pytest.approx(float(image.mean()), abs=1e-3)
    assert reduce_photo(image, 1.0) is image
    assert torch.equal(reduce_photo(torch.full((3, 9, 9), 1.0), 100.0), torch.ones(3, 1, 1))


def test_the_gain_of_a_mean_is_that_of_nine_pixels() -> None:
    clean = torch.full((3, 40, 50), 0.5)
    noisy = degraded(clean, "gaussian_noise", 0.5)
    drawn = Drawn(clean, noisy, 0.5, 1.0, 0)
    nothing, mean = measure_gains(drawn, (nn.Identity(), Mean()), "cpu")
    assert nothing == 0
    assert mean == pytest.approx(10 * math.log10(9), abs=1.2)  # the variance of a mean of nine pixels
    assert measure_gains(drawn, (), "cpu") == []
    middle = Drawn(clean, torch.where(torch.arange(50) < 25, clean, noisy), 0.5, 1.0, 0)  # noise in the right half
    part = middle._replace(clean=clean[:, 10:30, 15:35], degraded=middle.degraded[:, 10:30, 15:35])
    [cut], [alone], [whole] = (
        measure_gains(one, (Mean(),), "cpu", most) for one, most in ((middle, 20), (part, None), (middle, None))
    )
    assert cut == alone != whole
    assert np.isnan(measure_gains(Drawn(clean, clean, 0.0, 1.0, 0), (nn.Identity(), Mean()), "cpu")).all()


class Headed(MultiHead):
    """Gives back its input, and notes whose head was asked for."""

    def __init__(self) -> None:
        super().__init__(("gaussian_noise", "haze", "rain"))
        self.used: list[str] = []

    def forward(self, images: Tensor, task: str | None = None) -> Tensor:
        self.used.append(self.get_head(task))
        return images


def test_a_blur_is_looked_for_in_the_whole_photograph() -> None:
    (clean,) = photographs(1)
    drawn = Drawn(clean, blurred(clean, *BLURS[2][:2]), 0.5, 1.0, 0)
    restorers = (Deconvolution(), Mean())
    whole, part = (measure_gains(drawn, restorers, "cpu", most) for most in (None, 64))
    assert whole[0] == part[0] > 1
    assert whole[1] != part[1]


def test_kinds_without_a_head_are_measured_with_any(crops: list[Tensor], descriptor: Descriptor) -> None:
    kinds = {"gaussian_noise": NOISE, "jpeg": degradation("jpeg")}
    photographs = [(f"{k}.png", crops[0]) for k in range(8)]
    networks = Headed(), Headed(), Headed()
    settings = SampleSettings(most=40, data=PRISTINE)
    for network in networks[:2]:
        make_samples(photographs, kinds, descriptor, (network,), settings)
    assert set(networks[0].used[::2]) == {"gaussian_noise"}
    assert len(set(networks[0].used[1::2])) > 1
    assert networks[0].used == networks[1].used
    make_outliers(photographs, descriptor, 2, (networks[2],), settings)
    assert len(set(networks[2].used)) > 1


def test_samples_know_what_they_were_made_of(crops: list[Tensor], descriptor: Descriptor) -> None:
    kinds = {"clean": None, "gaussian_noise": NOISE}
    done: list[None] = []

    def made(*numbers: int) -> Samples:
        photographs = [(f"{k}.png", crops[k]) for k in numbers]
        return make_samples(
            photographs,
            kinds,
            descriptor,
            (nn.Identity(),),
            SampleSettings(2, most=40, data=PRISTINE),
            on_done=lambda: done.append(None),
        )

    two = made(0, 1)
    assert len(done) == 2
    assert len(two) == 8
    assert two.statistics.shape == (8, 1002)
    assert two.kinds.tolist() == [0, 0, 1, 1] * 2
    assert two.photographs.tolist() == [0] * 4 + [1] * 4
    assert (two.severities == 0).tolist() == [True, True, False, False] * 2
    assert two.gains.shape == (8, 1)
    assert np.isfinite(two.gains[:, 0]).tolist() == [False, False, True, False] * 2  # of first draws that are not clean
    # what is drawn hangs on the name alone, not on the photographs beside it
    alone = made(1)
    assert np.array_equal(alone.statistics, two.statistics[4:])
    assert np.array_equal(alone.severities, two.severities[4:])
    joined = Samples.join((two, alone))
    assert len(joined) == 12
    assert joined.photographs.tolist() == [*two.photographs, *alone.photographs]


def test_the_statistics_are_those_of_the_degraded_image(crops: list[Tensor], descriptor: Descriptor) -> None:
    settings = SampleSettings(most=60, factor=1.0, data=SAVED)
    samples = make_samples([("a", crops[0])], {"clean": None}, descriptor, settings=settings)
    assert samples.gains.shape == (1, 0)
    drawn = draw(crops[0], None, seed_for(0, "clean 0 a"), settings)
    assert samples.qualities.tolist() == [drawn.quality]
    assert np.array_equal(samples.statistics[0], describe(descriptor, drawn.degraded))


def test_some_are_saved_as_jpeg() -> None:
    image, found = photograph(), []
    pristine, data = SampleSettings(factor=1.0, data=PRISTINE), replace(PRISTINE, saved=0.5)
    for seed in range(60):
        plain, drawn = draw(image, NOISE, seed, pristine), draw(image, NOISE, seed, replace(pristine, data=data))
        assert plain.quality == 0
        assert torch.equal(plain.clean, drawn.clean)
        assert torch.equal(plain.degraded, drawn.degraded) == (drawn.quality == 0)
        found.append(drawn.quality)
    assert 20 <= found.count(0) <= 40
    saved = [quality for quality in found if quality]
    assert data.qualities[0] <= min(saved) < 80 < 93 < max(saved) <= data.qualities[1]


def test_outliers_are_grey_as_often_as_known_kinds(descriptor: Descriptor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def describe_nothing(_: Descriptor, image: Tensor) -> np.ndarray:
        seen.append(bool((image == image[:1]).all()))
        return np.zeros(1)

    monkeypatch.setattr("grids.selection.samples.describe", describe_nothing)
    photographs = [(str(i), photograph(70, 80)) for i in range(60)]
    made = make_outliers(photographs, descriptor, 1, (nn.Identity(),), SampleSettings(data=replace(PRISTINE, grey=0.5)))
    assert (made.gains == 0).all()
    assert 18 <= sum(seen) <= 42
    seen.clear()
    assert make_outliers(photographs[:20], descriptor, 1, settings=SampleSettings(data=PRISTINE)).gains.shape == (20, 0)
    assert not any(seen)


def test_photographs_may_be_grey_and_faintly_damaged_but_never_bear_the_wrong_name() -> None:
    image = photograph()
    drawn = [draw(image, NOISE, seed, SampleSettings(factor=1.0)) for seed in range(80)]
    grey = [bool((one.degraded == one.degraded[:1]).all()) for one in drawn]
    assert 2 <= sum(grey) <= 18
    assert [bool((one.clean == one.clean[:1]).all()) for one in drawn] == grey
    assert not any(torch.equal(one.clean, one.degraded) for one in drawn)
    faintest = min((one for one in drawn if not one.quality), key=lambda one: one.severity)
    assert image_psnr(faintest.degraded, faintest.clean) > 28


def test_a_clean_photograph_is_known_as_it_was_before_it_was_saved() -> None:
    for seed in range(20):
        drawn = draw(photograph(), None, seed)
        assert torch.equal(drawn.clean, drawn.degraded) == (drawn.quality == 0)
        assert image_psnr(drawn.degraded, drawn.clean) > 10  # pixels at random


def test_drawings_are_clean_and_their_damage_is_known(descriptor: Descriptor) -> None:
    image = photograph()
    settings = SampleSettings(data=PRISTINE, drawings=True)
    plain, drawn = draw(image, NOISE, 5, replace(settings, drawings=False)), draw(image, NOISE, 5, settings)
    assert drawn[2:] == plain[2:] and drawn.clean.shape == plain.clean.shape
    assert not torch.equal(drawn.clean, plain.clean)
    assert torch.equal(drawn.clean, draw(image, NOISE, 5, settings).clean)
    made = make_samples([("a", image)], {"clean": None}, descriptor, settings=SampleSettings(drawings=True))
    assert np.array_equal(made.statistics[0], describe(descriptor, _drawn(image).degraded))


def _drawn(image: Tensor) -> Drawn:
    return draw(image, None, seed_for(0, "clean 0 a"), SampleSettings(drawings=True))


def test_only_what_is_added_to_is_softened_by_the_data() -> None:
    """A soft photograph under noise is noisy; under no damage, or a blur, it would pass for a blurred one."""
    image = noise_images(1, 3, 80, 96)[0]
    plain, soft = (SampleSettings(factor=1.0, data=replace(PRISTINE, soft=share)) for share in (0.0, 1.0))
    for kind, changes in ((NOISE, True), (None, False), (degradation("gaussian_blur"), False)):
        sharp, other = (draw(image, kind, 5, settings).clean for settings in (plain, soft))
        assert torch.equal(sharp, other) != changes


def test_samples_of_no_photographs_are_refused(descriptor: Descriptor) -> None:
    with pytest.raises(GridsError, match="one photograph or more"):
        make_samples([], {"clean": None}, descriptor)
