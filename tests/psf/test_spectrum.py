from __future__ import annotations

import torch

from grids.psf.estimate import Shape, make_kernels
from grids.psf.spectrum import LEAST_NOISE, Windows, fit_scene, windows

CPU = torch.device("cpu")


def test_the_power_of_white_noise_is_its_variance() -> None:
    image = 0.1 * torch.randn(1, 300, 400).expand(3, -1, -1) + 0.5
    table = Windows(64, CPU)
    power, _, chance = table.power(image)
    assert power.shape == (64, 33)
    assert abs(float(power[table.used].mean()) - 0.01) < 3e-4
    assert 0.008 < table.noise(power) < 0.01
    ratio = power[table.used] / 0.01
    assert abs(float((ratio - 1 - ratio.log()).mean()) - chance) < 0.3 * chance


def test_noise_is_that_of_rounding_at_least() -> None:
    table = Windows(64, CPU)
    assert table.noise(torch.zeros(64, 33)) == LEAST_NOISE


def test_large_images_are_sampled() -> None:
    table = Windows(64, CPU)
    image = 0.1 * torch.randn(1, 2000, 3000).expand(3, -1, -1) + 0.5
    power, _, chance = table.power(image)
    assert abs(float(power[table.used].mean()) - 0.01) < 3e-4
    assert 0.5 / 1024 < chance < 0.5 / 200  # of 1024 windows at most


def test_the_response_is_that_of_a_windowed_transform() -> None:
    table = windows(128, CPU)
    kernels = make_kernels([Shape("streak", 17.0, 30.0), Shape("disc", 3.0)], CPU)
    hann = torch.tensor([1 / 6, 2 / 3, 1 / 6])
    power = torch.fft.fft2(kernels, s=(128, 128)).abs().square()
    for axis in (1, 2):
        power = sum(hann[k] * power.roll(k - 1, axis) for k in range(3))  # type: ignore[assignment]
    expected = power[:, :, :65][:, table.used].clamp_min(1e-9).log()
    assert torch.allclose(table.response(kernels), expected, atol=1e-3)


def test_the_scene_that_made_a_spectrum_is_found() -> None:
    table = windows(128, CPU)
    scene = torch.tensor([-9.0, 2.6, 0.4, -0.2])
    response = table.response(make_kernels([Shape("disc", 2.5), Shape("gaussian", 1.5)], CPU))
    expected = (table.features @ scene + response[0]).exp() + 1e-6
    power = expected * torch.distributions.Gamma(8.0, 8.0).sample(expected.shape)  # of eight windows
    fits = fit_scene(power, response, 1e-6, table.features)
    assert torch.allclose(fits.scene[0], scene, atol=0.15)
    assert fits.likelihood[0] > fits.likelihood[1] + 0.03 and fits.misfit[0] < fits.misfit[1]
