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
    """Find what log densities must be divided by for probabilities that are neither too sure nor too timid.

    The softmax of the divided log densities is made as likely as possible on these examples, which nothing else should
    have been learnt from. Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    Args:
        log_densities: (N, K), of N examples under K classes.
        classes: (N,), the true classes, 0 to K - 1.

    Returns:
        The temperature, between exp(-2) and exp(12); above 1 it makes probabilities less sure.
    """
    from scipy.optimize import minimize_scalar  # a third of a second

    def loss(log_t: float) -> float:
        return -float(log_softmax(log_densities / math.exp(log_t), axis=1)[np.arange(len(classes)), classes].mean())

    return math.exp(float(minimize_scalar(loss, bounds=(-2.0, 12.0), method="bounded").x))


def upper_quantile(values: FloatArray, coverage: float) -> float:
    """A limit that a further value of the same kind stays within, with a given probability at least.

    It is the ceil((n + 1) coverage)-th smallest of n values. Source: split-conformal prediction (Papadopoulos et al.,
    ECML 2002; Lei et al., JASA 2018).

    Args:
        values: (n,), in any order; they are not changed.
        coverage: the probability, above 0 and below 1.

    Returns:
        One of the values.

    Raises:
        GridsError: there are too few values for such a coverage, or there is no such coverage.

    >>> upper_quantile(np.arange(1.0, 20.0), 0.9)
    18.0
    """
    check_enough(len(values), coverage)
    return float(np.sort(values)[math.ceil((len(values) + 1) * coverage) - 1])


def fewest_values(coverage: float) -> int:
    """Count how many values `upper_quantile` needs for a coverage.

    Args:
        coverage: above 0 and below 1.

    Returns:
        The smallest number that is enough, at least 1.

    Raises:
        GridsError: there is no such coverage.

    >>> fewest_values(0.9), fewest_values(0.999)
    (9, 999)
    """
    if not 0 < coverage < 1:
        raise GridsError(f"a coverage must be above 0 and below 1, but is {coverage:g}")
    return next(n for n in itertools.count(1) if math.ceil((n + 1) * coverage) <= n)


def check_enough(count: int, coverage: float) -> None:
    """Check that there are as many values as `fewest_values` asks for.

    Args:
        count: of the values.
        coverage: above 0 and below 1.

    Raises:
        GridsError: there are fewer, or there is no such coverage.
    """
    if count < (least := fewest_values(coverage)):
        raise GridsError(f"a coverage of {coverage:g} needs at least {least} examples, but there are {count}")
