"""What every method promises, on simulated problems whose truth is enumerated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from search.brute_force import KINDS, Oracle, World, fewest_groups, world
from search.promises import MODES, PAPER_GROUPS, answering, check, check_certificate, each_method, given_drops, is_sure
from search.published import over_the_paper, printed_distances

from grids.errors import GridsError, UnknownNameError
from grids.search import (
    METHODS,
    Answer,
    Planned,
    Problem,
    Search,
    find_method,
    plan_search,
    run_search,
    search_groups,
)
from grids.search.answers import Answers
from grids.search.methods.base import Ask, Done, SearchMethod


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    kind=st.sampled_from(KINDS),
    mode=st.sampled_from(MODES),
    delta=st.sampled_from([0.0, 0.3, 0.7, 1.2, 3.0]),
    shortcuts=st.booleans(),
    method=st.sampled_from(list(METHODS)),
)
@settings(max_examples=150)
def test_every_result_is_verified_and_no_certificate_is_false(
    seed: int, n: int, kind: str, mode: str, delta: float, shortcuts: bool, method: str
) -> None:
    given = world(seed, n, kind)
    oracle = Oracle(given, answering(given, mode, delta))
    found = search_groups(given.similarity, oracle, delta, method, shortcuts=shortcuts)
    check(found, oracle, delta)
    truth = fewest_groups(given.within(delta), n)
    check_certificate(found, given, kind, truth)
    if method == "exact" and (kind == "monotone" or not shortcuts):
        sure = {mask for mask in range(1, 1 << n) if is_sure(given, mode, mask, delta)}
        assert len(found) == fewest_groups(sure, n)
        if mode in ("full", "worst", "from below"):
            assert found.certificate != "heuristic"
            assert shortcuts or found.certificate == "proved"


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 6),
    kind=st.sampled_from(KINDS),
    method=st.sampled_from(list(METHODS)),
    own=st.sampled_from([0.0, 0.2, 2.0]),
)
@settings(max_examples=40)
def test_a_delta_for_some(seed: int, n: int, kind: str, method: str, own: float) -> None:
    given = world(seed, n, kind)
    delta_for = {"d0": own, "d1": 1.0}
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 0.7, method, delta_for=delta_for)
    check(found, oracle, 0.7, delta_for)
    truth = fewest_groups(given.within(0.7, delta_for), n)
    check_certificate(found, given, kind, truth)
    if method == "exact" and kind == "monotone":
        assert len(found) == truth
    assert found.delta_for == delta_for


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    kind=st.sampled_from(KINDS),
    method=st.sampled_from(list(METHODS)),
    share=st.sampled_from([0.0, 0.2, 0.6]),
)
@example(seed=0, n=1, kind="monotone", method="paper", share=0.0)
@settings(max_examples=80)
def test_only_what_can_be_asked_for_is(seed: int, n: int, kind: str, method: str, share: float) -> None:
    given = world(seed, n, kind)
    kept = np.random.default_rng(seed).random(1 << n) < share
    askable = frozenset(mask for mask in range(1 << n) if kept[mask] and mask.bit_count() > 1)
    oracle = Oracle(given)
    search = Search(Problem(given.similarity, 0.7, askable=askable), method)
    run_search(search, oracle)
    found = search.result()
    assert askable >= set(oracle.asked)
    check(found, oracle, 0.7)
    check_certificate(found, given, kind, fewest_groups(given.within(0.7), n))
    assert found.unknown == (1 << n) - 1 - n - len(askable)
    if method == "exact" and kind == "monotone":
        singles = {1 << i for i in range(n)}
        assert len(found) == fewest_groups((given.within(0.7) & askable) | singles, n)


def test_a_part_that_cannot_be_asked_for_is_no_result() -> None:
    # {d0, d1} follows from {d0, d1, d2}, and is closer than {d1, d2}: but nobody ever trained it
    distances = np.array([[0, 1, 3, 4], [1, 0, 2, 4], [3, 2, 0, 1.5], [4, 4, 1.5, 0]])
    given = World(distances, np.zeros((4, 4)))
    problem = Problem(given.similarity, 0.7, askable=frozenset([0b0110, 0b0111, 0b1100]))
    for method in METHODS:
        search = Search(problem, method)
        search.tell({"d0", "d1", "d2"}, {"*": 0.1})
        while not search.is_finished():
            group = search.ask()
            assert group is not None
            search.tell(group, {"*": 0.1})
        for group in search.result().groups:
            assert len(group.degradations) == 1 or problem.mask(group.degradations) in problem.askable  # type: ignore[operator]


@each_method
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("fine", [True, False])
def test_one_or_two_degradations_are_searched_too(method: str, n: int, fine: bool) -> None:
    given = World(np.ones((n, n)) - np.eye(n), np.ones((n, n)) - np.eye(n))
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 5.0 if fine else 0.5, method)
    assert len(found) == (1 if fine else n)
    check(found, oracle, 5.0 if fine else 0.5)
    assert bool(oracle.asked) == (n > 1)


@each_method
@pytest.mark.parametrize("kind", KINDS)
def test_all_fine_or_none(method: str, kind: str) -> None:
    given = world(0, 6, kind)
    assert len(search_groups(given.similarity, given_drops(given), 100.0, method)) == 1
    none = search_groups(given.similarity, lambda group: {"*": 1.0}, 0.0, method)
    assert len(none) == 6
    assert none.trials
    assert [group.max_drop for group in none.groups] == [0.0] * 6


@each_method
def test_nothing_depends_on_chance(method: str) -> None:
    for seed in (0, 1):
        given = world(seed, 7)
        first = search_groups(given.similarity, given_drops(given), 0.7, method)
        again = search_groups(given.similarity, given_drops(given), 0.7, method)
        assert first.to_json() == again.to_json()
        assert [(trial.group, trial.why) for trial in first.trials] == [(t.group, t.why) for t in again.trials]


def test_answers_at_hand_count_for_the_certificate() -> None:
    given = world(2, 6)
    search = Search(Problem(given.similarity, 0.7), "agglomerative")
    run_search(search, given_drops(given))
    every = {given.group(mask): Answer(given.drops(mask)) for mask in range(1, 64)}
    found = search.result(at_hand=every)
    truth = fewest_groups(given.within(0.7), 6)
    assert found.lower_bound == truth
    assert found.certificate == ("proved" if len(found) == truth else "heuristic")
    assert found.trainings == len(search.trials) < 57


def test_more_delta_is_never_more_groups() -> None:
    for seed in range(2):
        for kind in ("monotone", "bumpy"):
            given = world(seed, 6, kind)
            counts = [
                len(search_groups(given.similarity, given_drops(given), delta, "exact", shortcuts=kind == "monotone"))
                for delta in (0.0, 0.3, 0.8, 1.5, 3.0)
            ]
            assert counts == sorted(counts, reverse=True)


@each_method
def test_too_many_groups_are_an_error_and_stay_one(method: str) -> None:
    given = world(0, 4, plants=4)
    search = Search(Problem(given.similarity, 0.7), method, max_groups=3)
    with pytest.raises(GridsError, match=r"at most 3 groups are wanted, but within delta 0.7 dB it takes 4"):
        run_search(search, given_drops(given))
    with pytest.raises(GridsError, match="at most 3"):
        search.result()
    assert len(search_groups(given.similarity, given_drops(given), 0.7, method, max_groups=4)) == 4


def test_wrong_calls_are_refused() -> None:
    given = world(0, 3)
    with pytest.raises(GridsError, match="at least 1, but is 0"):
        search_groups(given.similarity, given_drops(given), 0.7, max_groups=0)
    with pytest.raises(GridsError, match="evaluated at once must be at least 1"):
        search_groups(given.similarity, given_drops(given), 0.7, at_once=0)
    with pytest.raises(UnknownNameError, match="unknown method 'exakt'; did you mean 'exact'"):
        search_groups(given.similarity, given_drops(given), 0.7, "exakt")


@each_method
def test_nothing_undecided_or_failed_is_part_of_a_result(method: str) -> None:
    # every group of two or more is within delta in truth, but no answer says so for certain
    given = World(world(0, 5).distances, np.zeros((5, 5)))
    unsure = Answer({"*": 0.5}, {"*": 0.2})
    found = search_groups(given.similarity, lambda group: unsure, 0.7, method)
    assert len(found) == 5
    assert found.certificate == "heuristic"
    assert found.lower_bound == 1
    assert set(found.undecided) == {trial.group for trial in found.trials}
    assert found.hangs_on
    failed = search_groups(given.similarity, lambda group: None, 0.7, method)
    assert len(failed) == 5
    assert failed.lower_bound == 1
    assert {trial.verdict for trial in failed.trials} == {"failed"}


@each_method
@pytest.mark.parametrize("n", [1, 4, 17])
def test_one_that_nothing_covers(method: str, n: int) -> None:
    given = world(0, n, plants=n)
    search = Search(Problem(given.similarity, 0.7), method)
    search.tell({"d0"}, {"d0": 2.5})
    with pytest.raises(GridsError, match=r"no group within delta covers 'd0': the drop of its own restorer is 2.50 dB"):
        run_search(search, Oracle(given))


@each_method
def test_the_one_that_is_named_is_covered_by_nothing(method: str) -> None:
    given = world(0, 3, plants=3)
    search = Search(Problem(given.similarity, 0.7), method)
    for name in given.names:
        if name != "d1":
            search.tell({name}, {}, at_least={name: 2.0})
    search.tell({"d0", "d1"}, {"*": 0.1})
    search.tell({"d0", "d2"}, {"*": 9.0})
    search.tell({"d1", "d2"}, {"*": 9.0})
    with pytest.raises(GridsError, match=r"covers 'd2': the drop of its own restorer is 2.00 dB or more"):
        run_search(search, Oracle(given))


@each_method
def test_no_partition_although_everything_is_covered(method: str) -> None:
    given = world(0, 3, plants=3)
    search = Search(Problem(given.similarity, 0.7), method)
    for name in ("d0", "d2"):
        search.tell({name}, {name: 2.0})
    search.tell({"d0", "d1"}, {"*": 0.1})
    search.tell({"d1", "d2"}, {"*": 0.1})
    search.tell({"d0", "d2"}, {"*": 9.0})
    with pytest.raises(GridsError, match=r"no partition of {d0, d1, d2} within delta was found"):
        run_search(search, Oracle(given))


def better_together(method: str) -> Search:
    """The own restorer of d0 is beyond delta, the one that it shares with d1 is not."""
    given = world(0, 4, plants=4)
    search = Search(Problem(given.similarity, 0.7), method)
    search.tell({"d0"}, {"d0": 1.0})
    run_search(search, lambda group: {"*": 0.1 if group == {"d0", "d1"} else 3.0})
    return search


def test_one_that_is_better_with_others() -> None:
    assert better_together("exact").result().partition == (("d0", "d1"), ("d2",), ("d3",))


def test_the_method_of_the_paper_may_pass_over_the_only_group_of_one() -> None:
    # it trusts its ranking: where a closer pair is beyond delta, the farther ones are discarded unasked
    with pytest.raises(GridsError, match=r"covers 'd0'.* passed over by the method"):
        better_together("paper")


@pytest.mark.parametrize("method", ["paper", "exact"])
def test_the_published_groups_come_out_of_the_published_table(method: str) -> None:
    found = over_the_paper(method, printed_distances())
    assert {frozenset(group) for group in found.partition} == PAPER_GROUPS
    assert found.unknown == 2**11 - 12 - 18
    assert found.certificate == "heuristic"  # 2018 groups are unknown
    assert max(group.max_drop for group in found.groups) == 0.68


def test_agglomerative_and_paper_with_many() -> None:
    given = world(0, 16, plants=4)
    for method in ("agglomerative", "paper"):
        oracle = Oracle(given)
        found = search_groups(given.similarity, oracle, 0.7, method)
        check(found, oracle, 0.7)
        assert found.lower_bound <= 4 <= len(found)


@each_method
def test_a_plan_is_what_a_search_would_ask_if_all_went_as_expected(method: str) -> None:
    given = world(1, 6)
    planned = plan_search(Problem(given.similarity, 0.7), method)
    assert all(isinstance(step, Planned) for step in planned)
    assert len({step.group for step in planned}) == len(planned)
    expected = {frozenset(step.group): {"*": 9.0 if step.verdict == "beyond" else 0.0} for step in planned}
    first = planned[0]
    found = search_groups(given.similarity, lambda group: expected.get(group, {"*": 9.0}), 0.7, method)
    assert found.trials[0].group == first.group
    assert first.distance == pytest.approx(given.similarity.group_distance(first.group))


class Pairs(SearchMethod):
    """The closest pairs, asked for one by one."""

    def next(self, answers: Answers) -> Ask | Done:
        left, groups = self.problem.full, []
        pairs = [1 << i | 1 << j for i, j in itertools.combinations(range(self.problem.n), 2)]
        for mask in sorted(pairs, key=self.problem.distance):
            if mask & left == mask:
                verdict = answers.known(mask)
                if verdict is None:
                    return Ask(mask, "the closest pair that is left")
                if verdict == "within":
                    left ^= mask
                    groups.append(mask)
        return Done((*groups, *(1 << i for i in range(self.problem.n) if left >> i & 1)))


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_new_method_is_a_class_and_a_line(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    assert list(METHODS) == ["paper", "exact", "agglomerative"]
    monkeypatch.setitem(METHODS, "pairs", Pairs)
    given = world(1, 6)
    oracle = Oracle(given)
    found = search_groups(given.similarity, oracle, 0.7, "pairs", at_once=at_once)
    if at_once == 1:  # else the order of the answers is that of the threads
        check(found, oracle, 0.7)
        assert plan_search(Problem(given.similarity, 0.7), "pairs")[0].group == found.trials[0].group
    check_certificate(found, given, "monotone", fewest_groups(given.within(0.7), 6))
    assert found.method == "pairs" and {trial.why for trial in found.trials} == {"the closest pair that is left"}
    assert find_method("pairs").estimate_answers(10) == 20


def test_what_a_result_hangs_on_would_lead_to_fewer_groups() -> None:
    for seed in range(6):
        given = world(seed, 6)
        found = search_groups(given.similarity, given_drops(given), 0.7, "agglomerative")
        verified = {given.mask(trial.group) for trial in found.trials if trial.verdict == "within"}
        verified |= {1 << i for i in range(6)}
        for group in found.hangs_on:
            assert fewest_groups(verified | {given.mask(group)}, 6) < len(found)
        if found.certificate == "proved":
            assert found.hangs_on == ()


def test_answers_that_leave_no_partition_end_in_one_line() -> None:
    search = Search(Problem(world(0, 3).similarity, 0.7), "paper", max_groups=2)
    for group in ({"d0"}, {"d0", "d1"}, {"d0", "d2"}, {"d0", "d1", "d2"}):
        search.tell(group, dict.fromkeys(group, 2.0))
    with pytest.raises(GridsError, match="within delta"):
        search.ask()
