"""The model of drops that orders the questions: it is the posterior that it claims to be, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from search.brute_force import KINDS, World, some_masks, world

from grids import builtin_similarity
from grids.results import WORST
from grids.search import Answer, Problem
from grids.search.answers import Answers
from grids.search.drop_model import (
    APART,
    DISTANCE,
    PAIR,
    SCALES,
    SHARING,
    SHARING_EACH,
    SPOILING,
    DropModel,
    learn_from,
)
from grids.search.problem import members
from grids.search.run import plan_search
from grids.search.surrogate import BeyondSurrogate

DELTA = 0.7


def answered(given: World, masks: list[int], noise: float = 0.0) -> Answers:
    answers = Answers(Problem(given.similarity, DELTA))
    for mask in masks:
        drops = given.drops(mask)
        answers.add(mask, Answer(drops, dict.fromkeys(drops, noise) if noise else {}))
    return answers


@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from(KINDS), st.integers(0, 60))
@settings(max_examples=30)
def test_probabilities_are_in_range(seed: int, n: int, kind: str, count: int) -> None:
    answers = answered(world(seed, n, kind), some_masks(seed, n, count))
    model = DropModel(answers.problem, answers)
    p = model.beyond(np.arange(1, 1 << n))
    assert np.all((p >= 1e-4) & (p <= 1 - 1e-4))
    assert model.beyond([]).shape == (0,)


def covariance(first: tuple[int, int], second: tuple[int, int], z: np.ndarray, scale: float) -> float:
    """Of the drops of two degradations in two groups, by the equation in docs/method.md, before any is known."""
    (i, mask), (j, other) = first, second
    others, theirs = (set(members(m)) - {k} for k, m in ((i, mask), (j, other)))
    share, their_share = (len(some) / (len(some) + 1) for some in (others, theirs))
    sharing = (SHARING[1] ** 2 + SHARING_EACH**2 * (i == j)) * share * their_share
    pairs = len(others & theirs) * (SPOILING**2 + PAIR**2 * (i == j))
    distance = DISTANCE[1] ** 2 * z[i, list(others)].sum() * z[j, list(theirs)].sum()
    return (scale * DELTA) ** 2 * (sharing + pairs + distance) + (APART * DELTA) ** 2 * (first == second)


def expected(i: int, mask: int, z: np.ndarray, scale: float) -> float:
    others = set(members(mask)) - {i}
    return scale * DELTA * (SHARING[0] * len(others) / (len(others) + 1) + DISTANCE[0] * z[i, list(others)].sum())


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_posterior_of_the_likeliest_scale(seed: int) -> None:
    n, noise = 5, 0.05
    given = world(seed, n)
    told, asked = np.split(np.array(some_masks(seed, n, 12)), [8])
    off = given.distances[~np.eye(n, dtype=bool)]
    z = np.where(np.eye(n, dtype=bool), 0.0, (given.distances - off.mean()) / off.std())
    known = [(i, int(mask)) for mask in told for i in members(int(mask))]
    names = given.similarity.degradations
    drops = np.array([given.drops(mask)[names[i]] for i, mask in known])
    best = (-np.inf, 0.0)
    for scale in SCALES:
        prior = np.array([[covariance(a, b, z, scale) for b in known] for a in known]) + noise**2 * np.eye(len(known))
        away = drops - [expected(i, mask, z, scale) for i, mask in known]
        evidence = -away @ np.linalg.solve(prior, away) / 2 - np.linalg.slogdet(prior)[1] / 2
        best = max(best, (evidence, scale))
    scale = best[1]
    prior = np.array([[covariance(a, b, z, scale) for b in known] for a in known]) + noise**2 * np.eye(len(known))
    away = drops - [expected(i, mask, z, scale) for i, mask in known]
    answers = answered(given, told.tolist(), noise)
    p = DropModel(answers.problem, answers).beyond(asked)
    for mask, found in zip(asked.tolist(), p, strict=True):
        within = 1.0
        for i in members(mask):
            cross = np.array([covariance((i, mask), one, z, scale) for one in known])
            mean = expected(i, mask, z, scale) + cross @ np.linalg.solve(prior, away)
            variance = covariance((i, mask), (i, mask), z, scale) - cross @ np.linalg.solve(prior, cross)
            within *= norm.cdf((DELTA - mean) / variance**0.5)
        assert found == pytest.approx(np.clip(1 - within, 1e-4, 1 - 1e-4), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_it_learns_more_than_from_verdicts_alone(seed: int) -> None:
    given = world(seed, 8)
    masks = some_masks(seed, 8, 200)
    answers = answered(given, masks[:20])
    rest = masks[20:]
    beyond = np.array([max(given.drops(mask).values()) > DELTA for mask in rest])

    def loss(p: np.ndarray) -> float:
        return float(-np.log(np.where(beyond, p, 1 - p)).mean())

    nothing = Answers(answers.problem)
    after = loss(DropModel(answers.problem, answers).beyond(rest))
    assert after < loss(DropModel(answers.problem, nothing).beyond(rest))
    assert after < loss(BeyondSurrogate(answers.problem, answers).beyond(rest))


def test_one_that_spoils_every_group_is_found_out_by_its_drops() -> None:
    given = world(0, 6)
    names = given.similarity.degradations
    answers = Answers(Problem(given.similarity, DELTA))
    for mask in (0b000011, 0b001101, 0b110010):
        others = [names[i] for i in members(mask)]
        answers.add(mask, Answer({name: 1.2 if names[0] in others and name != names[0] else 0.1 for name in others}))
    model = DropModel(answers.problem, answers)
    with_it, without = model.beyond([0b100001, 0b010100])
    assert with_it > 0.7 and with_it > without + 0.3


def test_what_is_told_by_verdict_alone_is_learnt_by_the_other_model() -> None:
    given = world(1, 4)
    answers = Answers(Problem(given.similarity, DELTA))
    assert isinstance(learn_from(answers.problem, answers), DropModel)
    assert isinstance(learn_from(answers.problem, answers.supposing({0b0011: "beyond"})), BeyondSurrogate)
    answers.add(0b0011, Answer({WORST: 1.0}))
    assert isinstance(learn_from(answers.problem, answers), BeyondSurrogate)
    answers.add(0b0101, Answer({"d0": 1.0}))  # what is told by name is not lost
    assert isinstance(learn_from(answers.problem, answers), DropModel)
    large = Problem(world(0, 15).similarity, DELTA)
    assert isinstance(learn_from(large, Answers(large)), BeyondSurrogate)


def test_the_worst_drop_counts_for_each_member_without_one() -> None:
    answers = Answers(Problem(world(1, 4).similarity, DELTA))
    answers.add(0b0011, Answer({WORST: 5.0, "d0": 0.1}))
    assert DropModel(answers.problem, answers).beyond([0b0011])[0] > 0.9


def test_one_that_may_lose_anything_does_not_blur_the_others() -> None:
    given = world(0, 6)
    problem = Problem(given.similarity, DELTA, delta_for={"d0": 99.0})
    answers = Answers(problem)
    for mask in some_masks(0, 6, 12):
        answers.add(mask, Answer(given.drops(mask)))
    for mask, verdict in answers.verdicts.items():
        if mask & (mask - 1):
            worst = max(drop for name, drop in given.drops(mask).items() if name != "d0")
            if abs(worst - DELTA) > 0.3:
                assert (DropModel(problem, answers).beyond([mask])[0] > 0.5) == (verdict == "beyond")


@pytest.mark.parametrize("drop", [1e30, 1.7e308, -1.7e308])
def test_a_training_that_went_astray_leaves_finite_probabilities(drop: float) -> None:
    answers = answered(world(3, 5), some_masks(3, 5, 6))
    answers.add(0b11111, Answer(dict.fromkeys(answers.problem.similarity.degradations, drop)))
    assert np.all(np.isfinite(DropModel(answers.problem, answers).beyond(np.arange(1, 32))))


def test_a_plan_is_about_as_long_as_a_search() -> None:
    matrix = builtin_similarity()
    lengths = [len(plan_search(Problem(matrix, delta), "exact")) for delta in (0.3, 0.7)]
    assert all(10 <= length <= 400 for length in lengths)


def test_a_lower_bound_stands_for_a_drop() -> None:
    given = world(2, 4)
    names = given.similarity.degradations
    nothing = Answers(Problem(given.similarity, DELTA))
    bounded = Answers(nothing.problem)
    bounded.add(0b0011, Answer({}, {}, {names[0]: 1.5}))
    before, after = (DropModel(nothing.problem, answers).beyond([0b0111])[0] for answers in (nothing, bounded))
    assert after > before + 0.2
