"""Ask and tell, several at once, and the log: nothing is asked for twice, whatever happens in between."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from search.brute_force import Oracle, World, fewest_groups, world

from grids.errors import GridsError, RunError, UnknownNameError
from grids.results import SimilarityMatrix
from grids.search import Answer, Problem, Search, TrialLog, plan_search, run_search, search_groups
from grids.search.run import estimate_remaining

METHODS = ("paper", "exact", "agglomerative")
each_method = pytest.mark.parametrize("method", METHODS)
IDENTITY = {"simulated": 1}
GIVEN = world(5, 6)
FLAT = World(GIVEN.distances, 0 * GIVEN.harm)  # every group is fine
WORK = """
import sys, time
from pathlib import Path
from grids.search import TrialLog, search_groups
from search.brute_force import world
given = world(int(sys.argv[3]), 7)
def evaluate(group):
    print("begin", given.mask(group), flush=True)
    time.sleep(0.004)
    return given.drops(given.mask(group))
log = TrialLog(Path(sys.argv[1]), {identity!r})
search_groups(given.similarity, evaluate, 0.7, sys.argv[2], log=log)
log.close()
"""


def problem(given: World = GIVEN, delta: float = 0.7) -> Problem:
    return Problem(given.similarity, delta)


def open_log(path: Path) -> TrialLog:
    return TrialLog(path / "trials.sqlite", IDENTITY)


def is_verified(search: Search, given: World, delta: float = 0.7) -> bool:
    groups = [given.mask(group.degradations) for group in search.result().groups]
    verdicts = {given.mask(trial.group): trial.verdict for trial in search.trials}
    return sum(groups) == (1 << given.n) - 1 and all(
        given.is_within(mask, delta) and (mask & (mask - 1) == 0 or verdicts[mask] == "within") for mask in groups
    )


@each_method
def test_asking_and_telling_ends_as_a_search_does(method: str) -> None:
    search = Search(problem(), method)
    seen = []
    while not search.is_finished():
        group = search.ask()
        assert group is not None and group not in seen
        assert search.pending == {group}
        drops = GIVEN.drops(GIVEN.mask(group))
        verdict = search.tell(group, drops, seconds=1.5)
        assert verdict == ("within" if max(drops.values()) <= 0.7 else "beyond")
        assert search.pending == frozenset()
        seen.append(group)
        assert frozenset(search.trials[-1].group) == group
        assert (search.trials[-1].drops, search.trials[-1].seconds) == (drops, 1.5)
    assert search.ask() is None
    assert is_verified(search, GIVEN)
    assert [frozenset(trial.group) for trial in search.result().trials] == seen


@each_method
def test_several_that_are_out_are_distinct(method: str) -> None:
    search = Search(problem(), method)
    out = list(itertools.takewhile(lambda group: group is not None, (search.ask() for _ in range(40))))
    assert 1 <= len(out) < 40
    assert len(set(out)) == len(out)
    assert search.pending == set(out)
    assert not search.is_finished()
    with pytest.raises(GridsError, match="not finished"):
        search.result()
    for group in reversed(out):  # the answers need not come in the order of the questions
        assert group is not None
        search.tell(group, GIVEN.drops(GIVEN.mask(group)))
    while not search.is_finished():
        group = search.ask()
        assert group is not None and group not in out
        search.tell(group, GIVEN.drops(GIVEN.mask(group)))
    assert is_verified(search, GIVEN)


@each_method
def test_what_is_asked_meanwhile_is_of_use(method: str) -> None:
    # three at a time, each batch told before the next: hardly more rounds than a third, never more than one by one
    rounds, one_by_one = [], []
    for seed in range(6):
        given = world(seed, 7)
        one_by_one.append(len(search_groups(given.similarity, Oracle(given), 0.7, method).trials))
        search = Search(problem(given), method)
        rounds.append(0)
        while not search.is_finished():
            out = [group for group in (search.ask() for _ in range(3)) if group is not None]
            assert out
            for group in out:
                search.tell(group, given.drops(given.mask(group)))
            rounds[-1] += 1
        assert is_verified(search, given)
    assert sum(rounds) < 0.8 * sum(one_by_one)


def test_the_second_that_is_asked_is_what_the_likely_answer_leads_to() -> None:
    search = Search(problem(FLAT, 5.0), "agglomerative")
    first, second = search.ask(), search.ask()
    assert first is not None and second is not None
    other = Search(problem(FLAT, 5.0), "agglomerative")
    assert other.ask() == first
    verdicts = [{"*": 0.0}, {"*": 9.0}]
    followers = []
    for drops in verdicts:
        other = Search(problem(FLAT, 5.0), "agglomerative")
        other.tell(first, drops)
        followers.append(other.ask())
    assert second in followers


@each_method
def test_answers_may_be_told_without_being_asked_for(method: str) -> None:
    search = Search(problem(), method)
    wanted = search.ask()
    assert wanted is not None
    search.withdraw()
    assert search.pending == frozenset()
    search.tell(wanted, GIVEN.drops(GIVEN.mask(wanted)))
    assert search.trials[0].why == "told without being asked for"
    assert search.ask() != wanted
    every = Search(problem(), method)
    for mask in range(1, 64):
        if mask.bit_count() > 1:
            every.tell(GIVEN.group(mask), GIVEN.drops(mask))
    assert every.is_finished()
    assert is_verified(every, GIVEN)
    if method == "exact":
        assert len(every.result()) == fewest_groups(GIVEN.within(0.7), 6)


def test_wrong_answers_are_refused() -> None:
    search = Search(problem(), "exact")
    group = search.ask()
    assert group is not None
    name = min(group)
    with pytest.raises(UnknownNameError, match="'fog', not in the group"):
        search.tell(group, {"fog": 1.0})
    with pytest.raises(GridsError, match="must be finite"):
        search.tell(group, {name: float("nan")})
    with pytest.raises(GridsError, match="must be finite"):
        search.tell(group, at_least=float("inf"))
    with pytest.raises(GridsError, match="must not be negative"):
        search.tell(group, {name: 1.0}, {name: -0.1})
    for nothing in ({}, None):
        with pytest.raises(GridsError, match="give drops, at_least or failed"):
            search.tell(group, nothing)
    with pytest.raises(UnknownNameError, match="'d77'"):
        search.tell({"d0", "d77"}, {"*": 1.0})
    with pytest.raises(GridsError, match="distinct degradations"):
        search.tell([], {"*": 1.0})
    assert search.pending == {group}
    assert search.trials == ()
    assert search.tell(group, {"*": 1.0}) == "beyond"
    with pytest.raises(GridsError, match="has an answer already"):
        search.tell(group, {"*": 1.0})


def test_lower_bounds_and_failures() -> None:
    search = Search(problem(), "exact")
    assert search.tell(["d0", "d1"], at_least=0.9) == "beyond"
    assert search.tell(["d0", "d2"], at_least={"d0": 0.3}) == "undecided"
    assert search.tell(["d0", "d3"], {"d0": 0.1}, at_least={"d3": 0.8}) == "beyond"
    assert search.tell(["d0", "d4"], failed="out of memory", seconds=3.0) == "failed"
    first, _, third, fourth = search.trials
    assert (first.at_least, first.drops, first.worst) == ({"*": 0.9}, {}, 0.9)
    assert (third.drops, third.at_least) == ({"d0": 0.1}, {"d3": 0.8})
    assert (fourth.verdict, fourth.reason, fourth.seconds, fourth.worst) == ("failed", "out of memory", 3.0, None)
    assert first.ruled_out == 15  # of the 16 groups with d0 and d1, all but the one that was told


def test_a_failure_without_a_reason_is_still_one(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        search = Search(problem(), log=log)
        assert search.tell(["d0", "d1"], failed="") == "failed"
        assert search.trials[0].reason == "no reason given"
        assert log.answers() == {}  # it may be asked again


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_an_evaluator_may_return(at_once: int) -> None:
    def evaluate(group: frozenset[str]) -> object:
        mask = GIVEN.mask(group)
        drops = GIVEN.drops(mask)
        kinds = [drops, (drops, dict.fromkeys(drops, 1e-6)), Answer(drops), Answer({"*": GIVEN.worst(mask)}), None]
        return kinds[mask % 5]

    search = Search(problem(), "exact")
    seen = []
    run_search(search, evaluate, at_once=at_once, on_trial=seen.append)  # type: ignore[arg-type]
    assert is_verified(search, GIVEN)
    assert seen == list(search.trials)
    for trial in search.trials:
        mask = GIVEN.mask(trial.group)
        assert (trial.verdict == "failed") == (mask % 5 == 4)
        assert trial.reason == ("no answer" if mask % 5 == 4 else "")
        assert bool(trial.noise) == (mask % 5 == 1)
        assert trial.seconds is not None and trial.seconds >= 0
    sure = {mask for mask in GIVEN.within(0.7) if mask % 5 != 4} | {1 << i for i in range(6)}
    assert len(search.result()) == fewest_groups(sure, 6)


@each_method
@pytest.mark.parametrize("seed", range(2))
def test_four_at_once_find_a_verified_partition(method: str, seed: int) -> None:
    given = world(seed, 6)
    lock, running, most = threading.Lock(), 0, 0
    asked: list[int] = []

    def evaluate(group: frozenset[str]) -> Mapping[str, float]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            asked.append(given.mask(group))
        time.sleep(0.002)
        with lock:
            running -= 1
        return given.drops(given.mask(group))

    search = Search(problem(given), method)
    run_search(search, evaluate, at_once=4)
    assert is_verified(search, given)
    assert len(set(asked)) == len(asked)
    assert 1 <= most <= 4
    if method == "exact":
        assert len(search.result()) == fewest_groups(given.within(0.7), 6)


def test_several_at_once_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)  # breaks where no second evaluation comes
    search = Search(problem(FLAT), "exact")
    first, second = search.ask(), search.ask()
    assert first is not None and second is not None
    search.withdraw()
    started: list[frozenset[str]] = []

    def meeting(group: frozenset[str]) -> Mapping[str, float]:
        started.append(group)
        if len(started) <= 2:
            both.wait()
        return FLAT.drops(FLAT.mask(group))

    run_search(search, meeting, at_once=2)
    assert is_verified(search, FLAT)


@each_method
def test_resuming_at_every_answer_ends_as_if_unbroken(method: str, tmp_path: Path) -> None:
    given = world(5, 5)
    unbroken = Oracle(given)
    expected = search_groups(given.similarity, unbroken, 0.7, method)
    for k in range(len(unbroken.asked) + 1):
        (tmp_path / str(k)).mkdir()
        with open_log(tmp_path / str(k)) as log:
            for mask in unbroken.asked[:k]:
                log.add(given.group(mask), Answer(given.drops(mask)))
            rest = Oracle(given)
            found = search_groups(given.similarity, rest, 0.7, method, log=log)
            assert rest.asked == unbroken.asked[k:]
            assert found.partition == expected.partition
            assert (found.certificate, found.trainings) == (expected.certificate, expected.trainings)
            assert [given.mask(group) for group in log.answers()] == unbroken.asked


def test_a_log_keeps_everything_that_was_told(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        search = Search(problem(), log=log)
        search.tell(["d0", "d1"], {"d0": 0.5}, {"d0": 0.1}, at_least={"d1": 0.2}, seconds=2.0, file="a.safetensors")
        search.tell(["d0", "d2"], failed="out of memory")
        search.tell(["d3"], {"d3": 0.1})
    with open_log(tmp_path) as log:
        kept = Answer({"d0": 0.5}, {"d0": 0.1}, {"d1": 0.2}, "told without being asked for", 2.0, "a.safetensors")
        assert log.answers() == {frozenset({"d0", "d1"}): kept}
        assert Search(problem(), log=log).trials == search.trials[:1]  # what failed may be tried again


def test_a_log_may_hold_groups_of_other_degradations(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.add(frozenset({"d0", "fog"}), Answer({"*": 9.0}))
        log.add(frozenset({"d1"}), Answer({"*": 9.0}))
        found = search_groups(GIVEN.similarity, Oracle(GIVEN), 0.7, "exact", log=log)
        assert len(found) == fewest_groups(GIVEN.within(0.7), 6)


def test_an_answer_that_the_log_cannot_keep_is_not_taken(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    search = Search(problem(), log=log)
    log.close()
    with pytest.raises(RunError, match="is closed"):
        search.tell(["d0", "d1"], {"*": 0.1})
    assert search.trials == ()


def test_groups_that_were_asked_for_before_are_not_waited_for() -> None:
    search = Search(problem(), "agglomerative")
    while search.ask() is not None:
        pass
    with pytest.raises(GridsError, match="tell or withdraw"):
        run_search(search, Oracle(GIVEN))


def test_what_an_evaluator_says_of_its_time_and_file_is_kept(tmp_path: Path) -> None:
    def evaluate(group: frozenset[str]) -> Answer:
        return Answer(GIVEN.drops(GIVEN.mask(group)), seconds=7.5, file="a.safetensors")

    with open_log(tmp_path) as log:
        found = search_groups(GIVEN.similarity, evaluate, 0.7, log=log)
        assert {trial.seconds for trial in found.trials} == {7.5}
        assert {(answer.seconds, answer.file) for answer in log.answers().values()} == {(7.5, "a.safetensors")}


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_evaluator_that_raises(at_once: int, tmp_path: Path) -> None:
    oracle = Oracle(GIVEN)

    def evaluate(group: frozenset[str]) -> object:
        if len(oracle.asked) == 3:
            raise ValueError("no space left")
        return oracle(group)

    with open_log(tmp_path) as log:
        with pytest.raises(ValueError, match="no space left"):
            search_groups(GIVEN.similarity, evaluate, 0.7, "exact", at_once=at_once, log=log)  # type: ignore[arg-type]
        done = set(log.answers())
        assert len(done) == 3 if at_once == 1 else len(done) <= 3
    rest = Oracle(GIVEN)
    with open_log(tmp_path) as log:
        found = search_groups(GIVEN.similarity, rest, 0.7, "exact", log=log)
        assert not done & {GIVEN.group(mask) for mask in rest.asked}
        assert len(found) == fewest_groups(GIVEN.within(0.7), 6)


@pytest.mark.parametrize("at_once", [1, 3])
def test_ctrl_c(at_once: int, tmp_path: Path) -> None:
    oracle = Oracle(GIVEN)

    def evaluate(group: frozenset[str]) -> object:
        if len(oracle.asked) == 2:
            raise KeyboardInterrupt
        return oracle(group)

    with open_log(tmp_path) as log:
        search = Search(problem(), "exact", log=log)
        with pytest.raises(KeyboardInterrupt):
            run_search(search, evaluate, at_once=at_once)  # type: ignore[arg-type]
        assert search.pending == frozenset()
        done = {GIVEN.mask(group) for group in log.answers()}
        assert len(done) == 2 or at_once > 1
        rest = Oracle(GIVEN)
        found = search_groups(GIVEN.similarity, rest, 0.7, "exact", log=log)
        assert not done & set(rest.asked)
        assert len(found) == fewest_groups(GIVEN.within(0.7), 6)


def work(tmp_path: Path, method: str, seed: int, answers: int, wait: float) -> list[int]:
    """Start a search in a process of its own, kill it some time after so many questions; what it began to evaluate."""
    arguments = [str(tmp_path / "trials.sqlite"), method, str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", WORK.format(identity=IDENTITY), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(answers)]
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    assert all(line.startswith("begin ") for line in lines)
    return [int(line.split()[1]) for line in lines]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("method", ["paper", "exact"])
def test_killed_at_any_moment_it_goes_on(method: str, tmp_path: Path) -> None:
    chance = random.Random(method)
    given = world(3, 7)
    unbroken = Oracle(given)
    expected = search_groups(given.similarity, unbroken, 0.7, method)
    assert len(unbroken.asked) > 6
    answered: set[int] = set()
    for _ in range(2):
        begun = work(tmp_path, method, 3, chance.randint(1, 3), chance.uniform(0, 0.015))
        assert len(set(begun)) == len(begun)
        assert not answered & set(begun)
        with open_log(tmp_path) as log:
            done = {given.mask(group) for group in log.answers()}
        assert answered <= done <= answered | set(begun)
        assert len(begun) - len(done - answered) <= 1  # at most the one that was in its midst is lost
        answered = done
    rest = Oracle(given)
    with open_log(tmp_path) as log:
        found = search_groups(given.similarity, rest, 0.7, method, log=log)
    assert not answered & set(rest.asked)
    assert rest.asked == unbroken.asked[len(answered) :]
    assert found.partition == expected.partition


def test_what_is_supposed_may_leave_no_partition() -> None:
    similarity = SimilarityMatrix(("d0", "d1"), np.array([[0.0, 1.0], [1.0, 0.0]]))
    search = Search(Problem(similarity, 0.7))
    search.tell(["d0"], {"d0": 1.0})
    assert search.ask() == {"d0", "d1"}
    assert search.ask() is None  # were it beyond delta, nothing would cover d0
    search.tell(["d0", "d1"], {"*": 0.1})
    assert len(search.result()) == 1


def test_answers_that_come_after_the_end_are_kept(tmp_path: Path) -> None:
    finished = []

    def evaluate(group: frozenset[str]) -> dict[str, float]:
        time.sleep(0.01 * len(group))
        finished.append(group)
        return GIVEN.drops(GIVEN.mask(group))

    with open_log(tmp_path) as log:
        search_groups(GIVEN.similarity, evaluate, 0.7, at_once=4, log=log)
        assert set(log.answers()) == set(finished)


@pytest.mark.parametrize("answer", [1.0, "no", ({"d0": 1.0},), 3])
def test_an_evaluator_that_returns_something_else(answer: object) -> None:
    with pytest.raises(GridsError, match="an evaluator must return a mapping"):
        search_groups(GIVEN.similarity, lambda group: answer, 0.7)  # type: ignore[arg-type, return-value]


def test_more_groups_than_wanted_are_told_as_soon_as_that_is_known() -> None:
    whole = Oracle(GIVEN)
    needed = len(search_groups(GIVEN.similarity, whole, 0.7))
    assert needed > 2
    # one too few may be known only when the answer that was wanted is, too
    for most, fewer in ((needed - 1, 0), (1, 1)):
        limited = Oracle(GIVEN)
        with pytest.raises(GridsError, match="wanted"):
            search_groups(GIVEN.similarity, limited, 0.7, max_groups=most)
        assert len(limited.asked) <= len(whole.asked) - fewer


def test_too_many_degradations_are_refused() -> None:
    names = tuple(f"d{i}" for i in range(63))
    with pytest.raises(GridsError, match="1 to 62, but is 63"):
        Problem(SimilarityMatrix(names, np.zeros((63, 63))), 0.7)


def test_nothing_is_evaluated_by_no_thread() -> None:
    with pytest.raises(GridsError, match="at least 1, but is 0"):
        run_search(Search(Problem(GIVEN.similarity, 0.7)), Oracle(GIVEN), at_once=0)


def test_a_plan_refuses_wrong_answers_of_groups_of_one() -> None:
    at_hand = {frozenset({"d0"}): Answer({"d0": float("nan")})}
    with pytest.raises(GridsError, match="must be finite"):
        plan_search(Problem(GIVEN.similarity, 0.7), "exact", at_hand)


def test_answers_at_hand_of_groups_of_one_count() -> None:
    at_hand = {frozenset({name}): Answer({name: 0.0}) for name in ("d0", "d1")}
    plain = plan_search(Problem(GIVEN.similarity, 0.7), "exact")
    assert plan_search(Problem(GIVEN.similarity, 0.7), "exact", at_hand) == plain  # 0 is what is supposed of them


def test_what_is_left_of_a_search_ends_at_nothing() -> None:
    search = Search(Problem(GIVEN.similarity, 0.7))
    assert estimate_remaining(search) >= 1
    run_search(search, Oracle(GIVEN))
    assert estimate_remaining(search) == 0
