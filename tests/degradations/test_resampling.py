"""Down and up again against Pillow's antialiased and OpenCV's resizing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from contracts import generator, noise_images
from PIL import Image
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.resampling import DOWN, UP, area_weights

PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
OPENCV = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


def reference(image: np.ndarray, factor: float, down: str, up: str) -> np.ndarray:
    """One channel, reduced by OpenCV's area or Pillow's filters and enlarged by OpenCV."""
    height, width = image.shape
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    if down == "area":
        reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    else:
        reduced = np.asarray(Image.fromarray(image).resize(small, PILLOW[down]))
    enlarged = cv2.resize(reduced.clip(0, 1), (width, height), interpolation=OPENCV[up])
    return enlarged.clip(0, 1)


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.7, 4.0])
@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("down", DOWN)
def test_it_is_pillow_and_opencv(photos: list[Tensor], down: str, up: str, factor: float) -> None:
    kind = degradation("super_resolution")
    parameters = {
        "factor": torch.tensor([factor]),
        "down": torch.tensor([DOWN.index(down)]),
        "up": torch.tensor([UP.index(up)]),
    }
    for photo in photos[:2]:
        ours = kind.apply(photo, parameters, round_to_8_bit=False)[0].numpy()
        theirs = np.stack([reference(channel, factor, down, up) for channel in photo[0].numpy()])
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize(("size", "smaller"), [(8, 4), (7, 3), (17, 11), (5, 1), (4, 4)])
def test_area_weights_average_and_use_every_pixel_alike(size: int, smaller: int) -> None:
    weights = area_weights(size, smaller)
    assert weights.shape == (smaller, size)
    assert torch.allclose(weights.sum(1), torch.ones(smaller), atol=1e-6)
    assert torch.allclose(weights.sum(0), torch.full((size,), smaller / size), atol=1e-6)


def test_each_image_draws_its_own_pair_of_filters() -> None:
    drawn = degradation("super_resolution").sample((3000, 3, 8, 8), generator())
    pairs = torch.bincount(drawn["down"] * len(UP) + drawn["up"], minlength=6)
    # 500 of each are expected, with a standard deviation of 20
    assert len(pairs) == 6
    assert int(pairs.min()) > 400
    assert int(pairs.max()) < 600


def test_a_batch_of_mixed_factors_is_its_images_one_by_one() -> None:
    kind = degradation("super_resolution")
    images = noise_images(4, 3, 33, 29)
    parameters = kind.sample(images.shape, generator(1))
    together = kind.apply(images, parameters)
    for i in range(4):
        alone = kind.apply(images[i : i + 1], {name: value[i : i + 1] for name, value in parameters.items()})
        assert torch.equal(alone[0], together[i])
