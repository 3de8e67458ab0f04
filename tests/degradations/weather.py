"""Weather applied with parameters of a test's choice."""

from __future__ import annotations

import torch
from contracts import generator
from torch import Tensor

from grids.degradations import degradation


def applied(name: str, images: Tensor, severity: float = 0.5, seed: int = 0, **changes: Tensor) -> Tensor:
    """Degraded without rounding, with some parameters changed."""
    kind = degradation(name)
    parameters = kind.sample(images.shape, generator(seed), severity) | changes
    return kind.apply(images, parameters, round_to_8_bit=False)


def black(count: int, size: int) -> Tensor:
    return torch.zeros(count, 3, size, size)
