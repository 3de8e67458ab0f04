"""How much drops vary over seeds, and from which loss on a training need not go on: functions of numbers alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import pvariance

LASTING = 0.7
"""A group that loses E dB at half of its steps is taken to lose at least this share of E at their end."""
USUAL = 0.05
"""dB: about what the drop of a small group varies by over seeds in short trainings (benchmarks/study/nafnet-250)."""
PRIOR = 2.0
"""So many repetitions is the noise of all tasks together worth, beside a task's own."""


def estimate_noise(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """How much a restorer's PSNR varies over seeds, from two restorers for all tasks.

    A task's own difference is drawn towards that of all tasks, which counts as `PRIOR` more of it. Source:
    docs/method.md, section 12, "Noise".

    Args:
        first: PSNR by task with one seed, dB; one task at least.
        second: the same with another seed.

    Returns:
        the standard deviation by task, dB.
    """
    squares = {task: (second[task] - psnr) ** 2 / 2 for task, psnr in first.items()}
    pooled = sum(squares.values()) / len(squares)
    return {task: math.sqrt((own + PRIOR * pooled) / (1 + PRIOR)) for task, own in squares.items()}


def estimate_drop_noise(drops: Collection[Sequence[float]]) -> float:
    """How much the drops of one group vary over seeds: those of its tasks, together, drawn towards `USUAL`.

    A restorer for all tasks varies more than one for a few: once a group has seeds of its own, these say more.

    Args:
        drops: for each task its drops, dB, one for each seed.

    Returns:
        the standard deviation, dB.
    """
    squares = sum(len(seeds) * pvariance(seeds) for seeds in drops)
    free = sum(len(seeds) - 1 for seeds in drops)
    return math.sqrt((squares + PRIOR * USUAL**2) / (free + PRIOR))


def clearly_lost(
    losses: Mapping[str, float], deltas: Mapping[str, float], noise: Mapping[str, float]
) -> dict[str, float]:
    """The rule for stopping early: which tasks have lost so much half way that the group cannot come within delta.

    A task is among them where `LASTING` of what it loses half way is more than delta plus four standard errors of a
    drop, sqrt(2) times the noise each.

    Args:
        losses: dB by task, half way, against the single-task restorer at the same share of its steps.
        deltas: the largest drops that are allowed, dB by task.
        noise: standard deviation of a restorer's PSNR over seeds, dB by task; a task without one stops nothing.

    Returns:
        these tasks, with their losses as given; empty if the training is to go on.

    >>> clearly_lost({"jpeg": 1.0, "haze": 0.2}, {"jpeg": 0.3, "haze": 0.3}, {"jpeg": 0.05, "haze": 0.05})
    {'jpeg': 1.0}
    """
    return {
        task: loss
        for task, loss in losses.items()
        if task in noise and LASTING * loss > deltas[task] + 4 * math.sqrt(2) * noise[task]
    }
