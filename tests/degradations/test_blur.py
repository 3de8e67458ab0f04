"""Blurs and their kernels against scipy, OpenCV, scikit-image and kernels written another way."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.special
import skimage.restoration
import torch
from contracts import noise_images
from torch import Tensor

from grids.degradations import degradation, kernels
from grids.psf import shapes

WINDOWS = {"gaussian_blur": 21, "motion_blur": 33, "defocus_blur": 11, "ringing": 21}


def planes(image: Tensor) -> np.ndarray:
    """(1, 3, H, W) -> (H, W, 3)."""
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


def exact(name: str, image: Tensor, **parameters: float) -> np.ndarray:
    """What a degradation makes of one image with the parameters given, not rounded."""
    row = {key: torch.tensor([float(value)]) for key, value in parameters.items()}
    return planes(degradation(name).apply(image, row, round_to_8_bit=False))


def offsets(window: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:window, :window] - window // 2
    return x.astype(float), y.astype(float)


def truncated_sinc(cutoff: float, window: int) -> np.ndarray:
    """w J1(w r) / (2 pi r) as it is, not normalised."""
    r = np.hypot(*offsets(window))
    safe = np.where(r == 0, 1, r)
    return np.where(r == 0, cutoff**2 / (4 * np.pi), cutoff * scipy.special.j1(cutoff * safe) / (2 * np.pi * safe))


def supersampled(inside: object, window: int, times: int = 41) -> np.ndarray:
    """The share of each pixel that lies in a shape `inside(x, y)`, by counting, normalised to 1."""
    fine = (np.arange(window * times) + 0.5) / times - window / 2
    hit = inside(fine[None, :], fine[:, None]).astype(float)  # type: ignore[operator]
    share = hit.reshape(window, times, window, times).mean((1, 3))
    return share / share.sum()


def kernel_of(name: str, **parameters: float) -> np.ndarray:
    """The kernel that a degradation really applies: its answer to one white pixel, at twice the kernel's size."""
    size = 2 * WINDOWS[name] + 1
    point = torch.zeros(1, 3, size, size)
    point[..., size // 2, size // 2] = 0.5
    edge = WINDOWS[name] // 2
    cut = slice(size // 2 - edge, size // 2 + edge + 1)
    return exact(name, point, **parameters)[cut, cut, 0] / 0.5


# ---------------------------------------------------------------- Gaussian


@pytest.mark.parametrize("sigma", [1.0, 1.7, 2.5, 4.0])
def test_gaussian_blur_is_scipys_and_opencvs(photo: Tensor, sigma: float) -> None:
    ours = exact("gaussian_blur", photo, sigma=sigma)
    filtered = [scipy.ndimage.gaussian_filter(channel, sigma, mode="mirror", radius=10) for channel in photo[0].numpy()]
    np.testing.assert_allclose(ours, np.stack(filtered, -1), atol=2e-6)
    theirs = cv2.GaussianBlur(planes(photo), (21, 21), sigma, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize("radius", [1.5, 2.25, 3.0, 4.5])
def test_a_disc_is_the_area_of_each_pixel_under_it(radius: float) -> None:
    reference = supersampled(lambda x, y: np.hypot(x, y) <= radius, 11)
    ours = shapes.disc(torch.tensor([radius]), 11)[0].numpy()
    # the edge falls off along the radius, not by the true area: a few percent of the weight lie elsewhere
    assert np.abs(ours - reference).sum() < 0.05
    x, y = offsets(11)
    assert ours[np.hypot(x, y) >= radius + 0.5].max() == 0
    variance = (ours * (x**2 + y**2)).sum()
    assert variance == pytest.approx((reference * (x**2 + y**2)).sum(), rel=0.03)


@pytest.mark.parametrize("length", [7.0, 18.5, 31.0])
@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 90.0, 123.0])
def test_a_streak_is_a_line_of_its_length_and_angle(length: float, angle: float) -> None:
    turn = math.radians(angle)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        # the y axis of an image points down, angles turn upwards
        along, across = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        return (np.abs(along) <= length / 2) & (np.abs(across) <= 0.5)

    reference = supersampled(inside, 33)
    ours = shapes.streak(torch.tensor([length]), torch.tensor([angle]), 33)[0].numpy()
    x, y = offsets(33)
    for kernel in (ours, reference):
        assert (kernel * x).sum() == pytest.approx(0, abs=1e-4)
        assert (kernel * y).sum() == pytest.approx(0, abs=1e-4)
    spread = np.array([[(ours * x * x).sum(), -(ours * x * y).sum()], [-(ours * x * y).sum(), (ours * y * y).sum()]])
    values, vectors = np.linalg.eigh(spread)
    found = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180
    assert min(abs(found - angle), 180 - abs(found - angle)) < 0.5
    # a line of length L has the variance L^2 / 12; the pixels and the soft ends add a little
    assert values[1] == pytest.approx(length**2 / 12, rel=0.08)
    assert values[0] < 0.25
    assert np.abs(ours - reference).sum() < 0.4


def test_a_level_streak_is_a_row_of_equal_taps() -> None:
    row = shapes.streak(torch.tensor([9.0]), torch.tensor([0.0]), 33)[0]
    assert torch.allclose(row[16, 12:21], torch.tensor(1 / 9), atol=1e-5)
    assert float(row.sum() - row[16, 12:21].sum()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("cutoff", [1.05, 1.2, 1.6, 2.0])
@pytest.mark.parametrize("window", [15, 21])
def test_the_sinc_kernel_is_the_bessel_formula(cutoff: float, window: int) -> None:
    raw = truncated_sinc(cutoff, window)
    ours = shapes.sinc(torch.tensor([cutoff]), window)[0].numpy()
    np.testing.assert_allclose(ours, raw / raw.sum(), atol=2e-6)


def test_the_truncated_sinc_of_the_authors() -> None:
    """Figures known of the published kernel, 1.2 rad and 15 x 15: sum before normalisation, smallest value after."""
    raw = truncated_sinc(1.2, 15)
    assert raw.sum() == pytest.approx(1.1455, abs=1e-4)
    ours = shapes.sinc(torch.tensor([1.2]), 15)[0]
    assert float(ours.min()) == pytest.approx(-0.0132, abs=5e-5)
    assert float(ours.abs().sum()) == pytest.approx(2.303, abs=1e-3)


KERNELS = [
    shapes.disc(torch.tensor([1.5, 3.3, 4.5]), 11),
    shapes.streak(torch.tensor([7.0, 20.0, 31.0]), torch.tensor([3.0, 60.0, 170.0]), 33),
    shapes.sinc(torch.tensor([1.05, 1.5, 2.0]), 21),
]


@pytest.mark.parametrize("bank", KERNELS, ids=["disc", "streak", "sinc"])
def test_kernels_sum_to_one_and_are_symmetric(bank: Tensor) -> None:
    assert torch.allclose(bank.sum((-1, -2)), torch.ones(3), atol=1e-5)
    assert torch.allclose(bank, bank.flip(-1, -2), atol=1e-6)


@pytest.mark.parametrize("bank", [KERNELS[0], KERNELS[2]], ids=["disc", "sinc"])
def test_round_kernels_are_round(bank: Tensor) -> None:
    assert torch.allclose(bank, bank.transpose(-1, -2), atol=1e-6)
    assert torch.allclose(bank, bank.flip(-1), atol=1e-6)


@pytest.mark.parametrize("bank", KERNELS[:2], ids=["disc", "streak"])
def test_blurs_average(bank: Tensor) -> None:
    assert float(bank.min()) >= 0


def test_only_ringing_overshoots() -> None:
    assert float(KERNELS[2].min()) < -0.005


# ---------------------------------------------------------------- convolution


@pytest.mark.parametrize("size", [1, 3, 11, 33])
def test_filter2d_is_opencvs_with_the_kernel_turned(photo: Tensor, size: int) -> None:
    """Kernels that are symmetric in no way, one for each image: OpenCV correlates, we convolve."""
    bank = noise_images(2, size, size, seed=3)
    bank /= bank.sum((-1, -2), keepdim=True)
    images = torch.cat([photo, photo.flip(-1)])
    ours = kernels.filter2d(images, bank)
    for i in range(2):
        turned = np.ascontiguousarray(bank[i].numpy()[::-1, ::-1])
        theirs = cv2.filter2D(planes(images[i : i + 1]), -1, turned, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(planes(ours[i : i + 1]), theirs, atol=3e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (10, 40), (11, 11)])
def test_a_border_wider_than_the_image_is_reflected_again(shape: tuple[int, int]) -> None:
    image = noise_images(1, 3, *shape)
    for margin in (1, 10, 16):
        padded = np.pad(image[0].numpy(), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
        np.testing.assert_array_equal(kernels.reflect(image, margin)[0].numpy(), padded)
    bank = noise_images(1, 21, 21, seed=1) / 220
    padded = np.pad(image[0, 0].numpy(), 10, mode="reflect")
    expected = scipy.signal.convolve2d(padded, bank[0].numpy(), mode="valid")
    np.testing.assert_allclose(kernels.filter2d(image, bank)[0, 0].numpy(), expected, atol=3e-6)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("motion_blur", {"length": 13.0, "angle": 35.0}),
        ("motion_blur", {"length": 31.0, "angle": 140.0}),
        ("defocus_blur", {"radius": 3.1}),
        ("ringing", {"cutoff": 1.3}),
    ],
)
def test_the_degradation_is_opencvs_filter_with_its_kernel(
    photo: Tensor, name: str, parameters: dict[str, float]
) -> None:
    sinc = truncated_sinc(1.3, 21)  # it is negative in parts, which its answer to a point on black is clipped at
    kernel = sinc / sinc.sum() if name == "ringing" else kernel_of(name, **parameters)
    theirs = cv2.filter2D(planes(photo), -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(exact(name, photo, **parameters), theirs.clip(0, 1), atol=3e-6)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gaussian_blur", {"sigma": 4.0}),
        ("motion_blur", {"length": 31.0, "angle": 45.0}),
        ("defocus_blur", {"radius": 4.5}),
        ("ringing", {"cutoff": 1.05}),
    ],
)
def test_a_flat_image_stays(name: str, parameters: dict[str, float]) -> None:
    flat = torch.full((1, 3, 40, 40), 0.3)
    np.testing.assert_allclose(exact(name, flat, **parameters), 0.3, atol=1e-6)


