from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from grids.random import seeded
from grids.selection.features.spectrum import FLOOR, RINGS, SIDE, _power, spectrum_statistics

GREY, ORIENTED, COLOUR, BLOCKS = slice(0, 32), slice(32, 56), slice(56, 70), slice(70, 78)


def noise(size: int = 256, spread: float = 0.05, channels: int = 1, seed: int = 0) -> Tensor:
    return (0.5 + spread * torch.randn((channels, size, size), generator=seeded(seed))).expand(3, -1, -1)


def filtered(image: Tensor, kernel: Tensor) -> Tensor:
    half = kernel.shape[0] // 2
    padded = F.pad(image[:, None], (half,) * 4, mode="reflect")
    return F.conv2d(padded, (kernel / kernel.sum())[None, None])[:, 0]


def box(side: int) -> Tensor:
    return torch.ones(side, side)


def disc(radius: float) -> Tensor:
    reach = torch.arange(-8.0, 9.0)
    return (torch.hypot(reach[:, None], reach) <= radius).float()


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 80, 90),
        torch.ones(3, 1, 1),
        torch.full((3, 300, 20), 0.3),
        torch.rand((3, 5, 700), generator=seeded(0)),
        torch.rand((3, 64, 64), generator=seeded(0)),
        (torch.arange(96)[:, None] + torch.arange(96)).remainder(2).float().expand(3, -1, -1),
    ],
    ids=["black", "one pixel", "flat", "strip", "noise", "checks"],
)
def test_78_finite_numbers(image: Tensor) -> None:
    found = spectrum_statistics(image)
    assert found.shape == (78,)
    assert bool(torch.isfinite(found).all())
    assert bool((found[:70] >= math.log(FLOOR) - 1e-3).all())


def test_black_has_no_power() -> None:
    found = spectrum_statistics(torch.zeros(3, 100, 100))
    assert torch.allclose(found[:70], torch.tensor(math.log(FLOOR)))
    assert torch.allclose(found[BLOCKS], torch.zeros(8))


def test_the_power_of_white_noise_is_its_variance() -> None:
    planes = 3 + 0.2 * torch.randn((400, SIDE, SIDE), generator=seeded(1))
    power = _power(planes)
    assert power.shape == (64, 33)
    assert float(power[4:-4, 4:].mean()) == pytest.approx(0.04, rel=0.01)
    # Parseval, each plane against numpy
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    window /= np.sqrt((window**2).mean())
    one = planes[:1].numpy().astype(np.float64)
    windowed = (one[0] - one[0].mean()) * window
    whole = np.abs(np.fft.fft2(windowed)) ** 2 / SIDE**2
    assert np.allclose(_power(planes[:1]).numpy(), whole[:, :33], rtol=1e-3, atol=1e-6)
    assert whole.mean() == pytest.approx((windowed**2).mean())


def test_white_noise_is_flat() -> None:
    found = spectrum_statistics(noise(512))
    assert torch.allclose(found[GREY], torch.tensor(2 * math.log(0.05)), atol=0.3)
    assert torch.allclose(found[ORIENTED], torch.tensor(2 * math.log(0.05)), atol=0.5)
    assert torch.allclose(found[6:32], torch.tensor(2 * math.log(0.05)), atol=0.12)  # more coefficients a ring
    assert float(found[BLOCKS].abs().max()) < 0.5
    assert torch.allclose(found[COLOUR], torch.tensor(math.log(FLOOR)), atol=1e-3)


def test_colour_noise_shows_in_the_differences_with_twice_the_variance() -> None:
    found = spectrum_statistics(noise(512, channels=3))
    assert torch.allclose(found[COLOUR], torch.tensor(math.log(2 * 0.05**2)), atol=0.3)
    assert torch.allclose(found[6:32], torch.tensor(math.log(0.05**2 / 3)), atol=0.12)


def test_contrast_shifts_all_powers_alike() -> None:
    found = spectrum_statistics(noise(128, 0.1)) - spectrum_statistics(noise(128, 0.05))
    assert torch.allclose(found[:56], torch.tensor(math.log(4)), atol=1e-3)
    assert torch.allclose(found[BLOCKS], torch.zeros(8), atol=1e-3)


def test_a_blur_lowers_high_rings() -> None:
    change = spectrum_statistics(filtered(noise(), disc(2.0))) - spectrum_statistics(noise())
    first = [2 * k for k in range(15)]  # near the axes
    low, high = RINGS.index(0.06) * 2, RINGS.index(0.30) * 2
    assert float(change[:low].min()) > -0.7
    assert float(change[high:32].max()) < -2
    assert float(change[first][:8].diff().max()) < 0.3


def test_flips_and_turns_change_little(scenes: list[np.ndarray]) -> None:
    image = torch.from_numpy(scenes[0].transpose(2, 0, 1).copy())[:, :64, :64].float() / 255
    found = spectrum_statistics(image)
    for same in (image.flip(1), image.flip(2), image.flip(1, 2)):
        assert torch.allclose(spectrum_statistics(same)[:70], found[:70], atol=1e-3)
    for turned in (image.transpose(1, 2), image.rot90(1, (1, 2))):
        again = spectrum_statistics(turned)
        assert float((again[:70] - found[:70]).abs().mean()) < 0.1
        # the two axes of the blocks change places
        assert float((again[BLOCKS].view(4, 2) - found[BLOCKS].view(4, 2).flip(1)).abs().mean()) < 0.6


def test_a_square_kernel_is_not_a_round_one() -> None:
    """Near the axes a square kernel has zeros that it has not between them; a round one has the same everywhere."""
    found = {}
    for name, kernel in (("square", box(7)), ("round", disc(4.0))):  # of the same variance, 4 square pixels
        rings = spectrum_statistics(filtered(noise(512), kernel))[:30].view(15, 2)
        found[name] = (rings[:, 0] - rings[:, 1]).abs()
    middle = slice(RINGS.index(0.15), RINGS.index(0.30))
    assert float(found["square"][middle].max()) > 2 * float(found["round"][middle].max())
    assert float(found["square"][middle].max()) > 1


def test_jpeg_blocks_stand_out() -> None:
    """On a smooth texture; where an image has edges of its own these hide the blocks' edges."""
    smooth = F.avg_pool2d(F.avg_pool2d(torch.randn((1, 264, 264), generator=seeded(0)), 5, 1), 5, 1)[:, :256, :256]
    image = (0.5 + 0.5 * smooth).clamp(0, 1).mul(255).round().byte().expand(3, -1, -1).permute(1, 2, 0).numpy()
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "jpeg", quality=10)
    before, after = (
        spectrum_statistics(torch.from_numpy(np.array(picture).transpose(2, 0, 1)).float() / 255)[BLOCKS]
        for picture in (image, Image.open(stream))
    )
    assert float((after - before).mean()) > 0.3
    assert float((after - before).max()) > 1.5


def test_a_streak_shows_in_whatever_direction_it_goes() -> None:
    line = torch.zeros(9, 9)
    line[4] = 1
    across, down = (spectrum_statistics(filtered(noise(), kernel))[ORIENTED].view(3, 8) for kernel in (line, line.T))
    round_ = spectrum_statistics(filtered(noise(), disc(4.0)))[ORIENTED].view(3, 8)
    assert torch.allclose(across, down, atol=0.5)
    assert bool((across.diff(dim=1) >= 0).all())
    assert float(across[2, -1] - across[2, 0]) > 2 * float(round_[2, -1] - round_[2, 0])
