"""The exact method where groups are too many to enumerate: integer programs over conflicts, by HiGHS.

A group that is beyond delta is a conflict: with the shortcut, no group may hold all of it; without, none may equal it.
Assigning degradations to `count` groups without conflict is a colouring of a hypergraph; where the program has no
solution, more groups are proved necessary. Every solve is bounded by a number of nodes, so that the result does not
depend on the speed of the machine; what was not solved within it is not claimed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from grids.results import FloatArray
from grids.search.answers import BEYOND, FAILED, UNDECIDED, WITHIN, Answers
from grids.search.methods.agglomerative import Agglomerative
from grids.search.methods.base import Ask, Done
from grids.search.problem import Problem, members
from grids.search.set_partition import pick
from grids.search.surrogate import Likelihood

NODES = 200
ANSWERS = 300
"""After so many answers the proof is given up, and groups are merged as far as they go."""
TRIPLES = 12
"""Of larger groups only pairs are looked at as conflicts, not triples."""
LIKELY = 0.5
INFEASIBLE = 2  # scipy's status of a program without a solution


class Colouring(NamedTuple):
    """What is known of partitions into some number of groups: one without a conflict, or that there is none."""

    groups: tuple[int, ...] | None
    impossible: bool


class Conflicts(NamedTuple):
    """Sets that no group may hold all of, and sets that no group may equal."""

    parts: tuple[int, ...]
    wholes: tuple[int, ...]


class ExactColoring:
    """The exact method by lazily found conflicts. Its certificate holds what the programs have proved."""

    def __init__(self) -> None:
        self._solver: Solver | None = None

    def next(self, answers: Answers) -> Ask | Done:
        """See Strategy."""
        problem = answers.problem
        if len(answers.verdicts) - problem.n >= ANSWERS:
            return self._give_up(answers)
        if self._solver is None:
            self._solver = Solver(problem)
        conflicts = conflicts_of(answers, usable=True)
        for count in range(self._solver.lower_bound(conflicts), problem.n + 1):
            groups = self._solver.colour(conflicts, count).groups
            if groups is None:
                continue
            doubtful = [mask for mask in groups if answers.direct(mask) != WITHIN]
            return _question(answers, doubtful, count) if doubtful else Done(groups)
        return self._give_up(answers)  # a group of one is no result, or no program was solved

    @staticmethod
    def _give_up(answers: Answers) -> Ask | Done:
        """The merged groups, or the best partition of verified ones, if that has fewer."""
        merged = Agglomerative().next(answers)
        verified = sorted(mask for mask, verdict in answers.verdicts.items() if verdict == WITHIN)
        best = pick(verified, np.ones(len(verified)), answers.problem.n) if isinstance(merged, Done) else None
        if isinstance(merged, Ask) or best is None or len(best.places) >= len(merged.groups):
            return merged
        return Done(tuple(verified[at] for at in best.places))


class Solver:
    """Colourings of one problem; the same question is solved once."""

    def __init__(self, problem: Problem) -> None:
        from scipy.cluster import hierarchy  # half a second
        from scipy.spatial.distance import squareform

        self._n = problem.n
        self._distances = problem.distances
        self._tree = hierarchy.linkage(squareform(problem.distances, checks=False), method="average")
        self.colour: Callable[[Conflicts, int], Colouring] = lru_cache(maxsize=4096)(self._colour)

    def lower_bound(self, conflicts: Conflicts) -> int:
        """So many groups are needed: fewer have been proved impossible."""
        count = max(1, len(_clique(conflicts)))
        while count < self._n and self.colour(conflicts, count).impossible:
            count += 1
        return count

    def _colour(self, conflicts: Conflicts, count: int) -> Colouring:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        n, clique = self._n, _clique(conflicts)
        if len(clique) > count:
            return Colouring(None, impossible=True)
        costs = self._costs(count, clique)
        rows, most = [np.kron(np.eye(n), np.ones(count))], [np.ones(n)]
        least = [np.ones(n)]
        for conflict, whole in [*((c, False) for c in conflicts.parts), *((c, True) for c in conflicts.wholes)]:
            inside = np.array([conflict >> i & 1 for i in range(n)], dtype=float)
            row = inside - (1 - inside) if whole else inside
            rows.append(np.kron(row, np.eye(count)))
            most.append(np.full(count, inside.sum() - 1))
            least.append(np.full(count, -np.inf))
        upper = np.ones((n, count))
        for group, i in enumerate(clique):  # members of a clique are all apart: which group is whose does not matter
            upper[i] = 0
            upper[i, group] = 1
        program = milp(
            costs.ravel(),
            constraints=LinearConstraint(csr_array(np.vstack(rows)), np.concatenate(least), np.concatenate(most)),
            integrality=np.ones(n * count),
            bounds=Bounds(0, upper.ravel()),
            options={"node_limit": NODES, "mip_rel_gap": 0.05},
        )
        if program.x is None:
            return Colouring(None, impossible=program.status == INFEASIBLE)
        chosen = program.x.reshape(n, count) > 0.5
        groups = [sum(1 << i for i in np.flatnonzero(chosen[:, k]).tolist()) for k in range(count)]
        return Colouring(tuple(sorted(mask for mask in groups if mask)), impossible=False)

    def _costs(self, count: int, clique: Sequence[int]) -> FloatArray:
        """The mean distance of each degradation to the members of each average-linkage cluster, (n, count)."""
        from scipy.cluster import hierarchy
        from scipy.optimize import linear_sum_assignment

        labels = hierarchy.fcluster(self._tree, count, criterion="maxclust") - 1
        costs = np.full((self._n, count), float(self._distances.max()))
        for k in range(labels.max() + 1):
            costs[:, k] = self._distances[:, labels == k].mean(axis=1)
        if clique:  # group k is the one of the clique's k-th member: give it the cluster that suits that member
            own, cluster = linear_sum_assignment(costs[list(clique)])
            rest = [k for k in range(count) if k not in cluster]
            costs = costs[:, [*(int(k) for k in cluster[np.argsort(own)]), *rest]]
        return costs


def conflicts_of(answers: Answers, *, usable: bool, shortcuts: bool | None = None) -> Conflicts:
    """The conflicts that the answers make; `usable`: groups without a certain answer cannot be part of a result."""
    follow = answers.problem.shortcuts if shortcuts is None else shortcuts
    beyond = answers.having(BEYOND)
    wholes = set(answers.having(UNDECIDED) + answers.having(FAILED)) if usable else set()
    wholes |= {1 << i for i in range(answers.problem.n) if usable and answers.direct(1 << i) != WITHIN}
    if not follow:
        return Conflicts((), tuple(sorted(wholes | set(beyond))))
    within = answers.having(WITHIN)
    smallest = [mask for mask in beyond if not any(o != mask and o & mask == o for o in beyond)]
    # a part of a group that is within delta: the assumption does not hold there, so only the group itself is out
    broken = {mask for mask in smallest if any(mask & whole == mask for whole in within)}
    parts = tuple(mask for mask in smallest if mask not in broken)
    return Conflicts(parts, tuple(sorted(wholes | broken)))


def least_groups(answers: Answers, *, shortcuts: bool) -> int:
    """So many groups are needed by the answers, with or without the shortcut."""
    problem = answers.problem
    if shortcuts:
        return Solver(problem).lower_bound(conflicts_of(answers, usable=False, shortcuts=True))
    # far fewer answers than the 2^(n-1) pairs of a group and the rest: some partition into two is always left
    return 2 if answers.direct(problem.full) == BEYOND else 1


@lru_cache(maxsize=256)
def _clique(conflicts: Conflicts) -> tuple[int, ...]:
    """Degradations of which no two may share a group: a large clique among the pairs in conflict."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(tuple(members(mask)) for mask in conflicts.parts if mask.bit_count() == 2)
    if not len(graph):
        return ()
    cliques: list[list[int]] = [sorted(clique) for clique in itertools.islice(nx.find_cliques(graph), 10_000)]
    return tuple(max((len(clique), clique) for clique in cliques)[1])


def _question(answers: Answers, doubtful: Sequence[int], count: int) -> Ask:
    """Verify a likely partition; else find the smallest likely conflict in it, which rules out most."""
    likelihood = Likelihood(answers.problem, answers)
    chance = likelihood.beyond(doubtful)
    if np.prod(1 - chance) > LIKELY or not answers.problem.shortcuts:  # without, nothing follows from parts
        return Ask(doubtful[int(chance.argmax())], f"verify the likeliest partition into {count}")
    parts = sorted({part for mask in doubtful for part in _parts(answers, mask)})
    score = likelihood.beyond(parts) * 0.5 ** np.array([part.bit_count() for part in parts])
    return Ask(parts[int(score.argmax())], f"a likely conflict in the best partition into {count}")


def _parts(answers: Answers, mask: int) -> list[int]:
    """The group, its pairs and triples, as far as nothing is known of them."""
    rows = members(mask)
    sizes = (2, 3) if len(rows) <= TRIPLES else (2,)
    small = [sum(1 << i for i in part) for size in sizes for part in itertools.combinations(rows, size)]
    return [mask, *(part for part in small if part != mask and answers.known(part) is None)]
