"""Calibrating probabilities and intervals on photographs that nothing else was learnt from."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy.special import log_softmax

from grids.errors import GridsError
from grids.results import FloatArray
from grids.selection.classifier import Indices


def fit_temperature(log_densities: FloatArray, classes: Indices) -> float:
    """What log densities are to be divided by, so that their softmax is as likely as possible on these examples.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    Args:
        log_densities: (N, K).
        classes: (N,), the true ones.
    """
    from scipy.optimize import minimize_scalar  # a third of a second

    def loss(log_t: float) -> float:
        return -float(log_softmax(log_densities / math.exp(log_t), axis=1)[np.arange(len(classes)), classes].mean())

    return math.exp(float(minimize_scalar(loss, bounds=(-2.0, 12.0), method="bounded").x))


def upper_quantile(values: FloatArray, coverage: float) -> float:
    """The value that a further one of the same kind stays below with at least that probability.

    The ceil((n + 1) coverage)-th smallest of n. Source: split-conformal prediction (Papadopoulos et al., ECML 2002;
    Lei et al., JASA 2018).

    Raises:
        GridsError: there are too few values for such a coverage.
    """
    rank = math.ceil((len(values) + 1) * coverage)
    if rank > len(values):
        least = fewest_values(coverage)
        raise GridsError(f"a coverage of {coverage:g} needs at least {least} examples, but there are {len(values)}")
    return float(np.sort(values)[rank - 1])


def fewest_values(coverage: float) -> int:
    """How many values `upper_quantile` needs for that coverage, below 1."""
    return next(n for n in itertools.count(1) if math.ceil((n + 1) * coverage) <= n)
