"""Random numbers: explicit generators and the seeds derived from others. None is drawn from global ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from grids.errors import GridsError


def seeded(seed: int) -> torch.Generator:
    """A new generator of random numbers on the CPU, started from a seed.

    Args:
        seed: 0 to 2^63 - 1. The same seed gives the same numbers.

    Returns:
        A generator of its own; PyTorch's global one is neither read nor changed.

    Raises:
        GridsError: the seed is outside 0 to 2^63 - 1.
    """
    if not 0 <= seed < 2**63:
        raise GridsError(f"seed must be 0 to 2^63 - 1, but is {seed}")
    return torch.Generator().manual_seed(seed)


@contextmanager
def global_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, PyTorch's global generators begin at a seed, for what takes no generator: layers, functions of users.

    Afterwards the generators of the CPU and of an NVIDIA GPU are as they were (that of an Apple GPU is not); those of
    other GPUs are never touched, while `torch.manual_seed` would reseed them, too.

    Args:
        seed: as for `torch.manual_seed`.
        device: where is drawn, besides the CPU.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def generator_for(*numbers: int) -> torch.Generator:
    """A new generator on the CPU that whole numbers determine, such as a seed and a step.

    Numbers that differ in one place, or come in another order, give unrelated random numbers (NumPy's `SeedSequence`
    mixes them).

    Args:
        numbers: whole numbers from 0 on, as many as wanted.

    Returns:
        A generator of its own, the same for the same numbers.

    Raises:
        ValueError: a number is negative.

    >>> bool(torch.rand(1, generator=generator_for(1, 2)) == torch.rand(1, generator=generator_for(1, 2)))
    True
    """
    [state] = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return seeded(int(state) >> 1)


def seed_for(seed: int, name: str) -> int:
    """A seed for one named part of a run, such as a degradation, made from the seed of the run.

    What is drawn for a name does not depend on which other names there are, nor on their order.

    Args:
        seed: of the run; any whole number.
        name: of the part. Bytes of a file name that are no text are taken as they are.

    Returns:
        The first seven bytes of a SHA-256 over both: 0 to 2^56 - 1, good for `seeded`.

    >>> seed_for(0, "jpeg") == seed_for(0, "jpeg"), seed_for(0, "jpeg") == seed_for(1, "jpeg")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode(errors="surrogateescape")).digest()[:7], "big")


def draw_uniform(generator: torch.Generator, *size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Random numbers, uniform in [low, high) and independent of one another.

    Args:
        generator: where they are drawn from.
        size: the shape of the result, one whole number an axis.
        low, high: the ends of the interval.

    Returns:
        float32 of that shape, on the device of the generator.
    """
    return low + (high - low) * torch.rand(size, generator=generator, device=generator.device)


def draw_integers(generator: torch.Generator, count: int, low: int, high: int) -> Tensor:
    """Random whole numbers with equal odds, independent of one another.

    Args:
        generator: where they are drawn from.
        count: how many.
        low, high: from low to high - 1; high must be larger than low.

    Returns:
        (count,) int64, on the device of the generator.
    """
    return torch.randint(low, high, (count,), generator=generator, device=generator.device)


def draw_seeds(count: int, generator: torch.Generator) -> Tensor:
    """A seed for the noise of each image of a batch.

    Parameters hold these seeds in place of the noise itself: it needs no storage, can be drawn again exactly, and does
    not depend on the other images of the batch.

    Args:
        count: how many images.
        generator: where the seeds are drawn from; it moves on.

    Returns:
        (count,) int64, 0 to 2^62 - 1, on the device of the generator.
    """
    return torch.randint(2**62, (count,), generator=generator, device=generator.device)


def spread_evenly(count: int, generator: torch.Generator) -> Tensor:
    """Random numbers in [0, 1), one in each of `count` equal parts of it, in random order.

    Each by itself is uniform; together they cover the range better than independent ones, which lowers the noise of
    whatever is measured on a batch. Source: Latin hypercube sampling, McKay, Beckman and Conover 1979.

    Args:
        count: how many numbers.
        generator: where they are drawn from; it moves on.

    Returns:
        (count,) float32, on the device of the generator.

    >>> spread_evenly(4, seeded(0)).sort().values.mul(4).floor()
    tensor([0., 1., 2., 3.])
    """
    numbers = torch.rand(count, generator=generator, device=generator.device)
    if count == 1:
        return numbers
    order = torch.randperm(count, generator=generator, device=generator.device)
    return ((order + numbers) / count).clamp_max_(1 - 2**-24)
