"""Verdicts on answers, masks, distances, and what a problem refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from grids.errors import GridsError, UnknownNameError
from grids.results import SimilarityMatrix
from grids.search import Answer, Problem, groups_over_delta

SIMILARITY = SimilarityMatrix(
    ("jpeg", "ringing", "noise", "blur"),
    np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 7.5], [3, 5, 7.5, 0]]),
)
PAIR, TRIPLE = 0b0011, 0b0111


def problem(delta: float = 0.7, **options: Any) -> Problem:
    return Problem(SIMILARITY, delta, **options)


def drops(jpeg: float, ringing: float) -> dict[str, float]:
    return {"jpeg": jpeg, "ringing": ringing}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(drops(0.2, 0.69)), "within"),
        (Answer(drops(-3.0, -0.1)), "within"),
        (Answer(drops(0.2, 0.71)), "beyond"),
        (Answer(drops(-3.0, 0.71)), "beyond"),
        (Answer(drops(0.7, 0.7)), "within"),
        (Answer(drops(0.1 + 0.6, 32.14 - 31.44)), "within"),  # 0.7000000000000011: a difference of rounded PSNRs
        (Answer(drops(0.7 + 1e-6, 0)), "beyond"),
        # noise: within or beyond only if two standard errors away
        (Answer(drops(0.5, 0.5), {"jpeg": 0.1, "ringing": 0.09}), "within"),
        (Answer(drops(0.5, 0.5), {"jpeg": 0.1, "ringing": 0.11}), "undecided"),
        (Answer(drops(0.9, 0.5), {"jpeg": 0.11}), "undecided"),
        (Answer(drops(0.9, 0.5), {"jpeg": 0.09}), "beyond"),
        (Answer(drops(0.8, 0.9), {"jpeg": 0.1, "ringing": 0.09}), "beyond"),
        # known in part
        (Answer({"jpeg": 0.1}), "undecided"),
        (Answer({"jpeg": 0.71}), "beyond"),
        (Answer({"*": 0.7}), "within"),
        (Answer({"*": 0.71}), "beyond"),
        (Answer({"*": 0.6}, {"*": 0.06}), "undecided"),
        (Answer({"jpeg": 0.1, "*": 0.6}), "within"),
        (Answer(), "undecided"),
        # from below
        (Answer({}, {}, {"jpeg": 0.71}), "beyond"),
        (Answer({}, {}, {"*": 0.71}), "beyond"),
        (Answer({}, {}, {"jpeg": 0.1, "ringing": 0.1}), "undecided"),
        (Answer({"jpeg": 0.1}, {}, {"ringing": 0.71}), "beyond"),
        (Answer({"jpeg": 0.75}, {"jpeg": 0.1}, {"jpeg": 0.72}), "beyond"),
    ],
)
def test_verdicts(answer: Answer, verdict: str) -> None:
    assert problem().verdict(PAIR, answer) == verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(drops(0.9, 0.6)), "within"),
        (Answer(drops(0.9, 0.8)), "beyond"),
        (Answer(drops(1.1, 0.1)), "beyond"),
        (Answer({"*": 0.7}), "within"),
        (Answer({"*": 0.9}), "undecided"),  # whose drop it is decides
        (Answer({"*": 1.1}), "beyond"),
        (Answer({}, {}, {"*": 0.9}), "undecided"),
        (Answer({}, {}, {"ringing": 0.9}), "beyond"),
    ],
)
def test_verdicts_with_a_delta_of_their_own(answer: Answer, verdict: str) -> None:
    assert problem(delta_for={"jpeg": 1.0}).verdict(PAIR, answer) == verdict


def test_a_delta_of_one_outside_the_group_does_not_count() -> None:
    assert problem(delta_for={"blur": 9.0}).verdict(PAIR, Answer({"*": 0.71})) == "beyond"
    assert problem(delta_for={"blur": 0.0}).verdict(PAIR, Answer({"*": 0.69})) == "within"


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.3, 0.7, 1.1, 2.3])
def test_a_drop_of_exactly_delta_is_within(delta: float) -> None:
    assert problem(delta).verdict(PAIR, Answer(drops(delta, delta))) == "within"
    thirds = (delta / 3) + (delta / 3) + (delta / 3)
    assert problem(delta).verdict(PAIR, Answer({"*": thirds})) == "within"
    assert problem(thirds).verdict(PAIR, Answer({"*": delta})) == "within"


def test_no_limit_is_above_the_most() -> None:
    capped = problem(0.7, delta_for={"blur": 1.0}, most={"jpeg": 0.2, "ringing": 0.9, "blur": 0.1})
    limits = {name: capped.limit(name) for name in SIMILARITY.degradations}
    assert limits == {"jpeg": 0.2, "ringing": 0.7, "noise": 0.7, "blur": 1.0}
    noise = drops(0.1, 0.1)  # counts where delta is the limit
    assert capped.verdict(PAIR, Answer(drops(0.21, 0.0), noise)) == "beyond"
    assert capped.verdict(PAIR, Answer(drops(0.19, 0.0), noise)) == "within"
    assert capped.verdict(PAIR, Answer(drops(0.19, 0.0), drops(0.3, 0.1))) == "undecided"  # by delta
    assert capped.verdict(PAIR, Answer(drops(0.19, 0.6), noise)) == "undecided"
    with pytest.raises(GridsError, match="jpeg must be a number of dB"):
        problem(most={"jpeg": -0.1})


@pytest.mark.parametrize("answer", [Answer(drops(0.3, 0.1), drops(0.1, 0.02)), Answer({"*": 0.3}, {"*": 0.1})])
@pytest.mark.parametrize("most", [0.0, 0.29, 0.31, 2.0])
def test_a_larger_delta_makes_no_verdict_worse(answer: Answer, most: float) -> None:
    ranks = {"beyond": 0, "undecided": 1, "within": 2}
    deltas = [step / 100 for step in range(100)]
    verdicts = [problem(delta, most={"jpeg": most}).verdict(PAIR, answer) for delta in deltas]
    assert verdicts == sorted(verdicts, key=ranks.__getitem__)
    curve = groups_over_delta(problem(0.7, most={"jpeg": most}), {PAIR: answer})
    fewest = {delta: [step.groups for step in curve if step.delta <= delta][-1] for delta in deltas}
    assert [fewest[delta] == 3 for delta in deltas] == [verdict == "within" for verdict in verdicts]


def test_masks_and_names_are_inverse() -> None:
    given = problem()
    assert given.n == 4
    assert given.full == 0b1111
    assert given.mask(["noise", "jpeg"]) == 0b0101
    assert given.names(0b1010) == ("ringing", "blur")
    for mask in range(1, 16):
        assert given.mask(given.names(mask)) == mask
        assert given.mask(frozenset(given.names(mask))) == mask


@pytest.mark.parametrize("group", [[], ["jpeg", "jpeg"], ["jpeg", "blur", "jpeg"]])
def test_groups_that_are_none(group: list[str]) -> None:
    with pytest.raises(GridsError, match="distinct degradations, at least one"):
        problem().mask(group)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="'ringin'; did you mean 'ringing'"):
        problem().mask(["jpeg", "ringin"])
    with pytest.raises(UnknownNameError, match="'jpg'; did you mean 'jpeg'"):
        problem(delta_for={"jpg": 1.0})


def test_the_distance_of_a_group_is_the_mean_of_its_pairs() -> None:
    given = problem()
    assert given.distance(0b0001) == 0.0
    assert given.distance(0b0011) == 1.0
    assert given.distance(0b0111) == pytest.approx((1 + 2 + 4) / 3)
    assert given.distance(0b1111) == pytest.approx((1 + 2 + 3 + 4 + 5 + 7.5) / 6)


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, -math.inf])
def test_wrong_deltas_are_refused(wrong: float) -> None:
    with pytest.raises(GridsError, match=r"^delta must be a number of dB, 0 or more"):
        problem(wrong)
    with pytest.raises(GridsError, match=r"^the delta for blur must be a number of dB, 0 or more"):
        problem(delta_for={"blur": wrong})


def test_no_degradations_are_refused() -> None:
    with pytest.raises(GridsError, match="must be 1 to 62, but is 0"):
        Problem(SimilarityMatrix((), np.zeros((0, 0))), 0.7)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(GridsError, match="seed"):
        problem(seed=-1)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_answers_that_are_not_finite(part: int, wrong: float) -> None:
    parts: list[dict[str, float]] = [{}, {}, {}]
    parts[part] = {"jpeg": wrong}
    with pytest.raises(GridsError, match=r"\{jpeg, ringing\} must be finite, but jpeg"):
        problem().normalize(PAIR, Answer(*parts))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("name", ["noise", "fog", ""])
def test_answers_about_others_are_refused(part: int, name: str) -> None:
    parts: list[dict[str, float]] = [{}, {}, {}]
    parts[part] = {name: 0.1}
    with pytest.raises(UnknownNameError, match=f"'{name}', not in the group"):
        problem().normalize(PAIR, Answer(*parts))


def test_negative_noise_is_refused() -> None:
    with pytest.raises(GridsError, match="must not be negative"):
        problem().normalize(PAIR, Answer({"jpeg": 0.1}, {"jpeg": -0.1}))


def test_answers_are_put_in_order_as_plain_numbers() -> None:
    answer = Answer({"*": np.float32(0.5), "noise": 1, "jpeg": np.float64(2)}, {"noise": np.float32(0.25)})
    ordered = problem().normalize(TRIPLE, answer)
    assert list(ordered.drops.items()) == [("jpeg", 2.0), ("noise", 1.0), ("*", 0.5)]
    assert all(type(value) is float for part in (ordered.drops, ordered.noise) for value in part.values())
    assert (ordered.noise, ordered.at_least) == ({"noise": 0.25}, {})


def test_what_can_be_asked_for() -> None:
    assert problem().can_ask(PAIR)
    some = problem(askable=frozenset([TRIPLE]))
    assert some.can_ask(TRIPLE)
    assert not some.can_ask(PAIR)
