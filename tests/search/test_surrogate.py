"""The guess that orders the questions: it stays in range, learns, and is the optimum that it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from search.brute_force import KINDS, World, some_masks, world

from grids.search import Answer, Problem
from grids.search.answers import Answers
from grids.search.surrogate import PRECISION, PRECISION_MEMBER, PRIOR, BeyondSurrogate


def learnt(given: World, masks: list[int], delta: float = 0.7) -> tuple[BeyondSurrogate, Answers]:
    answers = Answers(Problem(given.similarity, delta))
    for mask in masks:
        answers.add(mask, Answer(given.drops(mask)))
    return BeyondSurrogate(answers.problem, answers), answers


@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from(KINDS), st.integers(0, 60))
@settings(max_examples=30)
def test_probabilities_are_in_range(seed: int, n: int, kind: str, count: int) -> None:
    given = world(seed, n, kind)
    surrogate, _ = learnt(given, some_masks(seed, n, count))
    p = surrogate.beyond(np.arange(1, 1 << n))
    assert np.all((p >= 1e-4) & (p <= 1 - 1e-4))
    assert surrogate.beyond([]).shape == (0,)


def test_farther_and_larger_groups_are_likelier_beyond_before_anything_is_known() -> None:
    given = world(0, 8)
    surrogate, _ = learnt(given, [])
    for mask in some_masks(0, 8, 60):
        for i in range(8):
            if not mask >> i & 1:
                [less, more] = surrogate.beyond([mask, mask | 1 << i])
                assert more >= less
    pairs = sorted((given.distances[i, j], 1 << i | 1 << j) for i in range(8) for j in range(i))
    p = surrogate.beyond([mask for _, mask in pairs])
    assert np.all(np.diff(p) >= 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_surrogate_learns(seed: int) -> None:
    given = world(seed, 8)
    masks = some_masks(seed, 8, 200)
    told, rest = masks[:80], masks[80:]
    before, _ = learnt(given, [])
    after, _ = learnt(given, told)

    def loss(surrogate: BeyondSurrogate, groups: list[int]) -> float:
        p = surrogate.beyond(groups)
        beyond = np.array([given.worst(mask) > 0.7 for mask in groups])
        return float(-np.log(np.where(beyond, p, 1 - p)).mean())

    assert loss(after, told) < loss(before, told)
    assert loss(after, rest) < loss(before, rest)
    p = after.beyond(told)
    beyond = np.array([given.worst(mask) > 0.7 for mask in told])
    assert p[beyond].mean() > p[~beyond].mean() + 0.2


def test_one_answer_moves_the_group_it_is_about() -> None:
    given = world(3, 6)
    before, _ = learnt(given, [])
    for verdict, sign in (("within", -1), ("beyond", 1)):
        answers = Answers(Problem(given.similarity, 0.7)).supposing({0b0111: verdict})
        after = BeyondSurrogate(answers.problem, answers)
        assert sign * (after.beyond([0b0111])[0] - before.beyond([0b0111])[0]) > 0


def test_undecided_and_failed_answers_teach_nothing() -> None:
    given = world(3, 6)
    answers = Answers(Problem(given.similarity, 0.7))
    every = np.arange(1, 64)
    before = BeyondSurrogate(answers.problem, answers).beyond(every)
    answers.add(0b11, Answer())
    answers.add(0b101, None)
    assert np.array_equal(BeyondSurrogate(answers.problem, answers).beyond(every), before)


@pytest.mark.parametrize("seed", range(4))
def test_the_weights_are_the_maximum_a_posteriori(seed: int) -> None:
    # the same features and prior, but the optimum by another method
    n, count = 6, [1, 5, 20, 57][seed]
    given = world(seed, n)
    masks = some_masks(seed, n, count)
    surrogate, _ = learnt(given, masks)
    scale = given.distances[np.triu_indices(n, 1)].mean()
    rows = [[i for i in range(n) if mask >> i & 1] for mask in masks]
    features = np.array(
        [
            [
                1.0,
                len(group) - 2,
                given.distances[np.ix_(group, group)].sum(axis=1).max() / scale,
                given.distances[np.ix_(group, group)].max() / scale - 1,
                *(float(i in group) for i in range(n)),
            ]
            for group in rows
        ]
    )
    beyond = np.array([given.worst(mask) > 0.7 for mask in masks], dtype=float)
    prior = np.array([*PRIOR, *[0.0] * n])
    precision = np.array([*PRECISION, *[PRECISION_MEMBER] * n])

    def objective(weights: np.ndarray) -> float:
        z = features @ weights
        return float(np.logaddexp(0, z).sum() - beyond @ z + precision @ (weights - prior) ** 2 / 2)

    def gradient(weights: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-features @ weights))
        return features.T @ (p - beyond) + precision * (weights - prior)

    found = minimize(objective, prior, jac=gradient, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    expected = 1 / (1 + np.exp(-features @ found.x))
    assert surrogate.beyond(masks) == pytest.approx(np.clip(expected, 1e-4, 1 - 1e-4), abs=1e-5)
    assert np.abs(gradient(surrogate._weights)).max() < 1e-7


@pytest.mark.parametrize("value", [0.0, 1.0, 3.3])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_equal_distances(n: int, value: float) -> None:
    distances = np.full((n, n), value) - value * np.eye(n)
    harm = np.ones((n, n)) - np.eye(n)
    surrogate, _ = learnt(World(distances, harm), some_masks(0, n, 10))
    assert np.all(np.isfinite(surrogate.beyond(np.arange(1, 1 << n))))
