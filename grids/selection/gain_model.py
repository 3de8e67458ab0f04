"""What a restorer will gain on an image, before it is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from grids.errors import GridsError
from grids.results import FloatArray
from grids.selection.calibration import check_enough
from grids.selection.classifier import Indices, check_array, check_scale
from grids.selection.mixture import LogisticMixture
from grids.selection.samples import Samples

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""On the weights of a regression; for each kind and restorer that with the least error on the images left out."""
WHITENED = 0.5
"""Weight of whitened statistics, where kinds and severities lie apart, beside plain ones, where contents do."""
LEAST_SPREAD = 0.01
"""Of a gain about its prediction, dB: errors may all be 0, as of a restorer that does nothing."""
LEAST_SCALE = 1e-6
"""Of a statistic, which may be the same in all samples."""
INNER, LEAST_FACTOR = 0.9, 1e-3
"""The share of errors that a spread is to hold, and the least factor of one that was fitted."""
FEW = 20
"""A kind with fewer calibration samples keeps the spread that it was fitted with."""
FEWEST = 8
"""A kind with fewer samples has no regression of its own: nothing is expected, and anything may come."""
LEAST_REST = 1e-3
"""Of a row that a regression does not take from the row itself."""
LEVELS = np.linspace(0, 1, 201)
"""Probabilities at which forecasts are recalibrated."""


class Described(NamedTuple):
    """N images, as a profile sees them.

    Args:
        statistics: (N, D), of `grids.selection.features.describe`.
        whitened: (N, R), the same in the whitened space of the discriminant.
        chances: (N, K), the probabilities of the kinds; each row adds up to 1.
    """

    statistics: FloatArray
    whitened: FloatArray
    chances: FloatArray

    def only(self, which: Indices) -> Described:
        """Take some of the images.

        Args:
            which: their numbers, whole numbers from 0 on, in the order wanted.

        Returns:
            Copies of their rows.
        """
        return Described(*(values[which] for values in self))


class Forecast(NamedTuple):
    """What is expected of restorers for each of N images, most of it for one of them.

    Args:
        gains: (N, G), the expected gain of every restorer in PSNR, dB; negative where harm is expected.
        gain: (N,), that of the one that was asked about; else the largest of them.
        low: (N,), the lower end of the interval that holds its true gain, dB.
        high: (N,), the upper end, dB; the expected gain lies within the two.
        probability: (N,), of a gain above 0, 0 to 1.
        coverage: how often the intervals hold, between 0 and 1.
    """

    gains: FloatArray
    gain: FloatArray
    low: FloatArray
    high: FloatArray
    probability: FloatArray
    coverage: float


