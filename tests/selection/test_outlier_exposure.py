"""Distortions: what all of them keep, and what they are not."""

from __future__ import annotations

import pytest
import torch

from grids.degradations import NAMES
from grids.random import seeded
from grids.selection.outlier_exposure import OUTLIERS, distort


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(3, 37, 50, generator=seeded(0)).mul(255).round().div(255)


@pytest.mark.parametrize("number", range(len(OUTLIERS)), ids=lambda number: OUTLIERS[number].__name__)
def test_a_distortion_keeps_the_form_and_depends_on_the_seed(number: int, image: torch.Tensor) -> None:
    before = image.clone()
    found = [distort(image, number, seeded(seed)) for seed in (1, 1, 2, 3)]
    for one in found:
        assert one.shape == image.shape and one.dtype == torch.float32
        assert bool(((one >= 0) & (one <= 1)).all()) and torch.equal(one.mul(255).round().div(255), one)
        assert not torch.equal(one, image)
    assert torch.equal(found[0], found[1])
    assert not all(torch.equal(found[0], other) for other in found[2:])
    assert torch.equal(image, before)


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (9, 2)])
def test_any_size(size: tuple[int, int]) -> None:
    for number in range(len(OUTLIERS)):
        found = distort(torch.rand(3, *size, generator=seeded(1)), number, seeded(2))
        assert found.shape == (3, *size) and bool(found.isfinite().all())


def test_none_is_a_degradation() -> None:
    assert not {one.__name__ for one in OUTLIERS} & set(NAMES)
