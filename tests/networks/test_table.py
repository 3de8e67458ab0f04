"""Every network passes the contract, and sizes are the published ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from contracts import NETWORK_CHECKS, noise_images
from torch import nn

from grids.errors import UnknownNameError
from grids.networks import NAFNet, Restormer, SRResNet, UNet, build
from grids.networks.table import TABLE, Preset, multiply_adds, parameters

LARGE = (
    "drunet",
    "restormer",
    "nafnet-32",
    "walha-mtlgan",
    "liu-durbm",
    "martyniuk-resnet",
    "martyniuk-fpn",
    "shen-face",
)
"""Networks whose small presets pass the contract in their place."""


@pytest.mark.parametrize("check", NETWORK_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", [name for name in TABLE if name not in LARGE])
def test_contract(name: str, check: Callable[[Preset], None]) -> None:
    check(TABLE[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("restormer", 26_126_644), ("srresnet", 1_222_147), ("nafnet-32", 29_159_715), ("drunet", 32_640_960 - 576)],
)
def test_parameters_as_published(name: str, expected: int) -> None:
    with torch.device("meta"):
        assert parameters(build(name)) == expected


def test_a_unet_begins_with_its_input_and_enlarges_as_drunet_does() -> None:
    images = noise_images(2, 3, 19, 25)
    network = UNet(4, 2, 1)
    assert torch.equal(network(images), images)
    convolution, _ = up = network.up[0]
    maps = torch.randn(1, 16, 3, 5)
    kernel = convolution.weight.reshape(8, 4, 16).permute(2, 0, 1).reshape(16, 8, 2, 2)
    torch.testing.assert_close(up(maps), F.conv_transpose2d(maps, kernel, stride=2), atol=1e-6, rtol=0)


def test_multiply_adds_as_published() -> None:
    with torch.device("meta"):
        # the NAFNet paper: 16 G for width 32, at 256 x 256
        assert multiply_adds(NAFNet(32, (1, 1, 1, 28), 1, (1, 1, 1, 1))) == pytest.approx(16e9, rel=0.01)
        convolution = nn.Conv2d(3, 5, 3, padding=1)
    assert multiply_adds(convolution, side=10) == 3 * 5 * 9 * 100


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nafnet'"):
        build("nafnett")


def test_large_networks_are_rebuilt_from_their_state() -> None:
    with torch.device("meta"):
        for name in set(LARGE) - {"liu-durbm"}:  # where its decoders attach is a number, which meta tensors do not hold
            state = build(name).state_dict()
            assert TABLE[name].network.from_state(state).state_dict().keys() == state.keys()  # type: ignore[attr-defined]


def test_restorers_start_near_the_input() -> None:
    images = noise_images(1, 3, 16, 16)
    for network in (NAFNet(8, (1,), 1, (1,)), SRResNet(8, 1), Restormer(8, (1, 1, 1, 1), 1)):
        for value in network.last.parameters() if hasattr(network, "last") else network.conv_last.parameters():
            nn.init.zeros_(value)
        with torch.no_grad():
            assert torch.equal(network(images), images)
