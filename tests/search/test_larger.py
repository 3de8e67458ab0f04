"""Parts of measured groups, served by the restorers of these."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from search.brute_force import world

from grids.search import Answer, Problem, groups_over_delta
from grids.search.larger import LargerGroups

NAMES = tuple(f"d{number}" for number in range(6))


def problem(delta: float = 0.5, n: int = 6, **options: object) -> Problem:
    return Problem(world(0, n).similarity, delta, **options)  # type: ignore[arg-type]


def answers(*groups: str, seed: int = 0) -> dict[frozenset[str], Answer]:
    """Groups by the digits of their names, with drops up to 1 dB and errors of 0.05."""
    rng = np.random.default_rng(seed)
    names = [[f"d{digit}" for digit in group] for group in groups]
    return {
        frozenset(some): Answer(dict(zip(some, rng.random(len(some)), strict=True)), dict.fromkeys(some, 0.05))
        for some in names
    }


@pytest.mark.parametrize("delta", [0.1, 0.4, 0.7, 2.0])
@pytest.mark.parametrize("options", [{}, {"delta_for": {"d0": 0.9, "d2": 0.0}}])
def test_a_part_is_served_by_the_group_in_which_it_needs_the_least_delta(
    delta: float, options: dict[str, object]
) -> None:
    known, asked = answers("01234", "0125", "235", "01"), problem(delta, **options)
    found = LargerGroups(asked, known).at()
    for size in range(2, 7):
        for part in map(frozenset, itertools.combinations(NAMES, size)):
            mask = asked.mask(part)
            possible = []
            for group, answer in known.items():
                own = Answer(*({name: of[name] for name in part & group} for of in (answer.drops, answer.noise)))
                if part <= group and asked.verdict(mask, own) == "within":
                    possible.append(own)
            if part in known or not possible:
                assert mask not in found
            else:
                assert asked.verdict(mask, found[mask]) == "within"
                loose = [name for name in part if name not in asked.delta_for]
                worst = [max((one.drops[name] for name in loose), default=0.0) for one in (found[mask], *possible)]
                assert worst[0] == min(worst[1:])


def test_a_worst_drop_stands_for_every_degradation() -> None:
    known = {frozenset(NAMES[:3]): Answer({"*": 0.4}), frozenset(NAMES[1:4]): Answer({"*": 0.2, "d3": 0.1})}
    larger = LargerGroups(problem(), known)
    found = {frozenset(problem().names(mask)): answer.drops for mask, answer in larger.at().items()}
    assert found[frozenset({"d0", "d1"})] == {"*": 0.4} and found[frozenset({"d1", "d2"})] == {"*": 0.2}
    assert found[frozenset({"d1", "d3"})] == {"d3": 0.1, "*": 0.2} and len(found) == 5
    assert larger.server(problem().mask(["d1", "d2"])) == frozenset(NAMES[1:4])
    assert larger.server(problem().mask(["d0", "d3"])) is None


def test_of_many_degradations_only_the_largest_parts_are_looked_at() -> None:
    group = frozenset(f"d{number}" for number in range(15))
    drops = {name: 0.1 if name in ("d3", "d7", "d14") else 0.9 for name in group}
    asked = problem(n=15)
    assert LargerGroups(asked, {group: Answer(drops)}).at() == {
        asked.mask(["d3", "d7", "d14"]): Answer(dict.fromkeys(("d3", "d7", "d14"), 0.1))
    }


def test_the_curve_counts_parts_at_every_delta() -> None:
    known, asked = answers("01234", "0125", "235"), problem()
    larger = LargerGroups(asked, known)
    recorded = {asked.mask(group): answer for group, answer in known.items()}
    steps = groups_over_delta(asked, recorded, larger)
    for delta in np.arange(0.0, 1.3, 0.05):
        there = replace(asked, delta=float(delta))
        alone = groups_over_delta(there, {**LargerGroups(there, known).at(), **recorded})
        expected = [step.groups for step in alone if step.delta <= delta][-1]
        assert [step.groups for step in steps if step.delta <= delta][-1] == expected
