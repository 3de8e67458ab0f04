from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grids.degradations import degradation
from grids.errors import GridsError
from grids.random import seeded
from grids.results import GGDParams
from grids.selection.grids_rule import average_ggd, compute_divergences, cut_even_patches, fit_image_ggd
from grids.similarity.descriptor import Descriptor


@pytest.fixture(scope="module")
def descriptor() -> Descriptor:
    return Descriptor()


@pytest.fixture(scope="module")
def images(scenes: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(scene.transpose(2, 0, 1).copy()).float() / 255 for scene in scenes]


def degraded(image: torch.Tensor, name: str, severity: float, seed: int) -> torch.Tensor:
    return degradation(name)(image[None], seeded(seed), severity=severity)[0]


@pytest.mark.slow
def test_noise_is_nearer_to_noise_and_blur_to_blur(descriptor: Descriptor, images: list[torch.Tensor]) -> None:
    groups = {}
    for name in ("gaussian_noise", "gaussian_blur"):
        found = [fit_image_ggd(descriptor, degraded(image, name, 0.6, k)) for k, image in enumerate(images[:3])]
        groups[name] = average_ggd(found)
    assert groups["gaussian_noise"].sigma > groups["gaussian_blur"].sigma
    for name, group in (
        ("gaussian_noise", "gaussian_noise"),
        ("salt_pepper", "gaussian_noise"),
        ("defocus_blur", "gaussian_blur"),
    ):
        for image in images[3:5]:
            divergences = compute_divergences(fit_image_ggd(descriptor, degraded(image, name, 0.7, 9)), groups)
            assert min(divergences, key=divergences.__getitem__) == group


def test_it_depends_on_the_pixels_alone(descriptor: Descriptor, images: list[torch.Tensor]) -> None:
    first = fit_image_ggd(descriptor, images[0])
    assert fit_image_ggd(descriptor, images[0].clone()) == first
    assert fit_image_ggd(descriptor, images[0].double()) == first
    assert fit_image_ggd(descriptor, images[1]) != first


def test_the_divergence_is_from_the_group_to_the_image() -> None:
    image, group = GGDParams(2.0, 1.0), GGDParams(2.0, 3.0)
    assert compute_divergences(image, {"C1": group, "C2": image}) == {
        "C1": pytest.approx(math.log(1 / 3) + 9 / 2 - 1 / 2),  # of Gaussians: KL(group || image)
        "C2": pytest.approx(0, abs=1e-12),
    }
    assert compute_divergences(image, {}) == {}


def test_the_average_is_of_alpha_and_of_sigma() -> None:
    assert average_ggd([GGDParams(1.0, 2.0), GGDParams(2.0, 6.0)]) == GGDParams(1.5, 4.0)
    with pytest.raises(GridsError, match="no distributions"):
        average_ggd([])


def test_the_patches_lie_evenly_over_the_image() -> None:
    ramp = torch.arange(160.0).expand(3, 96, 160)
    patches = cut_even_patches(ramp)
    assert patches.shape == (16, 3, 32, 32)
    assert patches[:4, 0, 0, 0].tolist() == [0, 42, 85, 128]
    assert patches[::4, 0, 0, 0].tolist() == [0] * 4
    assert cut_even_patches(ramp.transpose(1, 2))[::4, 0, 0, 0].tolist() == [0, 42, 85, 128]


@pytest.mark.parametrize("size", [(1, 2), (2, 1), (5, 7), (32, 32), (33, 200), (10, 400)])
def test_images_smaller_than_a_patch(descriptor: Descriptor, size: tuple[int, int]) -> None:
    image = torch.rand((3, *size), generator=seeded(0))
    found = fit_image_ggd(descriptor, image)
    assert math.isfinite(found.alpha) and math.isfinite(found.sigma)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (100, 40)])
def test_flat_images_have_no_distribution(descriptor: Descriptor, value: float, size: tuple[int, int]) -> None:
    assert fit_image_ggd(descriptor, torch.full((3, *size), value)) is None


@pytest.mark.filterwarnings("error")
def test_nearly_flat_images_have_finite_divergences(descriptor: Descriptor) -> None:
    image = torch.full((3, 80, 80), 0.5)
    image[:, 40, 40] += 1 / 255
    groups = {"C1": GGDParams(0.6, 100.0), "C2": GGDParams(9, 0.1)}
    found = compute_divergences(fit_image_ggd(descriptor, image), groups)
    assert all(math.isfinite(value) and value >= 0 for value in found.values())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(3, 4), "must be"),
        (torch.zeros(1, 40, 40), "must be"),
        (torch.zeros(3, 0, 40), "must be"),
        (torch.zeros(3, 40, 40, dtype=torch.uint8), "floating point"),
        (torch.full((3, 40, 40), math.nan), "finite"),
    ],
)
def test_images_of_another_form_are_refused(descriptor: Descriptor, image: torch.Tensor, message: str) -> None:
    with pytest.raises(GridsError, match=message):
        fit_image_ggd(descriptor, image)