@dataclass(frozen=True, eq=False)
class GainModel:
    """The gain of each group's restorer: a linear regression for each kind, on standardized and on whitened statistics,
    mixed by the probabilities of the kinds. Idea: GRIDS, section 5.2, which reads it off the divergence alone.

    The gain is taken to be distributed as that mixture, each part a logistic distribution about its regression. Three
    things are learnt from calibration photographs: the spread of each part; for intervals, how often gains really
    stayed below each quantile of the mixture (Kuleshov et al., Accurate Uncertainties for Deep Learning Using
    Calibrated Regression, ICML 2018); and how often there was a gain at all (Platt scaling: a logistic regression on
    the logarithm of the odds by the mixture).

    Args:
        centre: (D,), subtracted from statistics.
        scale: (D,), above 0: statistics less the centre are divided by it.
        weights: (K, D + R + 1, G), dB; the last row is the constant.
        limits: (K, 2, G), dB: the predictions of a regression are kept within what was seen for its kind.
        spread: (K, G), dB: the scale of each part.
        levels: (201,): the probability by the mixture that corresponds to each of `LEVELS`, ascending.
        odds: (2,), slope and constant of the logarithm of the odds of a gain.
        coverage: of the intervals, between 0 and 1.

    Raises:
        GridsError: an array does not fit the others, or has values that cannot be.
    """

    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    limits: FloatArray
    spread: FloatArray
    levels: FloatArray
    odds: FloatArray
    coverage: float = 0.9

    def __post_init__(self) -> None:
        size, (kinds, groups) = self.centre.size, (*self.spread.shape, 0, 0)[:2]
        check_array("the 'centre' of a model of gains", self.centre, size)
        check_scale("the 'scale' of a model of gains", self.scale, size)
        check_scale("the 'spread' of a model of gains", self.spread, kinds, groups)
        check_array("the 'weights' of a model of gains", self.weights, kinds, *self.weights.shape[1:2], groups)
        check_array("the 'limits' of a model of gains", self.limits, kinds, 2, groups)
        check_array("the 'levels' of a model of gains", self.levels, len(LEVELS))
        check_array("the 'odds' of a model of gains", self.odds, 2)
        for name, steps in (("limits", np.diff(self.limits, axis=1)), ("levels", np.diff(self.levels))):
            if np.any(steps < 0):
                raise GridsError(f"the '{name}' of a model of gains must ascend")
        if not (self.levels[0] >= 0 and self.levels[-1] <= 1 and 0 < self.coverage < 1):
            raise GridsError("the 'levels' and the 'coverage' of a model of gains must be within 0 and 1")

    def forecast(self, images: Described, chosen: Indices | None = None) -> Forecast:
        """Predict what every restorer gains on each image, and how sure that is of one of them.

        Each kind has a prediction of its own, kept within what was seen when it was learnt; they are averaged by the
        probabilities of the kinds.

        Args:
            images: N of them, with the D, R and K of this model.
            chosen: (N,), the number of the restorer that is asked about, 0 to G - 1, for each image; None for that
                which gains most.

        Returns:
            The expected gains; of the one asked about the ends of the intervals, and the probability that it is one.
        """
        parts = self._parts(images)
        gains = _average(images.chances, parts)
        mixture = _mix(images.chances, parts, self.spread, gains.argmax(1) if chosen is None else chosen)
        share, gain = (1 - self.coverage) / 2, mixture.mean()
        low, high = (mixture.quantile(float(np.interp(level, LEVELS, self.levels))) for level in (share, 1 - share))
        # the mean of a few far values may lie outside
        low, high = np.minimum(low, gain), np.maximum(high, gain)
        return Forecast(gains, gain, low, high, expit(_line(self.odds, mixture.log_odds())), self.coverage)

    def calibrate(self, images: Described, kinds: Indices, gains: FloatArray, coverage: float) -> GainModel:
        """The same model with probabilities and intervals that held for samples which it was not fitted on.

        Args:
            images: the samples; such as a prediction is made for.
            kinds: (N,), which they are of.
            gains: (N, G), what was measured, dB; samples with a gain that is not finite are left out.
            coverage: of the intervals, above 0 and below 1.

        Returns:
            A new model with other `spread`, `levels`, `odds` and `coverage`; predictions stay what they were.

        Raises:
            GridsError: there are too few samples for such a coverage.
        """
        known = np.flatnonzero(np.isfinite(gains).all(1))
        check_enough(len(known), coverage)
        images, kinds, gains = images.only(known), kinds[known], gains[known]
        parts = self._parts(images)
        chosen = _average(images.chances, parts).argmax(1)
        true = gains[np.arange(len(gains)), chosen]
        spread = self.spread * self._factors(parts, kinds, chosen, true)[:, None]
        mixture = _mix(images.chances, parts, spread, chosen)
        below = np.sort(mixture.below(true))
        # what a further sample of the same kind stays below: between the order statistics, 0 and 1 at the ends; of few
        # samples an interval ends beyond all of them, by the mixture itself
        places = np.arange(len(below) + 2) / (len(below) + 1)
        levels = np.interp(LEVELS, places, np.concatenate(([0.0], below, [1.0])))
        odds = _fit_odds(mixture.log_odds(), true > 0)
        return replace(self, spread=spread, levels=levels, odds=odds, coverage=coverage)

    def _factors(self, parts: FloatArray, kinds: Indices, chosen: Indices, true: FloatArray) -> FloatArray:
        """(K,): by which the spread of each kind is to be multiplied, so that it holds for these samples."""
        rows = np.arange(len(kinds))
        error = np.abs(true - parts[rows, kinds, chosen]) / self.spread[kinds, chosen]
        found = np.ones(len(self.spread))
        for kind in np.unique(kinds):
            own = error[kinds == kind]
            if len(own) >= FEW:
                found[kind] = max(np.quantile(own, INNER), LEAST_FACTOR) / logit((1 + INNER) / 2)
        return found

    def _parts(self, images: Described) -> FloatArray:
        """(N, K, G): what is expected of each restorer where an image is of each kind, dB."""
        rows = _rows(images.statistics, images.whitened, self.centre, self.scale)
        parts = np.einsum("nr,krg->nkg", rows, self.weights[:, :-1], optimize=True) + self.weights[:, -1]
        return np.asarray(parts.clip(self.limits[:, 0], self.limits[:, 1]))


