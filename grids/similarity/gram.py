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
    """X X^T of the centred features, from blocks of their columns; no block is changed or kept.

    Args:
        blocks: (N, d_1), (N, d_2), ...: all N samples in each, float32 or bfloat16, the features in any order.

    Returns:
        (N, N), float64. Products are summed in float32 within 16384 columns and in float64 beyond.

    Raises:
        GridsError: there is no block, or they differ in N.
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
    """The Gram matrix of the same samples about their own mean: for a subset of the samples it was centred on."""
    rows = gram.mean(0)
    return np.asarray(gram - rows[None, :] - rows[:, None] + rows.mean())


def principal_scores(gram: FloatArray, components: int) -> FloatArray:
    """The scores of the first principal components, as scikit-learn's PCA gives them, up to the sign of each.

    With G = X X^T = U diag(l) U^T the scores are U sqrt(l). Each component's largest score is made positive.

    Args:
        gram: (N, N), of centred features.
        components: how many, at most N - 1.

    Returns:
        (N, components), float64, the largest variance first.

    Raises:
        GridsError: components is not in 1 .. N - 1, or the matrix is not finite or has no eigenvalues in float64.
    """
    n = len(gram)
    if not np.all(np.isfinite(gram)):
        raise GridsError("the features of the patches are not finite: the descriptor's weights are too large")
    if not 1 <= components <= n - 1:
        raise GridsError(f"{n} patches have 1 to {n - 1} principal components, not {components}")
    try:
        values, vectors = torch.linalg.eigh(torch.from_numpy(np.ascontiguousarray(gram)))
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined] # torch exports it without saying so
        raise GridsError(f"the features of the patches have no principal components ({error})") from error
    top = slice(n - components, n)
    scores = (vectors[:, top] * values[top].clamp_min(0).sqrt()).flip(1)
    largest = scores.gather(0, scores.abs().argmax(0, keepdim=True))
    return np.asarray((scores * torch.where(largest < 0, -1.0, 1.0)).numpy())
