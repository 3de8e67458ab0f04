"""What every search method is: a pure function from what is known to the next group to ask for, or to the result.

Nothing is remembered between calls but what could be computed again. So a search that was killed goes on as if it had
not been, and what to ask for while answers are out is found by supposing them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from grids.search.answers import Answers


@dataclass(frozen=True)
class Ask:
    """A group whose answer is needed, and what for."""

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


class Strategy(Protocol):
    """A search method."""

    def next(self, answers: Answers) -> Ask | Done:
        """The next group to ask for, or the result. Raises GridsError where there can be no partition."""


class Needed(Exception):  # noqa: N818 - it is no error: a search that runs again and again stops at what it lacks
    """Raised inside a method by the first answer that is not known yet."""

    def __init__(self, mask: int, why: str) -> None:
        super().__init__(why)
        self.ask = Ask(mask, why)


class Replayed(ABC):
    """A method written as if all answers were there; it runs from the start each time, up to the first one missing."""

    def next(self, answers: Answers) -> Ask | Done:
        """See Strategy."""
        try:
            return self._run(answers)
        except Needed as needed:
            return needed.ask

    @abstractmethod
    def _run(self, answers: Answers) -> Done:
        """The result. Raises Needed."""


def within_delta(answers: Answers, mask: int, why: str, *, own: bool = False) -> bool:
    """Whether a group is known to be within delta; `own`: by its own answer, not by a shortcut. Raises Needed."""
    direct = answers.direct(mask)
    if direct is None and not answers.problem.can_ask(mask):
        return False  # whatever follows for it: it never gets an answer of its own
    known = direct if own else answers.known(mask)
    if known is None:
        raise Needed(mask, why)
    return known == "within"
