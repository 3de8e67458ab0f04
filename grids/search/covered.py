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
    for i, name in enumerate(problem.similarity.degradations):
        if answers.direct(1 << i) != WITHIN:
            own = max(answers.answers[1 << i].drops.values(), default=float("nan"))
            raise GridsError(
                f"no group within delta covers '{name}': the drop of its own restorer is {own:.2f} dB, "
                f"and every group with others in it is beyond delta or unknown"
            )
    raise GridsError(f"no partition of {label(problem.similarity.degradations)} is within delta")
