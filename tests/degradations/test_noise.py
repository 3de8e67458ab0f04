"""Noises against theory and against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import skimage.color
import skimage.util
import torch
from contracts import generator
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.noise import linear_light, srgb

SIDE = 256


def noisy(name: str, value: float, level: float = 0.5, seed: int = 0, **parameters: float) -> Tensor:
    """A grey image of one level, (3, SIDE, SIDE), with noise, clipped but not rounded."""
    row = {key: torch.tensor([float(number)]) for key, number in parameters.items()}
    images = torch.full((1, 3, SIDE, SIDE), level)
    return degradation(name).apply(images, row | {"seed": torch.tensor([seed])}, round_to_8_bit=False)[0] - value


@pytest.mark.parametrize("sigma", [10, 20, 30])
def test_gaussian_noise_is_normal(sigma: int) -> None:
    noise = noisy("gaussian_noise", 0.5, sigma=sigma).double().numpy() * 255
    count = noise.size
    assert abs(noise.mean()) < 4 * sigma / count**0.5
    assert noise.std() == pytest.approx(sigma, rel=4 / (2 * count) ** 0.5)
    assert scipy.stats.kstest(noise.ravel()[::3], "norm", (0, sigma)).pvalue > 1e-3


def test_gaussian_noise_is_scikit_images() -> None:
    ours = noisy("gaussian_noise", 0.5, sigma=25).numpy()
    theirs = skimage.util.random_noise(np.full((3, SIDE, SIDE), 0.5), "gaussian", rng=1, var=(25 / 255) ** 2) - 0.5
    assert scipy.stats.ks_2samp(ours.ravel()[::5], theirs.ravel()[::5]).pvalue > 1e-3


@pytest.mark.parametrize("name", ["gaussian_noise", "poisson_noise", "sensor_noise"])
def test_noise_is_white(name: str) -> None:
    """Neither channels nor neighbours are correlated, nor the images of a batch."""
    images = torch.full((2, 3, SIDE, SIDE), 0.5)
    noise = degradation(name)(images, generator(), 0.0, round_to_8_bit=False) - 0.5
    limit = 5 / SIDE

    def correlation(a: Tensor, b: Tensor) -> float:
        return abs(float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1]))

    assert correlation(noise[0, 0], noise[0, 1]) < limit
    assert correlation(noise[0, 1], noise[0, 2]) < limit
    assert correlation(noise[0, 0], noise[1, 0]) < limit
    assert correlation(noise[0, 0, :, 1:], noise[0, 0, :, :-1]) < limit
    assert correlation(noise[0, 0, 1:], noise[0, 0, :-1]) < limit


@pytest.mark.parametrize("photons", [50, 100, 400])
@pytest.mark.parametrize("level", [0.1, 0.5])
def test_poisson_noise_has_the_variance_of_its_photons(photons: int, level: float) -> None:
    noise = noisy("poisson_noise", level, level=level, photons=photons).double().numpy()
    count, variance = noise.size, level / photons
    assert abs(noise.mean()) < 4 * (variance / count) ** 0.5
    # the variance of a Poisson variance: (2 + 1 / mean) / count, relative
    spread = ((2 + 1 / (level * photons)) / count) ** 0.5
    assert noise.var() == pytest.approx(variance, rel=5 * spread)


def test_poisson_noise_counts_whole_photons() -> None:
    counts = (noisy("poisson_noise", 0, level=0.3, photons=64) * 64).numpy()
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    expected = scipy.stats.poisson(0.3 * 64)
    for k in (14, 19, 24):
        share = expected.pmf(k)
        assert (counts.round() == k).mean() == pytest.approx(share, abs=5 * (share / counts.size) ** 0.5)


def test_poisson_noise_leaves_black_black() -> None:
    assert float(noisy("poisson_noise", 0, level=0.0, photons=50).abs().max()) == 0


def test_poisson_noise_is_scikit_images() -> None:
    """scikit-image takes as many photons as the image has levels, rounded up to a power of two: 64 here."""
    levels = np.repeat((np.arange(64) + 1) / 130, 1024)
    theirs = skimage.util.random_noise(levels, "poisson", rng=1) - levels
    image = torch.from_numpy(levels).float().view(1, 1, 256, 256).expand(1, 3, 256, 256)
    row = {"photons": torch.tensor([64.0]), "seed": torch.tensor([5])}
    ours = degradation("poisson_noise").apply(image, row, round_to_8_bit=False)[0, 0].flatten().numpy() - levels
    scale = np.sqrt(levels / 64)
    assert scipy.stats.ks_2samp(ours / scale, theirs / scale).pvalue > 1e-3
    assert ours.var() == pytest.approx(theirs.var(), rel=0.04)


@pytest.mark.parametrize("share", [0.02, 0.06, 0.10])
def test_salt_and_pepper_replace_their_share_half_and_half(share: float) -> None:
    out = noisy("salt_pepper", 0, share=share)
    white, black, kept = (out == 1), (out == 0), (out == 0.5)
    assert bool((white | black | kept).all())
    for mask in (white, black, kept):
        assert torch.equal(mask[0], mask[1]), "a pixel is replaced in all channels or in none"
        assert torch.equal(mask[0], mask[2])
    pixels = SIDE**2
    for mask in (white, black):
        deviation = (share / 2 * (1 - share / 2) / pixels) ** 0.5
        assert float(mask[0].float().mean()) == pytest.approx(share / 2, abs=4.5 * deviation)


def test_salt_and_pepper_is_scikit_images_of_one_channel() -> None:
    theirs = skimage.util.random_noise(np.full((SIDE, SIDE), 0.5), "s&p", rng=1, amount=0.1)
    ours = noisy("salt_pepper", 0, share=0.1)[0].numpy()
    table = [[(image == level).sum() for level in (0, 0.5, 1)] for image in (ours, theirs)]
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-3


def light_of(values: np.ndarray) -> np.ndarray:
    """Grey sRGB values as light: scikit-image's luminance."""
    return skimage.color.rgb2xyz(np.stack([values] * 3, -1))[..., 1]


