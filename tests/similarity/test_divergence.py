"""The closed form of the divergence: against quadrature, and against the fits that the SRGA authors published."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import gammaln

from grids.similarity.ggd import kl_divergence, score, similarity

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


@settings(max_examples=60, deadline=None)
@given(ALPHAS, ALPHAS, st.floats(0.2, 5))
def test_closed_form_equals_the_integral(alpha1: float, alpha2: float, ratio: float) -> None:
    found = float(kl_divergence(np.array(alpha1), np.array(ratio), np.array(alpha2), np.array(1.0)))
    expected = integrated(alpha1, ratio, alpha2, 1.0)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=60, deadline=None)
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
