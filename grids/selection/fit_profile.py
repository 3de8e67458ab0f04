"""Fitting a profile to described samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from grids.errors import GridsError
from grids.results import CLEAN, KNOWN, OTHER, Candidate, FloatArray, GGDParams
from grids.selection.calibration import fewest_values, fit_temperature, upper_quantile
from grids.selection.classifier import SHRINKAGE, Indices, fit_discriminant
from grids.selection.gain_model import Described, fit_gains
from grids.selection.judge import decide, measure_distances
from grids.selection.profile import Profile, Thresholds
from grids.selection.samples import Samples

PARTS = 8
"""Centres of a degradation, each for an eighth of its severities: a mild and a strong blur are far apart. Images that
were saved as JPEG share them: with centres of their own fewer kinds were told."""
RANK = 160
"""Directions of the whitened space; the verdict on what is unknown takes those beyond the centres too."""
CLEAN_KEPT = 0.985
"""Share of clean photographs whose probability of "clean" is enough for that verdict, where this is below even odds."""
CLEAN_KNOWN, DEGRADED_KNOWN = 0.965, 0.995
"""Shares of the clean and of the degraded images that are not called unknown for their probability of "other": a clean
one that is called unknown stays as it is either way, but a degraded one would not be restored."""
NEAR_KEPT = 0.999
"""Share of all of them that are not called unknown for their distance."""
MARGIN = 1.5
"""Where there are too few of them to tell: times the largest distance among them."""
COVERAGE = 0.9
"""Of the intervals of predicted gains."""


def fit_profile(
    examples: Samples,
    calibration: Samples,
    kinds: Sequence[str],
    groups: Sequence[Candidate],
    *,
    descriptor_sha256: str,
    shrinkage: float = SHRINKAGE,
    ggd: Mapping[str, GGDParams] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Profile:
    """Fit a profile: the classifier, its thresholds, and the model of gains.

    Args:
        examples: of all kinds, to learn from.
        calibration: of other photographs, for temperature, thresholds and intervals; some must not be "other". Gains
            are not predicted where it measured too few of them for an interval.
        kinds: the names that the samples' indices stand for, "clean" first and "other", if there are such, last.
        groups: the candidates, in the order of the samples' gains.
        descriptor_sha256: of the network that described the samples.
        shrinkage: of the covariance, see `grids.selection.classifier.fit_discriminant`.
        ggd: for equation 7 of GRIDS.
        record: of how the samples were made.

    Returns:
        The profile. Its `gains` are None where the examples have none, or too few images of the calibration get a
        group.

    Raises:
        GridsError: a kind has no examples, there is only one kind, or a group holds a name that is not among the kinds.
    """
    for number, name in enumerate(kinds):
        if not (examples.kinds == number).any():
            raise GridsError(f"there are no examples of '{name}' to learn from")
    centres = assign_centres(examples, kinds)
    discriminant = fit_discriminant(examples.statistics, examples.kinds, centres, RANK, shrinkage)
    whitened = discriminant.whiten(calibration.statistics)
    squares = discriminant.squared_distances(whitened)
    densities = discriminant.log_densities(squares)
    temperature = fit_temperature(densities, calibration.kinds)
    chances = softmax(densities / temperature, axis=1)
    known = calibration.kinds != len(kinds) - 1 if kinds[-1] == OTHER else np.full(len(calibration), True)
    thresholds = Thresholds(
        temperature,
        _clean_threshold(chances, calibration, kinds),
        _upper(squares[known].min(1), NEAR_KEPT, MARGIN),
        _other_threshold(chances[:, -1], calibration, kinds) if kinds[-1] == OTHER else 1.0,
    )
    profile = Profile(
        tuple(kinds), tuple(groups), discriminant, thresholds, None, ggd or {}, descriptor_sha256, record or {}
    )
    # a gain is predicted for those images alone that a group is chosen for
    verdicts = decide(profile, chances, measure_distances(profile, squares, chances))
    shown = np.array([verdict == KNOWN for verdict in verdicts]) & np.isfinite(calibration.gains).all(1)
    measured = examples.gains.shape[1] > 0 and np.isfinite(examples.gains).all(1).any()
    if not measured or shown.sum() < fewest_values(COVERAGE):
        return profile
    gains = fit_gains(discriminant.whiten(examples.statistics), examples, len(kinds))
    seen = Described(calibration.statistics, whitened, chances).only(np.flatnonzero(shown))
    return replace(profile, gains=gains.calibrate(seen, calibration.kinds[shown], calibration.gains[shown], COVERAGE))


def assign_centres(samples: Samples, kinds: Sequence[str], parts: int = PARTS) -> Indices:
    """Say which centre of its kind each sample helps to place.

    Args:
        samples: whose kinds are indices of `kinds`.
        kinds: the names of the kinds.
        parts: how many centres a kind has. Its severities, 0 to 1, are cut into as many equal parts.

    Returns:
        (N,): 0 to parts - 1; for a sample of "other" the number of its distortion.
    """
    found = np.minimum((samples.severities * parts).astype(np.int64), parts - 1)
    if OTHER in kinds:
        distorted = samples.kinds == kinds.index(OTHER)
        found[distorted] = samples.severities[distorted].astype(np.int64)
    return found


def _clean_threshold(chances: FloatArray, samples: Samples, kinds: Sequence[str]) -> float:
    clean = chances[samples.kinds == kinds.index(CLEAN), kinds.index(CLEAN)]
    return min(0.5, float(np.quantile(clean, 1 - CLEAN_KEPT))) if len(clean) else 0.5


def _other_threshold(others: FloatArray, samples: Samples, kinds: Sequence[str]) -> float:
    clean = samples.kinds == kinds.index(CLEAN)
    degraded = ~clean & (samples.kinds != kinds.index(OTHER))
    shares = ((clean, CLEAN_KNOWN), (degraded, DEGRADED_KNOWN))
    return max(0.5, *(_upper(others[some], share) for some, share in shares if some.any()))


def _upper(values: FloatArray, share: float, margin: float = 1.0) -> float:
    """The value that so large a share stays below; the largest, times a margin, where there are too few to tell."""
    return margin * float(values.max()) if len(values) < fewest_values(share) else upper_quantile(values, share)
