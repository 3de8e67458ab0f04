"""VGG-19's features: published sizes, names of torchvision's file, maps against plain convolutions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images, raises_line
from torch import Tensor

from grids.errors import GridsError, UnknownNameError, WeightsError
from grids.networks.backbones.vgg import VGG19Features


def small_state(layer: str = "conv2_2") -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(VGG19Features((layer,)).state_dict())


def test_sizes_and_names_are_those_of_the_published_file() -> None:
    with torch.device("meta"):
        network = VGG19Features(("relu5_4",))
    assert sum(value.numel() for value in network.parameters()) == 20_024_384
    # the places of torchvision's vgg19: 16 convolutions between ReLUs and poolings
    numbers = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    channels = (3, 64, 64, 128, 128, *[256] * 4, *[512] * 8)
    expected = {}
    for number, before, after in zip(numbers, channels[:-1], channels[1:], strict=True):
        expected[f"features.{number}.weight"] = (after, before, 3, 3)
        expected[f"features.{number}.bias"] = (after,)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == expected


@pytest.mark.parametrize(
    ("layer", "deep", "shape"),
    [
        ("conv1_2", 3, (64, 32, 32)),
        ("conv3_3", 15, (256, 8, 8)),
        ("relu3_3", 16, (256, 8, 8)),
        ("pool5", 37, (512, 1, 1)),
    ],
)
def test_it_is_only_as_deep_as_needed(layer: str, deep: int, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        network = VGG19Features((layer,))
        (found,) = network(torch.zeros(2, 3, 32, 32))
    assert len(network.features) == deep
    assert found.shape == (2, *shape)


def test_maps_against_plain_convolutions() -> None:
    state = small_state()
    network = VGG19Features.from_state(state, ("conv2_2", "relu1_1", "conv1_2"))
    images = noise_images(1, 3, 9, 8)
    found = network(images)

    def conv(x: Tensor, number: int) -> Tensor:
        return F.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1)

    normalised = [(images[:, i] - m) / s for i, (m, s) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)))]
    first = conv(torch.stack(normalised, 1), 0).clamp_min(0)
    second = conv(first, 2)
    pooled = second.clamp_min(0)[:, :, :8].unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    expected = [conv(conv(pooled, 5).clamp_min(0), 7), first, second]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert float(found[0].min()) < 0 <= float(found[1].min())


def test_images_get_gradients_and_weights_none() -> None:
    network = VGG19Features(("conv1_2",))
    images = noise_images(1, 3, 4, 4).requires_grad_()
    network(images)[0].square().mean().backward()
    assert float(images.grad.abs().max()) > 0
    assert not any(value.requires_grad for value in network.parameters())


def test_classifier_and_deeper_layers_are_passed_over() -> None:
    with torch.device("meta"):
        deeper = VGG19Features(("relu5_4",)).state_dict()
    state = {**deeper, **small_state(), "classifier.6.bias": torch.zeros(1000)}
    assert VGG19Features.from_state(state, ("relu1_2",)).state_dict().keys() == {
        "features.0.weight",
        "features.0.bias",
        "features.2.weight",
        "features.2.bias",
    }


def test_other_states_are_refused_by_key() -> None:
    state = small_state()
    missing = {key: value for key, value in state.items() if key != "features.5.bias"}
    cases = {"features.5.bias": missing, "features.1.weight": state | {"features.1.weight": torch.zeros(64)}}
    cases["features.2.weight"] = state | {"features.2.weight": torch.zeros(64, 3, 3, 3)}
    for key, case in cases.items():
        raises_line(lambda s=case: VGG19Features.from_state(s, ("conv2_2",)), f"'{key}'", "VGG-19", kind=WeightsError)


def test_layers_are_asked_for_by_name() -> None:
    raises_line(lambda: VGG19Features(("conv3_5",)), "'conv3_5'", "conv3_4", kind=UnknownNameError)
    raises_line(lambda: VGG19Features(()), "at least one layer", kind=GridsError)
