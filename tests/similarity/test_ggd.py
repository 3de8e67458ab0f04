"""Generalized Gaussian fits: against samples of known parameters, and against the published grid search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gamma, gammainc

from grids.errors import GridsError
from grids.similarity.ggd import ALPHA_RANGE, fit, log_beta, log_ratio, solve_alpha

GRID = np.arange(0.2, 10, 0.001)


def samples(alpha: float, sigma: float, count: int, seed: int = 0) -> np.ndarray:
    beta = sigma * np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    return stats.gennorm.rvs(alpha, scale=beta, size=count, random_state=seed)


def grid_search(values: np.ndarray) -> tuple[float, float]:
    """The fit of the SRGA authors' script, by description: outliers, moments, the nearest of a grid of step 0.001."""
    mean, deviation = values.mean(), values.std()
    kept = values[(values > mean - 5 * deviation) & (values < mean + 5 * deviation)]
    ratio = np.mean(kept**2) / np.mean(np.abs(kept - kept.mean())) ** 2
    rho = gamma(1 / GRID) * gamma(3 / GRID) / gamma(2 / GRID) ** 2
    return float(GRID[np.argmin(np.abs(ratio - rho))]), float(np.sqrt(np.mean(kept**2)))


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.7, 1.0, 1.6, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("sigma", [0.01, 1.0, 300.0])
def test_fit_agrees_with_the_published_grid_search(alpha: float, sigma: float) -> None:
    values = samples(alpha, sigma, 20_000)
    fitted = fit(values)
    expected = grid_search(values)
    # the script compares ratios, not their logarithms, so the nearest grid point is within a step, not half of one
    assert float(fitted[0]) == pytest.approx(expected[0], abs=0.001)
    assert float(fitted[1]) == pytest.approx(expected[1], rel=1e-12)


def truncated(alpha: float, sigma: float) -> tuple[float, float]:
    """alpha and sigma of the moments that a GGD has within five of its deviations."""
    beta = sigma * np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    reach = (5 * sigma / beta) ** alpha
    first, second = (
        beta**k
        * gamma((k + 1) / alpha)
        * gammainc((k + 1) / alpha, reach)
        / gamma(1 / alpha)
        / gammainc(1 / alpha, reach)
        for k in (1, 2)
    )
    return float(solve_alpha(np.array(second / first**2))), float(np.sqrt(second))


@pytest.mark.parametrize(("alpha", "tolerance"), [(0.5, 0.01), (0.7, 0.01), (1.0, 0.02), (2.0, 0.04), (5.0, 0.3)])
def test_fit_recovers_known_parameters(alpha: float, tolerance: float) -> None:
    found_alpha, found_sigma = fit(samples(alpha, 2.5, 200_000, seed=3))
    expected_alpha, expected_sigma = truncated(alpha, 2.5)
    assert float(found_alpha) == pytest.approx(expected_alpha, abs=tolerance)
    assert float(found_sigma) == pytest.approx(expected_sigma, rel=0.01)
    if alpha >= 2:  # nothing lies beyond five deviations: the parameters themselves come back
        assert (expected_alpha, expected_sigma) == pytest.approx((alpha, 2.5), rel=1e-3)


def test_fits_of_many_sets_equal_the_fits_one_by_one() -> None:
    values = np.stack([samples(a, s, 3000, i) for i, (a, s) in enumerate([(0.4, 1), (0.9, 3), (2, 0.1), (6, 50)])])
    alpha, sigma = fit(values.reshape(2, 2, 3000))
    assert alpha.shape == sigma.shape == (2, 2)
    single = [fit(row) for row in values]
    np.testing.assert_allclose(alpha.ravel(), [float(a) for a, _ in single], rtol=1e-9)
    np.testing.assert_allclose(sigma.ravel(), [float(s) for _, s in single], rtol=1e-12)


def test_outliers_beyond_five_deviations_are_dropped_in_one_pass() -> None:
    values = np.concatenate([samples(2.0, 1.0, 4000), [30.0, -28.0, 7.0, 55.0]])
    mean, deviation = values.mean(), values.std()
    literal = np.array([v for v in values if mean - 5 * deviation < v < mean + 5 * deviation])
    assert 0 < len(values) - len(literal) < 10
    square = np.mean(literal**2)
    ratio = square / np.mean(np.abs(literal - literal.mean())) ** 2
    alpha, sigma = fit(values)
    assert float(sigma) == pytest.approx(np.sqrt(square), rel=1e-12)
    assert float(alpha) == pytest.approx(float(solve_alpha(np.array(ratio))), abs=1e-9)
    # a second pass would drop more: the value at 7 survives the first
    assert literal.max() == 7.0


def test_sigma_is_the_root_mean_square_about_zero() -> None:
    values = samples(2.0, 1.0, 50_000) + 0.5
    assert float(fit(values)[1]) == pytest.approx(np.sqrt(np.mean(values**2)), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(*ALPHA_RANGE))
def test_solve_alpha_inverts_the_ratio(alpha: float) -> None:
    assert float(solve_alpha(np.exp(log_ratio(np.array(alpha))))) == pytest.approx(alpha, abs=1e-6)


def test_solve_alpha_to_one_millionth_over_the_whole_range_and_any_shape() -> None:
    alpha = np.linspace(*ALPHA_RANGE, 20_001).reshape(3, 6667)
    assert np.abs(solve_alpha(np.exp(log_ratio(alpha))) - alpha).max() < 1e-6


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, 10.0), (4 / 3, 10.0), (np.exp(4.95), 0.2), (1e6, 0.2), (np.inf, 0.2)]
)
def test_solve_alpha_is_held_within_its_range(ratio: float, expected: float) -> None:
    assert float(solve_alpha(np.array(ratio))) == pytest.approx(expected, abs=1e-6)


def test_ratios_of_the_gaussian_and_the_laplace_distribution() -> None:
    assert float(solve_alpha(np.array(np.pi / 2))) == pytest.approx(2, abs=1e-6)
    assert float(solve_alpha(np.array(2.0))) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.4, 0.8, 1.0, 2.0, 7.0])
def test_beta_gives_the_standard_deviation_sigma(alpha: float) -> None:
    beta = np.exp(log_beta(np.array(alpha), np.array(1.5)))
    assert stats.gennorm.std(alpha, scale=beta) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones(100), "do not vary"),
        (np.zeros((3, 50)), "do not vary"),
        (np.stack([np.ones(9), np.arange(9.0)]), "do not vary"),
        (np.append(np.zeros(99), 1.0), "do not vary"),  # but for an outlier
        (np.append(np.full(99, 0.3), 7.0), "do not vary"),
        (np.array([1.0, np.nan, 2.0]), "finite"),
        (np.array([1.0, np.inf, 2.0]), "finite"),
        (np.empty(0), "at least two"),
        (np.empty((4, 0)), "at least two"),
        (np.array([3.0]), "at least two"),
    ],
)
def test_values_that_cannot_be_fitted_are_refused(values: np.ndarray, reason: str) -> None:
    with pytest.raises(GridsError, match=reason):
        fit(values)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-500, 2.0**510, 2.0**1000])
def test_no_scale_is_too_large_or_small(scale: float) -> None:
    values = samples(0.8, 1.5, 500)
    alpha, sigma = fit(values)
    assert fit(values * scale) == (alpha, sigma * scale)
    assert fit(-values) == (alpha, sigma)


def test_fitting_leaves_the_values_alone() -> None:
    values = samples(1.0, 1.0, 500)
    before = values.copy()
    fit(values)
    np.testing.assert_array_equal(values, before)
