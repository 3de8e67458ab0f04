"""Searches on simulated problems beside the truth, as `grouping.py` counts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr
from simulated import DELTA, Simulated, small_groups, timed

from grids.results import CERTIFICATES, Grouping
from grids.search import Problem, Search

ELEVEN = 11
TARGET = 0.03  # of all groups, at most so many answers
PROVED, IF_MONOTONE, HEURISTIC = CERTIFICATES
wrong: list[str] = []


@dataclass(frozen=True)
class Outcome:
    """A finished search beside the truth; `seconds` are its own."""

    found: Grouping
    truth: int
    seconds: float
    within: bool

    @property
    def excess(self) -> int:
        return len(self.found) - self.truth

    @property
    def false(self) -> bool:
        """Whether a certificate says that no fewer groups are possible, although they are."""
        return self.found.certificate != HEURISTIC and self.excess > 0


def solve(simulated: Simulated, method: str, *, shortcuts: bool = True, mix: bool = False) -> Outcome:
    """Search, and look for what cannot be right; with `mix`, all degradations together are told first."""
    search = Search(Problem(simulated.similarity, DELTA, shortcuts=shortcuts), method)
    if mix:
        everything = frozenset(simulated.similarity.degradations)
        search.tell(everything, *simulated(everything))
    found, seconds = timed(search, simulated)
    worst = max(simulated.drops_of(simulated.mask(group)).max() for group in found.partition)
    outcome = Outcome(found, simulated.fewest(), seconds, bool(worst <= DELTA + 1e-9))
    monotone = not simulated.bumps
    sound = monotone or not shortcuts
    complaints = {"a group was asked for twice": len({trial.group for trial in found.trials}) < found.trainings}
    if not simulated.error:
        complaints |= {
            "a group is beyond delta": not outcome.within,
            "proved, but there are fewer groups": outcome.false and found.certificate == PROVED,
            "fewer groups than possible": outcome.excess < 0,
            "proved-if-monotone, but there are fewer groups": monotone and outcome.false,
            "the lower bound is too high": monotone and found.lower_bound_if_monotone > outcome.truth,
            "exact, but there are fewer groups": sound and method == "exact" and outcome.excess > 0,
        }
    where = f"n {simulated.n}, seed {simulated.seed}, {method}, monotone {monotone}, shortcuts {shortcuts}"
    wrong.extend(f"{what} ({where}, error {simulated.error:g} dB)" for what, is_so in complaints.items() if is_so)
    return outcome


def part_of(problems: int, share: float) -> int:
    """So many problems where each takes long."""
    return max(1, round(problems * share))


def possible(n: int) -> int:
    """The groups of two or more."""
    return 2**n - n - 1


def percent(flags: Iterable[bool]) -> str:
    return f"{np.mean(list(flags)):.0%}"


def correlation(problems: Sequence[Simulated]) -> float:
    """Of mean distance and true worst drop, over groups of 2 to 5; the mean over problems."""
    return float(np.mean([spearmanr(*np.array(list(small_groups(problem))).T).statistic for problem in problems]))


COLUMNS = ("minimal", "mean excess", "answers: mean", "most", "of all groups")


def columns(outcomes: Sequence[Outcome], n: int) -> list[str]:
    """The cells under COLUMNS."""
    answers = [outcome.found.trainings for outcome in outcomes]
    return [
        percent(outcome.excess == 0 for outcome in outcomes),
        f"{np.mean([outcome.excess for outcome in outcomes]):.2f}",
        f"{np.mean(answers):.1f}",
        str(max(answers)),
        f"{np.mean(answers) / possible(n):.1%}",
    ]


def certificates(outcomes: Sequence[Outcome]) -> list[str]:
    """How many have each certificate, and how many of these are false."""
    cells = []
    for word in CERTIFICATES:
        having = [outcome for outcome in outcomes if outcome.found.certificate == word]
        false = f" ({sum(outcome.false for outcome in having)} false)" if having and word != HEURISTIC else ""
        cells.append(f"{len(having)}{false}")
    return cells
