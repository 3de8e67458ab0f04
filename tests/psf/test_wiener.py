from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from psf.test_estimate import BLURS, blurred, found, photographs

from grids.degradations import degradation
from grids.degradations.compression import codec_jpeg
from grids.errors import ImageError
from grids.metrics import image_psnr
from grids.psf import deconvolve, expected_gain
from grids.psf.wiener import _scene_power, _variance
from grids.random import seeded


def gain(clean: torch.Tensor, image: torch.Tensor) -> float:
    restored = deconvolve(image, found(image)).clamp(0, 1)
    return image_psnr(restored, clean) - image_psnr(image, clean)


@pytest.mark.parametrize(
    ("name", "least", "saved"),
    [
        ("gaussian_blur", 1.0, 0.5),
        ("defocus_blur", 3.0, 1.5),
        ("motion_blur", 3.0, 1.5),
        ("richardson_lucy", 3.0, 1.5),
    ],
)
def test_blurs_are_undone(name: str, least: float, saved: float) -> None:
    values = {one[0]: one[1] for one in BLURS}[name]
    for clean in photographs(2):
        image = blurred(clean, name, values)
        assert gain(clean, image) > least
        assert gain(clean, codec_jpeg(image[None], torch.tensor([90.0]))[0]) > saved


def test_surroundings_are_unknown() -> None:
    """Of a photograph whose border was cut off after it was blurred, all of what is left is restored."""
    (clean,) = photographs(1)
    kind = degradation("motion_blur")
    image = kind.apply(clean[None], kind.sample((1, *clean.shape), seeded(3), severity=0.4))[0]
    cut = (slice(None), slice(20, -20), slice(20, -20))
    restored = deconvolve(image[cut], found(image[cut])).clamp(0, 1)
    border = torch.ones(restored.shape[-2:], dtype=torch.bool)
    border[12:-12, 12:-12] = False
    before, after = ((x - clean[cut]).square()[:, border].mean() for x in (image[cut], restored))
    assert after < before


def test_any_size_and_one_channel() -> None:
    (clean,) = photographs(1)
    image = blurred(clean[:, :231, :197], "defocus_blur", {"radius": 2.0})
    psf = found(image)
    grey = image.mean(0, keepdim=True)
    restored = deconvolve(image, psf)
    assert restored.shape == image.shape
    assert torch.allclose(deconvolve(grey, psf), restored.mean(0, keepdim=True), atol=1e-4)
    assert torch.allclose(deconvolve((image * 255).round().to(torch.uint8), psf), restored, atol=1e-3)
    with pytest.raises(ImageError, match="1 or 3"):
        deconvolve(image[:2], psf)


def test_the_gain_is_expected_of_scenes_that_are_as_was_found() -> None:
    """Gaussian scenes of the spectrum found, blurred without borders and filtered, against the formula."""
    side, generator = 128, seeded(5)
    for name, values in [one[:2] for one in BLURS]:
        (clean,) = photographs(1)
        psf = replace(found(blurred(clean, name, values)), noise=1e-4)
        scene = _scene_power(psf.scene, side, side)
        kernel = torch.zeros(side, side)
        kernel[:33, :33] = psf.kernel
        blur = torch.fft.rfft2(kernel.roll((-16, -16), (0, 1)))
        white, noise = torch.randn((2, 8, side, side), generator=generator)
        sharp = torch.fft.irfft2(torch.fft.rfft2(white) * scene.sqrt(), s=(side, side))
        sharp -= sharp.mean((1, 2), keepdim=True)
        image = torch.fft.irfft2(torch.fft.rfft2(sharp) * blur, s=(side, side)) + noise * psf.noise**0.5
        undo = blur.conj() / (blur.abs().square() + _variance(psf) / scene)
        restored = torch.fft.irfft2(torch.fft.rfft2(image) * undo, s=(side, side))
        ratio = (image - sharp).square().mean() / (restored - sharp).square().mean()
        assert expected_gain(psf) == pytest.approx(10 * float(ratio.log10()), abs=0.3)


def test_the_gain_that_is_expected_of_photographs_is_near_the_true_one() -> None:
    images = [(clean, blurred(clean, *one[:2])) for clean in photographs(2) for one in BLURS]
    expected = torch.tensor([expected_gain(found(image)) for _, image in images])
    true = torch.tensor([gain(*pair) for pair in images])
    assert torch.corrcoef(torch.stack((expected, true)))[0, 1] > 0.7
    assert (expected - true).abs().mean() < 1.5


def test_expecting_a_gain_is_exact_everywhere() -> None:
    psf = found(blurred(*photographs(1), *BLURS[0][:2]))
    expected = expected_gain(psf)
    with torch.autocast("cpu", torch.bfloat16):
        assert expected_gain(replace(psf, kernel=psf.kernel.clone().requires_grad_())) == expected
