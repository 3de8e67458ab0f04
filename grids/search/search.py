"""The search: it asks for groups, is told their drops, and ends with a partition and its certificate."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from grids.errors import GridsError, unknown_name
from grids.results import WORST, Grouping, Trial
from grids.search.answers import BEYOND, WITHIN, Answers, Table
from grids.search.certificate import lower_bound, spared
from grids.search.methods.agglomerative import Agglomerative
from grids.search.methods.base import Ask, Done, Strategy
from grids.search.methods.exact import exact
from grids.search.methods.grids import Paper
from grids.search.problem import ENUMERATED, Answer, Problem, label
from grids.search.result import Asked, grouping, trials
from grids.search.surrogate import Likelihood
from grids.search.trial_log import TrialLog

METHODS = ("paper", "exact", "agglomerative")
SUPPOSITIONS = 16
"""So many ways in which pending answers may come out are tried for something worth asking meanwhile."""


class Search:
    """A search as an object, for those who bring their own evaluator.

        search = Search(problem, "exact")
        while not search.finished:
            group = search.ask()              # None while all that could be asked for is out
            search.tell(group, drops_of(group))
        grouping = search.result()

    Args:
        problem: what to group.
        method: "exact", "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        least_drop: with "exact": ask on until the total drop is the least of all partitions with as few groups.
        max_groups: more are no result.
        log: keeps every answer for a group of two or more; those that it holds are not asked for again, and searches of
            other processes may use it meanwhile. Each Search needs a TrialLog of its own.

    Raises:
        UnknownNameError: the method is unknown.
        GridsError: max_groups is less than 1.
    """

    def __init__(
        self,
        problem: Problem,
        method: str = "exact",
        *,
        least_drop: bool = False,
        max_groups: int | None = None,
        log: TrialLog | None = None,
    ) -> None:
        if max_groups is not None and max_groups < 1:
            raise GridsError(f"the number of groups must be at least 1, but is {max_groups}")
        self.problem, self.method = problem, method
        self._strategy = strategy(problem, method, least_drop=least_drop)
        self._max_groups = max_groups
        self._log = log
        self._answers = Answers(problem)
        self._asked: dict[int, Asked] = {}  # in the order of the answers, where there is one
        self._out: dict[int, str] = {}
        self._step: Ask | Done | None = None
        self._read_log()

    @property
    def finished(self) -> bool:
        """Whether the result is there. Raises GridsError where there can be none."""
        return isinstance(self._next(), Done)

    @property
    def out(self) -> frozenset[frozenset[str]]:
        """The groups that were asked for and not told of yet."""
        return frozenset(frozenset(self.problem.names(mask)) for mask in self._out)

    def ask(self) -> frozenset[str] | None:
        """A group whose drops are needed next; None if there is none until one that is out has been told.

        It may be called again before `tell`: while answers are out, it supposes the likely ones.
        """
        self._read_log()
        elsewhere = self._elsewhere()
        tried: set[int] = set()
        for suppositions in self._suppositions([*self._out, *elsewhere]):
            step = self._supposed(suppositions) if suppositions else self._next()
            if not isinstance(step, Ask) or step.mask in tried:
                continue
            tried.add(step.mask)
            if self._log is not None and not self._log.claim(frozenset(self.problem.names(step.mask)), step.why):
                self._read_log()  # another process was faster
                continue
            self._out[step.mask] = step.why
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
    ) -> str:
        """Answer for a group, asked for or not.

        Args:
            group: its degradations.
            drops: dB for each degradation; "*" for the worst of them; may be known in part.
            noise: the standard errors of the drops, dB.
            at_least: lower bounds in dB, of a training stopped early: by name, or a number for the worst.
            failed: why there is no answer; the group is then left out.
            seconds, file: how long it took, and what it left behind, for the log.

        Returns:
            the verdict: "within", "beyond", "undecided" or "failed".

        Raises:
            UnknownNameError: a name is unknown or not in the group.
            GridsError: the group has an answer already, or a value is not finite, or there is no answer at all.
        """
        mask = self.problem.mask(group)
        if mask in self._asked:
            raise GridsError(f"{label(self.problem.names(mask))} has an answer already")
        bounds = at_least if isinstance(at_least, Mapping) else {} if at_least is None else {WORST: float(at_least)}
        self.problem.check(mask, Answer(drops or {}, noise or {}, bounds))
        answer = self.problem.ordered(mask, Answer(drops or {}, noise or {}, bounds))
        if failed is None and not (answer.drops or answer.at_least):
            raise GridsError(
                f"there is no answer for {label(self.problem.names(mask))}: give drops, at_least or failed"
            )
        reason = "" if failed is None else failed or "no reason given"
        asked = Asked(self._out.get(mask, "told without being asked for"), seconds, reason)
        if self._log is not None and mask & (mask - 1):
            self._write_log(mask, answer, asked, file)
        return self._take(mask, None if failed is not None else answer, asked)

    def know(self, at_hand: Mapping[frozenset[str], Answer]) -> None:
        """Take in answers that need not be asked for, and count neither as trials nor for the log."""
        self._answers.know(at_hand)
        self._step = None

    def result(
        self, *, all_solutions: bool = False, at_hand: Mapping[frozenset[str], Answer] | None = None
    ) -> Grouping:
        """The partition.

        Args:
            all_solutions: list every partition with as few groups that the answers allow.
            at_hand: answers that need not be asked for (a table's). They count for the certificate, for what the
                result hangs on and, with "exact", for the least total drop; not for the number of answers asked for.

        Raises:
            GridsError: the search is not finished, or needs more than max_groups.
        """
        step, answers = self._next(), self._answers
        if not isinstance(step, Done):
            raise GridsError("the search is not finished: ask and tell until it is")
        if at_hand:
            answers = answers.supposing({})
            answers.know(at_hand)
            again = self._strategy.next(answers) if self.method == "exact" else step
            step = again if isinstance(again, Done) else step
        found = grouping(step, answers, method=self.method, all_solutions=all_solutions)
        return replace(
            found,
            trainings=len(self._asked),
            trials=self.trials,
            shortcuts={**spared(self._answers), **dict(step.spared)},
        )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was asked and answered so far."""
        return trials(self._answers, self._asked)

    def close(self) -> None:
        """Give back, in the log, the groups that are out."""
        if self._log is not None:
            for mask in self._out:
                self._log.release(frozenset(self.problem.names(mask)))
        self._out.clear()

    def _next(self) -> Ask | Done:
        if self._step is None:
            step = self._strategy.next(self._answers)
            if self._max_groups is not None:
                self._check_count(step, self._max_groups)
            self._step = step
        return self._step

    def _check_count(self, step: Ask | Done, most: int) -> None:
        """Raise GridsError as soon as more groups than wanted are found, or are known to be needed."""
        if isinstance(step, Done) and len(step.groups) > most:
            raise too_many(len(step.groups), most, self.problem.delta)
        if isinstance(step, Ask) and self.problem.n <= ENUMERATED:
            needed = lower_bound(self._answers, shortcuts=self.problem.shortcuts)
            if needed > most:
                raise too_many(needed, most, self.problem.delta)

    def _supposed(self, suppositions: dict[int, str]) -> Ask | Done | None:
        """The step after answers that are only supposed; None where these would leave no partition."""
        try:
            return self._strategy.next(self._answers.supposing(suppositions))
        except GridsError:
            return None

    def _suppositions(self, pending: list[int]) -> Iterator[dict[int, str]]:
        """Ways in which the pending answers may come out, the likeliest first."""
        if not pending:
            yield {}
            return
        chance = Likelihood(self.problem, self._answers).beyond(pending)
        likely = [BEYOND if p > 0.5 else WITHIN for p in chance]
        order = sorted(range(len(pending)), key=lambda i: abs(chance[i] - 0.5))  # the least sure are flipped first
        flips = (f for size in range(len(pending) + 1) for f in itertools.combinations(order, size))
        for flipped in itertools.islice(flips, SUPPOSITIONS):
            yield {
                mask: (WITHIN if verdict == BEYOND else BEYOND) if i in flipped else verdict
                for i, (mask, verdict) in enumerate(zip(pending, likely, strict=True))
            }

    def _take(self, mask: int, answer: Answer | None, asked: Asked) -> str:
        before = self._settled()
        verdict = self._answers.add(mask, answer)
        asked.ruled_out = max(0, self._settled() - before - 1)
        self._out.pop(mask, None)
        if mask & (mask - 1):
            self._asked[mask] = asked
        self._step = None
        return verdict

    def _settled(self) -> int:
        if not self.problem.shortcuts or self.problem.n > ENUMERATED:
            return 0
        table = Table(self._answers)
        return int((table.within | table.beyond).sum())

    def _read_log(self) -> None:
        """Take in what the log holds: of an earlier search, or of other processes."""
        if self._log is None:
            return
        known = set(self.problem.similarity.degradations)
        for group, record in self._log.records().items():
            if record.state != "done" or not group <= known:
                continue
            mask = self.problem.mask(group)
            if mask not in self._asked and mask not in self._out and (mask & (mask - 1)):
                answer = self.problem.ordered(mask, Answer(record.drops, record.noise, record.at_least))
                self._take(mask, answer, Asked(record.why, record.seconds))

    def _write_log(self, mask: int, answer: Answer, asked: Asked, file: str) -> None:
        assert self._log is not None
        group = frozenset(self.problem.names(mask))
        if mask not in self._out:
            self._log.claim(group, asked.why)
        if asked.reason:
            self._log.fail(group, asked.reason, asked.seconds)
        else:
            self._log.finish(
                group, answer.drops, noise=answer.noise, at_least=answer.at_least, file=file, seconds=asked.seconds
            )

    def _elsewhere(self) -> list[int]:
        """The groups that other processes are working on."""
        if self._log is None:
            return []
        known = set(self.problem.similarity.degradations)
        return sorted(self.problem.mask(group) for group in self._log.running_elsewhere() if group <= known)


def too_many(found: int, most: int, delta: float, hint: str = "") -> GridsError:
    """The error for more groups than are wanted."""
    wanted = f"{most} group{'s are' if most > 1 else ' is'}"
    return GridsError(f"at most {wanted} wanted, but within delta {delta:g} dB it takes {found}{hint}")


def strategy(problem: Problem, method: str, *, least_drop: bool = False) -> Strategy:
    """The method of a name. Raises UnknownNameError."""
    if method == "paper":
        return Paper(problem)
    if method == "exact":
        return exact(problem, least_drop=least_drop)
    if method == "agglomerative":
        return Agglomerative()
    raise unknown_name("method", method, METHODS)
