"""What a restorer will gain on an image, before it is run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grids.results import FloatArray
from grids.selection.calibration import fewest_values, upper_quantile
from grids.selection.samples import Samples

RIDGE = 30.0
"""Penalty on the weights of a regression, in examples: whitened statistics have variance 1."""
LEAST_WIDTH = 0.01
"""Of an interval, dB: errors may all be 0, as of a restorer that does nothing."""
FEW = 20
"""A kind with fewer calibration samples takes the width of all."""


@dataclass(frozen=True, eq=False)
class GainModel:
    """The gain of each group's restorer: a linear regression on the whitened statistics for each kind, mixed by the
    probabilities of the kinds. Idea: GRIDS, section 5.2, which reads it off the divergence alone.

    Args:
        weights: (K, R + 1, G), dB; the last row is the constant.
        limits: (K, 2, G), dB: the predictions of a regression are kept within what was seen for its kind.
        width: (K,), dB: half the interval that holds the gain of the likeliest group, where that kind is certain.
        coverage: how often it does, at least.
    """

    weights: FloatArray
    limits: FloatArray
    width: FloatArray
    coverage: float = 0.9

    def predict(self, whitened: FloatArray, probabilities: FloatArray) -> FloatArray:
        """The expected gains in dB: (N, R) and (N, K) -> (N, G)."""
        rows = np.concatenate((whitened, np.ones((len(whitened), 1))), 1)
        single = np.einsum("nr,krg->nkg", rows, self.weights).clip(self.limits[:, 0], self.limits[:, 1])
        return np.asarray(np.einsum("nk,nkg->ng", probabilities, single))

    def half_width(self, probabilities: FloatArray) -> FloatArray:
        """Half of the interval about the prediction, dB: (N, K) -> (N,)."""
        return np.asarray(probabilities @ self.width)

    def calibrate(
        self,
        whitened: FloatArray,
        probabilities: FloatArray,
        samples: Samples,
        membership: FloatArray,
        coverage: float,
    ) -> GainModel:
        """The same model with intervals of that coverage, from samples that it was not fitted on.

        Each kind has a width of its own, so that easy kinds get narrow intervals, from one half of the photographs; all
        are then scaled together on the other half, as in split-conformal prediction. Its warrant holds for kinds in the
        mixture of the samples, and as far as the images of one photograph count as independent.

        Args:
            whitened: (N, R), of the samples.
            probabilities: (N, K).
            samples: with gains; those that were not measured are left out.
            membership: (K, G), which group each kind is in.
            coverage: below 1.

        Raises:
            GridsError: there are too few samples for such a coverage.
        """
        chosen = (probabilities @ membership).argmax(1)
        rows = np.arange(len(chosen))
        error = np.abs(samples.gains[rows, chosen] - self.predict(whitened, probabilities)[rows, chosen])
        known = np.isfinite(error)
        _, place = np.unique(samples.photographs, return_inverse=True)
        first, second = known & (place % 2 == 0), known & (place % 2 == 1)
        # too few for halves: intervals come out a little narrow
        if not first.any() or second.sum() < fewest_values(coverage):
            first = second = known
        width = np.full(probabilities.shape[1], float(np.quantile(error[first], coverage)))
        for kind in np.unique(samples.kinds[first]):
            own = error[first & (samples.kinds == kind)]
            if len(own) >= FEW:
                width[kind] = np.quantile(own, coverage)
        width = np.maximum(width, LEAST_WIDTH)
        ratio = error[second] / np.maximum(probabilities[second] @ width, LEAST_WIDTH)
        return replace(self, width=width * upper_quantile(ratio, coverage), coverage=coverage)


def fit_gains(whitened: FloatArray, samples: Samples, kinds: int) -> GainModel:
    """Learn what restorers gain from samples on which it was measured; kinds without any get a gain of 0."""
    groups = samples.gains.shape[1]
    rank = whitened.shape[1]
    weights, limits = np.zeros((kinds, rank + 1, groups)), np.zeros((kinds, 2, groups))
    measured = np.isfinite(samples.gains).all(1)
    for kind in range(kinds):
        own = measured & (samples.kinds == kind)
        if not own.any():
            continue
        rows, gains = whitened[own], samples.gains[own]
        centre, mean = rows.mean(0), gains.mean(0)
        centred = rows - centre
        normal = centred.T @ centred + RIDGE * np.eye(rank)
        weights[kind, :-1] = np.linalg.solve(normal, centred.T @ (gains - mean))
        weights[kind, -1] = mean - centre @ weights[kind, :-1]
        limits[kind] = gains.min(0), gains.max(0)
    return GainModel(weights, limits, np.zeros(kinds))
