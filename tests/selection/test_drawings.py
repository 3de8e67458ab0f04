"""Drawings over images."""

from __future__ import annotations

import pytest
import torch

from grids.random import seeded
from grids.selection.drawings import draw_over


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (150, 200)])
def test_what_is_drawn_over_is_an_image(size: tuple[int, int]) -> None:
    image = torch.rand((3, *size), generator=seeded(0)).mul(255).round().div(255)
    kept = image.clone()
    made = [draw_over(image, seeded(seed)) for seed in range(12)]
    assert torch.equal(image, kept)
    for one in made:
        assert one.shape == image.shape and 0 <= one.min() <= one.max() <= 1
        assert torch.equal(one.mul(255).round().div(255), one)
    assert torch.equal(made[3], draw_over(image, seeded(3)))
    assert size == (1, 1) or not torch.equal(made[0], made[1])
