"""What all methods say where there can be no partition."""

from __future__ import annotations

from grids.errors import GridsError
from grids.search.answers import WITHIN, Answers
from grids.search.problem import label


def check_covered(answers: Answers, covered: bool) -> None:
    """Raise GridsError, naming a degradation, where no partition within delta is left."""
    if covered:
        return
    problem = answers.problem
    within = [mask for mask, verdict in answers.verdicts.items() if verdict == WITHIN]
    for i, name in enumerate(problem.similarity.degradations):
        if not any(mask >> i & 1 for mask in within):
            raise GridsError(
                f"no group within delta covers '{name}': the drop of its own restorer is {_own_drop(answers, i)}, "
                f"and every group with others in it is beyond delta, unknown or passed over by the method"
            )
    raise GridsError(f"no partition of {label(problem.similarity.degradations)} within delta was found by this method")


def _own_drop(answers: Answers, row: int) -> str:
    own = answers.answers[1 << row]
    if own.drops:
        return f"{max(own.drops.values()):.2f} dB"
    return f"{max(own.at_least.values()):.2f} dB or more" if own.at_least else "unknown"
