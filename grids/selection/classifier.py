"""Linear discriminant analysis in which a class may have several centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import logsumexp

from grids.errors import GridsError
from grids.results import FloatArray

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]

SHRINKAGE = 0.02
"""Of the correlations within centres towards none."""


def check_array(what: str, array: FloatArray | Indices, *shape: int) -> None:
    """Raise GridsError for an array that has another shape, or a value that is not finite; `what` names it."""
    if array.shape != shape:
        raise GridsError(f"{what} must be of the shape {shape}, but is {array.shape}")
    if not np.all(np.isfinite(array)):
        raise GridsError(f"{what} must be finite")


def check_scale(what: str, array: FloatArray, *shape: int) -> None:
    """The same for an array that is divided by: its values are above 0 too."""
    check_array(what, array, *shape)
    if not np.all(array > 0):
        raise GridsError(f"{what} must be above 0")


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Classes as mixtures of normal distributions that share one covariance, which whitening turns into the identity.

    Args:
        mean, scale: (D,), of the statistics.
        projection: (D, R), from standardised statistics to whitened ones.
        centres: (M, R), whitened.
        owners: (M,), which class each centre belongs to: 0 .. K - 1, each at least once.

    Raises:
        GridsError: an array does not fit the others, is not finite, or a class has no centre.
    """

    mean: FloatArray
    scale: FloatArray
    projection: FloatArray
    centres: FloatArray
    owners: Indices

    def __post_init__(self) -> None:
        size, (rank, count) = self.mean.size, (self.projection.shape[-1:], self.owners.size)
        check_array("the 'mean' of a discriminant", self.mean, size)
        check_scale("the 'scale' of a discriminant", self.scale, size)
        check_array("the 'projection' of a discriminant", self.projection, size, *rank)
        check_array("the 'centres' of a discriminant", self.centres, count, *rank)
        check_array("the 'owners' of a discriminant", self.owners, count)
        # as many classes as there are centres at most: a number of a file is not counted up to
        found = np.unique(self.owners)
        if not count or not np.array_equal(found, np.arange(len(found))):
            raise GridsError("the 'owners' of a discriminant must name every class from 0 on")

    @property
    def classes(self) -> int:
        return int(self.owners.max()) + 1

    def whiten(self, statistics: FloatArray) -> FloatArray:
        """(N, D) -> (N, R): images of one centre scatter about it with variance 1 in every direction."""
        return np.asarray(((statistics - self.mean) / self.scale) @ self.projection)

    def compose(self, basis: Discriminant) -> Discriminant:
        """The same classes on plain statistics, where this was learnt on those that the basis had whitened."""
        steps = self.projection / self.scale[:, None]
        shift = self.mean @ steps
        return Discriminant(basis.mean, basis.scale, basis.projection @ steps, self.centres + shift, self.owners)

    def squared_distances(self, whitened: FloatArray) -> FloatArray:
        """(N, R) -> (N, M), to every centre; half of it is the divergence between the two distributions, nats."""
        cross = whitened @ self.centres.T
        squares = (whitened**2).sum(1)[:, None] + (self.centres**2).sum(1)
        return np.asarray(np.maximum(squares - 2 * cross, 0))

    def log_densities(self, whitened: FloatArray) -> FloatArray:
        """(N, R) -> (N, K): of every class, but for a constant; its centres are equally likely."""
        halves = -self.squared_distances(whitened) / 2
        columns = [logsumexp(halves[:, self.owners == k], axis=1) for k in range(self.classes)]
        return np.asarray(np.stack(columns, 1) - np.log(np.bincount(self.owners)))


def fit_discriminant(
    statistics: FloatArray,
    classes: Indices,
    parts: Indices,
    rank: int,
    shrinkage: float = SHRINKAGE,
) -> Discriminant:
    """Learn a discriminant from examples.

    The covariance within centres is shrunk towards its diagonal, (1 - g) C + g I on the scale of correlations, since
    there may be fewer examples than statistics. The whitened space keeps the directions between the centres, and
    beyond them those in which the examples scatter most.

    Args:
        statistics: (N, D).
        classes: (N,), 0 .. K - 1, each at least once.
        parts: (N,), which of its class's centres an example belongs to.
        rank: directions to keep, R.
        shrinkage: g, in (0, 1].

    Raises:
        GridsError: there is only one class, or a class without examples.
    """
    found = np.unique(classes)
    if len(found) < 2 or not np.array_equal(found, np.arange(len(found))):
        raise GridsError("a selector needs examples of at least two classes, and of every class")
    keys, centre = np.unique(np.stack((classes, parts), 1), axis=0, return_inverse=True)
    centre = centre.ravel()
    members = np.bincount(centre)
    centres = np.zeros((len(keys), statistics.shape[1]))
    np.add.at(centres, centre, statistics)
    centres /= members[:, None]
    residuals = statistics - centres[centre]
    mean = statistics.mean(0)
    scale = residuals.std(0)
    scale = np.maximum(scale, 1e-6 + 1e-3 * scale.mean())
    residuals = residuals / scale
    # each centre takes up a degree of freedom; where there are hardly more examples than centres, not all of them
    freedom = max(len(residuals) - len(keys), len(residuals) // 4)
    within = (1 - shrinkage) * (residuals.T @ residuals / freedom)
    within[np.diag_indices(len(within))] += shrinkage
    root = np.linalg.cholesky(within)
    whole = scipy.linalg.solve_triangular(root, ((statistics - mean) / scale).T, lower=True).T
    between = scipy.linalg.solve_triangular(root, ((centres - mean) / scale).T, lower=True).T
    directions = _directions(between, whole, rank)
    projection = scipy.linalg.solve_triangular(root.T, directions, lower=False)
    return Discriminant(mean, scale, projection, between @ directions, keys[:, 0].astype(np.int64))


def _directions(between: FloatArray, whole: FloatArray, rank: int) -> FloatArray:
    """(D, R), orthonormal: those that the centres span, then the widest of what is left of the examples."""
    _, spread, rows = np.linalg.svd(between - between.mean(0), full_matrices=False)
    first = rows[spread > 1e-6 * spread[0]][:rank].T
    rest = whole - (whole @ first) @ first.T
    rest -= rest.mean(0)
    more = min(rank - first.shape[1], len(rest) - 1, rest.shape[1] - first.shape[1])
    if more <= 0:
        return np.asarray(first)
    # the widest directions from the smaller of the two products
    if len(rest) < rest.shape[1]:
        squares, vectors = scipy.linalg.eigh(rest @ rest.T, subset_by_index=(len(rest) - more, len(rest) - 1))
        widest = rest.T @ vectors / np.sqrt(np.maximum(squares, 1e-300))
    else:
        squares, widest = scipy.linalg.eigh(rest.T @ rest, subset_by_index=(rest.shape[1] - more, rest.shape[1] - 1))
    real = squares > 1e-10 * squares[-1]  # the others are rounding: no example lies in their direction
    return np.concatenate((first, widest[:, real][:, ::-1]), 1)
