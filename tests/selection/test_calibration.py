from __future__ import annotations

import numpy as np
import pytest
from contracts import raises_line
from scipy.special import softmax

from grids.selection.calibration import fewest_values, fit_temperature, upper_quantile


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.0, 60.0])
def test_the_temperature_recovers_the_scale(scale: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(6000, 4)) * 2
    chances = softmax(logits, axis=1)
    classes = (chances.cumsum(1) < generator.random((6000, 1))).sum(1)
    assert fit_temperature(logits * scale, classes) == pytest.approx(scale, rel=0.05)


def test_the_temperature_of_hopeless_densities_is_high() -> None:
    generator = np.random.default_rng(1)
    logits, classes = generator.normal(size=(2000, 3)), generator.integers(0, 3, 2000)
    assert softmax(logits / fit_temperature(logits, classes), axis=1).max() < 0.6


@pytest.mark.parametrize(("count", "coverage"), [(9, 0.9), (19, 0.9), (40, 0.8), (99, 0.99), (23, 0.5)])
def test_a_further_value_stays_below_the_quantile(count: int, coverage: float) -> None:
    values = np.random.default_rng(2).exponential(size=(4000, count + 1))
    below = np.mean([row[-1] <= upper_quantile(row[:-1], coverage) for row in values])
    assert coverage - 0.015 < below < coverage + 1 / (count + 1) + 0.015


def test_it_is_one_of_the_values() -> None:
    assert upper_quantile(np.array([9.0, 1, 8, 2, 7, 3, 6, 4, 5]), 0.9) == 9
    assert upper_quantile(np.array([3.0, 1, 2]), 0.5) == 2


@pytest.mark.parametrize(("coverage", "least"), [(0.9, 9), (0.99, 99), (0.95, 19), (0.8, 4), (0.5, 1), (0.7, 3)])
def test_too_few_values_are_refused(coverage: float, least: int) -> None:
    upper_quantile(np.zeros(least), coverage)
    raises_line(
        lambda: upper_quantile(np.zeros(least - 1), coverage),
        f"a coverage of {coverage:g} needs at least {least} examples, but there are {least - 1}",
    )


@pytest.mark.parametrize("coverage", [-0.1, 0.0, 1.0, 1.5, float("nan")])
def test_coverages_that_cannot_be(coverage: float) -> None:
    for call in (lambda: fewest_values(coverage), lambda: upper_quantile(np.arange(9.0), coverage)):
        raises_line(call, f"a coverage must be above 0 and below 1, but is {coverage:g}")
