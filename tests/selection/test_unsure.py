"""Images of which the best restorer is too unsure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grids.results import Candidate, Ranked, Selection, takes_off
from grids.selection.gain_model import LEVELS, Described, GainModel
from grids.selection.unsure import take_off_where_unsure

GROUPS = (
    Candidate("B", ("gaussian_blur", "jpeg")),
    Candidate("N", ("gaussian_noise", "poisson_noise")),
    Candidate("J", ("jpeg", "gaussian_noise", "motion_blur")),
)
SLOPE = 0.1


def model(gains: tuple[float, ...] = (2.0, 1.5, 1.0), spread: tuple[float, ...] = (3.0, 0.1, 0.1)) -> GainModel:
    """It expects a tenth of a dB more of every image than of the one before."""
    weights = np.zeros((1, 3, len(gains)))
    weights[0, 0], weights[0, -1] = SLOPE, gains
    limits = np.stack((np.full((1, len(gains)), -9.0), np.full((1, len(gains)), 9.0)), 1)
    odds = np.array([1.0, 0.0])
    return GainModel(np.zeros(1), np.ones(1), weights, limits, np.array([spread]), LEVELS, odds)


def selection(gain: float = 2.0, probability: float = 0.6, **changes: Any) -> Selection:
    ranking = tuple(Ranked(group.id, group.degradations, 1.0, 0.5, gain - place) for place, group in enumerate(GROUPS))
    degradations = {"jpeg": 0.4, "gaussian_blur": 0.4, "gaussian_noise": 0.2}
    return replace(Selection("a.png", "known", ranking, degradations, gain, gain_probability=probability), **changes)


def chosen(learnt: GainModel, *selections: Selection, groups: tuple[Candidate, ...] = GROUPS) -> list[Selection]:
    size = len(selections)
    images = Described(np.arange(size)[:, None].astype(float), np.zeros((size, 1)), np.ones((size, 1)))
    return take_off_where_unsure(learnt, groups, images, selections)


def test_one_that_takes_off_is_chosen_where_the_best_is_too_unsure() -> None:
    (found,) = chosen(model(), selection())
    assert found.group == "N" and found.promises()
    assert [one.group for one in found.ranking] == ["N", "B", "J"]
    assert found.predicted_gain == pytest.approx(1.5)
    assert found.interval is not None and found.interval[0] < 1.5 < found.interval[1]
    assert found.gain_probability == pytest.approx(1.0, abs=1e-3)


def test_of_several_the_largest_gain_that_is_sure_enough() -> None:
    (found,) = chosen(model(spread=(3.0, 3.0, 0.1)), selection())
    assert found.group == "J" and found.predicted_gain == pytest.approx(1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"gain_probability": 0.99, "degradations": {"gaussian_blur": 0.9, "jpeg": 0.1}},  # sure enough as it is
        {"verdict": "clean"},
        {"verdict": "unknown"},
        {"degradations": {"gaussian_blur": 0.4, "defocus_blur": 0.4, "jpeg": 0.2}},  # hardly any grain, and no name
    ],
)
def test_others_stay_what_they_are(changes: dict[str, Any]) -> None:
    given = selection(**changes)
    between = chosen(model(), selection(), given, selection())
    assert between[1] == given and between[0].group == between[2].group == "N"
    assert [one.predicted_gain for one in between[::2]] == pytest.approx([1.5, 1.5 + 2 * SLOPE])
    ends = [one.interval or (0.0, 0.0) for one in between[::2]]
    assert np.subtract(ends[1], ends[0]) == pytest.approx([2 * SLOPE] * 2, abs=1e-3)


def test_each_image_has_an_order_of_its_own() -> None:
    learnt = model()
    weights = learnt.weights.copy()
    weights[0, 0] = (SLOPE, -1.0, 1.0)  # from the second image on the third group gains more than the second
    found = chosen(replace(learnt, weights=weights), *[selection() for _ in range(3)])
    assert [one.group for one in found] == ["N", "J", "J"]


def test_where_none_is_sure_enough_nothing_changes() -> None:
    given = [selection() for _ in range(4)]
    assert chosen(model(spread=(3.0, 3.0, 3.0)), *given) == given
    assert chosen(model(gains=(2.0, -0.8, -0.9)), *given) == given
    assert chosen(model((2.0,), (3.0,)), *given, groups=GROUPS[:1]) == given


def test_what_takes_off() -> None:
    assert [takes_off(group.degradations) for group in GROUPS] == [False, True, True]
