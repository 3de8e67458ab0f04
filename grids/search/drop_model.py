"""How likely is a group beyond delta? A linear model of the drops of its members, learnt from the answers so far.

It decides only in which order groups are asked for, never what is true of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr

from grids.results import WORST, FloatArray
from grids.search.answers import Answers, Masks
from grids.search.problem import ENUMERATED, Problem, memberships
from grids.search.surrogate import CERTAIN, BeyondSurrogate

# Mean and deviation of what drops consist of before anything is known, in units of delta times a scale: of sharing at
# all (of all degradations, and what one adds to it), of a standard deviation of S, and the deviations of what a
# degradation does to all others and of what it does to one of them.
SHARING, SHARING_EACH = (0.35, 0.3), 0.3
DISTANCE = (0.2, 0.15)
SPOILING, PAIR = 0.25, 0.2
SCALES = (1.0, 0.5, 2.0, 0.25)
"""Of all of these; the answers choose, and without any it is the first."""
APART = 0.1
"""What a group's own drop deviates from the model by, in units of delta."""
BEYOND_BOUND = 0.3
"""What a drop is taken to exceed a lower bound by, and the deviation of that; so of one that is only told as the worst
of its group. Likewise."""
FARTHEST = 50.0
"""A larger drop is taken for this, likewise: a training that went astray tells little of others."""
LEAST_UNIT = 0.1
"""dB: in place of a delta that is smaller."""


class Known(NamedTuple):
    """The drops of a degradation that are known: inputs (drops, 1 + n), drops and standard errors (drops,), dB."""

    inputs: FloatArray
    drops: FloatArray
    errors: FloatArray


class DropModel:
    """How likely groups are to be beyond delta, by a Bayesian linear regression of drops.

    The drop of i in a group T is (g + g_i) (1 - 1 / |T|) plus the sum over its other members j of v_j + w z_ij + e_ij
    (z: S, standardized), plus a deviation of its own (docs/method.md, section 9). Nothing is random.

    Args:
        problem: with the distances.
        answers: to learn from: all drops by name, and lower bounds where there is no drop; where only the worst drop of
            a group is known, each of its members counts with it. Verdicts are not looked at. Read once, now.
    """

    def __init__(self, problem: Problem, answers: Answers) -> None:
        names = problem.similarity.degradations
        self._limits = np.array([problem.limit(name) for name in names])
        # the median: one degradation may be allowed any drop
        self._unit = max(float(np.median(self._limits)), LEAST_UNIT)
        common = _common(problem.distances)
        known = [self._observed(answers, names, i) for i in range(problem.n)]
        fits = [_fit(common, known, scale * self._unit) for scale in SCALES]
        _, self._parts = max(fits, key=lambda fit: fit[0])

    def beyond(self, masks: Masks | Sequence[int]) -> FloatArray:
        """The probability that each group is beyond delta, its members taken for independent.

        Args:
            masks: of the groups. What is known of them is not looked up: an answered group gets a probability, too.

        Returns:
            (groups,) float64 within [1e-4, 1 - 1e-4].
        """
        member = memberships(masks, len(self._limits))
        within = np.zeros(len(member))  # the logarithm of its probability
        for i, limit in enumerate(self._limits):
            rows = np.flatnonzero((member[:, i] > 0) & (member.sum(axis=1) > 1))
            known = _inputs(member[rows], i)
            mean, covariance = self._parts[i]
            spread = ((known @ covariance) * known).sum(axis=1)
            deviation = np.sqrt(spread + (APART * self._unit) ** 2)
            within[rows] += log_ndtr((limit - known @ mean) / deviation)
        return np.clip(-np.expm1(within), CERTAIN, 1 - CERTAIN)

    def _observed(self, answers: Answers, names: Sequence[str], i: int) -> Known:
        """Of every drop of a degradation that is known: its inputs, the drop, its standard error."""
        found = []
        vague = BEYOND_BOUND * self._unit
        for mask, answer in answers.answers.items():
            if not mask >> i & 1 or not mask & (mask - 1):
                continue
            if names[i] in answer.drops:
                found.append((mask, answer.drops[names[i]], answer.noise.get(names[i], 0.0)))
            elif names[i] in answer.at_least:
                found.append((mask, answer.at_least[names[i]] + vague, vague))
            elif WORST in answer.drops:
                found.append((mask, answer.drops[WORST], vague))
        drops, errors = (np.array([row[at] for row in found], dtype=float) for at in (1, 2))
        inputs = _inputs(memberships([mask for mask, _, _ in found], len(names)), i)
        most = FARTHEST * self._unit
        return Known(inputs, drops.clip(-most, most), np.hypot(errors, APART * self._unit))


