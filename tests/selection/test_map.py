"""Maps of what is wrong where in an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts import raises_line
from psf.test_estimate import BLURS, blurred, photographs
from small_profiles import degraded
from torch import Tensor

from grids.results import FloatArray
from grids.selection.features.blur import blur_statistics
from grids.selection.selector import Selector


def test_a_map_shows_what_is_where(selector: Selector, crops: list[Tensor]) -> None:
    scene = torch.cat((crops[16], crops[17]), 2)  # 60 x 144, beside one another in one photograph
    scene = torch.cat((scene, crops[18].repeat(1, 1, 2)), 1)[:, :120]
    noisy, blurred = degraded(scene, "gaussian_noise", 0.9), degraded(scene, "gaussian_blur", 0.9)
    mixed = torch.cat((noisy[..., :72], blurred[..., 72:]), 2)
    found = selector.map(mixed, side=64)
    assert (found.height, found.width) == (120, 144)
    assert found.labels.shape == found.probabilities.shape == (2, 2)
    assert found.labels.dtype.kind == "i"
    assert found.labels[:, 0].tolist() == [0, 0]
    assert found.labels[:, 1].tolist() == [1, 1]
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()


@pytest.mark.parametrize(
    ("size", "side", "shape"),
    [((1, 1), None, (1, 1)), ((40, 20), 64, (1, 1)), ((10, 200), 64, (1, 3)), ((150, 60), None, (2, 1))],
)
def test_maps_have_the_cells_that_were_asked_for(
    selector: Selector, size: tuple[int, int], side: int | None, shape: tuple[int, int]
) -> None:
    found = selector.map(torch.rand((3, *size), generator=torch.Generator().manual_seed(1)), side)
    assert found.labels.shape == found.probabilities.shape == shape
    assert set(found.labels.flat) <= {-2, -1, 0, 1}


def test_every_cell_has_the_blur_of_the_whole(selector: Selector, monkeypatch: pytest.MonkeyPatch) -> None:
    image = blurred(*photographs(1), *BLURS[2][:2])
    seen: list[Tensor] = []

    def record(descriptor: object, cell: Tensor, visible: Tensor | None, blur: Tensor) -> FloatArray:
        seen.append(blur)
        return np.zeros(1002)

    monkeypatch.setattr("grids.selection.map.describe", record)
    selector.map(image)
    whole = blur_statistics(image)
    assert whole.any()
    assert len(seen) > 4 and all(torch.equal(blur, whole) for blur in seen)


def test_large_images_have_larger_cells(selector: Selector, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = np.zeros(1002)
    monkeypatch.setattr("grids.selection.map.describe", lambda descriptor, image, visible, blur: zeros)
    for size in ((3000, 3000), (100, 60000), (2000, 4100)):
        labels = selector.map(torch.zeros(1).expand(3, *size)).labels
        assert 350 < labels.size <= 400


@pytest.mark.parametrize("side", [63, 0, -5])
def test_cells_that_are_too_small(selector: Selector, side: int) -> None:
    raises_line(lambda: selector.map(torch.rand(3, 90, 90), side), "at least 64", str(side))
