"""Logistic distributions, mixed: how a gain is distributed where an image may be of several kinds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from grids.results import FloatArray

LEAST_CHANCE = 1e-6
"""Of a value above 0, or of none: a mixture may leave nothing on one side."""
REACH = 40
"""Times its scale: beyond it nothing of a part counts."""
HALVINGS = 50
"""Of the span in which a quantile is looked for."""


class LogisticMixture(NamedTuple):
    """N mixtures of K logistic distributions each: (N, K) arrays.

    Args:
        shares: of the parts; each row adds up to 1.
        centres: the means of the parts.
        scales: of the parts, above 0; their standard deviations are 1.81 times as large.
    """

    shares: FloatArray
    centres: FloatArray
    scales: FloatArray

    def mean(self) -> FloatArray:
        """The means of the mixtures: (N,)."""
        return np.asarray((self.shares * self.centres).sum(1))

    def below(self, values: FloatArray) -> FloatArray:
        """The probabilities of at most these values, one for each mixture: (N,) -> (N,), 0 to 1."""
        return np.asarray((self.shares * expit((values[:, None] - self.centres) / self.scales)).sum(1))

    def log_odds(self) -> FloatArray:
        """The logarithms of the odds of a value above 0: (N,), finite."""
        below = self.below(np.zeros(len(self.shares))).clip(LEAST_CHANCE, 1 - LEAST_CHANCE)
        return np.asarray(-logit(below))

    def quantile(self, level: float) -> FloatArray:
        """The values that a share `level` of each mixture, 0 to 1, stays below: (N,), by halving a span."""
        low = (self.centres - REACH * self.scales).min(1)
        high = (self.centres + REACH * self.scales).max(1)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            under = self.below(middle) < level
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return np.asarray((low + high) / 2)
