"""Blurs of a shaken camera against rasters in plain loops, scipy's shifts and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from contracts import generator, noise_images, raises_line
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.camera_shake import FULL, mean_of_shifted, walk
from grids.psf import shapes

BLURS = ("trajectory_blur", "frame_blur")
STILL = torch.zeros(1, 5, 2)


def blurred(name: str, images: Tensor, severity: float = 0.5, seed: int = 0, **changes: Tensor) -> Tensor:
    """Degraded without rounding, with some parameters changed."""
    kind = degradation(name)
    return kind.apply(images, kind.sample(images.shape, generator(seed), severity) | changes, round_to_8_bit=False)


def points(count: int, half: int) -> Tensor:
    """White points on black, half pixels of black to each side."""
    images = torch.zeros(count, 3, 2 * half + 1, 2 * half + 1)
    images[..., half, half] = 1
    return images


def axes(half: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return x, y


def line(x: float, y: float, count: int = 2) -> Tensor:
    """An even path from the origin."""
    return (torch.linspace(0, 1, count).view(1, -1, 1) * torch.tensor([x, y])).float()


# ---------------------------------------------------------------- kernels of trajectories


@pytest.mark.parametrize("side", [13, 15, 21, 27])
def test_a_kernel_averages_about_its_middle_and_fills_its_side(side: int) -> None:
    sides = torch.full((40,), float(side))
    found = blurred("trajectory_blur", points(40, 27), side=sides)[:, 0].double().numpy()
    x, y = axes(27)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum((1, 2)), 1, atol=1e-5)
    for axis in (x, y):
        np.testing.assert_allclose((found * axis).sum((1, 2)), 0, atol=1e-4)
    far = np.maximum(abs(x), abs(y))
    assert found[:, far > side // 2].max(initial=0) < 1e-6
    assert found[:, far == side // 2].max(1).min() > 1e-4, "it touches the border"


def test_a_kernel_is_the_path_point_by_point() -> None:
    """481 points in a plain loop, each on the four pixels about it."""
    path = degradation("trajectory_blur").sample((1, 3, 8, 8), generator(3))["path"]
    found = blurred("trajectory_blur", points(1, 13), path=path, side=torch.tensor([21.0]))[0, 0].numpy()
    times = np.linspace(0, FULL - 1, 481)
    x, y = (np.interp(times, np.arange(FULL), path[0, :, i].double().numpy()) for i in (0, 1))
    x, y = x - x.mean(), y - y.mean()
    scale = 10 / max(abs(x).max(), abs(y).max())
    expected = np.zeros((28, 28))
    for px, py in zip(x * scale + 13, y * scale + 13, strict=True):
        column, row = math.floor(px), math.floor(py)
        right, down = px - column, py - row
        expected[row, column] += (1 - right) * (1 - down) / 481
        expected[row, column + 1] += right * (1 - down) / 481
        expected[row + 1, column] += (1 - right) * down / 481
        expected[row + 1, column + 1] += right * down / 481
    np.testing.assert_allclose(found, expected[:27, :27], atol=1e-5)


def test_an_even_motion_along_a_row_is_a_row_of_equal_taps() -> None:
    for far in (0.01, 3000.0):
        found = blurred("trajectory_blur", points(1, 9), path=line(far, 0), side=torch.tensor([13.0]))[0, 0]
        taps = torch.full((13,), 1 / 12)
        taps[[0, -1]] /= 2
        assert torch.allclose(found[9, 3:16], taps, atol=1e-3)
        assert float(found.sum() - found[9, 3:16].sum()) == pytest.approx(0, abs=1e-6)


def test_the_picture_is_moved_along_the_path_not_against_it() -> None:
    corner = torch.tensor([[[0.0, 0], [10, 0], [10, 4]]])  # to the right, then down
    for name in BLURS:
        found = blurred(name, points(1, 27), path=corner, extent=torch.tensor([10.0]), frames=torch.tensor([13]))[0, 0]
        rows, columns = (found > 1e-6).nonzero().unbind(1)
        upper, lower = columns[rows == rows.min()], columns[rows == rows.max()]
        assert int(upper.min()) == int(columns.min())
        assert int(lower.min()) > int(columns.min()) + 5


def test_a_trace_is_exact_on_and_between_pixels() -> None:
    offsets = torch.tensor([[[0.0, 0], [2, -1], [-1.75, 0.5], [-2, 2]]])
    expected = torch.zeros(5, 5)
    expected[2, 2], expected[1, 4], expected[4, 0] = 0.25, 0.25, 0.25
    expected[2:4, 0] += 0.75 * 0.5 / 4
    expected[2:4, 1] += 0.25 * 0.5 / 4
    assert torch.allclose(shapes.trace(offsets, 5)[0], expected, atol=1e-6)


# ---------------------------------------------------------------- means of frames


@pytest.mark.parametrize("frames", [7, 13])
@pytest.mark.parametrize("shape", [(40, 31), (9, 50)])
def test_frames_are_scipys_shifts_averaged_in_light(photo: Tensor, frames: int, shape: tuple[int, int]) -> None:
    image = photo[..., : shape[0], : shape[1]].contiguous()
    path = degradation("frame_blur").sample((1, 3, 8, 8), generator(frames))["path"]
    row = {"path": path, "frames": torch.tensor([frames]), "extent": torch.tensor([7.0])}
    found = blurred("frame_blur", image, **row)[0].numpy()
    count = path.shape[1]
    times = np.linspace(0, count - 1, frames)
    places = np.stack([np.interp(times, np.arange(count), path[0, :, i].double().numpy()) for i in (0, 1)], 1)
    places = (places - places[frames // 2]) * 7 / np.ptp(places, axis=0).max()
    light = image[0].double().numpy() ** 2.2
    shifted = [scipy.ndimage.shift(light, (0, y, x), order=1, mode="mirror") for x, y in places]
    np.testing.assert_allclose(found, np.mean(shifted, 0) ** (1 / 2.2), atol=1e-4)


def test_points_stay_brighter_than_values_would_average_to() -> None:
    """Seven frames two pixels apart: a seventh of the light at each, which is more than a seventh of the value."""
    row = {"path": line(1, 0), "frames": torch.tensor([7]), "extent": torch.tensor([12.0])}
    found = blurred("frame_blur", points(1, 10), **row)[0, 0]
    expected = torch.zeros(21, 21)
    expected[10, 4:17:2] = (1 / 7) ** (1 / 2.2)
    assert torch.allclose(found, expected, atol=0.02)  # what rounding moves to the next pixel is little light
    assert torch.allclose(found[10, 4:17:2], expected[10, 4:17:2], atol=1e-4)
    assert float(found[10, 10]) > 2.8 / 7


@pytest.mark.parametrize("extent", [6.0, 15.0, 24.0])
def test_the_middle_frame_stays_in_place_and_the_others_spread_over_the_extent(extent: float) -> None:
    found = blurred("frame_blur", points(30, 26), extent=torch.full((30,), extent))[:, 0]
    assert float(found[:, 26, 26].min()) >= (1 / 13) ** (1 / 2.2) - 1e-5
    for lit in found > 0.05:
        spans = [float(np.ptp(pixels.numpy())) for pixels in lit.nonzero().unbind(1)]
        assert extent - 1 < max(spans) < extent + 2


def test_frames_are_odd_and_drawn_with_equal_odds() -> None:
    frames = degradation("frame_blur").sample((4000, 3, 8, 8), generator())["frames"]
    values, counts = frames.unique(return_counts=True)
    assert values.tolist() == [7, 9, 11, 13]
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_a_shift_by_whole_pixels_moves_them() -> None:
    image = noise_images(1, 3, 12, 9)
    moved = mean_of_shifted(image, torch.tensor([[2.0, -3.0]]))
    assert torch.allclose(moved[..., :-3, 2:], image[..., 3:, :-2], atol=1e-6)


# ---------------------------------------------------------------- what they share


@pytest.mark.parametrize("name", BLURS)
def test_a_camera_that_stands_still_leaves_the_picture(name: str) -> None:
    images = noise_images(1, 3, 30, 20)
    for path in (STILL, STILL[:, :1], STILL + 0.3):
        assert torch.allclose(blurred(name, images, path=path), images, atol=1e-5)


@pytest.mark.parametrize("name", BLURS)
def test_a_flat_picture_stays(name: str) -> None:
    flat = torch.full((4, 3, 20, 20), 0.3)
    assert torch.allclose(blurred(name, flat, 1.0), flat, atol=1e-5)


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize(
    ("path", "fragment"),
    [
        (torch.zeros(1, 5), "(1, 5)"),
        (torch.zeros(1, 5, 3), "(1, 5, 3)"),
        (torch.zeros(1, 0, 2), "(1, 0, 2)"),
        (torch.zeros(2, 5, 2), "2 images"),
        (torch.full((1, 5, 2), math.nan), "finite"),
    ],
    ids=["flat", "3-D", "empty", "count", "NaN"],
)
def test_a_path_that_is_none(name: str, path: Tensor, fragment: str) -> None:
    raises_line(lambda: blurred(name, noise_images(1, 3, 8, 8), path=path), "path", fragment)


def test_walks_are_smooth_with_abrupt_shakes_and_go_anywhere() -> None:
    path = walk(2000, FULL, generator()).double()
    assert path.shape == (2000, FULL, 2)
    assert float(path[:, 0].abs().max()) == 0
    x, y = path[:, -1].unbind(-1)
    for one, other in ((x, y), (x + y, x - y)):  # no direction is preferred
        assert float(one.std() / other.std()) == pytest.approx(1, abs=0.1)
    moves = path.diff(dim=1)
    turns = 1 - torch.cosine_similarity(moves[:, 1:], moves[:, :-1], dim=-1)
    assert float(turns.median()) < 0.05, "an instant goes on as the last one did"
    pushes = moves.diff(dim=1).norm(dim=-1)
    shaken = pushes.amax(1) > 4 * pushes.median(1).values  # the longest of 59 normal ones is 2.4 times the median
    assert 0.3 < float(shaken.double().mean()) < 1 - (1 - math.exp(-2)) / 2, "as many as 0 to 2 shakes on average make"
    speed = moves.norm(dim=-1)
    assert float((speed.amax(1) / speed.amin(1).clamp_min(1e-9)).median()) > 3, "it is fast and slow"


def test_paths_are_pulled_back_to_where_they_began() -> None:
    """Twice the time does not take the camera twice as far, as it would if it only drifted."""
    path = walk(2000, 4 * FULL, generator()).double()
    far = path.norm(dim=-1).median(0).values
    assert float(far[-1]) < 1.6 * float(far[FULL])
