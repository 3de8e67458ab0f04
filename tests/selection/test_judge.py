"""Several images are judged as each alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from grids.selection.judge import judge
from grids.selection.selector import Selector


def test_several_are_judged_as_each_alone(selector: Selector) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 1002)) * selector.profile.discriminant.scale
    rows += selector.profile.discriminant.mean
    together = judge(selector.profile, rows, "abcde")
    assert [one.image for one in together] == list("abcde")
    for row, one in zip(rows, together, strict=True):
        alone = judge(selector.profile, row[None], (one.image,))[0]
        assert alone.verdict == one.verdict
        assert alone.degradations == pytest.approx(one.degradations)
    assert all(first.ranking != second.ranking for first, second in itertools.pairwise(together))
