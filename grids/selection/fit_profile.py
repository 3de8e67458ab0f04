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
"""Centres per degradation, each for an eighth of its severity range, because a mild and a strong blur are far apart.
Images saved as JPEG share these centres; with centres of their own, fewer kinds were recognized."""
RANK = 160
"""Dimensions of the whitened space. The unknown verdict also uses dimensions beyond those that the centres span."""
CLEAN_KEPT = 0.985
"""Share of clean calibration photographs that the threshold for "clean" accepts; the threshold is at most 0.5."""
CLEAN_KNOWN, DEGRADED_KNOWN = 0.965, 0.995
"""Shares of the clean and of the degraded calibration images that the threshold for "other" accepts. A clean image that
is wrongly called unknown is left unchanged either way, but a degraded one would go unrestored."""
NEAR_KEPT = 0.999
"""Share of both kinds of images that the distance threshold accepts."""
MARGIN = 1.5
"""If there are too few images for that share, the threshold is the largest distance among them times this factor."""
COVERAGE = 0.9
"""Coverage of the intervals of predicted gains."""


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
        examples: the training samples, of all kinds.
        calibration: samples of other photographs, for temperature, thresholds and intervals; at least some must not be
            "other". Gains are predicted only if enough of these samples have measured gains for an interval.
        kinds: the names that the samples' indices stand for: "clean" first and, if present, "other" last.
        groups: the candidates, in the order of the samples' gains.
        descriptor_sha256: checksum of the network that described the samples.
        shrinkage: shrinkage of the covariance; see `grids.selection.classifier.fit_discriminant`.
        ggd: parameters for equation 7 of GRIDS.
        record: how the samples were made.

    Returns:
        The profile. Its `gains` is None if the examples have no gains, or if too few calibration images are assigned to
        a group.

    Raises:
        GridsError: a kind has no examples, there is only one kind, or a group contains a name that is not a kind.
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
    # gains are only predicted for images with a chosen group, so calibrate on these
    verdicts = decide(profile, chances, measure_distances(profile, squares, chances))
    shown = np.array([verdict == KNOWN for verdict in verdicts]) & np.isfinite(calibration.gains).all(1)
    measured = examples.gains.shape[1] > 0 and np.isfinite(examples.gains).all(1).any()
    if not measured or shown.sum() < fewest_values(COVERAGE):
        return profile
    gains = fit_gains(discriminant.whiten(examples.statistics), examples, len(kinds))
    seen = Described(calibration.statistics, whitened, chances).only(np.flatnonzero(shown))
    return replace(profile, gains=gains.calibrate(seen, calibration.kinds[shown], calibration.gains[shown], COVERAGE))


def assign_centres(samples: Samples, kinds: Sequence[str], parts: int = PARTS) -> Indices:
    """Assign each sample to one of the centres of its kind, by severity.

    Args:
        samples: samples whose kinds are indices into `kinds`.
        kinds: the names of the kinds.
        parts: the number of centres per kind; the severity range [0, 1] is divided into as many equal parts.

    Returns:
        (N,): 0 to parts - 1; for a sample of "other" the index of its distortion.
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
    """The conformal quantile of the values; if there are too few for it, the largest value times the margin."""
    return margin * float(values.max()) if len(values) < fewest_values(share) else upper_quantile(values, share)
