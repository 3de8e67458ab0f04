from __future__ import annotations

import pytest
from reports.sample_records import eleven

from grids.results import SimilarityMatrix


@pytest.fixture
def similarity() -> SimilarityMatrix:
    return eleven()
