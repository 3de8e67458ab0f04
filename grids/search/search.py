"""The ask-and-tell search: it requests the drops of groups and ends with a partition and its certificate."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from grids.errors import GridsError, look_up
from grids.results import WORST, Grouping, Trial, Verdict
from grids.search.answers import BEYOND, WITHIN, Answers, Table
from grids.search.certificate import lower_bound, spared
from grids.search.drop_model import learn_from
from grids.search.methods.agglomerative import Agglomerative
from grids.search.methods.base import Ask, Done, SearchMethod, too_many
from grids.search.methods.exact import Exact
from grids.search.methods.grids import GridsSearch
from grids.search.problem import ENUMERATED, Answer, Problem, label
from grids.search.result import make_grouping, make_trial
from grids.search.trial_log import TrialLog

METHODS: dict[str, type[SearchMethod]] = {
    "paper": GridsSearch,
    "exact": Exact,
    "agglomerative": Agglomerative,
}
"""The search methods by name. To add one, write a class and add a line here."""
SUPPOSITIONS = 16
"""How many possible outcomes of the pending answers are tried when looking for another group to ask for."""


class Search:
    """A search as an object, for callers with their own evaluator. `search_groups` wraps it.

        search = Search(problem, "exact")
        while not search.is_finished():
            group = search.ask()              # None while nothing can be asked for before a pending answer arrives
            search.tell(group, drops_of(group))
        grouping = search.result()

    What it asks for depends only on the answers so far. Use the object from one thread; the answers may be computed in
    other threads.

    Args:
        problem: what to group.
        method: "exact", "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        max_groups: the most groups that the result may have. An error is raised as soon as more are known to be needed.
            None for no limit.
        log: stores every answer for a group of two or more. Answers that it already holds for this problem's
            degradations are loaded now and not asked for again. None to store nothing.

    Raises:
        UnknownNameError: the method is unknown.
        GridsError: max_groups is less than 1.
        RunError: the log cannot be read.
    """

    def __init__(
        self, problem: Problem, method: str = "exact", *, max_groups: int | None = None, log: TrialLog | None = None
    ) -> None:
        if max_groups is not None and max_groups < 1:
            raise GridsError(f"the number of groups must be at least 1, but is {max_groups}")
        self.problem, self.method = problem, method
        self._method = find_method(method)(problem)
        self._max_groups = max_groups
        self._log = log
        self._answers = Answers(problem)
        self._trials: dict[int, Trial] = {}  # in the order of the answers
        self._pending: dict[int, str] = {}
        self._step: Ask | Done | None = None
        for group, answer in log.answers().items() if log is not None else ():
            if len(group) > 1 and group <= set(problem.similarity.degradations):
                mask = problem.mask(group)
                self._take(mask, problem.normalize(mask, answer))

    def is_finished(self) -> bool:
        """Compute whether the search has its result.

        This may take long with many degradations. The outcome is cached until the next answer arrives.

        Returns:
            True if `result` can give a partition; False if more answers are needed.

        Raises:
            GridsError: the answers leave no partition within delta, or more than max_groups are needed.
        """
        return isinstance(self._next(), Done)

    @property
    def pending(self) -> frozenset[frozenset[str]]:
        """The groups that were asked for and neither answered nor withdrawn yet."""
        return frozenset(frozenset(self.problem.names(mask)) for mask in self._pending)

    def ask(self) -> frozenset[str] | None:
        """Return the next group whose drops are needed, and mark it as pending until `tell` or `withdraw`.

        It may be called again before `tell`, to evaluate several groups in parallel. While answers are pending, up to
        16 possible outcomes of them are tried, the likeliest first, until one of them leads to another group to ask
        for.

        Returns:
            The names of the group; None if there is nothing to ask for now: the search is finished, or it needs the
            answer of a pending group first.

        Raises:
            GridsError: as `is_finished`; not raised while answers are pending.
        """
        for suppositions in self._suppose_pending():
            step = self._step_supposing(suppositions) if suppositions else self._next()
            if isinstance(step, Ask):
                self._pending[step.mask] = step.why
                return frozenset(self.problem.names(step.mask))
        return None

    def tell(
        self,
        group: Iterable[str],
        drops: Mapping[str, float] | None = None,
        noise: Mapping[str, float] | None = None,
        *,
        at_least: Mapping[str, float] | float | None = None,
        failed: str | None = None,
        seconds: float | None = None,
        file: str = "",
    ) -> Verdict:
        """Give the answer for a group, whether it was asked for or not.

        A group of one may also be answered, if its drop is not 0. Such an answer is neither a trial nor logged, and it
        may be replaced later.

        Args:
            group: its degradations, in any order.
            drops: dB for each degradation, or under "*" the largest of them; some may be missing. Negative is a gain.
            noise: the standard errors of the drops, dB, 0 or more; None if they are exact.
            at_least: lower bounds in dB, from a training that was stopped early: by name, or one number for the largest
                drop.
            failed: why there is no answer. The group is then excluded and its drops are dropped. Failures are not
                logged, so a later search may ask for the group again.
            seconds: how long the evaluation took; None if unknown.
            file: a file that the evaluation produced, such as the restorer; it is recorded in the log.

        Returns:
            The verdict: "within", "beyond", "undecided" or "failed".

        Raises:
            UnknownNameError: a name is unknown or not in the group.
            GridsError: the group has an answer already, contains a name twice or is empty; or a value is not finite, a
                standard error is negative, or no answer is given.
            RunError: the log cannot be written; the answer is then not recorded.
        """
        mask = self.problem.mask(group)
        names = self.problem.names(mask)
        if mask in self._trials:
            raise GridsError(f"{label(names)} has an answer already")
        bounds = at_least if isinstance(at_least, Mapping) else {} if at_least is None else {WORST: float(at_least)}
        why = self._pending.get(mask, "told without being asked for")
        answer = self.problem.normalize(mask, Answer(drops or {}, noise or {}, bounds, why, seconds, file))
        if failed is not None:
            return self._take(mask, Answer(why=why, seconds=seconds), failed or "no reason given")
        if not (answer.drops or answer.at_least):
            raise GridsError(f"there is no answer for {label(names)}: give drops, at_least or failed")
        if self._log is not None and len(names) > 1:
            self._log.add(frozenset(names), answer)
        return self._take(mask, answer)

    def know(self, at_hand: Mapping[frozenset[str], Answer]) -> None:
        """Add known answers, which are then not asked for. They are neither trials nor logged.

        Args:
            at_hand: answers by the names of the group. Groups that have an answer keep it; groups of one are ignored.

        Raises:
            UnknownNameError: a name is unknown or not in its group.
            GridsError: a group is empty, a value is not finite, or a standard error is negative. The answers before it
                stay added.
        """
        self._answers.know(at_hand)
        self._step = None

    def result(
        self, *, all_solutions: bool = False, at_hand: Mapping[frozenset[str], Answer] | None = None
    ) -> Grouping:
        """The partition that was found. It may be called repeatedly, also with different arguments.

        Args:
            all_solutions: also list every partition with the same number of groups that the answers allow, at most
                1000.
            at_hand: further known answers, such as those of a table. They are used for the certificate, for the list of
                groups that could change the result and, with "exact", for the least total drop. They do not count as
                answers asked for, and the search does not keep them.

        Returns:
            The groups in the order of their first degradations, with the certificate, all trials and the number of
            groups that shortcuts settled.

        Raises:
            GridsError: the search is not finished, no partition is within delta, or more than max_groups are needed; or
                an answer in at_hand has an invalid value.
            UnknownNameError: an answer in at_hand has a name that is unknown or not in its group.
        """
        step, answers = self._next(), self._answers
        if not isinstance(step, Done):
            raise GridsError("the search is not finished: ask and tell until it is")
        if at_hand:
            answers = answers.supposing({})
            answers.know(at_hand)
            again = self._method.next(answers) if self.method == "exact" else step
            step = again if isinstance(again, Done) else step
        found = make_grouping(step, answers, method=self.method, all_solutions=all_solutions)
        shortcuts = {**spared(self._answers), **dict(step.spared)}
        return replace(found, trainings=len(self._trials), trials=self.trials, shortcuts=shortcuts)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All answers so far, in order, for groups of two or more, including failed ones.

        Answers loaded from the log come first. Those added by `know` are not included.
        """
        return tuple(self._trials.values())

    def withdraw(self) -> None:
        """Withdraw all pending groups: nobody evaluates them any more, so they may be asked for again.

        Answers that arrive for them later are still accepted.
        """
        self._pending.clear()

    def _next(self) -> Ask | Done:
        if self._step is None:
            step = self._method.next(self._answers)
            if self._max_groups is not None:
                self._check_count(step, self._max_groups)
            self._step = step
        return self._step

    def _check_count(self, step: Ask | Done, most: int) -> None:
        """Raise GridsError as soon as more groups than wanted are found, or are known to be needed."""
        needed = len(step.groups) if isinstance(step, Done) else 1
        if isinstance(step, Ask) and self.problem.n <= ENUMERATED:
            needed = lower_bound(self._answers, shortcuts=self.problem.shortcuts)
        if needed > most:
            raise too_many(needed, most, self.problem.delta)

    def _step_supposing(self, suppositions: Mapping[int, Verdict]) -> Ask | Done | None:
        """The next step if the pending answers came out as supposed; None if that would leave no partition."""
        try:
            return self._method.next(self._answers.supposing(suppositions))
        except GridsError:
            return None

    def _suppose_pending(self) -> Iterator[dict[int, Verdict]]:
        """Possible outcomes of the pending answers, the likeliest first."""
        pending = list(self._pending)
        if not pending:
            yield {}
            return
        chance = learn_from(self.problem, self._answers).beyond(pending)
        order = sorted(range(len(pending)), key=lambda i: abs(chance[i] - 0.5))  # flip the least certain ones first
        flips = (f for size in range(len(pending) + 1) for f in itertools.combinations(order, size))
        for flipped in itertools.islice(flips, SUPPOSITIONS):
            yield {mask: BEYOND if (chance[i] > 0.5) != (i in flipped) else WITHIN for i, mask in enumerate(pending)}

    def _take(self, mask: int, answer: Answer, failed: str = "") -> Verdict:
        before = self._count_settled()
        verdict = self._answers.add(mask, None if failed else answer)
        ruled_out = max(0, self._count_settled() - before - 1)
        self._pending.pop(mask, None)
        self._step = None
        if mask & (mask - 1):
            self._trials[mask] = make_trial(self.problem, mask, verdict, answer, ruled_out=ruled_out, reason=failed)
        return verdict

    def _count_settled(self) -> int:
        if not self.problem.shortcuts or self.problem.n > ENUMERATED:
            return 0
        table = Table(self._answers)
        return int((table.within | table.beyond).sum())


def find_method(name: str) -> type[SearchMethod]:
    """Look up a search method by name.

    Args:
        name: one of `METHODS`: "paper", "exact" or "agglomerative".

    Returns:
        Its class, to be called with a `Problem`.

    Raises:
        UnknownNameError: there is no such method; the message lists the available ones.
    """
    return look_up("method", name, METHODS)
