"""The exact method where groups are too many to enumerate: integer programs, by HiGHS.

Where the groups that can be asked for are listed (a table's), all are read, then the best picked. Else:

A group that is beyond delta is a conflict: with the shortcut, no group may hold all of it; without, none may equal it.
Assigning degradations to `count` groups without conflict is a colouring of a hypergraph; where the program has no
solution, more groups are proved necessary. Every solve is bounded by a number of nodes, so that the result does not
depend on the speed of the machine; what was not solved within it is not claimed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from grids.results import FloatArray
from grids.search.answers import BEYOND, FAILED, UNDECIDED, WITHIN, Answers
from grids.search.methods.agglomerative import Agglomerative
from grids.search.methods.base import Ask, Done, SearchMethod, no_partition
from grids.search.partitions import solve_set_partition
from grids.search.problem import Problem, members, memberships
from grids.search.surrogate import BeyondSurrogate

NODES = 200
ANSWERS = 300
"""After so many answers the proof is given up, and groups are merged as far as they go."""
TRIPLES = 12
"""Of larger groups only pairs are looked at as conflicts, not triples."""
LIKELY = 0.5
INFEASIBLE = 2  # scipy's status of a program without a solution


class Assignment(NamedTuple):
    """What is known of partitions into at most some number of groups.

    Args:
        groups: masks of a partition without a conflict, in increasing order, which need not be verified; None where
            none was found.
        impossible: whether it is proved that there is none; False, too, where the solver reached its limit of nodes.
    """

    groups: tuple[int, ...] | None
    impossible: bool


class Conflicts(NamedTuple):
    """Groups that no partition may have, by the answers.

    Args:
        parts: masks of which no group may hold all.
        wholes: masks that no group may equal.
    """

    parts: tuple[int, ...]
    wholes: tuple[int, ...]


class ExactMilp(SearchMethod):
    """The exact method for more than 14 degradations: conflicts are found as answers come in.

    After 300 answers (`ANSWERS`) the proof is given up, and groups are merged (`Agglomerative`). The certificate then
    holds what the programs have proved.

    Args:
        problem: what to group.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._solver = Solver(problem)

    def next(self, answers: Answers) -> Ask | Done:
        """See SearchMethod."""
        problem = answers.problem
        if len(answers.verdicts) - problem.n >= ANSWERS:
            return self._give_up(answers)
        conflicts = conflicts_of(answers, usable=True)
        for count in range(self._solver.lower_bound(conflicts), problem.n + 1):
            groups = self._solver.assign(conflicts, count).groups
            if groups is None:
                continue
            doubtful = [mask for mask in groups if answers.direct(mask) != WITHIN]
            return _question(answers, doubtful, count) if doubtful else Done(groups)
        return self._give_up(answers)  # a group of one is no result, or no program was solved

    @staticmethod
    def _give_up(answers: Answers) -> Ask | Done:
        """The merged groups, or the best partition of verified ones, if that has fewer."""
        merged = Agglomerative(answers.problem).next(answers)
        if isinstance(merged, Ask):
            return merged
        best = solve_set_partition(answers.verified, answers.problem.n)
        return merged if best is None or len(best.groups) >= len(merged.groups) else Done(best.groups)


class ExactListed(SearchMethod):
    """The exact method over the groups that can be asked for: it asks for each, the closest first, and then picks.

    For tables of drops, where an answer costs nothing. Of the partitions with the fewest groups the one with the least
    total drop is taken, as far as the integer programs find it within their limit.

    Args:
        problem: what to group; its `askable` must not be None.
    """

    def next(self, answers: Answers) -> Ask | Done:
        """See SearchMethod."""
        problem = answers.problem
        assert problem.askable is not None
        missing = [mask for mask in problem.askable if answers.direct(mask) is None]
        if missing:
            nearest = min(missing, key=lambda mask: (problem.distance(mask), mask))
            return Ask(nearest, "every group that can be asked for")
        groups = answers.verified
        fewest = solve_set_partition(groups, problem.n)
        if fewest is None:
            raise no_partition(answers)
        drops = np.array([answers.total_drop(mask) for mask in groups])
        best = solve_set_partition(groups, problem.n, drops, count=len(fewest.groups)) or fewest
        return Done(best.groups, fewest=fewest.proved)


