from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grids.degradations import degradation
from grids.random import seeded
from grids.selection.features import describe
from grids.selection.features.color import color_statistics
from grids.selection.features.defects import FLOOR as LEAST_SHARE
from grids.selection.features.defects import WINDOW, WINDOWS, defect_statistics
from grids.selection.features.moments import FLAT, FLOOR, moment_statistics
from grids.selection.features.spectrum import spectrum_statistics
from grids.similarity.descriptor import Descriptor


def differences(planes: np.ndarray, down: int, right: int) -> list[float]:
    """Every value minus the one that lies so many rows above it and columns to its left."""
    height, width = planes.shape[1:]
    return [
        plane[y + down, x + right] - plane[y, x]
        for plane in planes
        for y in range(height - down)
        for x in range(max(0, -right), width - max(0, right))
    ]


def reference(channel: np.ndarray) -> list[float]:
    """The moments of one channel, (N, h, w), value by value."""
    height, width = channel.shape[1:]
    across, down = differences(channel, 0, 1), differences(channel, 1, 0)
    two_across, two_down = differences(channel, 0, 2), differences(channel, 2, 0)
    falling, rising = differences(channel, 1, 1), differences(channel, 1, -1)
    inner = [(plane, y, x) for plane in channel for y in range(1, height - 1) for x in range(1, width - 1)]
    around = [4 * p[y, x] - (p[y - 1, x] + p[y + 1, x] + p[y, x - 1] + p[y, x + 1]) for p, y, x in inner]
    corners = [(plane, y, x) for plane in channel for y in range(height - 1) for x in range(width - 1)]
    crosses = [(p[y, x + 1] - p[y, x]) * (p[y + 1, x] - p[y, x]) for p, y, x in corners]

    def mean(values: list[float], power: int) -> float:
        return float(np.mean(np.abs(np.array(values)) ** power))

    plain = list(channel.ravel())
    positive = [mean(plain, p) for p in (1, 2, 4)]
    positive += [(mean(across, p) + mean(down, p)) / 2 for p in (1, 2, 4)]
    positive += [mean(around, p) for p in (1, 2, 4)]
    positive += [(mean(two_across, 2) + mean(two_down, 2)) / 2, (mean(falling, 2) + mean(rising, 2)) / 2]
    tensor = np.array([[mean(across, 2), np.mean(crosses)], [np.mean(crosses), mean(down, 2)]])
    small, large = np.linalg.eigvalsh(tensor)
    first = channel.mean() / (math.sqrt(mean(plain, 2)) + 1e-6)
    anisotropy = math.log((large - small) / (large + small + FLOOR) + FLAT)
    return [first, *(math.log(value + FLOOR) for value in positive), anisotropy]


def test_moments_against_plain_loops() -> None:
    features = torch.randn((3, 2, 7, 9), generator=seeded(0))
    features[:, 1] = 0.3 + 2 * features[:, 1] + features[:, 1].roll(1, -1)
    found = moment_statistics(features)
    assert found.shape == (2, 13)
    for channel in (0, 1):
        expected = reference(features[:, channel].double().numpy())
        assert found[channel].tolist() == pytest.approx(expected, abs=2e-4)


def test_scale_shifts_logarithms_by_its_powers() -> None:
    features = torch.randn((2, 3, 8, 8), generator=seeded(1))
    shift = (moment_statistics(5 * features) - moment_statistics(features)) / math.log(5)
    powers = torch.tensor([0.0, 1, 2, 4, 1, 2, 4, 1, 2, 4, 2, 2, 0])
    assert torch.allclose(shift, powers.expand(3, -1), atol=1e-4)


