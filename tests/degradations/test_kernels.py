"""The two ways to one result: OpenCV's and PyTorch's filters; threads; gradients; odd settings of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from contracts import generator, noise_images
from torch import Tensor

from grids.degradations import ELEVEN, NAMES, Degradation, Parameters, degradation, kernels, resampling
from grids.degradations.compression import codec_jpeg
from grids.degradations.table import TABLE


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (40, 37), (190, 185)])
@pytest.mark.parametrize("side", [3, 9, 11, 21, 33])
def test_opencv_filters_as_pytorch_does(shape: tuple[int, int], side: int) -> None:
    """Below and above the sizes (AREA) and reaches (REACH) at which one takes the other's place."""
    images = noise_images(2, 3, *shape)
    bank = torch.rand(2, side, side, generator=generator(1))
    bank[1, 0], bank[1, -1] = 0, 0
    bank = bank / bank.sum((1, 2), keepdim=True)
    expected = kernels.filter2d(images.clone().requires_grad_(), bank).detach()
    assert torch.allclose(kernels.filter2d(images, bank), expected, atol=2e-6)
    taps = bank[:, side // 2] / bank[:, side // 2].sum(-1, keepdim=True)
    taps = (taps + taps.flip(-1)) / 2
    expected = kernels.filter_separable(images.clone().requires_grad_(), taps).detach()
    assert torch.allclose(kernels.filter_separable(images, taps), expected, atol=2e-6)


@pytest.mark.parametrize("factor", [1.25, 2, 2.75, 4])
@pytest.mark.parametrize("mode", resampling.UP)
def test_opencv_resizes_as_pytorch_does(factor: float, mode: str) -> None:
    image = noise_images(1, 3, 90, 70)[0]
    size = (round(90 / factor), round(70 / factor))
    small = resampling.reduce_size(image, size, "area")
    assert torch.allclose(small, resampling.reduce_size(image.clone().requires_grad_(), size, "area"), atol=1e-6)
    ours, theirs = torch.empty_like(image), torch.empty_like(image)
    resampling.enlarge(small, ours, mode)
    resampling.enlarge(small.clone().requires_grad_(), theirs.requires_grad_(False), mode)
    assert torch.allclose(ours, theirs.detach(), atol=2e-6)


@pytest.mark.parametrize("name", ELEVEN)
def test_threads_and_inference_mode_change_nothing(name: str, two_threads: None) -> None:
    kind, images = degradation(name), noise_images(4, 3, 160, 150)
    parameters = kind.sample(images.shape, generator())
    expected = kind.apply(images, parameters)
    with torch.inference_mode():
        assert torch.equal(kind.apply(images, parameters), expected)
        inside = images.clone()
        assert torch.equal(kind.apply(inside, parameters), expected)
    torch.set_num_threads(1)
    assert torch.equal(kind.apply(images, parameters), expected)


@pytest.mark.parametrize("name", ["gaussian_blur", "motion_blur", "defocus_blur", "ringing", "richardson_lucy"])
def test_gradients_reach_the_images_and_the_strength(name: str) -> None:
    kind, images = degradation(name), noise_images(2, 3, 24, 20).requires_grad_()
    parameters = kind.sample(images.shape, generator(), 0.5)
    strength = parameters[kind.ranges[0].name].requires_grad_()
    kind.apply(images, parameters, round_to_8_bit=False).square().sum().backward()
    assert images.grad is not None and float(images.grad.abs().sum()) > 0
    assert strength.grad is not None and bool(strength.grad.isfinite().all())


def test_the_codec_takes_images_that_are_differentiated_through() -> None:
    images, quality = noise_images(2, 3, 24, 20), torch.tensor([30.0, 60.0])
    assert torch.equal(codec_jpeg(images.clone().requires_grad_(), quality), codec_jpeg(images, quality))


@pytest.mark.parametrize("name", ELEVEN)
def test_the_default_dtype_does_not_matter(name: str) -> None:
    kind, images = degradation(name), noise_images(2, 3, 24, 20)
    parameters = kind.sample(images.shape, generator())
    expected = kind.apply(images, parameters)
    torch.set_default_dtype(torch.float64)
    try:
        found = kind.apply(images, parameters)
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=1.01 / 255)


@pytest.mark.parametrize("layout", ["channels_last", "cut out", "expanded"])
@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_the_layout_in_memory_does_not_matter(kind: Degradation, layout: str) -> None:
    images = noise_images(2, 3, 24, 20)
    given = {
        "channels_last": images.to(memory_format=torch.channels_last),
        "cut out": torch.nn.functional.pad(images, (3, 5, 2, 1))[..., 2:26, 3:23],
        "expanded": images[:1].expand(2, -1, -1, -1),
    }[layout]
    parameters = kind.sample(images.shape, generator())
    assert torch.equal(kind.apply(given, parameters), kind.apply(given.contiguous(), parameters))


def test_a_tensor_that_a_kind_keeps_is_left_alone() -> None:
    class Kept(Degradation):
        name, summary, source = "kept", "a picture of its own", "the tests"

        def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
            return parameters["picture"]

    picture = noise_images(2, 3, 8, 8)
    kept = picture.clone()
    Kept().apply(noise_images(2, 3, 8, 8, seed=1), {"picture": picture})
    assert torch.equal(picture, kept)
    assert "kept" not in NAMES
