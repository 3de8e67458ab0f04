"""Moments of the descriptor's features."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-10
"""Added to moments before their logarithm."""
FLAT = 0.02
"""Added to the anisotropy, 0 to 1, before its logarithm."""


def moment_statistics(features: Tensor) -> Tensor:
    """Moments of every channel over all patches; logarithms, so that contrast shifts them all alike.

    Of the features, their differences between neighbours, and their Laplacian: the means of |x|, x^2 and x^4. Of
    differences over two pixels and along the diagonals: the mean of x^2. The mean, in standard deviations, without a
    logarithm; and the anisotropy of the differences, (l1 - l2) / (l1 + l2) of their structure tensor's eigenvalues.

    Args:
        features: (N, C, h, w), h and w at least 3.

    Returns:
        (C, 13).
    """
    across, down = features[..., 1:] - features[..., :-1], features[..., 1:, :] - features[..., :-1, :]
    inner = features[..., 1:-1, 1:-1]
    around = features[..., :-2, 1:-1] + features[..., 2:, 1:-1] + features[..., 1:-1, :-2] + features[..., 1:-1, 2:]
    plain, both = _moments(features), (_moments(across) + _moments(down)) / 2
    two = _square(features[..., 2:] - features[..., :-2]) + _square(features[..., 2:, :] - features[..., :-2, :])
    diagonal = _square(features[..., 1:, 1:] - features[..., :-1, :-1])
    diagonal = diagonal + _square(features[..., 1:, :-1] - features[..., :-1, 1:])
    positive = torch.cat((plain, both, _moments(4 * inner - around), torch.stack((two, diagonal), 1) / 2), 1)
    mean = features.mean((0, 2, 3)) / (plain[:, 1].sqrt() + 1e-6)
    return torch.cat((mean[:, None], torch.log(positive + FLOOR), _anisotropy(across, down)[:, None]), 1)


def _moments(values: Tensor) -> Tensor:
    """(N, C, h, w) -> (C, 3): the means of |x|, x^2 and x^4."""
    flat = values.flatten(2)
    squares = flat.square()
    found = (torch.linalg.vector_norm(flat, 1, -1), squares.sum(-1), torch.linalg.vecdot(squares, squares))
    return torch.stack([one.mean(0) for one in found], 1) / flat.shape[-1]


def _square(values: Tensor) -> Tensor:
    """(N, C, h, w) -> (C,): the mean of x^2."""
    flat = values.flatten(2)
    return torch.linalg.vecdot(flat, flat).mean(0) / flat.shape[-1]


def _anisotropy(across: Tensor, down: Tensor) -> Tensor:
    """(C,): logarithm of up to 1 (one direction only); white noise has 0.5, as both differences share a pixel."""
    xx, yy = _square(across), _square(down)
    cross = (across[..., :-1, :] * down[..., :-1]).mean((0, 2, 3))
    return torch.log(torch.hypot(xx - yy, 2 * cross) / (xx + yy + FLOOR) + FLAT)
