from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts import noise_images

from grids.degradations import degradation
from grids.images.tensors import to_unit
from grids.random import seeded
from grids.selection.features.flat import is_flat


def with_flat(share: float, level: int = 255) -> torch.Tensor:
    """Noise of 16 x 10 blocks of 16 x 16, of which the first ones are flat."""
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 160, 256), dtype=np.uint8))
    image[..., : round(256 * share)] = level
    return image


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.23, False), (0.25, True), (1.0, True)])
def test_a_quarter_is_enough(share: float, expected: bool) -> None:
    image = with_flat(share)
    assert (
        is_flat(image)
        == is_flat(to_unit(image))
        == is_flat(image.to(torch.int32).mul(257).to(torch.uint16))
        == expected
    )


def test_one_level_is_flat_and_two_are_not() -> None:
    image = with_flat(0.5, 100)
    image[:, ::2, :128] += 1
    assert is_flat(image)
    image[:, ::2, :128] += 1
    assert not is_flat(image)


def test_colours_count_each_by_itself() -> None:
    """A red gradient is none of the green channel's."""
    image = with_flat(0.5)
    image[0, :, :128] = torch.arange(128, dtype=torch.uint8)
    assert not is_flat(image)


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_photographs_are_not_flat_with_strokes_or_without(scenes: list[np.ndarray], severity: float) -> None:
    for seed, scene in enumerate(scenes):
        image = torch.from_numpy(scene.transpose(2, 0, 1).copy()).float() / 255
        assert not is_flat(image)
        assert not is_flat(degradation("inpainting")(image[None], seeded(seed), severity=severity)[0])


def test_hidden_blocks_do_not_count() -> None:
    image, visible = with_flat(0.25), torch.ones(160, 256, dtype=torch.bool)
    visible[:, :16] = False
    assert is_flat(image) and not is_flat(image, visible)
    assert not is_flat(image, torch.zeros_like(visible))


def test_what_has_no_whole_block_is_not_flat() -> None:
    assert not is_flat(torch.zeros(3, 15, 400))
    assert is_flat(torch.zeros(3, 16, 16))
    assert not is_flat(noise_images(1, 3, 17, 40)[0])