def test_light_is_scikit_images_and_turns_back() -> None:
    grey = torch.linspace(0, 1, 1001)
    light = linear_light(grey)
    np.testing.assert_allclose(light.numpy(), light_of(grey.double().numpy()), atol=1e-6)
    assert torch.allclose(srgb(light), grey, atol=1e-5)


@pytest.mark.parametrize(("a", "level"), [(0.002, 0.1), (0.002, 0.7), (0.0063, 0.3), (0.02, 0.5)])
def test_sensor_noise_is_normal_in_light_with_its_variance(a: float, level: float) -> None:
    image = float(srgb(torch.tensor(level)))
    noise = light_of(noisy("sensor_noise", 0, level=image, a=a).double().numpy()) - level
    variance, count = a * level + a / 20, noise.size
    assert abs(noise.mean()) < 5 * (variance / count) ** 0.5
    assert noise.var() == pytest.approx(variance, rel=5 * (2 / count) ** 0.5)
    assert scipy.stats.kstest(noise.ravel()[::3], "norm", (0, variance**0.5)).pvalue > 1e-3


def test_sensor_noise_lights_up_black_as_far_as_it_is_not_clipped() -> None:
    light = light_of(noisy("sensor_noise", 0, level=0.0, a=0.02).double().numpy())
    assert (light == 0).mean() == pytest.approx(0.5, abs=0.01)
    assert light.mean() == pytest.approx((0.02 / 20 / (2 * np.pi)) ** 0.5, rel=0.02)


def test_images_of_a_batch_keep_their_own_strength() -> None:
    images = torch.full((2, 3, SIDE, SIDE), 0.5)
    row = {"sigma": torch.tensor([10.0, 30.0]), "seed": torch.tensor([1, 2])}
    out = degradation("gaussian_noise").apply(images, row, round_to_8_bit=False) - 0.5
    assert float(out[1].std() / out[0].std()) == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("name", ["gaussian_noise", "poisson_noise", "salt_pepper", "sensor_noise"])
def test_another_seed_is_other_noise(name: str) -> None:
    images = torch.full((1, 3, 64, 64), 0.5)
    kind = degradation(name)
    first, second = kind.sample(images.shape, generator(1), 0.5), kind.sample(images.shape, generator(2), 0.5)
    assert int(first["seed"]) != int(second["seed"])
    assert not torch.equal(kind.apply(images, first), kind.apply(images, second))