def learn_from(problem: Problem, answers: Answers) -> DropModel | BeyondSurrogate:
    """What guesses at groups that nobody has asked for yet.

    Args:
        problem: what to group.
        answers: to learn from.

    Returns:
        A `DropModel`; a `BeyondSurrogate`, which learns from verdicts, with more than 14 degradations, where verdicts
        are only supposed, and where no answer tells a drop by name.
    """
    multiple = [mask for mask in answers.verdicts if mask & (mask - 1)]
    told = [{*answer.drops, *answer.at_least} - {WORST} for mask in multiple if (answer := answers.answers.get(mask))]
    if problem.n > ENUMERATED or len(told) < len(multiple) or (multiple and not any(told)):
        return BeyondSurrogate(problem, answers)
    return DropModel(problem, answers)


def _inputs(member: FloatArray, i: int) -> FloatArray:
    """What drops of i depend on, (groups, 1 + n): the share that the others have of each group, and which they are."""
    others = member.copy()
    others[:, i] = 0
    return np.column_stack([1 - 1 / np.maximum(member.sum(axis=1), 1), others])


def _common(distances: FloatArray) -> FloatArray:
    """What multiplies the inputs of each degradation, of the parts that all share: (n, 1 + n, 2 + n).

    These parts are g, w and the v_j; its own parts, g_i and the e_ij, multiply the inputs as they are.
    """
    n = len(distances)
    others = ~np.eye(n, dtype=bool)
    values = distances[others]
    spread = float(values.std()) if n > 1 else 0.0
    common = np.zeros((n, 1 + n, 2 + n))
    common[:, 0, 0] = 1
    common[:, 1:, 2:] = np.eye(n)
    if spread > 0:
        common[:, 1:, 1] = np.where(others, (distances - values.mean()) / spread, 0.0)
    return common


def _fit(common: FloatArray, known: Sequence[Known], unit: float) -> tuple[float, list[tuple[FloatArray, FloatArray]]]:
    """Condition the parts on the drops.

    Given the common parts, those of each degradation are independent: so all matrices stay small (Schur complement).

    Args:
        common: what multiplies the inputs (`_common`).
        known: the drops of each degradation.
        unit: dB, of the prior.

    Returns:
        the logarithm of the evidence, up to a constant, and for each degradation mean and covariance of what its inputs
        are multiplied by.
    """
    n = len(common)
    mean, deviation = np.zeros(2 + n), np.full(2 + n, SPOILING)
    (mean[0], deviation[0]), (mean[1], deviation[1]) = SHARING, DISTANCE
    mean, deviation = unit * mean, unit * deviation
    own = unit * np.array([SHARING_EACH, *[PAIR] * n])
    precision, target, evidence = np.eye(2 + n), np.zeros(2 + n), 0.0
    blocks = []
    for one, (inputs, drops, errors) in zip(common, known, strict=True):
        shared = inputs @ one * deviation / errors[:, None]
        alone = inputs * own / errors[:, None]
        away = (drops - inputs @ one @ mean) / errors
        inverse = np.linalg.inv(np.eye(1 + n) + alone.T @ alone)
        cross, pulled = shared.T @ alone, alone.T @ away
        precision += shared.T @ shared - cross @ inverse @ cross.T
        target += shared.T @ away - cross @ inverse @ pulled
        evidence += np.linalg.slogdet(inverse)[1] / 2 - (away @ away - pulled @ inverse @ pulled) / 2
        blocks.append((one, inverse, cross, pulled))
    covariance = np.linalg.inv(precision)
    fitted = covariance @ target
    evidence += float(target @ fitted) / 2 - np.linalg.slogdet(precision)[1] / 2
    found = []
    for one, inverse, cross, pulled in blocks:
        # of the common parts, and what they take from this degradation's own
        both = one * deviation - own[:, None] * (inverse @ cross.T)
        found.append(
            (
                one @ mean + both @ fitted + own * (inverse @ pulled),
                both @ covariance @ both.T + own[:, None] * inverse * own,
            )
        )
    return float(evidence), found
