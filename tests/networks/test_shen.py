"""The face network: its published size, one set of layers for two scales and two streams, and what it can learn."""

from __future__ import annotations

import pytest
import torch
from contracts import noise_images, raises_line, scene
from torch import Tensor, nn

from grids.errors import UnknownNameError, WeightsError
from grids.networks import ShenFace, build
from grids.networks.table import TABLE, multiply_adds, parameters


@pytest.fixture
def tiny() -> ShenFace:
    torch.manual_seed(0)
    return ShenFace(8, 2)


def test_the_sizes_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = build("shen-face")
        assert parameters(network) == 1_900_780
        alone = parameters(ShenFace(structure=False))
        assert alone == 1_481_024 + 209_731 + 147  # trunk, head, transposed convolution
        assert parameters(ShenFace(scales=1, structure=False)) == alone - 147
        state = network.state_dict()
        assert ShenFace.from_state(state).state_dict().keys() == state.keys()
        # 5/4 of the layers at full size, and a transposed convolution from 32 to 64 pixels
        weights = sum(v.numel() for n, v in network.named_parameters() if "weight" in n and "structure" not in n)
        assert multiply_adds(network, 64) == (weights - 144) * 64**2 * 5 // 4 + 144 * 32**2


def test_one_set_of_layers_for_both_scales(tiny: ShenFace) -> None:
    sizes: dict[str, list[int]] = {}
    for name, module in tiny.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _x, y, n=name: sizes.setdefault(n, []).append(y.shape[-1]))
    tiny(noise_images(1, 3, 24, 24))
    assert len(sizes) == 3 + 2 * 2 + 3
    assert all(found == [12, 24] for found in sizes.values())


def test_scales_against_the_layers_by_hand(tiny: ShenFace) -> None:
    """Each scale gets six channels: the enlarged result of the smaller one, or its image twice; no input is added."""
    images = noise_images(2, 3, 12, 10)
    half = images.reshape(2, 3, 6, 2, 5, 2).mean(dim=(3, 5))

    def layers(pair: Tensor) -> Tensor:
        x = tiny.conv3(tiny.conv2(tiny.first(pair).relu()).relu())
        for block in tiny.blocks:
            x = x + block.conv2(block.conv1(x.relu()).relu())
        return tiny.heads["image"](x.relu())

    coarse = layers(torch.cat([half, half], dim=1))
    fine = layers(torch.cat([tiny.ups["image"](coarse), images], dim=1))
    for found, expected in zip(tiny(images, every_scale=True), (coarse, fine), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(tiny(images), tiny(images, every_scale=True)[-1])
    single = ShenFace(8, 2, scales=1)
    assert len(single(images, every_scale=True)) == 1


def test_both_streams_teach_the_trunk(tiny: ShenFace) -> None:
    images = noise_images(1, 3, 16, 16)
    taught = {}
    for stream in ("image", "structure"):
        tiny.zero_grad()
        tiny(images, stream).square().mean().backward()
        taught[stream] = {name for name, value in tiny.named_parameters() if value.grad is not None}
    names = {name for name, _ in tiny.named_parameters()}
    trunk = {name for name in names if not name.startswith(("heads.", "ups."))}
    assert taught["image"] & taught["structure"] == trunk
    assert taught["image"] | taught["structure"] == names
    assert {name.split(".")[1] for name in taught["image"] - trunk} == {"image"}
    assert len(tiny.training_outputs(images)) == 4


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (7, 3), (16, 15)])
def test_images_of_odd_sizes_pass(tiny: ShenFace, size: tuple[int, int]) -> None:
    images = noise_images(1, 3, *size)
    coarse, fine = tiny(images, every_scale=True)
    assert fine.shape == images.shape
    assert coarse.shape[-2:] == tuple((side + 1) // 2 for side in size)
    assert [level.shape for level in tiny.pyramid(images)] == [coarse.shape, fine.shape]
    assert torch.equal(tiny.pyramid(images)[-1], images)


@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("structure", [True, False])
def test_every_kind_is_rebuilt_from_its_state(scales: int, structure: bool) -> None:
    network = ShenFace(4, 1, scales, structure).eval()
    again = ShenFace.from_state(network.state_dict()).eval()
    assert (again.scales, again.multiple, again.reach) == (scales, scales, network.reach)
    images = noise_images(1, 3, 9, 8)
    for stream in network.heads:
        assert torch.equal(again(images, stream), network(images, stream))
    if not structure:
        raises_line(lambda: again(images, "structure"), "'structure'", "image", kind=UnknownNameError)


def test_wrong_options_and_states_are_named() -> None:
    raises_line(lambda: ShenFace(4, 1, scales=3), "3")
    raises_line(lambda: ShenFace(4, 1)(noise_images(1, 3, 4, 4), "edges"), "'edges'", kind=UnknownNameError)
    state = ShenFace(4, 1).state_dict()
    del state["ups.structure.weight"]
    raises_line(lambda: ShenFace.from_state(state), "'ups.structure.weight'", kind=WeightsError)


@pytest.mark.parametrize("scales", [1, 2])
def test_a_pixel_acts_so_far_and_no_farther(scales: int) -> None:
    """So far, and no farther, does a pixel act: what tiles must share."""
    torch.manual_seed(0)
    network = ShenFace(8, 1, scales, structure=False).double()
    side = 2 * network.reach + 6
    images = noise_images(1, 3, side, side).double().requires_grad_()
    middle = side // 2
    network(images)[0, :, middle, middle].sum().backward()
    rows = images.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()  # type: ignore[union-attr]
    assert max(middle - int(rows[0]), int(rows[-1]) - middle) == network.reach


def test_the_image_itself_is_learnt_quickly() -> None:
    """Nothing of the input is added to the output, so that even the identity must be learnt; it is not far away."""
    torch.manual_seed(0)
    network = build("shen-face-small")
    images = scene(2, 32)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    errors = []
    for _ in range(25):
        levels = zip(network(images, every_scale=True), network.pyramid(images), strict=True)  # type: ignore[operator]
        error = sum((made - level).abs().mean() for made, level in levels)
        optimizer.zero_grad()
        error.backward()  # type: ignore[union-attr]
        optimizer.step()
        errors.append(float(error.detach()))  # type: ignore[union-attr]
    assert errors[-1] < 0.5 * errors[0]


def test_a_step_of_the_full_network() -> None:
    network = TABLE["shen-face"].network()
    outputs = network.training_outputs(noise_images(1, 3, 32, 32))
    sum(output.square().mean() for output in outputs).backward()
    assert all(value.grad is not None for value in network.parameters())


@pytest.mark.parametrize("scales", [1, 2])
def test_it_can_init_to_identity(scales: int) -> None:
    """Exactly, at every scale and in both streams; and it learns from there on."""
    torch.manual_seed(0)
    network = ShenFace(8, 2, scales)
    network.init_to_identity()
    images = noise_images(2, 3, 21, 18)
    for stream in ("image", "structure"):
        for made, wanted in zip(network(images, stream, every_scale=True), network.pyramid(images), strict=True):
            assert torch.equal(made, wanted)
    network(images).square().mean().backward()
    assert float(network.first.weight.grad.abs().max()) > 0  # type: ignore[union-attr]
