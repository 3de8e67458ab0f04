"""Simulated grouping problems, of which the truth is known; everything follows from a seed.

n degradations lie in k planted clusters: x_i = c_l(i) + 0.45 e_i in 4 dimensions, c ~ N(0, 1.4^2), e ~ N(0, 1).
With d_ij = |x_i - x_j| and the sensitivity of a degradation log s_i ~ N(0, 0.5^2),

    S_ij      = max(0, 2 + d_ij + a e_ij)                       the similarity, with noise of a = `similarity_noise`
    h_ij      = s_i (0.1 d_ij^1.5 - 0.075)                      what j in its group costs i, dB
    drop_i(T) = sum of h_ij over j in T without i  +  b sqrt(|T| - 1) e_iT

Monotone drops have h_ij = max(0, ...) and b = 0: a group is never better than a part of it. Of the others, close
degradations gain, and each group moves each of its members by b = `bumps`. The evaluator tells
drop_i(T) + sigma e'_iT with the standard error sigma = `error`.

Two other laws look like trainings of our own, in which S tells nothing of drops. "sharing": a_i (1 - 1 / |T|) is added,
a ~ Gamma(1.5, 0.5 dB), and h is 0. "spoilers": that with 0.3 times a, and two of the degradations cost the others in
their group the larger of s_i p_j, s ~ U(0.2, 1.2), p ~ U(0.3, 1.0) dB.

For n = 11 at delta = 0.7 dB the first looks like the problem of GRIDS: 3 to 4 groups are needed, the largest within
delta mostly has 3 to 6 members, and mean distance and worst drop have a rank correlation of 0.4 at a = 0.5.

    python benchmarks/simulated.py 50 exact 0     # one search in a process of its own, as JSON: n, method, seed
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, TypedDict, get_args

import numpy as np

from grids.results import FloatArray, Grouping, SimilarityMatrix
from grids.search import Problem, Search

DELTA = 0.7  # dB, as in GRIDS
NOISE = 0.5
BUMPS = 0.1  # dB
Law = Literal["clusters", "sharing", "spoilers"]
LAWS: tuple[Law, ...] = get_args(Law)
EAGER = 14
"""Up to so many degradations all drops are held at once."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """One problem; called with a group it answers as `search_groups` wants it.

    Args:
        similarity: S, (n, n).
        harms: h, (n, n), dB.
        seed: of the bumps and the errors, which are drawn for each group alone, in whatever order groups are asked for.
        bumps, error: b and sigma, dB.
        sharing: a, (n,), dB; none where None.
        spoiling: s_i p_j, (n, n), dB; none where None.
    """

    similarity: SimilarityMatrix
    harms: FloatArray
    seed: int
    bumps: float = 0.0
    error: float = 0.0
    sharing: FloatArray | None = None
    spoiling: FloatArray | None = None

    @property
    def n(self) -> int:
        """The number of degradations."""
        return len(self.harms)

    def mask(self, group: Iterable[str]) -> int:
        """Bit i for degradation i."""
        return sum(1 << self.similarity.index(name) for name in group)

    def drops_of(self, mask: int) -> FloatArray:
        """The true drops of the members of a group, in their order, dB; 0 for a group of one."""
        rows = [i for i in range(self.n) if mask >> i & 1]
        drops = self.harms[np.ix_(rows, rows)].sum(axis=1)
        if self.sharing is not None:
            drops = drops + self.sharing[rows] * (1 - 1 / len(rows))
        if self.spoiling is not None:
            drops = drops + self.spoiling[np.ix_(rows, rows)].max(axis=1)
        if self.bumps and len(rows) > 1:
            drops = drops + self.bumps * (len(rows) - 1) ** 0.5 * self._draw(mask, 1)[rows]
        return drops

    def __call__(self, group: frozenset[str]) -> tuple[dict[str, float], dict[str, float]]:
        """The drops of a group as they are measured, and their standard errors, by name."""
        mask = self.mask(group)
        rows = [i for i in range(self.n) if mask >> i & 1]
        drops = self.drops_of(mask)
        if self.error:
            drops = drops + self.error * self._draw(mask, 2)[rows]
        names = [self.similarity.degradations[i] for i in rows]
        return dict(zip(names, drops.tolist(), strict=True)), dict.fromkeys(names, self.error) if self.error else {}

    @cached_property
    def worst(self) -> FloatArray:
        """The true worst drop of every group, (2^n,); minus infinity for the empty one."""
        assert self.n <= EAGER
        member = (np.arange(1 << self.n)[:, None] >> np.arange(self.n) & 1).astype(float)
        drops = member @ self.harms.T
        if self.sharing is not None:
            drops += self.sharing * (1 - 1 / np.maximum(member.sum(axis=1), 1))[:, None]
        if self.spoiling is not None:
            drops += (self.spoiling * member[:, None]).max(axis=2)
        if self.bumps:
            scale = self.bumps * np.sqrt(np.maximum(member.sum(axis=1) - 1, 0))
            drops += scale[:, None] * np.array([self._draw(mask, 1) for mask in range(1 << self.n)])
        drops[member == 0] = -np.inf
        return drops.max(axis=1)

    def fewest(self, delta: float = DELTA) -> int:
        """The fewest groups of a partition within delta, by recursion over all subsets."""
        fits = np.flatnonzero((self.worst <= delta + 1e-9) & np.isfinite(self.worst)).tolist()
        with_first: dict[int, list[int]] = {}
        for mask in fits:
            with_first.setdefault(mask & -mask, []).append(mask)

        @cache
        def needed(left: int) -> int:
            if not left:
                return 0
            return 1 + min(needed(left ^ mask) for mask in with_first[left & -left] if mask & left == mask)

        return needed((1 << self.n) - 1)

    def _draw(self, mask: int, what: int) -> FloatArray:
        return np.random.default_rng((self.seed, mask, what)).normal(size=self.n)


def simulate(
    n: int,
    seed: int,
    *,
    similarity_noise: float = NOISE,
    monotone: bool = True,
    error: float = 0.0,
    planted: int | None = None,
) -> Simulated:
    """A problem of n degradations; without `monotone`, close ones gain and there are bumps of BUMPS dB.

    `planted`: the number of clusters; n / 3 without. Only S depends on `similarity_noise`.
    """
    rng = np.random.default_rng(seed)
    clusters = planted or max(2, round(n / 3))
    labels = np.concatenate([np.arange(clusters), rng.integers(0, clusters, n - clusters)])
    x = 1.4 * rng.normal(size=(clusters, 4))[labels] + 0.45 * rng.normal(size=(n, 4))
    d = np.linalg.norm(x[:, None] - x, axis=-1)
    e = rng.normal(size=(n, n))
    s = np.maximum(2 + d + similarity_noise * (e + e.T) / 2**0.5, 0.0)
    harms = np.exp(0.5 * rng.normal(size=n))[:, None] * (0.1 * d**1.5 - 0.075)
    if monotone:
        harms = np.maximum(harms, 0.0)
    for matrix in (s, harms):
        np.fill_diagonal(matrix, 0.0)
    names = tuple(f"d{i:02d}" for i in range(n))
    return Simulated(SimilarityMatrix(names, s), harms, seed, 0.0 if monotone else BUMPS, error)


def simulate_law(law: Law, n: int, seed: int, error: float = 0.0) -> Simulated:
    """A problem of n degradations under one of the laws; "clusters" is that of `simulate`."""
    plain = simulate(n, seed, error=error)
    if law == "clusters":
        return plain
    rng = np.random.default_rng((seed, 4))
    sharing = rng.gamma(1.5, 0.5, n) * (0.3 if law == "spoilers" else 1.0)
    spoiling = None
    if law == "spoilers":
        cost = np.zeros(n)
        cost[rng.choice(n, 2, replace=False)] = rng.uniform(0.3, 1.0, 2)
        spoiling = rng.uniform(0.2, 1.2, n)[:, None] * cost
        np.fill_diagonal(spoiling, 0.0)
    return replace(plain, harms=np.zeros((n, n)), sharing=sharing, spoiling=spoiling)


def small_groups(simulated: Simulated, largest: int = 5) -> Iterator[tuple[float, float]]:
    """(mean distance, true worst drop) of every group of 2 to `largest`."""
    for size in range(2, largest + 1):
        for rows in itertools.combinations(range(simulated.n), size):
            distances = simulated.similarity.matrix[np.ix_(rows, rows)]
            yield distances.sum() / (size * (size - 1)), simulated.worst[sum(1 << i for i in rows)]


def timed(search: Search, evaluate: Simulated) -> tuple[Grouping, float]:
    """The result of a search, and the seconds that it took itself, outside the evaluations."""
    own, start = 0.0, time.perf_counter()
    while not search.is_finished():
        group = search.ask()
        assert group is not None
        own += time.perf_counter() - start
        answer = evaluate(group)
        start = time.perf_counter()
        search.tell(group, *answer)
    found = search.result()
    return found, own + time.perf_counter() - start


def peak_memory() -> float:
    """Of this process, GiB."""
    status = Path("/proc/self/status")
    if status.exists():  # after exec, Linux's ru_maxrss still holds the peak of the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Alone(TypedDict):
    """A search in a process of its own: its result, own and CPU seconds, peak memory in GiB, worst drop in dB."""

    groups: int
    lower_bound: int
    certificate: str
    answers: int
    seconds: float
    cpu: float
    memory: float
    worst: float


def alone(n: int, method: str, seed: int) -> Alone:
    """One search over many degradations in n / 4 clusters."""
    simulated = simulate(n, seed, planted=round(n / 4))
    start = time.process_time()
    found, own = timed(Search(Problem(simulated.similarity, DELTA), method), simulated)
    cpu = time.process_time() - start
    return {
        "groups": len(found),
        "lower_bound": max(found.lower_bound, found.lower_bound_if_monotone),
        "certificate": found.certificate,
        "answers": found.trainings,
        "seconds": own,
        "cpu": cpu,
        "memory": peak_memory(),
        "worst": max(float(simulated.drops_of(simulated.mask(group)).max()) for group in found.partition),
    }


if __name__ == "__main__":
    print(json.dumps(alone(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
