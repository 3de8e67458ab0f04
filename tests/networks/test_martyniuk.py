"""The networks of Martyniuk: published sizes, their equations, who learns from which task, weights of the trunk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images, raises_line
from networks.classifiers import InceptionResNetV2
from torch import Tensor, nn

from grids.errors import WeightsError
from grids.networks import MartyniukFPN, MartyniukResNet, build
from grids.networks.heads import MultiHead, TaskView
from grids.networks.pooling import InstanceNorm, MeansOfTiles
from grids.networks.table import TABLE, parameters
from grids.restoration.forward import restore
from grids.restoration.tiling import restore_image

TASKS = ("blur", "drops", "haze")
SMALL = ("martyniuk-resnet-small", "martyniuk-fpn-small")


def built(name: str) -> MultiHead:
    torch.manual_seed(0)
    network = build(name, TASKS)
    assert isinstance(network, MultiHead)
    return network


@pytest.mark.parametrize(
    ("name", "encoder", "decoder"),
    [
        ("martyniuk-resnet", 10_999_936, 378_243),
        ("martyniuk-fpn", 30_754_272 + 880_640 + 1_769_472, 665_475),
    ],
)
def test_the_sizes_are_the_published_ones(name: str, encoder: int, decoder: int) -> None:
    with torch.device("meta"):
        network = built(name)
    assert parameters(network.encoder) == encoder  # type: ignore[arg-type]
    assert parameters(network) == encoder + 3 * decoder


@pytest.mark.parametrize("name", ["martyniuk-resnet", "martyniuk-fpn"])
def test_the_published_sizes_learn(name: str) -> None:
    network = build(name)
    images = noise_images(1, 3, 64, 64)
    output = network(images)
    assert output.shape == images.shape
    output.square().mean().backward()
    assert all(value.grad is not None for value in network.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_the_encoder_learns_from_all_tasks_and_a_decoder_from_its_own(name: str) -> None:
    network = built(name).double().eval()
    images = noise_images(2, 3, 32, 32).double()
    apart: dict[str, dict[str, Tensor]] = {}
    for task in TASKS:
        network.zero_grad()
        network(images, task).square().mean().backward()
        apart[task] = {key: value.grad.clone() for key, value in network.named_parameters() if value.grad is not None}
        assert {key.split(".")[1] for key in apart[task] if key.startswith("decoders.")} == {task}
    network.zero_grad()
    sum(network(images, task).square().mean() for task in TASKS).backward()  # type: ignore[union-attr]
    for key, value in network.named_parameters():
        expected = sum(gradients[key] for gradients in apart.values() if key in gradients)
        assert value.grad is not None
        assert isinstance(expected, Tensor)
        torch.testing.assert_close(value.grad, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_the_image_is_added_to_at_most_one_in_their_range(name: str) -> None:
    network, images = built(name).eval(), noise_images(1, 3, 30, 41)
    for decoder in network.decoders.values():  # type: ignore[operator, union-attr]
        last = [module for module in decoder.modules() if isinstance(module, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 100)  # type: ignore[arg-type]
    with torch.no_grad():
        torch.testing.assert_close(2 * network(images) - 1, (2 * images - 1) + 1)  # tanh of much is 1
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        assert torch.equal(network(images, "haze"), images)


def test_dropout_acts_in_training_alone() -> None:
    network, images = built("martyniuk-resnet-small"), noise_images(1, 3, 16, 16)
    with torch.no_grad():
        assert not torch.equal(network(images), network(images))
        network.eval()
        assert torch.equal(network(images), network(images))


@pytest.mark.parametrize("name", SMALL)
def test_a_single_pixel_can_be_learned_from(name: str) -> None:
    network = built(name)
    output = network(noise_images(1, 3, 1, 1))
    output.sum().backward()
    assert output.shape == (1, 3, 1, 1)


def test_the_resnet_in_plain_convolutions() -> None:
    network = MartyniukResNet(TASKS, 4, 2).eval()
    state, images = network.state_dict(), noise_images(2, 3, 24, 16)

    def conv(x: Tensor, name: str, edge: int, stride: int = 1) -> Tensor:
        x = F.pad(x, [edge] * 4, mode="reflect" if stride == 1 else "constant")
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride)

    def active(x: Tensor) -> Tensor:
        return F.instance_norm(x).clamp_min(0)

    x = active(conv(2 * images - 1, "encoder.first.0", 3))
    x = active(conv(active(conv(x, "encoder.down.0.0", 1, 2)), "encoder.down.1.0", 1, 2))
    for block in ("encoder.blocks.0", "encoder.blocks.1"):
        x = x + F.instance_norm(conv(active(conv(x, f"{block}.conv1", 1)), f"{block}.conv2", 1))
    for up in ("decoders.haze.0.0", "decoders.haze.1.0"):
        weight, bias = state[f"{up}.weight"], state[f"{up}.bias"]
        x = active(F.conv_transpose2d(x, weight, bias, stride=2)[..., 1:, 1:])  # padding 1, and 1 more at the end
    expected = ((2 * images - 1) + torch.tanh(conv(x, "decoders.haze.2", 3)) + 1) / 2
    with torch.no_grad():
        torch.testing.assert_close(network(images, "haze"), expected, rtol=1e-4, atol=1e-5)


def test_the_pyramid_in_plain_convolutions() -> None:
    network = MartyniukFPN(TASKS, 4, (1, 1), 16).eval()
    state, images = network.state_dict(), noise_images(1, 3, 64, 96)

    def conv(x: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def doubled(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    with torch.no_grad():
        maps = network.encoder.trunk.maps(2 * images - 1)
        lateral = [conv(x, f"encoder.laterals.{i}") for i, x in enumerate(maps)]
        m4 = lateral[4]
        m3 = lateral[3] + doubled(m4)
        m2 = lateral[2] + doubled(m3)
        m1 = lateral[1] + doubled(m2)
        heads = []
        for i, x in enumerate((m1, m2, m3, m4)):
            x = conv(conv(x, f"encoder.heads.{i}.0").clamp_min(0), f"encoder.heads.{i}.2").clamp_min(0)
            for _ in range(i):
                x = doubled(x)
            heads.append(x)
        x = F.instance_norm(conv(torch.cat(heads, dim=1), "decoders.blur.smooth1.0")).clamp_min(0)
        x = F.instance_norm(conv(doubled(x) + lateral[0], "decoders.blur.smooth2.0")).clamp_min(0)
        expected = ((2 * images - 1) + torch.tanh(conv(doubled(x), "decoders.blur.last")) + 1) / 2
        torch.testing.assert_close(network(images, "blur"), expected, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------- weights of the trunk


def test_the_trunk_takes_the_weights_of_a_classifier() -> None:
    network, classifier = MartyniukFPN(TASKS, 4, (1, 1), 16), InceptionResNetV2(9, 4, (1, 1, 1))
    before = network.encoder.laterals[0].weight.clone()  # type: ignore[operator]
    network.load_trunk(classifier.state_dict())
    state = classifier.state_dict()
    for key, value in network.encoder.trunk.state_dict().items():
        assert torch.equal(value, state[key])
    assert torch.equal(network.encoder.laterals[0].weight, before)  # type: ignore[arg-type]


def test_weights_that_do_not_fit_the_trunk_are_refused() -> None:
    network = MartyniukFPN(TASKS, 4, (1, 1), 16)
    state = InceptionResNetV2(9, 4, (1, 1, 1)).state_dict()
    kept = {key: value.clone() for key, value in network.state_dict().items()}
    key = "repeat_1.0.conv2d.weight"
    bad = {
        f"'{key}' is (2, 2)": state | {key: torch.zeros(2, 2)},
        f"there is no '{key}'": {name: value for name, value in state.items() if name != key},
        "'stem.weight'": state | {"stem.weight": torch.zeros(1)},
        "'conv2d_1a.bn.bias' is (8,), not (4,)": InceptionResNetV2(9, 8, (1, 1, 1)).state_dict(),
        "'repeat.1.branch0": InceptionResNetV2(9, 4, (2, 1, 1)).state_dict(),
        "there is no 'conv2d_1a": {},
    }
    for fragment, wrong in bad.items():
        raises_line(lambda s=wrong: network.load_trunk(s), "trunk", fragment, kind=WeightsError)
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", SMALL)
def test_a_network_without_a_decoder_is_refused(name: str) -> None:
    state = {key: value for key, value in built(name).state_dict().items() if not key.startswith("decoders.")}
    raises_line(lambda: TABLE[name].network.from_state(state), "there is no decoder", kind=WeightsError)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- tiles


@pytest.mark.parametrize(
    ("make", "side", "short"),
    [(lambda: MartyniukResNet(TASKS, 4, 2), 104, 5), (lambda: MartyniukFPN(TASKS, 2, (1, 1), 8), 608, 23)],
)
def test_no_pixel_farther_than_the_reach_acts_but_through_means(
    make: Callable[[], MultiHead], side: int, short: int
) -> None:
    network = make().double().eval()
    means, moments = MeansOfTiles(), torch.tensor([0, 1], dtype=torch.float64)[None, :, None, None]
    means.fixed = {norm.moments: moments for norm in network.modules() if isinstance(norm, InstanceNorm)}
    for part in network.modules():  # convolutions average: no ReLU closes, and no two ways cancel each other
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            part.weight.data.abs_().div_(part.weight.detach().abs().sum(dim=(1, 2, 3), keepdim=True))
    for pixel in (side // 2, side // 2 - 1):  # at both ends of what one pixel of the coarsest map covers
        images = noise_images(1, 3, side, side).double().add(1).requires_grad_()
        with means:
            network(images)[0, :, pixel, pixel].sum().backward()
        assert images.grad is not None
        acting = images.grad[0].abs().amax(dim=(0, 1)).nonzero()
        reach = max(pixel - int(acting.min()), int(acting.max()) - pixel)
        assert network.reach - short <= reach <= network.reach


def test_tiles_agree_with_the_whole() -> None:
    torch.manual_seed(0)
    network = TaskView(MartyniukResNet(TASKS, 8, 1).eval(), "haze")
    image = noise_images(1, 3, 64, 200)[0] * torch.linspace(0.2, 1, 200)  # dark at one end: no tile is like the whole
    whole, alone = restore(network, image[None], "cpu")[0], restore(network, image[None, ..., :112], "cpu")[0]
    tiled = restore_image(network, image, tile=112)
    assert (tiled - whole).abs().max() < 0.1 / 255
    assert (alone - whole[..., :112])[..., :64].abs().max() > 2 / 255  # what a tile alone would be
