from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contracts import raises_line

from grids.results import Candidate, FloatArray
from grids.selection.fit_profile import MARGIN, fit_profile
from grids.selection.profile import Profile, group_membership
from grids.selection.samples import Samples

KINDS = ("clean", "dark", "red")
GROUPS = (Candidate("C1", ("red",)), Candidate("C2", ("dark",)))
PLACES = np.array([[0.0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 0, 0]])


def made(count: int, seed: int, gains: bool = True) -> Samples:
    """Normal distributions about three places, which move along with the severity."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    severities = np.where(kinds > 0, generator.random(count), 0.0)
    statistics = PLACES[kinds] * (1 + severities[:, None]) + generator.normal(size=(count, 4))
    found = np.stack((severities * (kinds == 2), severities * (kinds == 1)), 1) + 0.05 * generator.normal(
        size=(count, 2)
    )
    found[kinds == 0] = np.nan
    found = found if gains else np.full_like(found, np.nan)
    return Samples(statistics, kinds, severities, np.arange(count) // 3, found, np.zeros(count))


def learnt(count: int = 900, gains: bool = True) -> Profile:
    return fit_profile(made(count, 0, gains), made(300, 1, gains), KINDS, GROUPS, descriptor_sha256="d")


def squares(profile: Profile, statistics: FloatArray) -> FloatArray:
    """(N, M), to all centres."""
    return profile.discriminant.squared_distances(profile.discriminant.whiten(statistics))


def test_a_profile_tells_new_samples_apart() -> None:
    profile = learnt()
    assert (profile.kinds, profile.groups, profile.descriptor_sha256) == (KINDS, GROUPS, "d")
    assert np.bincount(profile.discriminant.owners).tolist() == [1, 8, 8]  # a centre for each eighth of the severities
    new = made(600, 2)
    logs = profile.discriminant.log_densities(squares(profile, new.statistics))
    assert (logs.argmax(1) == new.kinds).mean() > 0.97
    assert 0.5 < profile.thresholds.temperature < 2  # these classes are what the model takes them for
    assert profile.gains is not None
    assert profile.gains.coverage == 0.9


def test_thresholds_keep_what_they_say() -> None:
    profile = learnt()
    assert 0 < profile.thresholds.clean <= 0.5
    new = made(6000, 3)
    assert (squares(profile, new.statistics).min(1) <= profile.thresholds.distance).mean() > 0.99
    assert (squares(profile, new.statistics + 30).min(1) > profile.thresholds.distance).all()


def test_none_of_few_is_unknown() -> None:
    few = made(30, 5)
    profile = fit_profile(made(300, 0), few, KINDS, GROUPS, descriptor_sha256="")
    assert profile.thresholds.distance == pytest.approx(MARGIN * squares(profile, few.statistics).min(1).max())


def test_gains_that_were_not_measured_are_not_predicted() -> None:
    assert learnt(gains=False).gains is None
    measured, not_measured = made(300, 0), made(90, 1, gains=False)
    assert fit_profile(measured, not_measured, KINDS, GROUPS, descriptor_sha256="").gains is None


def test_every_kind_needs_examples() -> None:
    examples = made(90, 0)
    without = replace(examples, kinds=np.where(examples.kinds == 2, 1, examples.kinds))
    raises_line(lambda: fit_profile(without, examples, KINDS, GROUPS, descriptor_sha256=""), "no examples of 'red'")


def test_calibration_without_clean_images_takes_even_odds() -> None:
    some = made(90, 1)
    dirty = replace(some, kinds=np.maximum(some.kinds, 1))
    assert fit_profile(made(90, 0), dirty, KINDS, GROUPS, descriptor_sha256="").thresholds.clean == 0.5


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(GROUPS, [[0, 0], [0, 1], [1, 0]]), ((Candidate("x", ("dark", "red")),), [[0], [1], [1]])],
)
def test_kinds_belong_to_the_groups_that_name_them(groups: tuple[Candidate, ...], expected: list[list[int]]) -> None:
    assert group_membership(KINDS, groups).tolist() == expected
