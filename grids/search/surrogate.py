"""How likely is a group beyond delta? A logistic regression on its distances, learnt from the answers so far.

It decides only in which order groups are asked for, never what is true of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from grids.results import FloatArray
from grids.search.answers import BEYOND, WITHIN, Answers, Masks
from grids.search.problem import Problem, memberships

# constant, size, the largest sum of a member's distances, the largest distance; then one weight for each degradation,
# for some spoil every group they are in. The prior is vague: a pair at the mean distance is beyond with p about 0.4.
PRIOR = (-1.0, 0.5, 0.5, 0.5)
PRECISION = (0.15, 0.5, 0.5, 0.5)
PRECISION_MEMBER = 1.0
CERTAIN = 1e-4


class BeyondSurrogate:
    """How likely groups are to be beyond delta, by a logistic regression.

    Its inputs are a group's size, its largest distance, the largest sum of a member's distances, and which degradations
    it holds (docs/method.md, section 9). The weights are the most probable ones, given the answers and a vague prior;
    without answers they are the prior's. Nothing is random.

    Args:
        problem: with the distances.
        answers: to learn from: groups of two or more whose own verdict is "within" or "beyond". Read once, now.
    """

    def __init__(self, problem: Problem, answers: Answers) -> None:
        self._distances = problem.distances
        n = problem.n
        pairs = self._distances[np.triu_indices(n, 1)]
        self._scale = float(pairs.mean()) if pairs.size and pairs.mean() > 0 else 1.0
        self._prior = np.array([*PRIOR, *[0.0] * n])
        self._precision = np.array([*PRECISION, *[PRECISION_MEMBER] * n])
        known = sorted(answers.having(WITHIN) + answers.having(BEYOND))
        outcome = np.array([answers.verdicts[mask] == BEYOND for mask in known], dtype=float)
        self._weights = self._fit(self._features(known), outcome) if known else self._prior

    def beyond(self, masks: Masks | Sequence[int]) -> FloatArray:
        """The probability that each group is beyond delta.

        Args:
            masks: of the groups. What is known of them is not looked up: an answered group gets a probability, too.

        Returns:
            (groups,) float64 within [1e-4, 1 - 1e-4].
        """
        return np.clip(expit(self._features(masks) @ self._weights), CERTAIN, 1 - CERTAIN)

    def _features(self, masks: Masks | Sequence[int]) -> FloatArray:
        n = len(self._distances)
        member = memberships(masks, n)
        sums = np.where(member > 0, member @ self._distances, 0.0).max(axis=1, initial=0.0)
        widest = np.zeros(len(member))
        for i in range(n):
            widest = np.maximum(widest, (member[:, i, None] * member * self._distances[i]).max(axis=1, initial=0.0))
        known = [np.ones(len(member)), member.sum(axis=1) - 2, sums / self._scale, widest / self._scale - 1]
        return np.column_stack([*known, member])

    def _fit(self, features: FloatArray, outcome: FloatArray) -> FloatArray:
        """Newton's method with halved steps; the objective is strictly convex."""

        def objective(weights: FloatArray) -> float:
            z = features @ weights
            away = weights - self._prior
            return float(np.sum(np.logaddexp(0, z) - outcome * z) + self._precision @ away**2 / 2)

        weights, value = self._prior, objective(self._prior)
        for _ in range(50):
            p = expit(features @ weights)
            gradient = features.T @ (p - outcome) + self._precision * (weights - self._prior)
            hessian = (features * (p * (1 - p))[:, None]).T @ features + np.diag(self._precision)
            step = np.linalg.solve(hessian, gradient)
            while (found := objective(weights - step)) > value and np.abs(step).max() > 1e-9:
                step = step / 2
            if np.abs(step).max() <= 1e-9:
                break
            weights, value = weights - step, found
        return np.asarray(weights)
