"""Where the best restorer is too unsure: one that only takes off what was added to a photograph.

The photographs of cameras are soft as well as grainy, and so resemble several faint degradations; and noise that was
saved as JPEG resembles several noises. A restorer that sharpens would do harm; one of noise and JPEG gains where there
is grain, and changes next to nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grids.results import KNOWN, Candidate, Selection, takes_off
from grids.selection.gain_model import Described, Forecast, GainModel


def take_off_where_unsure(
    model: GainModel, groups: Sequence[Candidate], images: Described, selections: Sequence[Selection]
) -> list[Selection]:
    """Choose another group for known images of which the chosen one promises nothing (`Selection.promises`).

    Args:
        model: predicts the gains of the groups.
        groups: the candidates, in the order of the model.
        images: N of them.
        selections: of these images.

    Returns:
        The selections. Where groups that only take off what was added promise a gain, that of them is chosen which is
        expected to gain most; elsewhere they are what they were.
    """
    found = list(selections)
    rows = [row for row, one in enumerate(selections) if one.verdict == KNOWN and not one.promises()]
    removers = [number for number, group in enumerate(groups) if takes_off(group.degradations)]
    if not rows or not removers:
        return found
    unsure = images.only(np.array(rows))
    forecasts = {number: model.forecast(unsure, np.full(len(rows), number)) for number in removers}
    expected = forecasts[removers[0]].gains
    for place, row in enumerate(rows):
        for number in sorted(removers, key=expected[place].__getitem__, reverse=True):
            first = [one for one in found[row].ranking if one.group == groups[number].id]
            others = [one for one in found[row].ranking if one.group != groups[number].id]
            other = with_forecast(replace(found[row], ranking=(*first, *others)), forecasts[number], place)
            if other.promises():
                found[row] = other
                break
    return found


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
