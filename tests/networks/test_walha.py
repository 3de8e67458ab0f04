"""The network of Walha et al.: published parts at their sizes, one encoder for all tasks, and the options."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from contracts import check_gradients, check_round_trip, noise_images, raises_line
from networks.classifiers import MobileNetV2
from torch import nn

from grids.errors import UnknownNameError, WeightsError
from grids.networks import WalhaNet, build
from grids.networks.table import TABLE, Preset, parameters
from grids.networks.walha import ConvPoolBlock
from grids.restoration.models import load_restorer, save_restorer

TASKS = ("blur", "noise")
TINY: dict[str, Any] = {"width": 8, "channels": 16, "widths": (8, 8, 16), "heads": (2, 1)}
OPTIONS: tuple[dict[str, Any], ...] = ({"literal": True}, {"multi_scale": False}, {"entry": "relu", "blocks": 2})


def tiny(**options: Any) -> WalhaNet:
    torch.manual_seed(0)
    return WalhaNet(TASKS, **TINY, **options)


# ---------------------------------------------------------------- the published size


def test_parameters_are_those_of_the_parts() -> None:
    with torch.device("meta"):
        network = build("walha-mtlgan", TASKS)
    sums = {name: parameters(part) for name, part in network.named_children()}
    trunk, laterals, smooth = 1_017_792, 36_864, 3 * (9 * 128 * 128 + 2 * 128)
    assert sums["encoder"] == trunk + laterals + smooth
    filters = [128, 32, 32, 64, 128, 256, 256, 256, 256]
    units = sum(9 * a * b + b for a, b in pairwise(filters))
    assert sums["scales"] == 4 * (units + 256 * 64 + 64)
    restormer_128, restormer_64 = 206_188, 54_070
    entry, up, skip, last = 9 * 256 * 64 + 2 * 64, 9 * 128 * 64 + 64, 128 * 64, 9 * 64 * 3 + 3
    assert sums["decoders"] == 2 * (entry + 2 * restormer_128 + up + skip + restormer_64 + last)
    assert sum(sums.values()) == parameters(network) == 11_774_690


def test_the_papers_filters_are_what_the_cap_saves() -> None:
    with torch.device("meta"):
        block = ConvPoolBlock(128, (32, 32, 64, 128, 256, 512, 1024, 2048), 64, literal=True)
    assert parameters(block) == pytest.approx(25.2e6, rel=0.01)


def test_maps_of_the_pyramid() -> None:
    with torch.device("meta"):
        network = WalhaNet(TASKS)
        maps = network.encoder(torch.empty(1, 3, 256, 256))
        assert network(torch.empty(1, 3, 256, 256)).shape == (1, 3, 256, 256)
    sizes = [(64, 128, 128), (128, 64, 64), (128, 32, 32), (128, 16, 16), (128, 8, 8)]
    assert [tuple(x.shape[1:]) for x in maps] == sizes


def test_a_step_of_the_full_network() -> None:
    network = build("walha-mtlgan", ("blur",)).train()
    network(noise_images(1, 3, 64, 64)).square().mean().backward()
    assert all(float(value.grad.abs().max()) > 0 for value in network.parameters() if value.grad is not None)
    assert all(value.grad is not None for value in network.parameters())


# ---------------------------------------------------------------- the parts


def test_the_pyramid_is_written_out() -> None:
    pyramid = tiny().encoder.eval()
    images = noise_images(1, 3, 64, 64)
    with torch.no_grad():
        found, bottom_up = pyramid(images), pyramid.trunk(images)
        expected = [F.conv2d(x, lateral.weight) for x, lateral in zip(bottom_up, pyramid.lateral, strict=True)]
        for i in (3, 2, 1):
            x = expected[i] + expected[i + 1].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            x = F.conv2d(x, pyramid.smooth[i - 1][0].weight, padding=1) / (1 + 1e-5) ** 0.5  # batch norm, still fresh
            expected[i] = x.clamp_min(0)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))


def test_units_pool_after_the_convolution() -> None:
    torch.manual_seed(0)
    block = ConvPoolBlock(4, (5, 6), 3, literal=False)
    x = torch.randn(2, 4, 5, 7)
    with torch.no_grad():
        expected = x
        for unit in block.units:
            y = F.pad(unit(expected), (1, 1, 1, 1), value=-torch.inf)
            expected = y.unfold(2, 3, 1).unfold(3, 3, 1).amax(dim=(-1, -2)).clamp_min(0)
        assert torch.allclose(block(x), block.project(expected), atol=1e-6)


@pytest.mark.parametrize(("size", "left"), [((64, 64), (1, 1)), ((8, 8), (1, 1)), ((64, 16), (4, 1)), ((1, 5), (1, 5))])
def test_literal_poolings_halve_until_a_side_is_one(size: tuple[int, int], left: tuple[int, int]) -> None:
    x = torch.randn(1, 4, *size)
    widths = (4,) * 8
    assert ConvPoolBlock(4, widths, 3, literal=True)(x).shape == (1, 3, *left)
    assert ConvPoolBlock(4, widths, 3, literal=False)(x).shape == (1, 3, *size)


def test_softmax_is_over_channels() -> None:
    features = torch.randn(2, 32, 6, 5)
    softmax, relu = (tiny(entry=entry).decoders["blur"] for entry in ("softmax", "relu"))
    relu.entry["relu"].load_state_dict(softmax.entry["softmax"].state_dict())
    with torch.no_grad():
        before = softmax.entry["softmax"](features)
        entered = softmax.entered(features)
        assert torch.allclose(entered, before.exp() / before.exp().sum(dim=1, keepdim=True), atol=1e-6)
        assert torch.allclose(entered.sum(dim=1), torch.ones(2, 6, 5), atol=1e-6)
        assert torch.equal(relu.entered(features), before.clamp_min(0))


def test_an_unknown_entry_is_named() -> None:
    raises_line(lambda: tiny(entry="sigmoid"), "'sigmoid'", "relu, softmax", kind=UnknownNameError)


def test_the_output_is_the_input_and_a_bounded_change() -> None:
    network = tiny().eval()
    images = noise_images(1, 3, 40, 33)
    with torch.no_grad():
        change = network(images) - images
        assert 0 < float(change.abs().max()) < 0.5  # tanh in [-1, 1] is half of it in [0, 1]
        network.decoders["blur"].last.bias.fill_(50.0)
        assert torch.allclose(network(images), images + 0.5, atol=1e-6)
        for value in network.decoders["blur"].last.parameters():
            nn.init.zeros_(value)
        assert torch.equal(network(images), images)


# ---------------------------------------------------------------- tasks


def test_a_task_leaves_the_decoders_of_others_alone() -> None:
    network = tiny()
    for task, other in (TASKS, TASKS[::-1]):
        network.zero_grad()
        network(noise_images(2, 3, 64, 64), task).square().mean().backward()
        assert all(value.grad is None for value in network.decoders[other].parameters())
        shared = [*network.encoder.parameters(), *network.scales.parameters(), *network.decoders[task].parameters()]
        assert all(value.grad is not None for value in shared)


def test_any_size_trains_with_one_image() -> None:
    network = tiny().train()
    for size in ((1, 1), (32, 32), (33, 7), (5, 70)):
        images = noise_images(1, 3, *size)
        restored = network(images, "noise")
        assert restored.shape == images.shape
        restored.square().mean().backward()
    assert all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())


# ---------------------------------------------------------------- options and states


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_read_off_the_state(options: dict[str, Any]) -> None:
    preset = Preset(WalhaNet, "a test", {**TINY, **options})
    check_round_trip(preset)
    check_gradients(preset)
    with torch.device("meta"):
        state = WalhaNet(TASKS, **preset.options).state_dict()
        again = WalhaNet.from_state(state)
    assert again.state_dict().keys() == state.keys()
    assert [block.literal for part in again.scales.values() for block in part] == (
        [] if options.get("multi_scale") is False else [options.get("literal", False)] * 4
    )
    assert list(again.decoders["blur"].entry) == [options.get("entry", "softmax")]


@pytest.mark.parametrize("half", [False, True])
def test_options_survive_a_file(tmp_path: Path, half: bool) -> None:
    network = tiny(entry="relu", literal=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked.fill_(100_000)  # more than float16 can count
    record = {"preset": "walha-mtlgan-small", "tasks": list(TASKS)}
    again = load_restorer(save_restorer(tmp_path / "net.safetensors", network, record, half)).network
    images = noise_images(1, 3, 20, 20)
    with torch.no_grad():
        assert torch.allclose(again(images, "noise"), network.eval()(images, "noise"), atol=2e-3 if half else 0)
    assert again.state_dict().keys() == network.state_dict().keys()


def test_states_of_others_are_refused() -> None:
    state = tiny().state_dict()
    units = {key: value for key, value in state.items() if ".units." not in key}
    raises_line(lambda: WalhaNet.from_state(units), "'scales.kept.0.units.0.weight'", kind=WeightsError)
    shared = {key: value for key, value in state.items() if not key.startswith("decoders.")}
    raises_line(lambda: WalhaNet.from_state(shared), "there is no decoder", kind=WeightsError)
    raises_line(lambda: WalhaNet.from_state(build("nafnet").state_dict()), "'encoder.trunk.", kind=WeightsError)


def test_the_trunk_starts_from_imagenet_weights() -> None:
    torch.manual_seed(1)
    classifier, network = MobileNetV2(8), tiny()
    before = network.decoders["blur"].last.weight.clone()
    network.load_trunk(classifier.state_dict())
    trunk = network.encoder.trunk.state_dict()
    assert all(torch.equal(value, classifier.state_dict()[key]) for key, value in trunk.items())
    assert torch.equal(network.decoders["blur"].last.weight, before)
    raises_line(lambda: network.load_trunk(MobileNetV2(16).state_dict()), "'features.0.0.weight'", kind=WeightsError)


def test_the_small_preset_is_of_the_same_kind() -> None:
    with torch.device("meta"):
        small, full = (build(f"walha-mtlgan{size}", TASKS).state_dict() for size in ("-small", ""))
    assert small.keys() == full.keys()
    assert TABLE["walha-mtlgan-small"].network is TABLE["walha-mtlgan"].network
