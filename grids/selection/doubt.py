"""A cautious choice for images in doubt: a restorer that only takes off what was added to a photograph.

The photographs of cameras are soft as well as grainy, and so resemble several faint degradations; and noise that was
saved as JPEG resembles several noises. A restorer that sharpens would do harm; one of noise and JPEG gains where there
is grain, and changes next to nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from grids.results import CLEAN, KNOWN, Candidate, FloatArray, Ranked, Selection, takes_off
from grids.results.selection import GRAIN, NAMED
from grids.selection.gain_model import Described, Forecast, GainModel

NOT_CLEAN = 0.2
"""Where "clean" is as probable as this, an image may bear nothing: fine texture looks like noise."""


def list_removers(groups: Sequence[Candidate]) -> list[int]:
    """Tell which groups only take off what was added.

    Args:
        groups: the candidates of a profile.

    Returns:
        Their numbers, ascending.
    """
    return [number for number, group in enumerate(groups) if takes_off(group.degradations)]


def find_unsure(selections: Sequence[Selection]) -> NDArray[np.bool_]:
    """Tell which images are known, but not restored for want of a likely gain or of a name.

    Args:
        selections: of N images.

    Returns:
        (N,).
    """
    return np.array([one.verdict == KNOWN and not one.promises() for one in selections], dtype=bool)


def find_doubtful(selections: Sequence[Selection]) -> NDArray[np.bool_]:
    """Tell which of these images are in doubt: hardly clean, and either surely grainy or nothing surely.

    Args:
        selections: of N images.

    Returns:
        (N,): where "clean" has a probability below 0.2, and noise, JPEG and ringing together have one of one half or no
        name alone has. False for images whose single degradations are not known.
    """
    found = find_unsure(selections)
    for number, one in enumerate(selections):
        likeliest = max(one.degradations.values(), default=1.0)
        grain = sum(one.degradations.get(name, 0.0) for name in GRAIN)
        found[number] &= one.degradations.get(CLEAN, 0.0) < NOT_CLEAN and (grain >= NAMED or likeliest < NAMED)
    return found


def described_alike(statistics: FloatArray, whitened: FloatArray) -> Described:
    """Take all images as being of one kind.

    Args:
        statistics: (N, D).
        whitened: (N, R).

    Returns:
        What a model of gains with a single kind predicts from.
    """
    return Described(statistics, whitened, np.ones((len(statistics), 1)))


def settle_doubts(
    model: GainModel, groups: Sequence[Candidate], images: Described, selections: Sequence[Selection]
) -> list[Selection]:
    """Choose for images in doubt a group that only takes off what was added, if that is likely to gain.

    Args:
        model: predicts the gains of the groups of `list_removers`; of a single kind.
        groups: the candidates.
        images: N of them, with the probabilities of a profile's kinds, which do not count here.
        selections: of these images.

    Returns:
        The selections; of images in doubt cautious ones, where these promise a gain.
    """
    found, doubtful = list(selections), find_doubtful(selections)
    if not doubtful.any():
        return found
    forecast = model.forecast(described_alike(images.statistics[doubtful], images.whitened[doubtful]))
    ids = [groups[number].id for number in list_removers(groups)]
    for place, row in enumerate(map(int, np.flatnonzero(doubtful))):
        other = _reordered(selections[row], ids, forecast, place)
        if other.promises():
            found[row] = other
    return found


def _reordered(selection: Selection, ids: Sequence[str], forecast: Forecast, row: int) -> Selection:
    """The selection with the predictions of a forecast for these groups, the best of them first."""
    gains = dict(zip(ids, map(float, forecast.gains[row]), strict=True))
    best = ids[int(forecast.gains[row].argmax())]

    def order(one: Ranked) -> tuple[bool, float]:
        return one.group != best, -(one.predicted_gain or 0.0)

    ranking = [one._replace(predicted_gain=gains.get(one.group, one.predicted_gain)) for one in selection.ranking]
    chosen = replace(selection, ranking=tuple(sorted(ranking, key=order)), cautious=True)
    return with_forecast(chosen, forecast, row)


def with_forecast(selection: Selection, forecast: Forecast, row: int) -> Selection:
    """Add what is expected of the chosen restorer.

    Args:
        selection: of an image with a chosen group.
        forecast: of several images.
        row: which of them it is.

    Returns:
        The selection with its gain, interval, coverage and probability of a gain.
    """
    return replace(
        selection,
        predicted_gain=float(forecast.gain[row]),
        interval=(float(forecast.low[row]), float(forecast.high[row])),
        coverage=forecast.coverage,
        gain_probability=float(forecast.probability[row]),
    )
