"""`search_groups`: ask, evaluate, tell, until the partition is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from grids.errors import GridsError
from grids.results import Grouping, SimilarityMatrix, Trial
from grids.search.engine import Search
from grids.search.problem import Answer, Problem
from grids.search.trials import TrialLog

Drops = Mapping[str, float]
Evaluation = Drops | tuple[Drops, Drops] | Answer | None
Evaluator = Callable[[frozenset[str]], Evaluation]
WAIT = 0.2  # s, for answers of other processes


def search_groups(
    similarity: SimilarityMatrix,
    evaluate: Evaluator,
    delta: float,
    method: str = "exact",
    *,
    delta_for: Mapping[str, float] | None = None,
    shortcuts: bool = True,
    least_drop: bool = False,
    max_groups: int | None = None,
    all_solutions: bool = False,
    at_once: int = 1,
    seed: int = 0,
    log: TrialLog | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> Grouping:
    """Find the fewest groups of degradations whose restorers each lose at most delta. Source: GRIDS, section 5.1.

    Args:
        similarity: S between the degradations; it decides in which order groups are asked for.
        evaluate: the drops of a group (a frozenset of two or more names) as a mapping name -> dB; or these with their
            standard errors, a pair of mappings; or an Answer, where drops are known in part or from below; or None
            where there is no answer, and the group is left out.
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        method: "exact" (the fewest groups), "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        delta_for: degradations with a delta of their own, dB.
        shortcuts: take a group to be never better than a part of it, which saves most questions.
        least_drop: with "exact": ask on until the total drop is the least of all partitions with as few groups.
        max_groups: more groups are an error.
        all_solutions: list every partition with as few groups that the answers allow.
        at_once: how many groups are evaluated at the same time, each in a thread.
        seed: of the order of groups whose distances tie; nothing else is drawn.
        log: keeps every answer, and is asked first.
        on_trial: called after every answer.

    Returns:
        The partition with its certificate and all trials.

    Raises:
        GridsError: a value is wrong, no partition is within delta, or more than max_groups are needed.
        UnknownNameError: a name or the method is unknown.
        Exception: whatever `evaluate` raises; the answers so far are in the log.
    """
    if at_once < 1:
        raise GridsError(f"the number of groups evaluated at once must be at least 1, but is {at_once}")
    problem = Problem(similarity, delta, dict(delta_for or {}), shortcuts, seed=seed)
    search = Search(problem, method, least_drop=least_drop, max_groups=max_groups, log=log)
    run_search(search, evaluate, at_once=at_once, on_trial=on_trial)
    return search.result(all_solutions=all_solutions)


def run_search(
    search: Search,
    evaluate: Evaluator,
    *,
    at_once: int = 1,
    on_trial: Callable[[Trial], None] | None = None,
) -> None:
    """Ask, evaluate and tell until the search is finished; `search_groups` says with what."""
    running: dict[Future[tuple[Evaluation, float]], frozenset[str]] = {}
    pool: Executor = _Here() if at_once == 1 else ThreadPoolExecutor(at_once)
    try:
        while not search.finished:
            while len(running) < at_once and (group := search.ask()) is not None:
                running[pool.submit(_timed, evaluate, group)] = group
            if not running:
                time.sleep(0 if search.finished else WAIT)  # what is missing is evaluated by another process
                continue
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                group = running.pop(done)
                _tell(search, group, done)
                if on_trial is not None:
                    on_trial(search.trials[-1])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        search.close()


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


def _tell(search: Search, group: frozenset[str], done: Future[Any]) -> None:
    try:
        found, seconds = done.result()
    except Exception as error:
        search.tell(group, failed=f"{type(error).__name__}: {error}")
        raise
    if found is None:
        search.tell(group, failed="no answer", seconds=seconds)
    elif isinstance(found, Answer):
        search.tell(group, found.drops, found.noise, at_least=found.at_least or None, seconds=seconds)
    elif isinstance(found, tuple):
        search.tell(group, *found, seconds=seconds)
    else:
        search.tell(group, found, seconds=seconds)
