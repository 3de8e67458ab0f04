"""`search_groups`: ask, evaluate, tell, until the partition is there; what a search would ask, and how far it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, NamedTuple

from grids.errors import GridsError
from grids.results import Grouping, SimilarityMatrix, Trial, Verdict
from grids.search.answers import BEYOND, WITHIN, Answers
from grids.search.methods.base import Ask
from grids.search.problem import Answer, Problem
from grids.search.search import Search, find_method
from grids.search.surrogate import BeyondSurrogate
from grids.search.trial_log import TrialLog

Drops = Mapping[str, float]
Evaluation = Drops | tuple[Drops, Drops] | Answer | None
Evaluator = Callable[[frozenset[str]], Evaluation]
OnTrial = Callable[[Trial], None]


def search_groups(
    similarity: SimilarityMatrix,
    evaluate: Evaluator,
    delta: float,
    method: str = "exact",
    *,
    delta_for: Mapping[str, float] | None = None,
    shortcuts: bool = True,
    least_drop: bool = False,
    anytime: bool = False,
    max_groups: int | None = None,
    all_solutions: bool = False,
    at_once: int = 1,
    log: TrialLog | None = None,
    on_trial: OnTrial | None = None,
) -> Grouping:
    """Find the fewest groups of degradations whose restorers each lose at most delta. Source: GRIDS, section 5.1.

    Args:
        similarity: S between 1 to 62 degradations; it decides in which order groups are asked for.
        evaluate: the drops of a group (a frozenset of two or more names) as a mapping name -> dB; or these with their
            standard errors, a pair of mappings; or an Answer, where drops are known in part or from below; or None
            where there is no answer, and the group is left out. The name "*" stands for the worst degradation.
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        method: "exact" (the fewest groups), "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        delta_for: degradations with a delta of their own, dB; None for none.
        shortcuts: take a group to be never better than a part of it, which saves most questions.
        anytime: with "exact" and at most 14 degradations: verify promising partitions on the way, so that a good one is
            there early; see `Problem`.
        least_drop: with "exact" and at most 14 degradations: go on asking until the total drop is the least of all
            partitions with the same number of groups.
        max_groups: more groups are an error; None for no limit.
        all_solutions: list every partition with as few groups that the answers allow.
        at_once: how many groups are evaluated at the same time, each in a thread; 1 for the calling thread.
        log: keeps every answer, and is asked first; None to keep nothing.
        on_trial: called in this thread after every answer that `evaluate` gives, None included.

    Returns:
        The partition with its certificate and all trials. A group of one has a drop of 0 and is not asked for.

    Raises:
        GridsError: a value is wrong, `evaluate` returned something else, no partition is within delta, or more than
            max_groups are needed.
        UnknownNameError: a name or the method is unknown.
        RunError: the log cannot be used.
        Exception: whatever `evaluate` raises; the answers so far are in the log.

    >>> import numpy as np
    >>> similarity = SimilarityMatrix(("blur", "haze", "rain"), 1 - np.eye(3))
    >>> search_groups(similarity, lambda group: {"*": 0.1 * len(group)}, delta=0.25).partition
    (('blur',), ('haze', 'rain'))
    """
    problem = Problem(similarity, delta, dict(delta_for or {}), shortcuts, least_drop=least_drop, anytime=anytime)
    search = Search(problem, method, max_groups=max_groups, log=log)
    run_search(search, evaluate, at_once=at_once, on_trial=on_trial)
    return search.result(all_solutions=all_solutions)


def run_search(search: Search, evaluate: Evaluator, *, at_once: int = 1, on_trial: OnTrial | None = None) -> None:
    """Ask, evaluate and tell until a search is finished. Its result is then there to be read with `Search.result`.

    With several at once, what is still out at the end is waited for, and its answer kept. Ctrl-C does not wait for an
    answer, but the process ends only when the threads have finished what they are at.

    Args:
        search: it is told the answers; one that was begun before goes on.
        evaluate: as for `search_groups`; with `at_once` above 1 it is called from several threads.
        at_once: how many groups are evaluated at the same time; 1 for the calling thread.
        on_trial: called in the calling thread after every answer that `evaluate` gives, None included.

    Raises:
        GridsError: as `search_groups`; or groups are pending that this call did not ask for, and nothing else can be.
        RunError: the log cannot be written.
        Exception: whatever `evaluate` raises; the group counts as failed, and the answers before it are kept.
    """
    if at_once < 1:
        raise GridsError(f"the number of groups evaluated at once must be at least 1, but is {at_once}")
    running: dict[Future[tuple[Evaluation, float]], frozenset[str]] = {}
    pool: Executor = _Here() if at_once == 1 else ThreadPoolExecutor(at_once)
    try:
        while not search.is_finished():
            while len(running) < at_once and (group := search.ask()) is not None:
                running[pool.submit(_timed, evaluate, group)] = group
            if not running:
                raise GridsError("the search waits for groups that were asked for before: tell or withdraw them")
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                _tell(search, running.pop(done), done, on_trial)
    except KeyboardInterrupt:
        running.clear()  # their threads end by themselves, after what they are at
        raise
    finally:
        for done, group in running.items():  # an answer that was paid for is not thrown away
            with contextlib.suppress(Exception):  # the search has its result, or an error of its own
                _tell(search, group, done, on_trial)
        pool.shutdown(wait=False, cancel_futures=True)
        search.withdraw()


class _Here(Executor):
    """Runs what is submitted at once, in the calling thread, so that Ctrl-C ends an evaluation in its midst."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See concurrent.futures.Executor."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def _timed(evaluate: Evaluator, group: frozenset[str]) -> tuple[Evaluation, float]:
    start = time.monotonic()
    return evaluate(group), time.monotonic() - start


