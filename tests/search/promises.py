"""What every result of a search must keep, and ways of answering."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from search.brute_force import Oracle, World

from grids.results import Grouping
from grids.search import (
    METHODS,
    Answer,
)

MODES = ("full", "worst", "noisy", "from below", "failing")
each_method = pytest.mark.parametrize("method", METHODS)
PAPER_GROUPS = {
    frozenset({"gaussian_blur", "motion_blur", "richardson_lucy"}),
    frozenset({"super_resolution", "ringing", "defocus_blur"}),
    frozenset({"jpeg", "poisson_noise", "inpainting"}),
    frozenset({"gaussian_noise", "salt_pepper"}),
}


def answering(given: World, mode: str, delta: float) -> Callable[[int], Mapping[str, float] | Answer | None]:
    """Ways of answering; none of them tells what is not true."""

    def answer(mask: int) -> Mapping[str, float] | Answer | None:
        drops = given.drops(mask)
        kind = mode if mask % 3 else "full"
        if kind == "worst":
            return {"*": given.worst(mask)}
        if kind == "noisy":
            return Answer(drops, dict.fromkeys(drops, 0.04))
        if kind == "from below" and given.worst(mask) > delta:
            name = max(drops, key=lambda name: drops[name])
            return Answer({}, {}, {name: (delta + drops[name]) / 2})
        if kind == "failing":
            return None
        return drops

    return answer


def is_sure(given: World, mode: str, mask: int, delta: float) -> bool:
    """Whether an answer of that mode puts a group within delta for certain."""
    if mask & (mask - 1) == 0:
        return True
    if mode == "failing" and mask % 3:
        return False
    return given.worst(mask) <= delta - (0.08 if mode == "noisy" and mask % 3 else 0) + 1e-9


def check(found: Grouping, oracle: Oracle, delta: float, delta_for: Mapping[str, float] | None = None) -> None:
    """A verified partition, and no question that was not worth it."""
    given = oracle.world
    masks = [given.mask(group.degradations) for group in found.groups]
    assert sum(masks) == np.bitwise_or.reduce(masks) == (1 << given.n) - 1
    for group, mask in zip(found.groups, masks, strict=True):
        assert given.is_within(mask, delta, delta_for)
        assert mask in oracle.asked or len(group.degradations) == 1
        assert group.distance == pytest.approx(given.similarity.group_distance(group.degradations))
    assert [given.mask(trial.group) for trial in found.trials] == oracle.asked
    assert found.trainings == len(oracle.asked)
    verdicts = {given.mask(trial.group): trial.verdict for trial in found.trials}
    for group in found.groups:
        assert len(group.degradations) == 1 or verdicts[given.mask(group.degradations)] == "within"
    if found.settings["shortcuts"]:
        check_spared(found, given)


def check_spared(found: Grouping, given: World) -> None:
    """Nothing was asked for that a part had ruled out; a part of one within only as a group of the result-to-be."""
    known: dict[int, str] = {}
    for trial in found.trials:
        mask = given.mask(trial.group)
        assert not any(verdict == "beyond" and part & mask == part for part, verdict in known.items())
        if any(verdict == "within" and whole & mask == mask for whole, verdict in known.items()):
            assert any(why in trial.why for why in ("verify", "total drop", "every group that can be asked for"))
        known[mask] = trial.verdict


def check_certificate(found: Grouping, given: World, kind: str, truth: float) -> None:
    """`truth`: the fewest groups of all partitions within delta."""
    assert len(found) >= truth
    assert 1 <= found.lower_bound <= len(found)
    assert found.lower_bound <= truth  # whatever is assumed
    if found.certificate == "proved":
        assert len(found) == truth == found.lower_bound
    if kind == "monotone":
        assert found.lower_bound <= found.lower_bound_if_monotone <= truth
        assert found.contradictions == 0
        if found.certificate == "proved-if-monotone":
            assert len(found) == truth == found.lower_bound_if_monotone


def given_drops(given: World) -> Callable[[frozenset[str]], Mapping[str, float]]:
    return lambda group: given.drops(given.mask(group))
