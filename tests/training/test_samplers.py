"""Samplers: how often each task comes, and that a step is enough to know its batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from contracts import raises_line

from grids.errors import GridsError, UnknownNameError
from grids.training.samplers import KINDS, deal, sampler

NAMES, SIZES = ("haze", "rain", "blur"), (100, 100, 400)


def batches(text: str, steps: int = 60, batch: int = 6, seed: int = 0) -> list[list[int]]:
    draw = sampler(text, NAMES, SIZES)
    return [draw(step, batch, seed) for step in range(steps)]


@pytest.mark.parametrize("text", [*KINDS, "each:haze=2", "cycles:blur=3", "temperature:2"])
def test_every_sampler_knows_a_step_by_its_number(text: str) -> None:
    found = batches(text)
    assert all(len(batch) == 6 and set(batch) <= {0, 1, 2} for batch in found)
    draw = sampler(text, NAMES, SIZES)
    assert draw(37, 6, 0) == found[37]
    assert batches(text, seed=1) != found or text.startswith(("each", "turns"))
    assert set(np.concatenate(found).tolist()) == {0, 1, 2}


def test_mixed_is_dealt_and_others_are_of_one_task_or_of_all() -> None:
    assert batches("mixed")[4] == deal([1] * 3, 24, 6, 0)
    assert Counter(np.concatenate(batches("mixed:blur=4,snow=7", 20)).tolist()) == {0: 20, 1: 20, 2: 80}
    assert batches("turns", 4) == [[0] * 6, [1] * 6, [2] * 6, [0] * 6]
    assert all(sorted(batch) == [0, 0, 1, 1, 2, 2] for batch in batches("each"))
    assert Counter(batches("each:haze=2", 1, 4)[0]) == {0: 2, 1: 1, 2: 1}
    assert Counter(np.concatenate(batches("each", 30, 4)).tolist()) == {0: 40, 1: 40, 2: 40}  # the fourth goes round
    raises_line(lambda: batches("each", 1, 2), "batches of 2 are too small", kind=GridsError)


def test_cycles_hold_their_counts_in_random_order() -> None:
    of = [batch[0] for batch in batches("cycles:blur=3,snow=7", 500)]  # snow is not trained
    cycles = [tuple(of[start : start + 5]) for start in range(0, 500, 5)]
    assert all(Counter(cycle) == {0: 1, 1: 1, 2: 3} for cycle in cycles)
    assert len(set(cycles)) > 10


def test_a_temperature_draws_by_size() -> None:
    for heat, expected in ((1, (1, 1, 4)), (2, (1, 1, 2))):
        drawn = np.bincount(np.concatenate(batches(f"temperature:{heat}", 2000)), minlength=3) / 12000
        assert drawn == pytest.approx(np.array(expected) / sum(expected), abs=0.02)
    assert sampler("temperature:1e-310", NAMES, (1, 1, 4))(0, 9, 0) == [2] * 9


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("turns:haze=2", "takes no numbers"),
        ("cycles:haze", "not 'cycles:haze'"),
        ("cycles:haze=0", "1 to 1000 each"),
        ("cycles:haze=" + 5000 * "9", "1 to 1000 each"),
        ("each:haze=1,haze=2", "counts 'haze' twice"),
        ("temperature:cold", "above 0"),
        ("temperature:-1", "above 0"),
    ],
)
def test_bad_texts_are_refused(text: str, reason: str) -> None:
    raises_line(lambda: sampler(text, NAMES, SIZES), reason, kind=GridsError)


def test_an_unknown_sampler_is_refused() -> None:
    raises_line(lambda: sampler("mixd", NAMES, SIZES), "did you mean 'mixed'", kind=UnknownNameError)
