"""Generalized Gaussian fits and their divergence: against samples, quadrature, and what the SRGA authors published."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import gamma, gammainc, gammaln

from grids.errors import GridsError
from grids.similarity.ggd import ALPHA_RANGE, fit, kl_divergence, log_beta, log_ratio, score, similarity, solve_alpha

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


@settings(max_examples=60)
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


ALPHAS = st.floats(0.2, 10)
SIGMAS = st.floats(1e-3, 1e3)

# sigma and alpha of clean, blur 2 and blur 5, as a figure of the SRGA repository shows them; KL and score of the blurs
PUBLISHED = {
    "SRResNet (clean)": ((2.718, 0.687), (2.333, 0.596), (2.007, 0.466), (0.02114, 3.325), (0.11760, 4.070)),
    "SRResNet (blur 0-4)": ((2.866, 0.691), (2.795, 0.683), (2.299, 0.526), (0.00036, 1.563), (0.05907, 3.771)),
    "DAN": ((4.278, 0.668), (3.849, 0.690), (2.465, 0.529), (0.00295, 2.472), (0.16218, 4.210)),
    "BSRGAN": ((8.921, 0.762), (8.531, 0.749), (7.695, 0.701), (0.00108, 2.039), (0.01402, 3.147)),
}
REVERSED = {"SRResNet (clean)": 4.087, "SRResNet (blur 0-4)": 3.781, "DAN": 4.173, "BSRGAN": 3.136}


def divergence(first: tuple[float, float], second: tuple[float, float]) -> float:
    (s1, a1), (s2, a2) = first, second
    return float(kl_divergence(np.array(a1), np.array(s1), np.array(a2), np.array(s2)))


def integrated(alpha1: float, sigma1: float, alpha2: float, sigma2: float) -> float:
    """The definition, integrated over u = ln |x|, where the integrand is smooth and dies away on both sides."""

    def log_density(u: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        log_beta = np.log(sigma) + 0.5 * (gammaln(1 / alpha) - gammaln(3 / alpha))
        return np.log(alpha / 2) - log_beta - gammaln(1 / alpha) - np.exp(alpha * (u - log_beta))

    log_beta1 = np.log(sigma1) + 0.5 * (gammaln(1 / alpha1) - gammaln(3 / alpha1))
    u = np.linspace(log_beta1 - 45, log_beta1 + np.log(700) / alpha1, 40_001)
    p = log_density(u, alpha1, sigma1)
    return float(integrate.trapezoid(2 * np.exp(p + u) * (p - log_density(u, alpha2, sigma2)), u))


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_fits_give_the_published_divergences_and_scores(model: str) -> None:
    clean, blur2, blur5, expected2, expected5 = PUBLISHED[model]
    for blurred, (expected, expected_score) in ((blur2, expected2), (blur5, expected5)):
        found = divergence(clean, blurred)
        assert found == pytest.approx(expected, abs=0.5e-5)
        assert float(score(np.array(found))) == pytest.approx(expected_score, abs=0.5e-3)
    assert float(score(np.array(divergence(blur5, clean)))) == pytest.approx(REVERSED[model], abs=0.5e-3)


@settings(max_examples=60)
@given(ALPHAS, ALPHAS, st.floats(0.2, 5))
def test_closed_form_equals_the_integral(alpha1: float, alpha2: float, ratio: float) -> None:
    found = float(kl_divergence(np.array(alpha1), np.array(ratio), np.array(alpha2), np.array(1.0)))
    expected = integrated(alpha1, ratio, alpha2, 1.0)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=200)
@given(ALPHAS, SIGMAS, ALPHAS, SIGMAS, st.floats(1e-3, 1e3))
def test_divergence_is_finite_not_negative_and_has_no_unit(
    alpha1: float, sigma1: float, alpha2: float, sigma2: float, unit: float
) -> None:
    found = divergence((sigma1, alpha1), (sigma2, alpha2))
    assert np.isfinite(found)
    assert found >= 0
    assert divergence((sigma1 * unit, alpha1), (sigma2 * unit, alpha2)) == pytest.approx(found, rel=1e-7, abs=1e-11)
    assert divergence((sigma1, alpha1), (sigma1, alpha1)) == pytest.approx(0, abs=1e-12)


def test_divergence_of_gaussians_is_the_textbook_formula() -> None:
    expected = np.log(3.0 / 2.0) + 2.0**2 / (2 * 3.0**2) - 0.5
    assert divergence((2.0, 2.0), (3.0, 2.0)) == pytest.approx(expected, rel=1e-12)


def test_corners_of_the_range_do_not_overflow() -> None:
    corners = [(s, a) for s in (1e-3, 1.0, 1e3) for a in (0.2, 10.0)]
    alpha, sigma = np.array([a for _, a in corners]), np.array([s for s, _ in corners])
    with np.errstate(all="raise", under="ignore"):
        found = similarity(alpha, sigma)
    assert np.all(np.isfinite(found))


def test_score_of_known_divergences() -> None:
    np.testing.assert_allclose(score(np.array([0, 1e-3, 0.1])), [0, 2.004, 4.000], atol=5e-4)
    assert float(score(np.array(0.0))) == 0.0


@settings(max_examples=60)
@given(st.lists(st.tuples(ALPHAS, SIGMAS), min_size=1, max_size=6))
def test_similarity_is_symmetric_with_a_zero_diagonal(params: list[tuple[float, float]]) -> None:
    alpha, sigma = (np.array(column) for column in zip(*params, strict=True))
    matrix = similarity(alpha, sigma)
    assert matrix.shape == (len(params), len(params))
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 0)
    assert np.all(matrix >= 0)
    for i, j in itertools.combinations(range(len(params)), 2):
        one, other = (sigma[i], alpha[i]), (sigma[j], alpha[j])
        mean = (divergence(one, other) + divergence(other, one)) / 2
        assert matrix[i, j] == pytest.approx(np.log10(mean + 1e-5) + 5, abs=1e-9)


def test_similarity_of_a_batch_is_that_of_its_parts() -> None:
    rng = np.random.default_rng(0)
    alpha, sigma = rng.uniform(0.3, 3, (2, 4, 5)), rng.uniform(0.1, 9, (2, 4, 5))
    whole = similarity(alpha, sigma)
    assert whole.shape == (2, 4, 5, 5)
    np.testing.assert_array_equal(whole[1, 2], similarity(alpha[1, 2], sigma[1, 2]))
