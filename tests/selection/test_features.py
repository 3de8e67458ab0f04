"""All statistics of an image together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from psf.test_estimate import BLURS, blurred, photographs

from grids.random import seeded
from grids.selection.features import describe
from grids.selection.features.blur import blur_statistics
from grids.selection.features.color import color_statistics
from grids.selection.features.defects import defect_statistics
from grids.selection.features.grain import grain_statistics
from grids.selection.features.spectrum import spectrum_statistics
from grids.similarity.descriptor import Descriptor


def test_the_statistics_of_an_image(descriptor: Descriptor, crops: list[torch.Tensor]) -> None:
    image = blurred(*photographs(1), *BLURS[2][:2])
    found = describe(descriptor, image)
    assert found.shape == (1002,)
    assert found.dtype == np.float64
    torch.manual_seed(3)
    assert np.array_equal(describe(descriptor, image.clone()), found)
    assert np.array_equal(found[-170:-92], spectrum_statistics(image).double().numpy())
    assert np.array_equal(found[-92:-66], color_statistics(image).double().numpy())
    assert np.array_equal(found[-66:-34], defect_statistics(image).numpy())
    assert np.array_equal(found[-34:-16], grain_statistics(image).numpy())
    assert np.array_equal(found[-16:], blur_statistics(image).double().numpy())
    assert found[-16:].any()
    assert not np.array_equal(describe(descriptor, crops[1]), found)


@pytest.mark.parametrize("size", [(1, 1), (10, 3000), (64, 64), (256, 256)])
@pytest.mark.parametrize("flat", [True, False])
def test_every_image_has_them(descriptor: Descriptor, size: tuple[int, int], flat: bool) -> None:
    image = torch.full((3, *size), 1.0) if flat else torch.rand((3, *size), generator=seeded(0))
    assert np.isfinite(describe(descriptor, image)).all()


def test_a_part_has_the_blur_of_the_whole(descriptor: Descriptor, crops: list[torch.Tensor]) -> None:
    blur = torch.arange(16.0)
    found = describe(descriptor, crops[0], blur=blur)
    assert np.array_equal(found[-16:], blur.numpy())
    assert np.array_equal(found[:-16], describe(descriptor, crops[0])[:-16])
