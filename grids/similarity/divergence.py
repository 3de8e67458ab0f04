"""The divergence between generalized Gaussians, and the similarity made of it."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from grids.results import FloatArray
from grids.similarity.ggd import log_beta


def kl(alpha1: FloatArray, sigma1: FloatArray, alpha2: FloatArray, sigma2: FloatArray) -> FloatArray:
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
    forward = kl(a[..., :, None], s[..., :, None], a[..., None, :], s[..., None, :])
    matrix = score((forward + np.swapaxes(forward, -1, -2)) / 2)
    diagonal = np.arange(a.shape[-1])
    matrix[..., diagonal, diagonal] = 0.0
    return matrix
