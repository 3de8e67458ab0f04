"""Generalized Gaussian distributions (GGD): fitted by their moments, and compared."""

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

    Moments: sigma^2 = E[x^2], and alpha solves rho(alpha) = E[x^2] / E|x - mean|^2 to 1e-6, where rho(a) =
    Gamma(1/a) Gamma(3/a) / Gamma(2/a)^2; alpha is held within [0.2, 10].
    Source: GRIDS, eq. 1, and the SRGA code (Liu et al., TPAMI 2023), which searches a grid of step 0.001.

    Args:
        values: (..., n): one distribution for every index but the last.

    Returns:
        alpha and sigma, each of shape (...), float64.

    Raises:
        GridsError: a set of values is empty or not finite, or does not vary, as it is or without its outliers.
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
    """The alpha in [0.2, 10] with rho(alpha) = ratio, for any shape; the nearest end where there is none."""
    from scipy.optimize.elementwise import find_root  # a third of a second

    low, high = ALPHA_RANGE
    target = np.clip(np.log(ratio), log_ratio(np.array(high)), log_ratio(np.array(low)))
    bracket = (np.full_like(target, low), np.full_like(target, high))
    found = find_root(lambda a, t: log_ratio(a) - t, bracket, args=(target,), tolerances={"xatol": 1e-9})
    # where the target is an end of the range, the bracket's sign test can miss by a rounding
    nearest = np.where(target >= log_ratio(np.array(low)) - 1e-12, low, high)
    return np.asarray(np.where(found.success, found.x, nearest), dtype=np.float64)


def log_ratio(alpha: FloatArray) -> FloatArray:
    """ln rho(alpha), which falls from 2.77 at 0.2 to 0.30 at 10."""
    a = np.asarray(alpha, dtype=np.float64)
    return np.asarray(gammaln(1 / a) + gammaln(3 / a) - 2 * gammaln(2 / a))


def log_beta(alpha: FloatArray, sigma: FloatArray) -> FloatArray:
    """ln beta, with beta = sigma sqrt(Gamma(1/alpha) / Gamma(3/alpha))."""
    return np.asarray(np.log(sigma) + 0.5 * (gammaln(1 / alpha) - gammaln(3 / alpha)))


def kl_divergence(alpha1: FloatArray, sigma1: FloatArray, alpha2: FloatArray, sigma2: FloatArray) -> FloatArray:
    """Kullback-Leibler divergence KL(1 || 2) of GGDs in nats, in closed form; the arguments broadcast.

    KL = ln(a1 b2 G(1/a2) / (a2 b1 G(1/a1))) + (b1/b2)^a2 G((a2+1)/a1) / G(1/a1) - 1/a1, computed with log-gamma, so
    that no alpha in [0.2, 10] overflows, and clamped at 0 against rounding.
    Source: SRGA (Liu et al., TPAMI 2023); the GGD is eq. 1 of GRIDS.
    """
    a1, s1, a2, s2 = (np.asarray(v, dtype=np.float64) for v in (alpha1, sigma1, alpha2, sigma2))
    b1, b2 = log_beta(a1, s1), log_beta(a2, s2)
    entropy = np.log(a1) + b2 + gammaln(1 / a2) - np.log(a2) - b1 - gammaln(1 / a1)
    cross = np.exp(a2 * (b1 - b2) + gammaln((a2 + 1) / a1) - gammaln(1 / a1))
    return np.asarray(np.maximum(entropy + cross - 1 / a1, 0.0))


def score(divergence: FloatArray) -> FloatArray:
    """The public scale: log10(KL + 1e-5) + 5, so 0 for identical distributions, 2 for a KL of 0.001, 4 for 0.1."""
    return np.asarray(np.log10(np.asarray(divergence) + 1e-5) + 5)


def similarity(alpha: FloatArray, sigma: FloatArray) -> FloatArray:
    """S of n distributions: alpha and sigma (..., n) -> (..., n, n), symmetric, zero on the diagonal."""
    a, s = np.asarray(alpha, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    forward = kl_divergence(a[..., :, None], s[..., :, None], a[..., None, :], s[..., None, :])
    matrix = score((forward + np.swapaxes(forward, -1, -2)) / 2)
    diagonal = np.arange(a.shape[-1])
    matrix[..., diagonal, diagonal] = 0.0
    return matrix
