"""Moments against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grids.random import seeded
from grids.selection.features.moments import FLAT, FLOOR, moment_statistics


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