def _tell(search: Search, group: frozenset[str], done: Future[Any], on_trial: OnTrial | None) -> None:
    try:
        found, seconds = done.result()
    except Exception as error:
        search.tell(group, failed=f"{type(error).__name__}: {error}")
        raise
    if found is None:
        search.tell(group, failed="no answer", seconds=seconds)
    else:
        answer = _answer(found)
        seconds = seconds if answer.seconds is None else answer.seconds
        search.tell(group, answer.drops, answer.noise, at_least=answer.at_least, seconds=seconds, file=answer.file)
    if on_trial is not None:
        on_trial(search.trials[-1])


def _answer(found: Any) -> Answer:
    """What an evaluator returned. Raises GridsError for what it may not return."""
    if isinstance(found, Answer):
        return found
    if isinstance(found, Mapping):
        return Answer(found)
    if isinstance(found, tuple) and len(found) == 2 and all(isinstance(part, Mapping) for part in found):
        return Answer(*found)
    kinds = "a mapping name -> dB, a pair of mappings, an Answer or None"
    raise GridsError(f"an evaluator must return {kinds}, but returned {found!r:.80}")


class Planned(NamedTuple):
    """A group that a search would ask for.

    Args:
        group: its degradations, in the order of the similarity matrix.
        distance: the mean of S over its pairs.
        verdict: "within", "beyond" or "undecided".
        known: whether the verdict is of an answer at hand; else it is only expected, and never "undecided".
        why: what the group would be asked for.
    """

    group: tuple[str, ...]
    distance: float
    verdict: Verdict
    known: bool
    why: str


def plan_search(problem: Problem, method: str, at_hand: Mapping[frozenset[str], Answer] | None = None) -> list[Planned]:
    """The questions that a search would ask, without asking: an idea of its length before hours are spent on it.

    Answers at hand are used when their group's turn comes; all others come out as the distances let expect (see
    `BeyondSurrogate`).

    Args:
        problem: what to group.
        method: "exact", "paper" or "agglomerative".
        at_hand: answers by the names of the group; None for none. Those of groups of one count from the start.

    Returns:
        The questions, in their order; empty where none is needed.

    Raises:
        UnknownNameError: the method is unknown, or a name in the answers at hand is unknown or not in its group.
        GridsError: the answers leave no partition, or one at hand has a wrong value.
    """
    steps, answers = find_method(method)(problem), Answers(problem)
    surrogate = BeyondSurrogate(problem, answers)
    masks = {problem.mask(group): answer for group, answer in (at_hand or {}).items()}
    held = {mask: problem.normalize(mask, answer) for mask, answer in masks.items()}
    for mask, answer in held.items():
        if not mask & (mask - 1):
            answers.add(mask, answer)
    expected: dict[int, Verdict] = {}
    found = []
    while isinstance(step := steps.next(answers.supposing(expected)), Ask):
        known = step.mask in held
        if known:
            verdict = answers.add(step.mask, held[step.mask])
        else:
            verdict = BEYOND if surrogate.beyond([step.mask])[0] > 0.5 else WITHIN
            expected[step.mask] = verdict
        found.append(Planned(problem.names(step.mask), problem.distance(step.mask), verdict, known, step.why))
    return found


def best_so_far(search: Search, more: Mapping[tuple[str, ...], Answer] | None = None) -> Grouping:
    """Find the best partition into groups that have an answer, whether or not the search is finished.

    Args:
        search: not changed.
        more: answers that it was not told, by the names of the group.

    Returns:
        The partition with the fewest groups. There always is one, because groups of one need no answer. Its trials are
        the groups that the search has an answer for, and its bounds are computed from these answers alone.
    """
    problem = search.problem
    trials = [trial for trial in search.trials if trial.verdict != "failed"]
    answers = {frozenset(group): answer for group, answer in (more or {}).items()}
    answers |= {frozenset(t.group): Answer(t.drops, t.noise, t.at_least) for t in trials}
    held = frozenset(problem.mask(group) for group in answers)
    rest = Search(replace(problem, askable=held), "exact")
    rest.know(answers)
    found = rest.result()
    return replace(found, method=search.method, trainings=len(trials), trials=tuple(trials))


def estimate_remaining(search: Search) -> int:
    """Estimate how many answers a search will still ask for.

    Args:
        search: the search; this may compute its next step.

    Returns:
        The number expected from simulations less the answers so far, at least 1; 0 if the search is finished.
    """
    if search.is_finished():
        return 0
    return max(1, round(find_method(search.method).estimate_answers(search.problem.n)) - len(search.trials))
