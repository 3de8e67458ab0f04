"""The truth about small grouping problems, by enumeration, and simulated problems to search."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from grids.results import SimilarityMatrix
from grids.search import Answer

KINDS = ("monotone", "helping", "bumpy")


@cache
def set_partitions(n: int) -> tuple[tuple[int, ...], ...]:
    """Every partition of n things, its groups as bit masks: 877 for n = 7, 4140 for n = 8."""
    if n == 0:
        return ((),)
    last, found = 1 << (n - 1), []
    for smaller in set_partitions(n - 1):
        found.append((*smaller, last))
        found += [(*smaller[:k], mask | last, *smaller[k + 1 :]) for k, mask in enumerate(smaller)]
    return tuple(found)


def partitions_into(groups: Container[int], n: int) -> list[tuple[int, ...]]:
    """Every partition of n things into some of the groups."""
    return [partition for partition in set_partitions(n) if all(mask in groups for mask in partition)]


def fewest_groups(groups: Container[int], n: int) -> float:
    """How many groups a partition needs at least; infinity where there is none."""
    return min((len(partition) for partition in partitions_into(groups, n)), default=np.inf)


def least_total(groups: Container[int], cost: Callable[[int], float], n: int) -> float:
    """The least total cost of the partitions into as few groups as there can be."""
    found = partitions_into(groups, n)
    count = min(len(partition) for partition in found)
    return min(sum(map(cost, partition)) for partition in found if len(partition) == count)


def bits(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def some_masks(seed: int, n: int, count: int) -> list[int]:
    """So many groups of two or more, in an order of their own."""
    rng = np.random.default_rng(seed)
    return [int(mask) for mask in rng.permutation(range(1, 1 << n)) if int(mask).bit_count() > 1][:count]


@dataclass(frozen=True)
class World:
    """Degradations that harm one another: the drop of one is the sum of what the others in its group do to it.

    Args:
        distances: (n, n), small where harm is small, but noisy.
        harm: (n, n), dB that the second does to the first; drops are monotone if none is negative.
        bump: dB, the spread of what is added to every drop at random, which breaks monotonicity.
        seed: of the bumps.
    """

    distances: np.ndarray
    harm: np.ndarray
    bump: float = 0.0
    seed: int = 0

    @property
    def n(self) -> int:
        return len(self.harm)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"d{i}" for i in range(self.n))

    @cached_property
    def similarity(self) -> SimilarityMatrix:
        return SimilarityMatrix(self.names, self.distances)

    def group(self, mask: int) -> frozenset[str]:
        return frozenset(f"d{i}" for i in bits(mask))

    def mask(self, group: Iterable[str]) -> int:
        return sum(1 << int(name[1:]) for name in group)

    def drops(self, mask: int) -> dict[str, float]:
        rows = bits(mask)
        if len(rows) == 1:
            return {f"d{rows[0]}": 0.0}
        found = self.harm[np.ix_(rows, rows)].sum(axis=1)
        if self.bump:
            found = found + self.bump * np.random.default_rng([self.seed, mask]).standard_normal(len(rows))
        return {f"d{i}": round(float(drop), 4) for i, drop in zip(rows, found, strict=True)}

    def worst(self, mask: int) -> float:
        return max(self.drops(mask).values())

    def total(self, mask: int) -> float:
        return sum(self.drops(mask).values())

    def is_within(self, mask: int, delta: float, delta_for: Mapping[str, float] | None = None) -> bool:
        own = delta_for or {}
        return all(drop <= own.get(name, delta) + 1e-9 for name, drop in self.drops(mask).items())

    def within(self, delta: float, delta_for: Mapping[str, float] | None = None) -> set[int]:
        """All groups within delta."""
        return {mask for mask in range(1, 1 << self.n) if self.is_within(mask, delta, delta_for)}


def world(seed: int, n: int, kind: str = "monotone", plants: int | None = None) -> World:
    """Degradations of a few families: those of one family hardly harm one another.

    With `plants`, exactly so many families, and any two degradations of different ones harm each other by over 1 dB,
    those of one family by less than 0.7 dB in all.
    """
    rng = np.random.default_rng([seed, n])
    family = np.arange(n) % plants if plants else rng.integers(0, max(2, n // 2), n)
    apart = family[:, None] != family[None]
    if plants:
        harm = np.where(apart, 1.01 + rng.exponential(0.5, (n, n)), rng.uniform(0, 0.69 / n, (n, n)))
    else:
        harm = rng.exponential(0.15, (n, n)) + apart * rng.exponential(0.6, (n, n))
    if kind == "helping":
        harm -= (rng.random((n, n)) < 0.3) * rng.exponential(0.6, (n, n))
    np.fill_diagonal(harm, 0.0)
    noise = rng.normal(0, 0.4, (n, n))
    distances = np.abs(2 + 1.2 * apart + (noise + noise.T) / 2)
    np.fill_diagonal(distances, 0.0)
    return World(distances, harm, 0.3 if kind == "bumpy" else 0.0, seed)


class Oracle:
    """An evaluator that remembers what it was asked, and refuses to be asked twice or for a group of one."""

    def __init__(self, world: World, answer: Callable[[int], Mapping[str, float] | Answer | None] | None = None):
        self.world = world
        self.answer = answer or world.drops
        self.asked: list[int] = []

    def __call__(self, group: frozenset[str]) -> Mapping[str, float] | Answer | None:
        mask = self.world.mask(group)
        assert len(group) > 1
        assert mask not in self.asked
        self.asked.append(mask)
        return self.answer(mask)
