"""PSNR and SSIM against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts import generator, noise_images, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from grids.errors import ImageError
from grids.metrics import MOST, psnr, ssim, to_8_bit, whole_scores


def rounded(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8."""
    return np.rint(np.clip(image.permute(1, 2, 0).numpy() * np.float32(255), 0, 255)).astype(np.uint8)


def skimage_ssim(image: Tensor, target: Tensor) -> float:
    return float(
        structural_similarity(
            rounded(image),
            rounded(target),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2,
            data_range=255,
        )
    )


def pairs(height: int, width: int, noise: float, seed: int) -> tuple[Tensor, Tensor]:
    """Images that leave [0, 1] here and there, and their targets."""
    targets = noise_images(2, 3, height, width, seed=seed)
    return targets + noise * torch.randn(targets.shape, generator=generator(seed + 1)), targets


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.003, 0.05, 0.4]), st.integers(0, 99))
@settings(max_examples=25)
def test_psnr_against_scikit_image(height: int, width: int, noise: float, seed: int) -> None:
    images, targets = pairs(height, width, noise, seed)
    for value, image, target in zip(psnr(images, targets), images, targets, strict=True):
        one, two = rounded(image), rounded(target)
        expected = MOST if (one == two).all() else peak_signal_noise_ratio(two, one, data_range=255)
        assert float(value) == pytest.approx(min(expected, MOST), abs=1e-6)


@given(st.integers(11, 30), st.integers(11, 30), st.sampled_from([0.003, 0.05, 0.4]), st.integers(0, 99))
@settings(max_examples=25)
def test_ssim_against_scikit_image(height: int, width: int, noise: float, seed: int) -> None:
    images, targets = pairs(height, width, noise, seed)
    expected = [skimage_ssim(image, target) for image, target in zip(images, targets, strict=True)]
    assert ssim(images, targets).tolist() == pytest.approx(expected, abs=1e-9)


def test_ssim_of_pictures_against_scikit_image() -> None:
    targets = scene(2, 64)
    images = (targets + 0.03 * torch.randn(targets.shape, generator=generator())).clamp(0, 1)
    expected = [skimage_ssim(image, target) for image, target in zip(images, targets, strict=True)]
    assert ssim(images, targets).tolist() == pytest.approx(expected, abs=1e-9)


def test_equal_images() -> None:
    images = noise_images(3, 3, 12, 12)
    assert psnr(images, images).tolist() == [100.0] * 3
    assert ssim(images, images).tolist() == pytest.approx([1.0] * 3)
    assert psnr(images + 0.4 / 255, images.mul(255).round() / 255).max() <= 100


def test_differences_below_half_a_level_do_not_count() -> None:
    images = scene(1, 16)
    assert float(psnr(images + 0.4 / 255, images)) == 100.0
    assert float(psnr(images + 1 / 255, images)) == pytest.approx(20 * np.log10(255), abs=1e-6)


@pytest.mark.parametrize("size", [(10, 30), (30, 10), (1, 1)])
def test_ssim_needs_the_room_of_its_window(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size)
    for measure in (whole_scores, lambda one, other: ssim(one[None], other[None])):
        with pytest.raises(ImageError, match="11 pixels a side, but an image is"):
            measure(image, image)


def test_images_are_judged_one_by_one_in_float64() -> None:
    images, targets = pairs(12, 13, 0.1, 3)
    for metric in (psnr, ssim):
        values = metric(images, targets)
        assert values.shape == (2,)
        assert values.dtype == torch.float64
        assert torch.equal(values[1:], metric(images[1:], targets[1:]))


def test_images_are_rounded_to_8_bit() -> None:
    values = torch.tensor([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0])
    assert to_8_bit(values).tolist() == [0, 0, 0, 1, 255, 255]
