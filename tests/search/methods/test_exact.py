"""The exact method: against enumeration, and against the published groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.brute_force import KINDS, Oracle, fewest_groups, least_total, world
from search.promises import PAPER_GROUPS, check, given_drops
from search.published import over_the_paper, printed_distances

from grids.results import SimilarityMatrix
from grids.search import Answer, Problem, Search, search_groups
from grids.search.run import best_so_far


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_exact_is_minimal_for_seven(seed: int, shortcuts: bool) -> None:
    kind = "monotone" if shortcuts else KINDS[seed % 3]
    given = world(seed, 7, kind)
    delta = (0.4, 0.7, 1.0)[seed // 2]
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, delta, "exact", shortcuts=shortcuts)
    check(found, oracle, delta)
    assert len(found) == fewest_groups(given.within(delta), 7)
    assert found.certificate in (("proved", "proved-if-monotone") if shortcuts else ("proved",))
    assert found.lower_bound_if_monotone == len(found)
    assert len(oracle.asked) < 120  # of 120 groups of two or more: all of them is no search


def test_exact_asks_for_fewer_than_the_others_would_need_to_be_sure() -> None:
    asked = []
    for seed in range(8):
        given = world(seed, 7)
        asked.append(len(search_groups(given.similarity, given_drops(given), 0.7, "exact").trials))
    assert np.mean(asked) < 30


def test_groups_with_an_undecided_part_are_used_where_nothing_else_is_left() -> None:
    """a alone is beyond, a + b undecided: only a + b + c covers a."""
    similarity = SimilarityMatrix(("a", "b", "c", "d"), np.ones((4, 4)) - np.eye(4))
    answers = {
        "a": Answer({"a": 1.0}),
        "ab": Answer({"a": 0.45, "b": 0.1}, {"a": 0.1}),
        "abc": Answer(dict.fromkeys("abc", 0.2)),
        "cd": Answer(dict.fromkeys("cd", 0.1)),
    }
    masks = frozenset(sum(1 << "abcd".index(name) for name in group) for group in answers if len(group) > 1)
    search = Search(Problem(similarity, 0.5, askable=masks))
    search.tell("a", answers["a"].drops)
    search.tell("ab", answers["ab"].drops, answers["ab"].noise)
    while (group := search.ask()) is not None:
        search.tell(group, answers["".join(sorted(group))].drops)
    assert search.result().partition == (("a", "b", "c"), ("d",))


def test_what_was_passed_over_is_not_called_the_fewest() -> None:
    """a + b is undecided, so nobody asks for all three; two groups are not known to be the fewest."""
    similarity = SimilarityMatrix(("a", "b", "c"), np.ones((3, 3)) - np.eye(3))
    search = Search(Problem(similarity, 0.5))
    search.tell("ab", {"a": 0.45, "b": 0.1}, {"a": 0.1, "b": 0.1})
    while (group := search.ask()) is not None:
        search.tell(group, dict.fromkeys(group, 0.1))
    found = search.result()
    assert len(found) == 2 and found.certificate == "heuristic" and not found.fewest_known


@pytest.mark.parametrize("seed", range(6))
def test_anytime_changes_the_way_and_not_the_end(seed: int) -> None:
    given = world(seed, 7)
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 0.7, "exact", anytime=True)
    check(found, oracle, 0.7)
    assert len(found) == fewest_groups(given.within(0.7), 7) and found.certificate in ("proved", "proved-if-monotone")


def test_anytime_has_fewer_groups_after_a_few_answers() -> None:
    def groups_after(seed: int, answers: int, anytime: bool) -> int:
        given = world(seed, 10)
        search = Search(Problem(given.similarity, 0.7, anytime=anytime), "exact")
        ask = given_drops(given)
        while len(search.trials) < answers and (group := search.ask()) is not None:
            search.tell(group, ask(group))
        return len(best_so_far(search))

    later, early = (np.mean([groups_after(seed, 10, anytime) for seed in range(4)]) for anytime in (False, True))
    assert early < later - 1


@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from(["monotone", "helping"]), st.booleans())
@settings(max_examples=25)
def test_least_drop_is_the_least(seed: int, n: int, kind: str, shortcuts: bool) -> None:
    shortcuts = shortcuts and kind == "monotone"
    given = world(seed, n, kind)
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 0.7, "exact", least_drop=True, shortcuts=shortcuts)
    check(found, oracle, 0.7)
    total = sum(sum(group.drops.values()) for group in found.groups)
    assert total == pytest.approx(least_total(given.within(0.7), given.total, n))


def test_without_least_drop_it_is_the_least_of_the_answers_at_hand() -> None:
    for seed in range(5):
        given = world(seed, 6)
        found = search_groups(given.similarity, given_drops(given), 1.0, "exact", all_solutions=True)
        known = {given.mask(trial.group) for trial in found.trials if trial.verdict == "within"}
        known |= {1 << i for i in range(6)}
        total = sum(sum(group.drops.values()) for group in found.groups)
        assert total == pytest.approx(least_total(known, given.total, 6))
        solutions = {frozenset(map(frozenset, partition)) for partition in found.alternatives}
        assert len(solutions) == len(found.alternatives)
        assert found.alternatives[0] == found.partition
        assert all(given.mask(group) in known for partition in found.alternatives for group in partition)
        assert {len(partition) for partition in found.alternatives} == {len(found)}


@pytest.mark.parametrize("seed", range(3))
def test_exact_finds_the_published_groups_whatever_the_distances(seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(2, 4, (11, 11))
    distances = (noise + noise.T) / 2
    np.fill_diagonal(distances, 0)
    found = over_the_paper("exact", SimilarityMatrix(printed_distances().degradations, distances), seed)
    assert {frozenset(group) for group in found.partition} == PAPER_GROUPS
