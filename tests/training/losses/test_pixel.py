"""Losses of images against scikit-image, scipy and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from contracts import generator, noise_images, scene
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity
from torch import Tensor

from grids.training import config
from grids.training.losses import LOSSES
from grids.training.losses.pixel import charbonnier, gradient_magnitude, ssim, ssim_l1


def pairs(noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """Pictures that leave [0, 1] here and there, and their targets."""
    targets = scene(2, 24)[..., :20]
    return targets + noise * torch.randn(targets.shape, generator=generator()), targets


def test_the_recipe_knows_the_same_names() -> None:
    assert tuple(LOSSES) == config.LOSSES


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("values", [None, 0.0, 0.5])
def test_equal_images_have_next_to_no_loss_and_finite_gradients(
    loss: Callable[[Tensor, Tensor], Tensor], values: float | None
) -> None:
    targets = scene(1, 24) if values is None else torch.full((1, 3, 24, 24), values)
    images = targets.clone().requires_grad_()
    found = loss(images, targets)
    assert found.shape == ()
    assert found.item() == pytest.approx(0, abs=2e-3)
    found.backward()
    assert bool(torch.isfinite(images.grad).all())


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_loss_of_a_batch_is_the_mean_over_its_images(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    images, targets = pairs()
    alone = [float(loss(images[i : i + 1], targets[i : i + 1])) for i in range(2)]
    assert float(loss(images, targets)) == pytest.approx(sum(alone) / 2, abs=1e-6)


def test_charbonnier_is_l1_but_near_zero() -> None:
    images, targets = pairs()
    assert float(charbonnier(images, targets, 1e-6)) == pytest.approx(float((images - targets).abs().mean()), abs=1e-6)
    assert float(charbonnier(targets, targets)) == pytest.approx(1e-3)
    assert float(charbonnier(targets + 0.3, targets, 0.4)) == pytest.approx(0.5)


def test_ssim_with_zeros_around_against_scipy() -> None:
    images, targets = (values.double().numpy() for values in pairs())

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, mode="constant", radius=5, axes=(2, 3))

    mx, my = mean(images), mean(targets)
    luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    covariance = mean(images * targets) - mx * my
    variances = mean(images**2) - mx**2 + mean(targets**2) - my**2
    expected = (luminance * (2 * covariance + 9e-4) / (variances + 9e-4)).mean()
    assert float(ssim(*pairs())) == pytest.approx(expected, abs=1e-5)


def test_ssim_of_images_within_zeros_against_scikit_image() -> None:
    """Where everything beyond the border is 0 anyway, the border makes no difference."""
    images, targets = (torch.nn.functional.pad(values, (10, 10, 10, 10)) for values in pairs())
    expected = [
        structural_similarity(
            image.double().numpy(),
            target.double().numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=0,
            data_range=1.0,
            full=True,
        )[1].mean()
        for image, target in zip(images, targets, strict=True)
    ]
    assert float(ssim(images, targets)) == pytest.approx(np.mean(expected), abs=1e-5)


def test_ssim_is_differentiable() -> None:
    targets = noise_images(1, 3, 4, 5).double()
    images = noise_images(1, 3, 4, 5, seed=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: ssim(values, targets), images)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (11, 5)])
def test_ssim_of_any_size(size: tuple[int, int]) -> None:
    images = noise_images(2, 3, *size)
    assert float(ssim(images, images)) == pytest.approx(1, abs=1e-5)
    assert float(ssim(1 - images, images)) < 1


def test_ssim_under_autocast_is_computed_in_float32() -> None:
    images, targets = pairs()
    with torch.autocast("cpu", torch.bfloat16):
        found = ssim(images, targets)
    assert torch.equal(found, ssim(images, targets))


def test_ssim_l1_of_a_single_pixel() -> None:
    """All around it is 0, so that the weight w of the middle of the window gives every moment."""
    x, y = 0.5, 0.7
    w = sum(math.exp(-(i**2) / 4.5) for i in range(-5, 6)) ** -2
    luminance = (2 * w * w * x * y + 1e-4) / (w * w * (x * x + y * y) + 1e-4)
    structure = (2 * (w - w * w) * x * y + 9e-4) / ((w - w * w) * (x * x + y * y) + 9e-4)
    found = ssim_l1(torch.full((1, 3, 1, 1), x), torch.full((1, 3, 1, 1), y))
    assert found.item() == pytest.approx(1.1 * (1 - luminance * structure) + 0.75 * 0.2, abs=1e-5)


def test_ssim_l1_falls_along_its_gradient() -> None:
    images, targets = pairs()
    images.requires_grad_()
    before = ssim_l1(images, targets)
    before.backward()
    assert ssim_l1(images - 0.5 * images.grad / images.grad.norm(), targets).item() < before.item()


def test_forward_differences_against_numpy() -> None:
    images = noise_images(2, 3, 7, 5)
    values = images.double().numpy()
    dx, dy = np.diff(values, axis=3, append=values[..., -1:]), np.diff(values, axis=2, append=values[..., -1:, :])
    found = gradient_magnitude(images)
    assert found.shape == images.shape
    np.testing.assert_allclose(found.numpy(), np.sqrt(dx**2 + dy**2 + 1e-6), atol=1e-6)


def test_a_ramp_has_its_slope_everywhere_but_at_the_far_border() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    found = gradient_magnitude((0.03 * x + 0.04 * y).expand(1, 3, 6, 8), 1e-12)
    torch.testing.assert_close(found[..., :-1, :-1], torch.full((1, 3, 5, 7), 0.05), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[..., -1, :-1], torch.full((1, 3, 7), 0.03), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[..., :-1, -1], torch.full((1, 3, 5), 0.04), atol=1e-5, rtol=0)


def test_the_largest_value() -> None:
    corner = torch.zeros(1, 3, 2, 2)
    corner[..., 0, 0] = 1
    assert float(gradient_magnitude(corner).max()) == pytest.approx(math.sqrt(2 + 1e-6))


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 6)])
def test_flat_images_have_finite_gradients(size: tuple[int, int]) -> None:
    images = torch.full((1, 3, *size), 0.5, requires_grad=True)
    found = gradient_magnitude(images)
    assert found.detach().flatten().tolist() == pytest.approx([1e-3] * found.numel())
    found.sum().backward()
    assert bool(torch.isfinite(images.grad).all())
