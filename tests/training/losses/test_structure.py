"""Structure maps against numpy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from contracts import noise_images

from grids.training.losses.pixel import gradient_magnitude


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
