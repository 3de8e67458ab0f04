"""Computes verdicts, rankings and predicted gains from image statistics, using a profile alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import softmax

from grids.errors import GridsError
from grids.results import CLEAN, KNOWN, OTHER, UNKNOWN, FloatArray, Ranked, Selection, SelectionVerdict
from grids.selection.gain_model import Described, Forecast
from grids.selection.profile import Profile, group_membership


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
    members = group_membership(profile.kinds, profile.groups)
    whitened = profile.discriminant.whiten(statistics)
    squares = profile.discriminant.squared_distances(whitened)
    chances = softmax(profile.discriminant.log_densities(whitened) / profile.thresholds.temperature, axis=1)
    gains = forecast = None
    if profile.gains is not None:
        described = Described(statistics, whitened, chances)
        gains = profile.gains.predict(described)
        forecast = profile.gains.forecast(described, gains.argmax(1))
    found = []
    for row, image in enumerate(images):
        distance = _distance(profile, chances[row], float(squares[row].min()))
        divergences = squares[row] / whitened.shape[1]
        selection = Selection(
            image,
            _verdict(profile, members, chances[row], distance),
            _rank(profile, members, divergences, chances[row], None if gains is None else gains[row]),
            dict(sorted(zip(profile.kinds, map(float, chances[row]), strict=True), key=lambda item: -item[1])),
            distance=distance,
        )
        found.append(selection if forecast is None else _with_forecast(profile, selection, forecast, row))
    return found


def _distance(profile: Profile, chances: FloatArray, square: float) -> float:
    """How far an image is from everything known, relative to the threshold: above 1 it is unknown."""
    far = square / profile.thresholds.distance
    if profile.kinds[-1] != OTHER:
        return far
    ratio = float(chances[-1] / profile.thresholds.other)
    return max(far, ratio) if far > 1 else ratio


def _verdict(profile: Profile, members: FloatArray, chances: FloatArray, distance: float) -> SelectionVerdict:
    if distance > 1:
        return UNKNOWN
    likeliest = max((k for k, kind in enumerate(profile.kinds) if kind != OTHER), key=lambda k: float(chances[k]))
    if profile.kinds[likeliest] == CLEAN:
        return CLEAN if chances[likeliest] >= profile.thresholds.clean else KNOWN
    # the built-in profile may know degradations that no group of the run restores
    return KNOWN if members[likeliest].any() else UNKNOWN


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


def _with_forecast(profile: Profile, selection: Selection, forecast: Forecast, row: int) -> Selection:
    """The selection with the forecast for its chosen group, if it has one."""
    if selection.group is None or profile.gains is None:
        return selection
    gain, low, high, probability = (float(values[row]) for values in forecast)
    return replace(
        selection,
        predicted_gain=gain,
        interval=(low, high),
        coverage=profile.gains.coverage,
        gain_probability=probability,
    )