def _average(chances: FloatArray, parts: FloatArray) -> FloatArray:
    """(N, G), dB: the predictions of the kinds, averaged by their probabilities."""
    return np.asarray(np.einsum("nk,nkg->ng", chances, parts))


def _mix(chances: FloatArray, parts: FloatArray, spread: FloatArray, chosen: Indices) -> LogisticMixture:
    """How the gains of the chosen restorers are distributed, (N,) of them."""
    return LogisticMixture(chances, parts[np.arange(len(chosen)), :, chosen], spread.T[chosen])


def _line(parameters: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray(parameters[0] * values + parameters[1])


def _fit_odds(log_odds: FloatArray, gained: NDArray[np.bool_]) -> FloatArray:
    """Slope and constant of a logistic regression, held to (1, 0) by the weight of one sample."""
    from scipy.optimize import minimize  # a third of a second

    signs = np.where(gained, 1.0, -1.0)

    def loss(parameters: FloatArray) -> float:
        missed = -log_expit(signs * _line(parameters, log_odds)).sum()
        return float(missed + ((parameters - (1, 0)) ** 2).sum() / 2)

    return np.asarray(minimize(loss, np.array([1.0, 0.0])).x)


def _rows(statistics: FloatArray, whitened: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """(N, D + R): what regressions are on."""
    return np.concatenate(((statistics - centre) / scale, WHITENED * whitened), 1)


def fit_gains(whitened: FloatArray, samples: Samples, kinds: int) -> GainModel:
    """Learn what restorers gain from samples on which it was measured.

    Of a kind with fewer than `FEWEST` samples nothing is expected: a gain of 0, spread as those of all.

    Args:
        whitened: (N, R), the statistics of the samples in the whitened space.
        samples: with gains; a sample with a gain that is not finite is left out.
        kinds: how many there are, K.

    Returns:
        The model, whose intervals and probabilities mean nothing before `GainModel.calibrate`.

    Raises:
        GridsError: no sample has gains that are finite.
    """
    centre, scale = samples.statistics.mean(0), samples.statistics.std(0) + LEAST_SCALE
    rows = _rows(samples.statistics, whitened, centre, scale)
    groups = samples.gains.shape[1]
    weights, limits = np.zeros((kinds, rows.shape[1] + 1, groups)), np.zeros((kinds, 2, groups))
    measured = np.isfinite(samples.gains).all(1)
    # of kinds without a regression
    spread = np.tile(np.maximum(samples.gains[measured].std(0), LEAST_SPREAD), (kinds, 1))
    for kind in range(kinds):
        own = measured & (samples.kinds == kind)
        if own.sum() >= FEWEST:
            gains = samples.gains[own]
            weights[kind], errors = _fit_ridge(rows[own], gains)
            limits[kind] = gains.min(0), gains.max(0)
            # a logistic distribution has 1.81 times its scale for a standard deviation
            spread[kind] = np.maximum(errors * np.sqrt(3) / np.pi, LEAST_SPREAD)
    return GainModel(centre, scale, weights, limits, spread, LEVELS, np.array([1.0, 0.0]))


def _fit_ridge(rows: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ridge regressions, each with the penalty of the least error on rows left out one by one.

    Args:
        rows: (N, R).
        values: (N, G).

    Returns:
        The weights, (R + 1, G), the last row the constant; the root mean squares of these errors, (G,).
    """
    middle, mean = rows.mean(0), values.mean(0)
    left, sizes, right = np.linalg.svd(rows - middle, full_matrices=False)
    turned = left.T @ (values - mean)
    errors, slopes = [], []
    for penalty in PENALTIES:
        kept = sizes**2 / (sizes**2 + penalty)
        # of a row that the others foretell; each has the share 1 / N of the mean
        rest = 1 - 1 / len(rows) - left**2 @ kept
        left_out = (values - mean - left @ (kept[:, None] * turned)) / rest.clip(LEAST_REST)[:, None]
        errors.append(np.sqrt((left_out**2).mean(0)))
        slopes.append(right.T @ ((sizes / (sizes**2 + penalty))[:, None] * turned))
    best, columns = np.argmin(errors, 0), np.arange(values.shape[1])
    chosen = np.array(slopes)[best, :, columns].T
    return np.concatenate((chosen, (mean - middle @ chosen)[None])), np.array(errors)[best, columns]
