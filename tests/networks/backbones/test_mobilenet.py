"""MobileNetV2: its published size, names and arithmetic, and the part that serves as a trunk."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images, raises_line
from networks.classifiers import MobileNetV2
from torch import Tensor

from grids.errors import WeightsError
from grids.networks.backbones.mobilenet import InvertedResidual, MobileTrunk, load_trunk
from grids.networks.table import multiply_adds, parameters


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(MobileNetV2(8).state_dict())


def test_size_as_published() -> None:
    with torch.device("meta"):
        network = MobileNetV2()
        assert parameters(network) == 3_504_872
        assert parameters(MobileTrunk()) == 1_017_792
        assert multiply_adds(network, side=224) == pytest.approx(300e6, rel=0.01)  # table 4 of the paper
        assert multiply_adds(MobileNetV2(16), side=224) == pytest.approx(97e6, rel=0.01)  # half the width
        assert network(torch.empty(2, 3, 224, 224)).shape == (2, 1000)


def test_names_and_shapes_of_the_published_weights() -> None:
    with torch.device("meta"):
        state = MobileNetV2().state_dict()
    assert len(state) == 314
    for key, shape in {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.0.1.running_var": (32,),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),  # no expansion: depth-wise first
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.1.conv.2.bias": (16,),
        "features.2.conv.0.0.weight": (96, 16, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.2.conv.1.1.num_batches_tracked": (),
        "features.2.conv.2.weight": (24, 96, 1, 1),
        "features.2.conv.3.weight": (24,),
        "features.14.conv.2.weight": (160, 576, 1, 1),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.18.0.weight": (1280, 320, 1, 1),
        "features.18.1.running_mean": (1280,),
        "classifier.1.weight": (1000, 1280),
        "classifier.1.bias": (1000,),
    }.items():
        assert state[key].shape == shape, key


@pytest.mark.parametrize(("out", "stride", "expansion"), [(8, 1, 6), (8, 1, 1), (8, 2, 6), (16, 1, 6)])
def test_a_block_is_written_out_in_plain_operations(out: int, stride: int, expansion: int) -> None:
    torch.manual_seed(0)
    block = InvertedResidual(8, out, stride, expansion).eval()
    state = block.state_dict()
    for value in state.values():
        if value.is_floating_point() and value.ndim == 1:
            value.uniform_(0.5, 1.5)

    def normed(x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"conv.{name}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    images = torch.randn(2, 8, 7, 6)
    x, layer = images, 0
    if expansion > 1:
        x = normed(torch.einsum("bchw,dc->bdhw", x, state["conv.0.0.weight"][..., 0, 0]), "0.1").clamp(0, 6)
        layer = 1
    x = F.conv2d(x, state[f"conv.{layer}.0.weight"], padding=1, groups=8 * expansion)[..., ::stride, ::stride]
    x = normed(x, f"{layer}.1").clamp(0, 6)
    x = normed(torch.einsum("bchw,dc->bdhw", x, state[f"conv.{layer + 1}.weight"][..., 0, 0]), f"{layer + 2}")
    with torch.no_grad():
        expected = x + images if out == 8 and stride == 1 else x
        assert torch.allclose(block(images), expected, atol=1e-4)


def test_the_trunk_is_the_beginning_of_the_classifier(state: dict[str, Tensor]) -> None:
    whole, trunk = MobileNetV2(8).eval(), MobileTrunk(8).eval()
    whole.load_state_dict(state)
    load_trunk(trunk, state)
    x = noise_images(1, 3, 64, 32)
    with torch.no_grad():
        maps = trunk(x)
        for i, layer in enumerate(whole.features):
            x = layer(x)
            if i in (1, 3, 6, 10, 15):
                assert torch.equal(maps.pop(0), x)
    assert not maps


def test_maps_of_the_trunk() -> None:
    with torch.device("meta"):
        trunk = MobileTrunk()
        maps = trunk(torch.empty(1, 3, 256, 256))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (16, 128, 128),
        (24, 64, 64),
        (32, 32, 32),
        (64, 16, 16),
        (160, 8, 8),
    ]
    assert trunk.channels == (16, 24, 32, 64, 160)


def test_what_does_not_fit_is_named(state: dict[str, Tensor]) -> None:
    trunk = MobileTrunk(8)
    key = "features.3.conv.1.0.weight"
    missing = {name: value for name, value in state.items() if name != key}
    raises_line(lambda: load_trunk(trunk, missing), f"there is no '{key}'", kind=WeightsError)
    misshapen = state | {key: torch.zeros(1, 1, 3, 3), "features.4.conv.0.0.weight": torch.zeros(1)}
    raises_line(lambda: load_trunk(trunk, misshapen), f"'{key}' is (1, 1, 3, 3), not (48, 1, 3, 3)", kind=WeightsError)
    raises_line(lambda: load_trunk(MobileTrunk(16), state), "'features.0.0.weight'", kind=WeightsError)
    raises_line(lambda: load_trunk(trunk, {"conv1.weight": torch.zeros(3)}), "'features.0.0.weight'", kind=WeightsError)
