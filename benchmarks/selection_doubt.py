"""What comes of images in doubt: a table of `selection.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import selection as source
from common import LOSS, table

from grids.results import CLEAN
from grids.selection.doubt import find_doubtful
from grids.selection.judge import judge
from grids.selection.profile import Profile
from grids.selection.samples import Samples


def doubt(profile: Profile, folder: Path) -> None:
    """Print for every kind how many images are in doubt and what is done about them; of the sets that are there."""
    for name in (source.SOFT_CALIB, source.SOFT_BSDS):
        if source.are_there(name, folder, source.LEARNT):
            print(f"\n{name}\n")
            outcome(profile, source.load(name, folder))


def outcome(profile: Profile, some: Samples) -> None:
    images = [""] * len(some)
    before, after = (judge(one, some.statistics, images) for one in (replace(profile, doubt=None), profile))
    doubtful, acted = find_doubtful(before), np.array([one.cautious for one in after])
    numbers = {group.id: number for number, group in enumerate(profile.groups)}
    chosen = [numbers[one.ranking[0].group] for one in after]
    true = some.gains[np.arange(len(some)), chosen]
    told = [(one.predicted_gain or np.nan, *(one.interval or (np.nan, np.nan))) for one in after]
    expected, low, high = np.array(told).T
    rows = []
    for kind, name in [*enumerate(source.KINDS), (None, "all")]:
        own = np.full(len(some), True) if kind is None else some.kinds == kind
        where = own & acted
        measured = where & np.isfinite(true)
        row = [name, int(own.sum()), int((own & doubtful).sum()), int(where.sum())]
        if measured.any():
            inside = (true[measured] >= low[measured]) & (true[measured] <= high[measured])
            row += [f"{values[measured].mean():+.2f}" for values in (true, expected)]
            row += [f"{true[measured].min():+.2f}", int((true[measured] < -LOSS).sum()), f"{100 * inside.mean():.0f}"]
        rows.append(row + ["-"] * (9 - len(row)))
    clean = acted & (some.kinds == source.KINDS.index(CLEAN)) & ~np.isfinite(true)
    head = ("kind", "images", "in doubt", "restored", "gain, dB", "predicted", "worst", "harmed", "in the interval, %")
    print(table(head, rows))
    print(f"\nclean images, equal to their targets, that were restored: {int(clean.sum())}")
