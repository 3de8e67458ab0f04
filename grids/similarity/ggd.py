"""Generalized Gaussian distributions (GGD): fitted by their moments, and compared.

A GGD has a shape alpha (2 is a Gaussian, 1 a Laplace distribution; smaller ones have heavier tails) and a scale sigma,
its root mean square. All functions here work on arrays elementwise, in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from grids.errors import GridsError
from grids.results import FloatArray

ALPHA_RANGE = (0.2, 10.0)
OUTLIER_SIGMAS = 5.0
SAME = 1e-12
"""Values that differ by no larger a part of their mean differ by rounding."""


def fit(values: np.ndarray[Any, Any]) -> tuple[FloatArray, FloatArray]:
    """Fit a GGD to each set of values, after the five-sigma rule has dropped outliers in one pass.

    Moments: sigma^2 = E[x^2], and alpha solves rho(alpha) = E[x^2] / E|x - mean|^2 to 1e-6, where rho(a) = Gamma(1/a)
    Gamma(3/a) / Gamma(2/a)^2; alpha is held within [0.2, 10].
    Source: GRIDS, eq. 1, and the SRGA code (Liu et al., TPAMI 2023), which searches a grid of step 0.001.

    Args:
        values: (..., n) of any real dtype: one distribution for every index but the last. They are not changed.

    Returns:
        alpha and sigma, each of shape (...), float64; sigma has the unit of the values.

    Raises:
        GridsError: a set has fewer than two values or one that is not finite, or it does not vary, as it is or without
            its outliers.

    >>> alpha, sigma = fit(np.random.default_rng(0).standard_normal(10_000))
    >>> print(f"{alpha:.1f} {sigma:.1f}")
    2.1 1.0
    """
    x = np.asarray(values, dtype=np.float64)
    if x.shape[-1] < 2 or not np.all(np.isfinite(x)):
        raise GridsError("a generalized Gaussian needs at least two values, all of them finite")
    scale = np.ldexp(1.0, np.frexp(np.abs(x).max(-1, keepdims=True))[1] - 1)
    x = x / scale  # exactly, and squares neither overflow nor vanish
    mean, deviation = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
    _require_variation(deviation)
    kept = np.abs(x - mean) < OUTLIER_SIGMAS * deviation
    count = kept.sum(-1)
    mean = np.sum(x, -1, where=kept) / count
    square = np.sum(x**2, -1, where=kept) / count
    spread = np.sum(np.abs(x - mean[..., None]), -1, where=kept) / count
    _require_variation(spread - SAME * np.abs(mean))
    return solve_alpha(square / spread**2), np.sqrt(square) * scale[..., 0]


def _require_variation(spread: FloatArray) -> None:
    if not np.all(spread > 0):
        raise GridsError("a generalized Gaussian cannot be fitted to values that do not vary (flat images?)")


def solve_alpha(ratio: FloatArray) -> FloatArray:
    """Find the shape of a GGD from the ratio of its moments.

    Args:
        ratio: E[x^2] / E|x|^2 of the values, of any shape, above 0: pi / 2 for a Gaussian, 2 for a Laplace
            distribution.

    Returns:
        The alpha in [0.2, 10] with rho(alpha) = ratio (see `fit`), of the shape of `ratio`, float64. Where no alpha of
        that range has the ratio, the nearest end of the range.

    >>> solve_alpha(np.array([1.0, np.pi / 2, 2.0])).round(6)
    array([10.,  2.,  1.])
    """
    from scipy.optimize.elementwise import find_root  # a third of a second

    low, high = ALPHA_RANGE
    target = np.clip(np.log(ratio), log_ratio(np.array(high)), log_ratio(np.array(low)))
    bracket = (np.full_like(target, low), np.full_like(target, high))
    found = find_root(lambda a, t: log_ratio(a) - t, bracket, args=(target,), tolerances={"xatol": 1e-9})
    # where the target is an end of the range, the bracket's sign test can miss by a rounding
    nearest = np.where(target >= log_ratio(np.array(low)) - 1e-12, low, high)
    return np.asarray(np.where(found.success, found.x, nearest), dtype=np.float64)


def log_ratio(alpha: FloatArray) -> FloatArray:
    """Compute ln rho(alpha), the logarithm of the ratio E[x^2] / E|x|^2 of a GGD, from log-gamma functions.

    Args:
        alpha: shapes above 0, of any array shape.

    Returns:
        Float64 of the same shape. It falls as alpha rises, from 2.77 at 0.2 to 0.30 at 10.
    """
    a = np.asarray(alpha, dtype=np.float64)
    return np.asarray(gammaln(1 / a) + gammaln(3 / a) - 2 * gammaln(2 / a))


def log_beta(alpha: FloatArray, sigma: FloatArray) -> FloatArray:
    """Compute ln beta, the scale that stands in the density of a GGD: beta = sigma sqrt(Gamma(1/alpha) /
    Gamma(3/alpha)).

    Source: GRIDS, eq. 1.

    Args:
        alpha: shapes above 0.
        sigma: root mean squares above 0; the two broadcast.

    Returns:
        Float64 of the broadcast shape.
    """
    return np.asarray(np.log(sigma) + 0.5 * (gammaln(1 / alpha) - gammaln(3 / alpha)))


def kl_divergence(alpha1: FloatArray, sigma1: FloatArray, alpha2: FloatArray, sigma2: FloatArray) -> FloatArray:
    """Compute the Kullback-Leibler divergence KL(1 || 2) of GGDs in closed form.

    KL = ln(a1 b2 G(1/a2) / (a2 b1 G(1/a1))) + (b1/b2)^a2 G((a2+1)/a1) / G(1/a1) - 1/a1, with G the gamma function, a
    the shapes and b the scales of `log_beta`. It is computed with log-gamma, so that no alpha in [0.2, 10] overflows,
    and clamped at 0 against rounding. It is not symmetric.
    Source: SRGA (Liu et al., TPAMI 2023); the GGD is eq. 1 of GRIDS.

    Args:
        alpha1, sigma1: shapes and root mean squares of the first distributions, above 0.
        alpha2, sigma2: of the second ones; all four broadcast.

    Returns:
        Float64 of the broadcast shape, nats, at least 0.

    >>> round(float(kl_divergence(2.0, 1.0, 2.0, 2.0)), 4)  # two Gaussians: ln 2 + 1/8 - 1/2
    0.3181
    """
    a1, s1, a2, s2 = (np.asarray(v, dtype=np.float64) for v in (alpha1, sigma1, alpha2, sigma2))
    b1, b2 = log_beta(a1, s1), log_beta(a2, s2)
    entropy = np.log(a1) + b2 + gammaln(1 / a2) - np.log(a2) - b1 - gammaln(1 / a1)
    cross = np.exp(a2 * (b1 - b2) + gammaln((a2 + 1) / a1) - gammaln(1 / a1))
    return np.asarray(np.maximum(entropy + cross - 1 / a1, 0.0))


def score(divergence: FloatArray) -> FloatArray:
    """Put divergences on the scale of the paper's matrices: log10(KL + 1e-5) + 5.

    Identical distributions have 0, a KL of 0.001 has about 2, one of 0.1 about 4. Source: SRGA's script; see
    docs/method.md, section 5.

    Args:
        divergence: at least 0, nats, of any shape.

    Returns:
        Float64 of the same shape, at least 0 (up to rounding).
    """
    return np.asarray(np.log10(np.asarray(divergence) + 1e-5) + 5)


def similarity(alpha: FloatArray, sigma: FloatArray) -> FloatArray:
    """Compute the similarity matrix S of n distributions: the `score` of the mean of both directions of the divergence.

    Args:
        alpha: (..., n), shapes above 0.
        sigma: (..., n), root mean squares above 0.

    Returns:
        (..., n, n), float64, symmetric, exactly 0 on the diagonal; small means alike.

    >>> similarity(np.array([2.0, 2.0]), np.array([1.0, 2.0])).round(2)
    array([[0.  , 4.75],
           [4.75, 0.  ]])
    """
    a, s = np.asarray(alpha, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    forward = kl_divergence(a[..., :, None], s[..., :, None], a[..., None, :], s[..., None, :])
    matrix = score((forward + np.swapaxes(forward, -1, -2)) / 2)
    diagonal = np.arange(a.shape[-1])
    matrix[..., diagonal, diagonal] = 0.0
    return matrix
