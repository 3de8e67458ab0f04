"""Several images are judged as each alone."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from grids.selection.gain_model import LEVELS, GainModel
from grids.selection.judge import judge
from grids.selection.selector import Selector


def test_several_are_judged_as_each_alone(selector: Selector) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 1002)) * selector.profile.discriminant.scale
    rows += selector.profile.discriminant.mean
    together = judge(selector.profile, rows, "abcde")
    assert [one.image for one in together] == list("abcde")
    for row, one in zip(rows, together, strict=True):
        alone = judge(selector.profile, row[None], (one.image,))[0]
        assert alone.verdict == one.verdict
        assert alone.degradations == pytest.approx(one.degradations)
    assert all(first.ranking != second.ranking for first, second in itertools.pairwise(together))


def test_where_the_best_is_too_unsure_one_that_takes_off_is_chosen(selector: Selector) -> None:
    profile = selector.profile
    kinds, (size, rank) = len(profile.kinds), profile.discriminant.projection.shape
    weights, limits = np.zeros((kinds, size + rank + 1, 2)), np.zeros((kinds, 2, 2))
    weights[:, -1], limits[:, 0], limits[:, 1] = (1.0, 2.0), -9.0, 9.0  # the second group is that of blur
    spread = np.tile([0.05, 5.0], (kinds, 1))
    model = GainModel(np.zeros(size), np.ones(size), weights, limits, spread, LEVELS, np.array([1.0, 0.0]))
    noise = profile.kinds.index("gaussian_noise")
    place = profile.discriminant.centres[np.flatnonzero(profile.discriminant.owners == noise)[:1]]
    standardized = place @ np.linalg.pinv(profile.discriminant.projection)
    rows = standardized * profile.discriminant.scale + profile.discriminant.mean
    (found,) = judge(replace(profile, gains=model), rows, "a")
    assert found.verdict == "known" and found.degradation == "gaussian_noise"
    assert [one.group for one in found.ranking] == ["C1", "C2"] and found.promises()
    sure = replace(model, spread=np.full_like(spread, 0.05))
    assert judge(replace(profile, gains=sure), rows, "a")[0].group == "C2"
