"""Every kind makes the pixels that are stored for its version."""

from __future__ import annotations

import numpy as np
import pytest
from degradations import stored_pixels as stored

from grids.degradations import Degradation
from grids.degradations.table import TABLE


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_a_kind_makes_the_pixels_of_its_version(kind: Degradation) -> None:
    with np.load(stored.FILE) as known:
        assert stored.key(kind) in known, f"run {stored.FILE.with_suffix('.py')}: version {kind.version} is not stored"
        pairs = (
            (stored.result(kind), known[stored.key(kind)]),
            (stored.strip(kind), known[f"{stored.key(kind)} strip"]),
        )
    change = max(int(np.abs(made.astype(int) - expected.astype(int)).max()) for made, expected in pairs)
    assert change <= 1, f"{kind.name} makes other pixels, by up to {change}: raise its version"
