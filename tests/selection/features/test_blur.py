"""What is told of the blur of an image."""

from __future__ import annotations

import math

import pytest
import torch
from psf.test_estimate import BLURS, blurred, photographs

from grids.random import seeded
from grids.selection.features.blur import FAMILIES, blur_statistics

FAMILY, SURE = slice(7, 11), 11


@pytest.mark.parametrize(("name", "values", "family"), [one[:3] for one in BLURS])
def test_blurs_are_told(name: str, values: dict[str, float], family: str) -> None:
    (clean,) = photographs(1)
    found = blur_statistics(blurred(clean, name, values))
    assert found.shape == (16,)
    assert found[FAMILY].tolist() == [float(one == family) for one in FAMILIES]
    assert found[SURE] == 1
    # gain, evidence, width and noise again
    assert torch.equal(found[12:], found[[6, 1, 4, 3]])
    # of a Gaussian, a disc, a streak and a box: standard deviations in both directions together
    expected = {"gaussian": 2.3 * 2**0.5, "disc": 3.2 / 2**0.5, "streak": 19 / 12**0.5, "box": (24 / 12 * 2) ** 0.5}
    assert math.exp(float(found[4])) - 0.3 == pytest.approx(expected[family], rel=0.15)
    assert (found[5] > 0.7) == (family == "streak")


def test_sharp_photographs_have_no_sure_blur() -> None:
    for clean in photographs(3):
        found = blur_statistics(clean)
        assert found[0] == 1
        assert not found[SURE:].any()


def test_pixels_of_any_type_tell_the_same() -> None:
    (clean,) = photographs(1)
    image = (blurred(clean, *BLURS[1][:2]) * 255).round()
    for pixels in (image.to(torch.uint8), (image * 257).to(torch.uint16)):
        assert torch.allclose(blur_statistics(pixels), blur_statistics(image / 255), atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (191, 192), (100, 3000), (3000, 100)])
def test_small_images_have_none(size: tuple[int, int]) -> None:
    assert not blur_statistics(torch.rand((3, *size), generator=seeded(0))).any()


def test_flat_images_have_none() -> None:
    assert not blur_statistics(torch.full((3, 256, 256), 0.5)).any()


def test_what_is_hidden_does_not_count() -> None:
    image, visible = blurred(*photographs(1), *BLURS[2][:2]), torch.ones(256, 320, dtype=torch.bool)
    assert torch.allclose(blur_statistics(image, visible), blur_statistics(image), atol=1e-3)
    visible[:, 192:] = visible[200:, :] = False
    noise = torch.where(visible, image, torch.rand(image.shape, generator=seeded(1)))
    found = blur_statistics(noise, visible)
    assert found[0] == 1
    assert torch.equal(found, blur_statistics(image, visible))
    visible[100, 100] = False
    assert not blur_statistics(noise, visible).any()
