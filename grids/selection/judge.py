"""Computes verdicts, rankings and predicted gains from image statistics, using a profile alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import softmax

from grids.errors import GridsError
from grids.results import CLEAN, KNOWN, OTHER, UNKNOWN, FloatArray, Ranked, Selection, SelectionVerdict
from grids.selection.gain_model import Described
from grids.selection.profile import Profile, group_membership
from grids.selection.unsure import take_off_where_unsure, with_forecast


def judge(profile: Profile, statistics: FloatArray, images: Sequence[str]) -> list[Selection]:
    """Choose a group for every image.

    Args:
        profile: the profile that images are compared with.
        statistics: (N, D), from `grids.selection.features.describe`.
        images: N names for the selections.

    Returns:
        N selections, in the order of the images. Each has a ranking of all groups. Clean and unknown images have no
        chosen group, and so no predicted gain.

    Raises:
        GridsError: the profile was fitted to another number of statistics.
    """
    if statistics.shape[1] != (size := len(profile.discriminant.mean)):
        raise GridsError(f"the profile knows images by {size} statistics, but there are {statistics.shape[1]}")
    whitened = profile.discriminant.whiten(statistics)
    squares = profile.discriminant.squared_distances(whitened)
    chances = softmax(profile.discriminant.log_densities(squares) / profile.thresholds.temperature, axis=1)
    distances = measure_distances(profile, squares, chances)
    verdicts = decide(profile, chances, distances)
    described = Described(statistics, whitened, chances)
    forecast = None if profile.gains is None else profile.gains.forecast(described)
    members, found = group_membership(profile.kinds, profile.groups), []
    for row, image in enumerate(images):
        gains = None if forecast is None else forecast.gains[row]
        selection = Selection(
            image,
            verdicts[row],
            _rank(profile, members, squares[row] / whitened.shape[1], chances[row], gains),
            dict(sorted(zip(profile.kinds, map(float, chances[row]), strict=True), key=lambda item: -item[1])),
            distance=float(distances[row]),
        )
        if forecast is not None and selection.group is not None:
            selection = with_forecast(selection, forecast, row)
        found.append(selection)
    if profile.gains is None:  # then nothing is forecast
        return found
    return take_off_where_unsure(profile.gains, profile.groups, described, found)


def as_clean(selection: Selection) -> Selection:
    """What is said of an image that nothing can be wrong with.

    Args:
        selection: of the image.

    Returns:
        The selection with the verdict clean: no group is chosen, and no gain predicted.
    """
    return replace(
        selection,
        verdict=CLEAN,
        ranking=tuple(one._replace(probability=0.0) for one in selection.ranking),
        degradations={name: float(name == CLEAN) for name in (CLEAN, *selection.degradations)},
        distance=0.0,
        predicted_gain=None,
        interval=None,
        gain_probability=None,
    )


def measure_distances(profile: Profile, squares: FloatArray, chances: FloatArray) -> FloatArray:
    """Measure how far images are from everything known, relative to the threshold.

    Args:
        profile: its thresholds are used.
        squares: (N, M), the squared distances to the centres.
        chances: (N, K), the probabilities of the kinds.

    Returns:
        (N,), at least 0; above 1 an image is unknown.
    """
    far = squares.min(1) / profile.thresholds.distance
    if profile.kinds[-1] != OTHER:
        return np.asarray(far)
    ratio = chances[:, -1] / profile.thresholds.other
    return np.where(far > 1, np.maximum(far, ratio), ratio)


def decide(profile: Profile, chances: FloatArray, distances: FloatArray) -> list[SelectionVerdict]:
    """Decide on the verdicts for images.

    Args:
        profile: what the images are compared with.
        chances: (N, K), the probabilities of the kinds.
        distances: (N,), of `measure_distances`.

    Returns:
        N verdicts. A kind that no group restores also counts as unknown: the built-in profile may know degradations
        that no group of a run restores.
    """
    kinds = [k for k, kind in enumerate(profile.kinds) if kind != OTHER]
    members = group_membership(profile.kinds, profile.groups)
    verdicts: list[SelectionVerdict] = []
    for row, distance in zip(chances, distances, strict=True):
        likeliest = max(kinds, key=row.__getitem__)
        if distance > 1:
            verdicts.append(UNKNOWN)
        elif profile.kinds[likeliest] == CLEAN:
            verdicts.append(CLEAN if row[likeliest] >= profile.thresholds.clean else KNOWN)
        else:
            verdicts.append(KNOWN if members[likeliest].any() else UNKNOWN)
    return verdicts


def _rank(
    profile: Profile, members: FloatArray, divergences: FloatArray, chances: FloatArray, gains: FloatArray | None
) -> tuple[Ranked, ...]:
    """All groups, by predicted gain, largest first; by probability if the profile predicts no gains."""
    ranked = []
    for number, group in enumerate(profile.groups):
        own = np.flatnonzero(members[:, number])
        nearest = float(divergences[np.isin(profile.discriminant.owners, own)].min())
        gain = None if gains is None else float(gains[number])
        ranked.append(Ranked(group.id, group.degradations, nearest, float(chances[own].sum()), gain))
    if gains is None:
        return tuple(sorted(ranked, key=lambda one: (-one.probability, one.divergence, one.group)))
    return tuple(ranked[number] for number in np.argsort(-gains, kind="stable"))
