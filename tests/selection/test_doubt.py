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
from grids.selection.fit_profile import MOST_IN_DOUBT, SPOILT, fit_doubt, fit_profile
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
    assert find_doubtful(in_doubt(judged[1], 0.14)).all()
    may_be_clean = in_doubt(judged[1], 0.16)
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


def test_a_profile_keeps_it(selector: Selector, judged: tuple[FloatArray, list[Selection]], tmp_path: Path) -> None:
    discriminant = selector.profile.discriminant
    size, rank = discriminant.projection.shape
    profile = replace(selector.profile, doubt=constant(1.5, size, rank))
    read = read_profile(profile.write(tmp_path / "profile.safetensors"))
    assert read.doubt is not None and read.doubt.coverage == 0.9
    rows, selections = judged
    found = judge(read, rows, "abcdefgh")
    assert [one.cautious for one in found] == find_doubtful(selections).tolist()
    assert read.regroup(GROUPS[:1]).doubt is None
    raises_line(lambda: replace(profile, groups=GROUPS[::-1][:1], gains=None), "'weights' of the doubt")


NAMES = ("clean", "jpeg", "gaussian_blur", "motion_blur")
CANDIDATES = (Candidate("C1", ("jpeg",)), Candidate("C2", ("gaussian_blur", "motion_blur")))


def made(count: int, seed: int, grain: float = 1.0) -> Samples:
    """Clean ones and JPEG lie apart, the two blurs together, whose restorer gains on half of them. The restorer of JPEG
    gains as much as the fourth number says, times the grain."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(count) % 4
    statistics = np.array([[0.0, 0, 0, 0], [9, 0, 0, 0], [0, 9, 0, 0], [0, 9, 0, 0]])[kinds]
    statistics = statistics + generator.normal(size=(count, 4))
    gains = np.stack((grain * statistics[:, 3], generator.choice([-1.0, 1.0], count)), 1)
    gains[kinds == 0] = np.nan
    severities = np.where(kinds > 0, generator.random(count), 0.0)
    return Samples(statistics, kinds, severities, np.arange(count) // 4, gains, np.zeros(count))


def profile_of(fit: Samples, kept: Samples) -> Profile:
    return fit_profile(fit, kept, NAMES, CANDIDATES, descriptor_sha256="d")


def test_it_is_learnt_from_images_in_doubt() -> None:
    fit, kept, new = made(1200, 0), made(600, 1), made(400, 2)
    profile = fit_doubt(profile_of(made(1200, 3, 0.0), made(600, 4, 0.0)), fit, kept)
    assert profile.doubt is not None and profile.doubt.weights.shape[::2] == (1, 1)
    before = judge(replace(profile, doubt=None), new.statistics, [""] * len(new))
    after = judge(profile, new.statistics, [""] * len(new))
    blurred = new.kinds > 1
    doubted, acted = find_doubtful(before), np.array([one.cautious for one in after])
    assert doubted[blurred].mean() > 0.3
    assert 0.2 < acted.sum() / doubted.sum() < 0.5
    assert not (acted & ~doubted).any()
    assert (new.gains[acted & blurred, 0] > 0).mean() > 0.95
    for one, gain in zip(after, new.gains[:, 0], strict=True):
        if one.cautious:
            assert one.predicted_gain == pytest.approx(gain, abs=0.3)
            assert abs(one.predicted_gain or 0) <= MOST_IN_DOUBT
    assert SPOILT < 0


def test_too_few_or_no_removers_leave_it_out() -> None:
    fit, kept = made(1200, 0), made(600, 1)
    profile = profile_of(fit, kept)
    few = kept.only(np.arange(8))
    assert fit_doubt(profile, fit, few).doubt is None
    blurs = fit_profile(
        replace(fit, gains=fit.gains[:, 1:]),
        replace(kept, gains=kept.gains[:, 1:]),
        NAMES,
        CANDIDATES[1:],
        descriptor_sha256="d",
    )
    assert fit_doubt(blurs, fit, kept).doubt is None
