"""All statistics of an image together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grids.random import seeded
from grids.selection.features import describe
from grids.selection.features.color import color_statistics
from grids.selection.features.defects import defect_statistics
from grids.selection.features.spectrum import spectrum_statistics
from grids.similarity.descriptor import Descriptor


def test_the_statistics_of_an_image(descriptor: Descriptor, crops: list[torch.Tensor]) -> None:
    found = describe(descriptor, crops[0])
    assert found.shape == (968,)
    assert found.dtype == np.float64
    torch.manual_seed(3)
    assert np.array_equal(describe(descriptor, crops[0].clone()), found)
    assert np.array_equal(found[-136:-58], spectrum_statistics(crops[0]).double().numpy())
    assert np.array_equal(found[-58:-32], color_statistics(crops[0]).double().numpy())
    assert np.array_equal(found[-32:], defect_statistics(crops[0]).numpy())
    assert not np.array_equal(describe(descriptor, crops[1]), found)


@pytest.mark.parametrize("size", [(1, 1), (10, 3000), (64, 64)])
@pytest.mark.parametrize("flat", [True, False])
def test_every_image_has_them(descriptor: Descriptor, size: tuple[int, int], flat: bool) -> None:
    image = torch.full((3, *size), 1.0) if flat else torch.rand((3, *size), generator=seeded(0))
    assert np.isfinite(describe(descriptor, image)).all()
