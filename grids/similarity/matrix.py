"""From rows to the similarity matrix, and to the interval of each of its entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grids.errors import GridsError
from grids.results import FloatArray, GGDParams
from grids.similarity import ggd
from grids.similarity.divergence import similarity
from grids.similarity.gram import centre, principal_scores
from grids.similarity.rows import Row

SPLITS = 20
LEAST_PHOTOS = 5
"""Fewer photographs have too few distinct halves."""


def fit_rows(rows: Sequence[Row], components: int) -> dict[str, GGDParams]:
    """One pooled GGD per row: all scores of its first principal components (GRIDS, 4.2; SRGA).

    Raises:
        GridsError: the components are not in 1 .. N - 1, or the patches of a row do not vary.
    """
    for row in rows:
        if not np.trace(row.gram) > 0:
            raise GridsError(f"the patches of '{row.name}' do not vary: its images are flat")
    alpha, sigma = _fit([row.gram for row in rows], components)
    return {row.name: GGDParams(float(a), float(s)) for row, a, s in zip(rows, alpha, sigma, strict=True)}


def similarity_of(params: Mapping[str, GGDParams], names: Sequence[str]) -> FloatArray:
    """S between the named distributions, (n, n)."""
    chosen = [params[name] for name in names]
    return similarity(np.array([p.alpha for p in chosen]), np.array([p.sigma for p in chosen]))


def intervals(rows: Sequence[Row], matrix: FloatArray, components: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """95 % intervals of S over the choice of photographs and patches.

    The photographs are split at random into halves, 20 times, the same split for every row over the same number of
    photographs. The halves' matrices differ by D; were the halves independent, the whole's variance is E[D^2] / 4.
    The quantile is Student's, with one degree of freedom less than photographs.
    (A bootstrap of patches would repeat some, which lowers the rank of the features and shifts sigma.)

    Returns:
        The lower and upper ends, (n, n) each, zero on the diagonal; the lower is at least 0.

    Raises:
        GridsError: a row has fewer than five photographs.
    """
    from scipy.stats import t  # half a second

    check_photos({row.name: row.photo for row in rows})
    share = components / len(rows[0].gram)
    squares = [
        np.square(_half_matrix(rows, share, seed, split, 0) - _half_matrix(rows, share, seed, split, 1))
        for split in range(SPLITS)
    ]
    fewest = min(len(np.unique(row.photo)) for row in rows)
    reach = float(t.ppf(0.975, fewest - 1)) * np.sqrt(np.mean(squares, axis=0) / 4)
    return np.maximum(matrix - reach, 0.0), matrix + reach


def check_photos(photo: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Raise GridsError where one of the named rows has too few photographs for intervals."""
    for name, index in photo.items():
        if (count := len(np.unique(index))) < LEAST_PHOTOS:
            raise GridsError(f"intervals need at least {LEAST_PHOTOS} photographs, but there are {count} ({name})")


def _half_matrix(rows: Sequence[Row], share: float, seed: int, split: int, half: int) -> FloatArray:
    grams = []
    for row in rows:
        photos = np.unique(row.photo)
        order = np.random.default_rng([seed, 3, split]).permutation(len(photos))
        part = np.array_split(photos[order], 2)[half]
        chosen = np.flatnonzero(np.isin(row.photo, part))
        grams.append(centre(row.gram[np.ix_(chosen, chosen)]))
    fits = [_fit([gram], max(1, min(round(share * len(gram)), len(gram) - 1))) for gram in grams]
    return similarity(np.concatenate([f[0] for f in fits]), np.concatenate([f[1] for f in fits]))


def _fit(grams: Sequence[FloatArray], components: int) -> tuple[FloatArray, FloatArray]:
    return ggd.fit(np.stack([principal_scores(gram, components).ravel() for gram in grams]))
