"""How likely is a group beyond delta? A linear model of the drops of its members, learnt from the answers so far.

It decides only in which order groups are asked for, never what is true of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_ndtr

from grids.results import WORST, FloatArray
from grids.search.answers import Answers, Masks
from grids.search.problem import ENUMERATED, Problem, members, memberships
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
        self._maps = _maps(problem.distances)
        mean, deviation = _prior(problem.n, self._unit)
        inputs, drops, errors = self._observed(answers, names)
        drops = drops.clip(-FARTHEST * self._unit, FARTHEST * self._unit)
        fits = [_fit(inputs, drops, errors, scale * mean, scale * deviation) for scale in SCALES]
        _, self._mean, self._covariance = max(fits, key=lambda fit: fit[0])

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
            known = _inputs(member[rows])
            one = self._maps[i]
            spread = ((known @ (one @ self._covariance @ one.T)) * known).sum(axis=1)
            deviation = np.sqrt(spread + (APART * self._unit) ** 2)
            within[rows] += log_ndtr((limit - known @ (one @ self._mean)) / deviation)
        return np.clip(-np.expm1(within), CERTAIN, 1 - CERTAIN)

    def _observed(self, answers: Answers, names: Sequence[str]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of every drop that is known: what it depends on (drops, parts), the drop, its standard error."""
        found = []
        vague = BEYOND_BOUND * self._unit
        for mask, answer in answers.answers.items():
            group = members(mask)
            known = _inputs(memberships([mask], len(names)))[0]
            for i in group if len(group) > 1 else ():
                row = known @ self._maps[i]
                if names[i] in answer.drops:
                    found.append((row, answer.drops[names[i]], answer.noise.get(names[i], 0.0)))
                elif names[i] in answer.at_least:
                    found.append((row, answer.at_least[names[i]] + vague, vague))
                elif WORST in answer.drops:
                    found.append((row, answer.drops[WORST], vague))
        inputs = np.array([row for row, _, _ in found]).reshape(len(found), self._maps.shape[2])
        drops, errors = (np.array([row[at] for row in found]) for at in (1, 2))
        return inputs, drops, np.hypot(errors, APART * self._unit)


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


def _inputs(member: FloatArray) -> FloatArray:
    """(groups, 1 + n): the share that the others have of each group, and its members."""
    return np.column_stack([1 - 1 / np.maximum(member.sum(axis=1), 1), member])


def _maps(distances: FloatArray) -> FloatArray:
    """From the parts of the model to what `_inputs` are multiplied by for each degradation: (n, 1 + n, parts).

    The parts are g, w, n of g_i, n of v_j, and n x n of e_ij.
    """
    n = len(distances)
    others = ~np.eye(n, dtype=bool)
    values = distances[others]
    spread = float(values.std()) if n > 1 else 0.0
    z = np.where(others, (distances - values.mean()) / spread, 0.0) if spread > 0 else np.zeros((n, n))
    maps = np.zeros((n, 1 + n, 2 + 2 * n + n * n))
    for i in range(n):
        maps[i, 0, [0, 2 + i]] = 1
        maps[i, 1:, 1] = z[i]
        for j in np.flatnonzero(others[i]):
            maps[i, 1 + j, [2 + n + j, 2 + 2 * n + i * n + j]] = 1
    return maps


def _prior(n: int, unit: float) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the parts, dB."""
    mean, deviation = np.zeros(2 + 2 * n + n * n), np.full(2 + 2 * n + n * n, PAIR)
    (mean[0], deviation[0]), (mean[1], deviation[1]) = SHARING, DISTANCE
    deviation[2 : 2 + n], deviation[2 + n : 2 + 2 * n] = SHARING_EACH, SPOILING
    return unit * mean, unit * deviation


def _fit(
    inputs: FloatArray, drops: FloatArray, errors: FloatArray, mean: FloatArray, deviation: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Condition the parts on the drops: the logarithm of the evidence (up to a constant), their mean and covariance."""
    weighted = inputs * deviation / errors[:, None]
    residual = (drops - inputs @ mean) / errors
    factor = cho_factor(np.eye(len(mean)) + weighted.T @ weighted, lower=True)
    fitted = cho_solve(factor, weighted.T @ residual)
    explained = float(residual @ residual - (weighted.T @ residual) @ fitted)
    evidence = -explained / 2 - float(np.log(np.diag(factor[0])).sum())
    covariance = deviation[:, None] * cho_solve(factor, np.eye(len(mean))) * deviation
    return evidence, mean + deviation * fitted, covariance
