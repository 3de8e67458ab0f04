"""Images on which nothing is sure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import raises_line
from small_profiles import GROUPS, KINDS

from grids.results import Candidate, FloatArray, Selection
from grids.selection.doubt import find_doubtful, find_unsure, list_removers, settle_doubts
from grids.selection.fit_profile import fit_doubt, fit_profile
from grids.selection.gain_model import LEVELS, Described, GainModel
from grids.selection.judge import judge
from grids.selection.profile import Profile, read_profile
from grids.selection.samples import Samples
from grids.selection.selector import Selector

RANK = 2


def constant(gain: float, size: int = 4, rank: int = RANK, removers: int = 1) -> GainModel:
    """It expects the same of every image."""
    weights = np.zeros((1, size + rank + 1, removers))
    weights[0, -1] = gain
    limits = np.stack((np.full((1, removers), -9.0), np.full((1, removers), 9.0)), 1)
    spread = np.full((1, removers), 0.1)
    return GainModel(np.zeros(size), np.ones(size), weights, limits, spread, LEVELS, np.array([1.0, 0.0]))


@pytest.fixture
def judged(selector: Selector) -> tuple[FloatArray, list[Selection]]:
    """Statistics of eight images, and what a profile says of them; some are in doubt."""
    rows = np.random.default_rng(3).normal(size=(8, 984)) * selector.profile.discriminant.scale
    rows += selector.profile.discriminant.mean
    return rows, judge(selector.profile, rows, "abcdefgh")


def test_those_are_removers_that_only_take_off() -> None:
    assert list_removers(GROUPS) == [0]
    assert list_removers([*GROUPS, Candidate("C3", ("jpeg", "ringing")), Candidate("mix", KINDS[1:])]) == [0, 2]


def settled(selector: Selector, rows: FloatArray, selections: list[Selection], gain: float) -> list[Selection]:
    discriminant = selector.profile.discriminant
    images = Described(rows, discriminant.whiten(rows), np.full((len(rows), len(selector.profile.kinds)), 0.25))
    model = constant(gain, rows.shape[1], images.whitened.shape[1])
    return settle_doubts(model, selector.profile.groups, images, selections)


def in_doubt(selections: list[Selection], clean: float = 0.1) -> list[Selection]:
    """The same, known, with a gain that is not likely."""
    like = {"gaussian_blur": 0.45, "gaussian_noise": 0.45 - clean, "clean": clean, "other": 0.0}
    changes: dict[str, Any] = {"verdict": "known", "predicted_gain": 1.0, "gain_probability": 0.5, "degradations": like}
    return [replace(one, **changes) for one in selections]


def test_what_may_be_clean_is_left(judged: tuple[FloatArray, list[Selection]]) -> None:
    assert find_doubtful(in_doubt(judged[1], 0.19)).all()
    may_be_clean = in_doubt(judged[1], 0.21)
    assert not find_doubtful(may_be_clean).any()
    assert find_unsure(may_be_clean).all()  # but it is learnt from


def test_in_doubt_what_was_added_is_taken_off(selector: Selector, judged: tuple[FloatArray, list[Selection]]) -> None:
    rows, selections = judged
    doubtful = in_doubt(selections)
    assert find_doubtful(doubtful).all()
    for before, after in zip(doubtful, settled(selector, rows, doubtful, 1.5), strict=True):
        assert (after.cautious, after.group, after.predicted_gain) == (True, "C1", pytest.approx(1.5))
        assert after.ranking[0].predicted_gain == pytest.approx(1.5)
        assert {one.group for one in after.ranking} == {one.group for one in before.ranking}
        assert after.interval is not None and after.interval[0] < 1.5 < after.interval[1]
        assert after.promises() and after.promises(1.4) and not after.promises(1.6)
        assert after.degradations == before.degradations


def test_what_is_named_is_in_no_doubt_but_for_grain(judged: tuple[FloatArray, list[Selection]]) -> None:
    def doubted(**degradations: float) -> bool:
        return bool(find_doubtful([replace(one, degradations=degradations) for one in in_doubt(judged[1])]).all())

    assert doubted(gaussian_blur=0.49, jpeg=0.49)
    assert not doubted(gaussian_blur=0.5, jpeg=0.49)
    assert doubted(jpeg=0.6, gaussian_blur=0.4)
    assert doubted(poisson_noise=0.3, gaussian_noise=0.3, other=0.4)
    assert not doubted(other=0.6, gaussian_noise=0.4)
    assert not doubted()


def test_a_gain_that_is_not_likely_changes_nothing(
    selector: Selector, judged: tuple[FloatArray, list[Selection]]
) -> None:
    rows, selections = judged
    doubtful = in_doubt(selections)
    assert settled(selector, rows, doubtful, -0.2) == doubtful
    assert settled(selector, rows, doubtful, 0.01) == doubtful


def test_images_that_are_not_in_doubt_stay(selector: Selector, judged: tuple[FloatArray, list[Selection]]) -> None:
    rows, selections = judged
    sure = [replace(one, verdict="clean", predicted_gain=None, gain_probability=None) for one in selections]
    assert not find_doubtful(sure).any()
    assert settled(selector, rows, sure, 1.5) == sure


def test_a_profile_keeps_it(selector: Selector, tmp_path: Path) -> None:
    discriminant = selector.profile.discriminant
    profile = replace(selector.profile, doubt=constant(1.5, *discriminant.projection.shape))
    read = read_profile(profile.write(tmp_path / "profile.safetensors"))
    assert read.doubt is not None and profile.doubt is not None and read.doubt.coverage == 0.9
    for name, value in vars(profile.doubt).items():
        assert np.allclose(getattr(read.doubt, name), value)
    assert read.regroup(GROUPS[:1]).doubt is None
    raises_line(lambda: replace(profile, groups=GROUPS[1:], gains=None), "'weights' of the doubt")


BLURS = ("gaussian_blur", "motion_blur", "defocus_blur")
NAMES = ("clean", "jpeg", *BLURS)
CANDIDATES = (Candidate("C1", ("jpeg",)), Candidate("C2", BLURS))
PLACES = np.array([[0.0, 0, 0, 0], [9, 0, 0, 0], *([[0, 9, 0, 0]] * 3)])


def made(count: int, seed: int, grain: float = 1.0) -> Samples:
    """Clean ones and JPEG lie apart, the blurs together, whose restorer gains on half of them. The restorer of JPEG
    gains as much as the fourth number says, times the grain."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(count) % len(NAMES)
    statistics = PLACES[kinds] + generator.normal(size=(count, 4))
    gains = np.stack((grain * statistics[:, 3], generator.choice([-1.0, 1.0], count)), 1)
    gains[kinds == 0] = np.nan
    severities = np.where(kinds > 0, generator.random(count), 0.0)
    return Samples(statistics, kinds, severities, np.arange(count) // len(NAMES), gains, np.zeros(count))


def profile_of(fit: Samples, kept: Samples, groups: tuple[Candidate, ...] = CANDIDATES) -> Profile:
    return fit_profile(fit, kept, NAMES, groups, descriptor_sha256="d")


def test_it_is_learnt_from_images_in_doubt() -> None:
    fit, kept, new = made(1500, 0), made(750, 1), made(500, 2)
    profile = fit_doubt(profile_of(made(1500, 3, 0.0), made(750, 4, 0.0)), fit, kept)
    assert profile.doubt is not None and profile.doubt.weights.shape[::2] == (1, 1)
    images = [""] * len(new)
    before = judge(replace(profile, doubt=None), new.statistics, images)
    after = judge(profile, new.statistics, images)
    doubtful, acted = find_doubtful(before), np.array([one.cautious for one in after])
    assert doubtful[new.kinds > 1].mean() > 0.3
    assert 0.2 < acted.sum() / doubtful.sum() < 0.6
    assert not (acted & ~doubtful).any()
    assert (new.gains[acted, 0] > 0).mean() > 0.95
    for one, gain in zip(after, new.gains[:, 0], strict=True):
        if one.cautious:
            assert one.group == "C1" and one.predicted_gain == pytest.approx(gain, abs=0.3)
    for one, other in zip(before, after, strict=True):
        assert other.cautious or other == one


def test_what_changes_a_clean_image_is_a_loss() -> None:
    """Clean ones that equal their targets have no gains; here all that is in doubt is of them."""
    fit, kept = made(1500, 0), made(750, 1)
    profile = profile_of(made(1500, 3, 0.0), made(750, 4, 0.0))
    spoilt = [
        replace(one, gains=np.full_like(one.gains, np.nan), kinds=np.zeros_like(one.kinds)) for one in (fit, kept)
    ]
    found = fit_doubt(profile, *spoilt)
    assert found.doubt is not None
    assert not any(one.cautious for one in judge(found, fit.statistics, [""] * len(fit)))


def test_too_few_or_no_removers_leave_it_out() -> None:
    fit, kept = made(1500, 0), made(750, 1)
    profile = profile_of(fit, kept)
    assert fit_doubt(profile, fit, kept.only(np.arange(10))).doubt is None
    blurs = [replace(one, gains=one.gains[:, 1:]) for one in (fit, kept)]
    assert fit_doubt(profile_of(blurs[0], blurs[1], CANDIDATES[1:]), *blurs).doubt is None
    raises_line(lambda: fit_doubt(profile, fit, blurs[1]), "the gains of 1 restorers, but the profile has 2 groups")
