"""What every search method is: a pure function from what is known to the next group to ask for, or to the result.

Nothing is remembered between calls but what could be computed again. So a search that was killed goes on as if it had
not been, and what to ask for while answers are out is found by supposing them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from grids.errors import GridsError
from grids.search.answers import WITHIN, Answers
from grids.search.problem import Problem, label


@dataclass(frozen=True)
class Ask:
    """A group whose answer a method needs next.

    Args:
        mask: of the group.
        why: what for, in words that reports and logs show.
    """

    mask: int
    why: str


@dataclass(frozen=True)
class Done:
    """The partition that was found; its groups all have answers of their own, within delta.

    Args:
        groups: masks.
        spared: shortcuts that the method used by itself -> how many groups they spared.
        fewest: whether the method has shown that no partition of the groups it could ask for has fewer.
    """

    groups: tuple[int, ...]
    spared: tuple[tuple[str, int], ...] = ()
    fewest: bool = False


class SearchMethod(ABC):
    """A search method; a line in `METHODS` (grids/search/search.py) gives it its name.

    A method writes `next`, and `estimate_answers` where it needs clearly more or fewer answers than the exact one.

    Args:
        problem: the one that it is for. It is no state, so whatever follows from it alone may be kept.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @abstractmethod
    def next(self, answers: Answers) -> Ask | Done:
        """The next group to ask for, or the result: a pure function of the answers, without chance.

        Args:
            answers: what is known, or supposed. They must not be changed.

        Returns:
            `Ask` with a group that has no answer yet and can be asked for; or `Done` with a partition of which every
            group has an answer of its own within delta.

        Raises:
            GridsError: there can be no partition (`no_partition` makes the error).
        """

    @classmethod
    def estimate_answers(cls, n: int) -> float:
        """About how many groups the method asks for, to tell the time left (docs/results.md, "Grouping").

        Args:
            n: the number of degradations.

        Returns:
            The number, not rounded. It is a rough one: delta and the drops are not looked at.
        """
        return n * n / 5


class Needed(Exception):  # noqa: N818 - it is no error: a search that runs again and again stops at what it lacks
    """Raised inside a method by the first answer that is not known yet; `Replayed.next` turns it into an `Ask`.

    Args:
        mask: of the group.
        why: what its answer is needed for.
    """

    def __init__(self, mask: int, why: str) -> None:
        super().__init__(why)
        self.ask = Ask(mask, why)


class Replayed(SearchMethod):
    """A method written as if all answers were there; it runs from the start each time, up to the first one missing.

    Derive from it and write `_run(answers)`, which returns `Done`, looks at answers by `is_within_delta` and is without
    chance. Each call costs a whole run, so what follows from the problem alone should be kept.

    Args:
        problem: the one that it is for.
    """

    def next(self, answers: Answers) -> Ask | Done:
        """See SearchMethod."""
        try:
            return self._run(answers)
        except Needed as needed:
            return needed.ask

    @abstractmethod
    def _run(self, answers: Answers) -> Done:
        """The result. Raises Needed."""


def is_within_delta(answers: Answers, mask: int, why: str, *, own: bool = False) -> bool:
    """Whether a group is within delta, as a method asks it that is written as if all answers were there (`Replayed`).

    Args:
        answers: what is known.
        mask: of the group.
        why: what its answer is needed for, for reports.
        own: whether only its own answer counts; else a shortcut is enough, if the problem allows them.

    Returns:
        False, too, for groups that are undecided, failed, or have no answer and cannot be asked for.

    Raises:
        Needed: nothing is known of it yet.
    """
    direct = answers.direct(mask)
    if direct is None and not answers.problem.can_ask(mask):
        return False  # whatever follows for it: it never gets an answer of its own
    known = direct if own else answers.known(mask)
    if known is None:
        raise Needed(mask, why)
    return known == WITHIN


def no_partition(answers: Answers) -> GridsError:
    """The error for answers that leave no partition within delta; it is returned, not raised.

    Args:
        answers: what is known.

    Returns:
        The error, for the caller to raise. It names the first degradation that no group within delta covers, with the
        drop of its own restorer; if there is none, it names all.
    """
    names = answers.problem.similarity.degradations
    for i, name in enumerate(names):
        if not any(mask >> i & 1 for mask in answers.verified):
            return GridsError(
                f"no group within delta covers '{name}': the drop of its own restorer is {_own_drop(answers, i)}, "
                f"and every group with others in it is beyond delta, unknown or passed over by the method"
            )
    return GridsError(f"no partition of {label(names)} within delta was found by this method")


def too_many(found: int, most: int, delta: float, hint: str = "") -> GridsError:
    """Make the error for needing more groups than allowed. It is returned, not raised.

    Args:
        found: how many groups are needed.
        most: the most groups allowed.
        delta: the delta of the problem, dB.
        hint: what the user can do about it, appended verbatim.

    Returns:
        The error, for the caller to raise.

    >>> print(too_many(3, 2, 0.25))
    at most 2 groups are wanted, but within delta 0.25 dB it takes 3
    """
    wanted = f"{most} group{'s are' if most > 1 else ' is'}"
    return GridsError(f"at most {wanted} wanted, but within delta {delta:g} dB it takes {found}{hint}")


def _own_drop(answers: Answers, row: int) -> str:
    own = answers.answers[1 << row]
    if own.drops:
        return f"{max(own.drops.values()):.2f} dB"
    return f"{max(own.at_least.values()):.2f} dB or more" if own.at_least else "unknown"