# ---------------------------------------------------------------- Richardson-Lucy


@pytest.mark.parametrize("psf", [3, 5, 7])
def test_richardson_lucy_is_scikit_images_first_iteration(photo: Tensor, psf: int) -> None:
    ours = exact("richardson_lucy", photo, psf=psf)
    flat = np.full((psf, psf), 1 / psf**2)
    for channel in range(3):
        padded = np.pad(photo[0, channel].double().numpy(), 7, mode="linear_ramp", end_values=0)
        restored = skimage.restoration.richardson_lucy(padded, flat, num_iter=1, clip=True)[7:-7, 7:-7]
        np.testing.assert_allclose(ours[..., channel], restored, atol=3e-6)


def test_richardson_lucy_is_a_box_inside_and_dark_at_the_frame(photo: Tensor) -> None:
    ours = exact("richardson_lucy", photo, psf=5)
    box = cv2.blur(planes(photo), (5, 5))
    np.testing.assert_allclose(ours[2:-2, 2:-2], box[2:-2, 2:-2], atol=3e-6)
    flat = exact("richardson_lucy", torch.full((1, 3, 30, 30), 0.8), psf=5)
    assert flat[15, 15, 0] == pytest.approx(0.8, abs=1e-6)
    assert flat[0, 0, 0] < flat[0, 15, 0] < 0.8 - 0.05


def test_richardson_lucy_is_5_x_5_unless_a_severity_is_given() -> None:
    kind = degradation("richardson_lucy")
    assert kind.sample((3, 3, 8, 8), torch.Generator())["psf"].tolist() == [5, 5, 5]
    image = noise_images(1, 3, 20, 20)
    for severity, psf in ((0.0, 3), (0.5, 5), (1.0, 7)):
        drawn = kind(image, torch.Generator(), severity, round_to_8_bit=False)
        np.testing.assert_allclose(planes(drawn), exact("richardson_lucy", image, psf=psf), atol=1e-7)