def test_a_direction_is_anisotropy() -> None:
    features = torch.randn((2, 1, 32, 1), generator=seeded(2)).expand(-1, -1, -1, 32)
    assert float(moment_statistics(features)[0, -1]) == pytest.approx(math.log(1 + FLAT), abs=1e-3)
    noise = torch.randn((40, 1, 32, 32), generator=seeded(2))
    # differences to the right and downwards share a pixel: of white noise, that alone makes a half
    assert float(moment_statistics(noise)[0, -1]) == pytest.approx(math.log(0.5 + FLAT), abs=0.05)
    smooth = F.avg_pool2d(noise, 9, 1)
    streaked = F.avg_pool2d(noise, (1, 9), 1)
    assert (
        float(moment_statistics(smooth)[0, -1])
        < math.log(0.2)
        < math.log(0.7)
        < float(moment_statistics(streaked)[0, -1])
    )


def test_the_statistics_of_an_image(descriptor: Descriptor, crops: list[torch.Tensor]) -> None:
    found = describe(descriptor, crops[0])
    assert found.shape == (968,)
    assert found.dtype == np.float64
    torch.manual_seed(3)
    assert np.array_equal(describe(descriptor, crops[0].clone()), found)
    assert np.array_equal(found[-136:-58], spectrum_statistics(crops[0]).double().numpy())
    assert np.array_equal(found[-58:-32], color_statistics(crops[0]).double().numpy())
    assert np.array_equal(found[-32:], defect_statistics(crops[0]).numpy())
    assert not np.array_equal(describe(descriptor, crops[1]), found)


@pytest.mark.parametrize("size", [(1, 1), (10, 3000), (64, 64)])
@pytest.mark.parametrize("flat", [True, False])
def test_every_image_has_them(descriptor: Descriptor, size: tuple[int, int], flat: bool) -> None:
    image = torch.full((3, *size), 1.0) if flat else torch.rand((3, *size), generator=seeded(0))
    assert np.isfinite(describe(descriptor, image)).all()


def defects(image: torch.Tensor) -> np.ndarray:
    """Shares and levels as they are, without the logarithm."""
    return np.exp(defect_statistics(image).numpy()) - LEAST_SHARE


def grey_scene(side: int = 128) -> torch.Tensor:
    return torch.linspace(0.3, 0.7, side).expand(3, side, side).mul(255).round().div(255)


def test_impulses_and_strokes_are_counted_by_their_width() -> None:
    plain = defects(grey_scene())
    assert plain[:16] == pytest.approx(np.zeros(16), abs=0.01)
    salted = degradation("salt_pepper")(grey_scene()[None], seeded(0), severity=1.0)[0]
    found = defects(salted)
    assert found[4] == pytest.approx(0.1, abs=0.02)  # farther than 64 levels from the median
    assert found[7] == pytest.approx(0.05, abs=0.01) and found[12] == pytest.approx(0.05, abs=0.01)  # black, white
    stroke = grey_scene()
    stroke[:, 40:48] = 0
    found = defects(stroke)
    black, by_width, white = found[7], found[8:12], found[12:17]
    assert black == pytest.approx(8 / 128, abs=1e-3) and white == pytest.approx(np.zeros(5), abs=1e-3)
    assert by_width == pytest.approx([0, 0, black, black], abs=1e-3)  # narrower than 13 pixels


def test_the_level_of_noise_is_read_off() -> None:
    for sigma in (5, 20):
        noise = sigma / 255 * torch.randn((3, 256, 256), generator=seeded(3))
        found = defects((grey_scene(256) + noise).clamp(0, 1).mul(255).round().div(255))
        grey = sigma / 255 * math.sqrt(0.299**2 + 0.587**2 + 0.114**2)
        assert found[19] == pytest.approx(grey, rel=0.15)
        assert found[26] == pytest.approx(math.sqrt(2) * sigma / 255, rel=0.15)  # red - green
        assert found[-2] == pytest.approx(grey, rel=0.15)


def test_windows_of_a_large_image_stand_for_it() -> None:
    image = torch.rand((3, 1100, 1500), generator=seeded(0)).mul(255).round().div(255)
    whole, part = defect_statistics(image), defect_statistics(image[:, : WINDOW * WINDOWS, : WINDOW * WINDOWS])
    assert whole[:7] == pytest.approx(part[:7], abs=0.02)
    assert not torch.equal(whole, defect_statistics(image.flip(1)))
