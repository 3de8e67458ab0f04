"""The cheapest partition made of listed groups, by integer programming (HiGHS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grids.results import FloatArray
from grids.search.problem import memberships

NODES = 1000
"""Of one program, so that the result does not depend on the speed of the machine."""


class Picked(NamedTuple):
    """Places of groups that make a partition, and whether it is proved the cheapest."""

    places: list[int]
    proved: bool


def pick(groups: Sequence[int], costs: FloatArray, n: int, count: int | None = None) -> Picked | None:
    """The groups that make the cheapest partition of n degradations, into `count` groups if that is given.

    None if there is none, or none was found.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # a third of a second
    from scipy.sparse import csc_array

    if not groups:
        return None
    member = memberships(groups, n).T
    once = np.ones(n)
    if count is not None:
        member, once = np.vstack([member, np.ones(len(groups))]), np.append(once, count)
    program = milp(
        costs,
        constraints=LinearConstraint(csc_array(member), once, once),
        integrality=np.ones(len(groups)),
        bounds=Bounds(0, 1),
        options={"node_limit": NODES},
    )
    if program.x is None:
        return None
    return Picked(np.flatnonzero(program.x > 0.5).tolist(), program.status == 0)