class Solver:
    """Puts the degradations of a problem into groups without conflict, by integer programs (HiGHS).

    Results are kept: the same question is solved once. A program ends after 200 nodes (`NODES`), so that none depends
    on the speed of the machine.

    Args:
        problem: with the distances; assignments near its average-linkage clusters are looked for.

    Attributes:
        assign: called with `Conflicts` and a number of groups, gives an `Assignment` to at most so many.
    """

    def __init__(self, problem: Problem) -> None:
        from scipy.cluster import hierarchy  # half a second
        from scipy.spatial.distance import squareform

        self._n = problem.n
        self._distances = problem.distances
        tree = hierarchy.linkage(squareform(problem.distances, checks=False), method="average")
        self._clusters = partial(hierarchy.fcluster, tree, criterion="maxclust")
        self.assign: Callable[[Conflicts, int], Assignment] = lru_cache(maxsize=4096)(self._assign)

    def lower_bound(self, conflicts: Conflicts) -> int:
        """How many groups are needed at least: every smaller number has been proved impossible.

        Args:
            conflicts: of groups that are refuted.

        Returns:
            1 to n. It may be too low where a program reached its limit of nodes, never too high.
        """
        counts = itertools.count(max(1, len(_clique(conflicts))))
        return next(n for n in counts if n >= self._n or not self.assign(conflicts, n).impossible)

    def _assign(self, conflicts: Conflicts, count: int) -> Assignment:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        n, clique = self._n, _clique(conflicts)
        if len(clique) > count:
            return Assignment(None, impossible=True)
        costs = self._costs(count, clique)
        inside = memberships([*conflicts.parts, *conflicts.wholes], n)
        signed = inside.copy()
        signed[len(conflicts.parts) :] = 2 * inside[len(conflicts.parts) :] - 1  # -1 for who is outside
        rows = np.vstack([np.kron(np.eye(n), np.ones(count)), np.kron(signed, np.eye(count))])
        most = np.concatenate([np.ones(n), np.repeat(inside.sum(axis=1) - 1, count)])
        least = np.concatenate([np.ones(n), np.full(count * len(inside), -np.inf)])
        upper = np.ones((n, count))
        for group, i in enumerate(clique):  # members of a clique are all apart: which group is whose does not matter
            upper[i] = 0
            upper[i, group] = 1
        program = milp(
            costs.ravel(),
            constraints=LinearConstraint(csr_array(rows), least, most),
            integrality=np.ones(n * count),
            bounds=Bounds(0, upper.ravel()),
            options={"node_limit": NODES, "mip_rel_gap": 0.05},
        )
        if program.x is None:
            return Assignment(None, impossible=program.status == INFEASIBLE)
        chosen = program.x.reshape(n, count) > 0.5
        groups = [sum(1 << i for i in np.flatnonzero(chosen[:, k]).tolist()) for k in range(count)]
        return Assignment(tuple(sorted(mask for mask in groups if mask)), impossible=False)

    def _costs(self, count: int, clique: Sequence[int]) -> FloatArray:
        """The mean distance of each degradation to the members of each average-linkage cluster, (n, count)."""
        from scipy.optimize import linear_sum_assignment

        labels = self._clusters(count) - 1
        costs = np.full((self._n, count), float(self._distances.max()))
        for k in range(labels.max() + 1):
            costs[:, k] = self._distances[:, labels == k].mean(axis=1)
        if clique:  # group k is the one of the clique's k-th member: give it the cluster that suits that member
            own, cluster = linear_sum_assignment(costs[list(clique)])
            rest = [k for k in range(count) if k not in cluster]
            costs = costs[:, [*(int(k) for k in cluster[np.argsort(own)]), *rest]]
        return costs


def conflicts_of(answers: Answers, *, usable: bool, shortcuts: bool | None = None) -> Conflicts:
    """The groups that the answers rule out.

    With shortcuts, a group beyond delta may not be part of another one, and only the smallest such groups are listed.
    One that lies in a group within delta contradicts that; so only the groups that were asked for are ruled out.

    Args:
        answers: what is known.
        usable: also rule out groups without a certain answer (undecided or failed), which cannot be part of a result;
            False for what is refuted, as certificates need it.
        shortcuts: whether to follow the shortcuts; None for what the problem says.

    Returns:
        The conflicts, both kinds in increasing order of their masks.
    """
    follow = answers.problem.shortcuts if shortcuts is None else shortcuts
    beyond = answers.having(BEYOND)
    wholes = set(answers.having(UNDECIDED) + answers.having(FAILED)) if usable else set()
    wholes |= {1 << i for i in range(answers.problem.n) if usable and answers.direct(1 << i) != WITHIN}
    if not follow:
        return Conflicts((), tuple(sorted(wholes | set(beyond))))
    smallest = [mask for mask in beyond if not any(o != mask and o & mask == o for o in beyond)]
    # a part of a group that is within delta: the assumption does not hold there, so only what was asked for is out
    within = answers.having(WITHIN)
    parts = tuple(mask for mask in smallest if not any(mask & whole == mask for whole in within))
    rest = {mask for mask in beyond if not any(part & mask == part for part in parts)}
    return Conflicts(parts, tuple(sorted(wholes | rest)))


def least_groups(answers: Answers, *, shortcuts: bool) -> int:
    """How many groups any partition needs at least, by the answers, for more than 14 degradations.

    Args:
        answers: what is known.
        shortcuts: whether parts that are beyond delta refute a group; it takes integer programs. Without, 2 if
            the group of all is beyond, else 1, for far fewer answers are at hand than a proof would need.

    Returns:
        A number of groups, at least 1.
    """
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
    surrogate = BeyondSurrogate(answers.problem, answers)
    chance = surrogate.beyond(doubtful)
    if np.prod(1 - chance) > LIKELY or not answers.problem.shortcuts:  # without, nothing follows from parts
        return Ask(doubtful[int(chance.argmax())], f"verify the likeliest partition into {count}")
    parts = sorted({part for mask in doubtful for part in _parts(answers, mask)})
    score = surrogate.beyond(parts) * 0.5 ** np.array([part.bit_count() for part in parts])
    return Ask(parts[int(score.argmax())], f"a likely conflict in the best partition into {count}")


def _parts(answers: Answers, mask: int) -> list[int]:
    """The group, its pairs and triples, as far as nothing is known of them."""
    rows = members(mask)
    sizes = (2, 3) if len(rows) <= TRIPLES else (2,)
    small = [sum(1 << i for i in part) for size in sizes for part in itertools.combinations(rows, size)]
    return [mask, *(part for part in small if part != mask and answers.known(part) is None)]
