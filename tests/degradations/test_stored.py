"""Every kind makes the pixels that are stored for its version."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from grids.degradations import Degradation
from grids.degradations.table import TABLE

_SPEC = importlib.util.spec_from_file_location("stored", Path(__file__).with_name("stored.py"))
stored = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(stored)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_a_kind_makes_the_pixels_of_its_version(kind: Degradation) -> None:
    with np.load(stored.FILE) as known:
        assert stored.key(kind) in known, f"run {stored.FILE.with_suffix('.py')}: version {kind.version} is not stored"
        pairs = (
            (stored.result(kind), known[stored.key(kind)]),
            (stored.strip(kind), known[f"{stored.key(kind)} strip"]),
        )
    change = max(int(np.abs(made.astype(int) - expected.astype(int)).max()) for made, expected in pairs)
    assert change <= 1, f"{kind.name} makes other pixels, by up to {change}: raise its version, then run stored.py"
