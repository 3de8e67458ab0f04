"""The number of groups over delta: against enumeration at every delta where something could change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.brute_force import KINDS, World, fewest_groups, world

from grids.search import Answer, Problem, groups_over_delta


def some_answers(given: World, share: float, noise: float) -> dict[int, Answer]:
    rng = np.random.default_rng(given.seed)
    answers = {}
    for mask in range(1, 1 << given.n):
        if mask.bit_count() > 1 and rng.random() < share:
            drops = given.drops(mask)
            answers[mask] = Answer(drops, dict.fromkeys(drops, noise) if noise and mask % 2 else {})
    return answers


def truth(given: World, answers: dict[int, Answer], delta: float) -> tuple[float, float]:
    """The fewest groups that are surely within delta; and of those that may be, without shortcuts."""
    singles = {1 << i for i in range(given.n)}

    def worst(answer: Answer, errors: float) -> float:
        return max(drop + errors * answer.noise.get(name, 0.0) for name, drop in answer.drops.items())

    sure = {mask for mask, answer in answers.items() if worst(answer, 2) <= delta + 1e-9}
    out = {mask for mask, answer in answers.items() if worst(answer, -2) > delta + 1e-9}
    possible = set(range(1, 1 << given.n)) - out
    return fewest_groups(sure | singles, given.n), fewest_groups(possible, given.n)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 5),
    kind=st.sampled_from(KINDS),
    share=st.sampled_from([0.3, 1.0]),
    noise=st.sampled_from([0.0, 0.1]),
)
@settings(max_examples=40)
def test_the_curve_is_what_every_delta_gives(seed: int, n: int, kind: str, share: float, noise: float) -> None:
    given = world(seed, n, kind)
    answers = some_answers(given, share, noise)
    steps = groups_over_delta(Problem(given.similarity, 0.7, shortcuts=False), answers)
    assert steps[0].delta == 0.0
    assert all(a.delta < b.delta and a[1:] != b[1:] for a, b in itertools.pairwise(steps))
    marks = [
        drop + errors * answer.noise.get(name, 0.0)
        for answer in answers.values()
        for name, drop in answer.drops.items()
        for errors in (-2, 0, 2)
    ]
    deltas = sorted({0.0, *(mark for mark in marks if mark > 0)})
    for delta in [*deltas, *(mark - 1e-6 for mark in deltas[1:]), 50.0]:
        at = [step for step in steps if step.delta <= delta + 1e-9][-1]
        assert (at.groups, at.at_least) == truth(given, answers, delta)


def test_with_shortcuts_it_falls_and_brackets_the_truth() -> None:
    for seed in range(5):
        given = world(seed, 6)
        answers = some_answers(given, 0.5, 0.0)
        steps = groups_over_delta(Problem(given.similarity, 0.7), answers)
        for delta in np.linspace(0, 6, 25):
            at = [step for step in steps if step.delta <= delta][-1]
            assert at.at_least <= fewest_groups(given.within(delta), 6) <= at.groups
        assert [step.groups for step in steps] == sorted((step.groups for step in steps), reverse=True)


def test_a_delta_of_their_own_stays() -> None:
    given = World(np.ones((3, 3)) - np.eye(3), np.ones((3, 3)) - np.eye(3))
    answers = {mask: Answer(given.drops(mask)) for mask in (0b011, 0b101, 0b110, 0b111)}
    steps = groups_over_delta(Problem(given.similarity, 0.7, {"d0": 0.5}), answers)
    assert [(step.delta, step.groups) for step in steps] == [(0.0, 3), (1.0, 2)]


def test_lower_bounds_are_steps_of_what_is_surely_needed() -> None:
    given = world(0, 2)
    steps = groups_over_delta(Problem(given.similarity, 0.7), {0b11: Answer({}, {}, {"*": 0.8})})
    assert [tuple(step) for step in steps] == [(0.0, 2, 2), (0.8, 2, 1)]


@pytest.mark.parametrize(("n", "length"), [(14, 1), (15, 0)])
def test_not_for_too_many(n: int, length: int) -> None:
    assert len(groups_over_delta(Problem(world(0, n).similarity, 0.7), {})) == length
