"""What a profile says of samples, as the reports on selection count it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import selection as source
from scipy.special import softmax
from selection_candidates import groups_of

from grids.results import OTHER
from grids.selection.judge import measure_distances
from grids.selection.profile import Profile, group_membership
from grids.selection.samples import Samples

Sets = Mapping[tuple[str, float], Samples]
"""Samples by the name of their set and by how much the photographs were reduced."""


def joined(parts: list[Samples]) -> Samples:
    """All of several sets, without gains, which not all have."""
    return Samples.join([replace(one, gains=np.zeros((len(one), 0))) for one in parts])


def members(partition: str) -> np.ndarray:
    """(13, groups), also for "other", which is in none."""
    return group_membership((*source.KINDS, OTHER), groups_of(partition))


def judged(profile: Profile, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whitened statistics, probabilities of the kinds, and the distance that verdicts hang on (above 1: unknown)."""
    whitened = profile.discriminant.whiten(samples.statistics)
    squares = profile.discriminant.squared_distances(whitened)
    chances = softmax(profile.discriminant.log_densities(squares) / profile.thresholds.temperature, axis=1)
    return whitened, chances, measure_distances(profile, squares, chances)


def called_clean(profile: Profile, chances: np.ndarray, distance: np.ndarray) -> np.ndarray:
    likeliest = chances[:, : len(source.KINDS)].argmax(1) == 0
    return likeliest & (chances[:, 0] >= profile.thresholds.clean) & (distance <= 1)


def group_accuracy(chances: np.ndarray, kinds: np.ndarray, partition: str) -> float:
    """Of degraded images, whichever verdict they get: in per cent."""
    own, degraded = members(partition), kinds > 0
    return 100 * float(((chances @ own).argmax(1) == own[kinds].argmax(1))[degraded].mean())


def auroc(known: np.ndarray, others: np.ndarray) -> float:
    """How often one of the others has the larger value."""
    both = np.sort(known)
    low, high = np.searchsorted(both, others, "left"), np.searchsorted(both, others, "right")
    return float((low + high).mean() / 2 / len(known))
