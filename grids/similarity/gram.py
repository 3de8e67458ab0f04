"""Principal component scores of few samples with very many features, through the Gram matrix."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from grids.devices import exact_float32
from grids.errors import GridsError
from grids.results import FloatArray

COLUMNS = 16384
ROW_BLOCKS = 4


def gram_matrix(blocks: Iterable[Tensor]) -> FloatArray:
    """Compute X X^T of the centred features X (N samples with very many features) without ever holding X.

    Args:
        blocks: (N, d_1), (N, d_2), ...: columns of X, all N samples in each, float32 or bfloat16, on one device, the
            features in any order. Each is used before the next is asked for; none is changed or kept.

    Returns:
        (N, N), float64, symmetric. Products are summed in float32 within 16384 columns and in float64 beyond. Features
        that are not finite make it so; `principal_scores` refuses it then.

    Raises:
        GridsError: there is no block, a block does not have two dimensions, or they differ in N.
    """
    total: Tensor | None = None
    for block in blocks:
        if total is None:
            # on the CPU: not every kind of GPU has float64
            total = torch.zeros((len(block), len(block)), dtype=torch.float64)
            work = torch.empty((len(block), COLUMNS), device=block.device)
        if block.ndim != 2 or len(block) != len(total):
            raise GridsError(f"every block of features must be ({len(total)}, d), but one is {tuple(block.shape)}")
        for part in block.split(COLUMNS, dim=1):
            # each column block holds every sample, so the mean is exact and the features are never held centred
            centred = work[:, : part.shape[1]].copy_(part)
            with exact_float32():
                _add_lower(total, centred.sub_(centred.mean(0)))
    if total is None:
        raise GridsError("there are no features")
    lower = total.numpy()
    return np.asarray(np.tril(lower) + np.tril(lower, -1).T)


def _add_lower(total: Tensor, part: Tensor) -> None:
    # the matrix is symmetric: only blocks of rows against the rows up to them, 5/8 of the work
    n = len(part)
    edges = [round(n * i / ROW_BLOCKS) for i in range(ROW_BLOCKS + 1)]
    for first, last in itertools.pairwise(edges):
        total[first:last, :last] += (part[first:last] @ part[:last].T).cpu()


def centre(gram: FloatArray) -> FloatArray:
    """Centre a Gram matrix on the mean of its own samples.

    For a subset of samples: their part of a matrix that was centred on the mean of more samples becomes what
    `gram_matrix` would give for the subset alone.

    Args:
        gram: (n, n), symmetric, of samples about any common origin. It is not changed.

    Returns:
        (n, n), float64; every row and column sums to 0.

    >>> centre(np.array([[1.0, 2.0], [2.0, 4.0]]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    rows = gram.mean(0)
    return np.asarray(gram - rows[None, :] - rows[:, None] + rows.mean())


def principal_scores(gram: FloatArray, components: int) -> FloatArray:
    """Compute the scores of the first principal components, as scikit-learn's PCA gives them, up to the sign of each.

    With G = X X^T = U diag(l) U^T the scores are U sqrt(l). Each component's score of the largest magnitude is made
    positive, so that the result is the same in every run. An eigenvalue that rounding made negative counts as 0.

    Args:
        gram: (N, N), float64, of centred features (see `gram_matrix`). It is not changed.
        components: how many, 1 to N - 1.

    Returns:
        (N, components), float64, the component of the largest variance first.

    Raises:
        GridsError: components is not in 1 .. N - 1, or the matrix is not finite or has no eigenvalues in float64.
    """
    n = len(gram)
    if not np.all(np.isfinite(gram)):
        raise GridsError("the features of the patches are not finite: the descriptor's weights are too large")
    if not 1 <= components <= n - 1:
        raise GridsError(f"components must be at least 1 and below the number of patches, {n}, but is {components}")
    try:
        values, vectors = torch.linalg.eigh(torch.from_numpy(np.ascontiguousarray(gram)))
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined] # torch exports it without saying so
        raise GridsError(f"the features of the patches have no principal components ({error})") from error
    top = slice(n - components, n)
    scores = (vectors[:, top] * values[top].clamp_min(0).sqrt()).flip(1)
    largest = scores.gather(0, scores.abs().argmax(0, keepdim=True))
    return np.asarray((scores * torch.where(largest < 0, -1.0, 1.0)).numpy())
