"""Random numbers: explicit generators and the seeds derived from others. Nothing draws from a global generator."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from grids.errors import GridsError


def seeded(seed: int) -> torch.Generator:
    """A CPU generator. Raises GridsError for a seed outside 0 to 2^63 - 1."""
    if not 0 <= seed < 2**63:
        raise GridsError(f"seed must be 0 to 2^63 - 1, but is {seed}")
    return torch.Generator().manual_seed(seed)


def generator_for(*numbers: int) -> torch.Generator:
    """A CPU generator that these whole numbers determine, in this order."""
    [state] = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return seeded(int(state) >> 1)


def seed_for(seed: int, name: str) -> int:
    """A seed, 0 to 2^56 - 1, that a seed and a name determine: what is drawn for it does not depend on other names."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode(errors="surrogateescape")).digest()[:7], "big")


def draw_seeds(count: int, generator: torch.Generator) -> Tensor:
    """A seed for the noise of each image, (count,), so that noise needs no storage and replays exactly."""
    return torch.randint(2**62, (count,), generator=generator, device=generator.device)


def spread_evenly(count: int, generator: torch.Generator) -> Tensor:
    """`count` numbers in [0, 1), one in each of as many equal parts of it, in random order: (count,).

    Each by itself is uniform; together they cover the range better than independent ones, which lowers the noise of
    whatever is measured on a batch. Source: Latin hypercube sampling, McKay, Beckman and Conover 1979.
    """
    numbers = torch.rand(count, generator=generator, device=generator.device)
    if count == 1:
        return numbers
    order = torch.randperm(count, generator=generator, device=generator.device)
    return ((order + numbers) / count).clamp_max_(1 - 2**-24)
