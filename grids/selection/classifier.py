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
    """Check the shape of an array, and that all of its values are finite.

    Args:
        what: names the array in messages: "the 'mean' of a discriminant".
        array: of any type of numbers.
        shape: the sides that it must have, one argument each.

    Raises:
        GridsError: it has another shape, or a value that is not finite.
    """
    if array.shape != shape:
        raise GridsError(f"{what} must be of the shape {shape}, but is {array.shape}")
    if not np.all(np.isfinite(array)):
        raise GridsError(f"{what} must be finite")


def check_scale(what: str, array: FloatArray, *shape: int) -> None:
    """Check an array that others are divided by: as `check_array`, and its values must be above 0.

    Args:
        what: names the array in messages.
        array: of any type of numbers.
        shape: the sides that it must have, one argument each.

    Raises:
        GridsError: it has another shape, or a value that is not finite or not above 0.
    """
    check_array(what, array, *shape)
    if not np.all(array > 0):
        raise GridsError(f"{what} must be above 0")


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Classes as mixtures of normal distributions that share one covariance, which whitening turns into the identity.

    Every class has one centre or more; a measured image is likely to be of the class that has centres near it. D is the
    number of statistics of an image, R that of whitened ones, M that of centres, K that of classes.

    Args:
        mean: (D,), subtracted from statistics.
        scale: (D,), above 0: statistics less the mean are divided by it.
        projection: (D, R), from standardized statistics to whitened ones.
        centres: (M, R), whitened.
        owners: (M,), whole numbers: which class each centre belongs to, 0 to K - 1, each at least once.

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
        """How many classes there are, K."""
        return int(self.owners.max()) + 1

    def whiten(self, statistics: FloatArray) -> FloatArray:
        """Whiten the statistics of images: those of one centre scatter about it with variance 1 in every direction.

        Args:
            statistics: (N, D), as measured.

        Returns:
            (N, R), in the space of the centres.
        """
        return np.asarray(((statistics - self.mean) / self.scale) @ self.projection)

    def compose(self, basis: Discriminant) -> Discriminant:
        """Make a discriminant on plain statistics of one that was learnt on whitened ones.

        Args:
            basis: what whitened the statistics that this was learnt on; its R is the D of this.

        Returns:
            The same classes with the D of the basis and the R of this. Distances and densities stay what they were;
            whitened statistics and centres are moved by the same vector.
        """
        steps = self.projection / self.scale[:, None]
        shift = self.mean @ steps
        return Discriminant(basis.mean, basis.scale, basis.projection @ steps, self.centres + shift, self.owners)

    def squared_distances(self, whitened: FloatArray) -> FloatArray:
        """How far images are from every centre.

        Args:
            whitened: (N, R), from `whiten`.

        Returns:
            (N, M), at least 0. Half of it is the Kullback-Leibler divergence between the normal distributions about the
            image and about the centre, nats.
        """
        cross = whitened @ self.centres.T
        squares = (whitened**2).sum(1)[:, None] + (self.centres**2).sum(1)
        return np.asarray(np.maximum(squares - 2 * cross, 0))

    def log_densities(self, squares: FloatArray) -> FloatArray:
        """How likely images are in every class, as logarithms. The centres of a class are equally likely.

        Args:
            squares: (N, M), from `squared_distances`.

        Returns:
            (N, K), nats, but for a constant that is the same for all: a softmax over K gives probabilities of classes
            that are equally frequent.
        """
        columns = [logsumexp(-squares[:, self.owners == k] / 2, axis=1) for k in range(self.classes)]
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
        rank: directions to keep, R, at most; fewer are kept where the examples do not scatter in so many.
        shrinkage: g, in (0, 1].

    Returns:
        The discriminant; its centres are ordered by class, then by part, and are those parts that have examples.

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
