"""Inception-ResNet-v2: published sizes and names, and the published layers inside of an image."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images
from networks.classifiers import InceptionResNetV2
from torch import nn

from grids.networks.backbones.inception import InceptionTrunk, Residual, trunk_state
from grids.networks.table import parameters

PUBLISHED = {
    "conv2d_1a.conv.weight": (32, 3, 3, 3),
    "conv2d_4a.bn.running_var": (192,),
    "mixed_5b.branch0.conv.weight": (96, 192, 1, 1),
    "mixed_5b.branch1.1.conv.weight": (64, 48, 5, 5),
    "mixed_5b.branch3.1.conv.weight": (64, 192, 1, 1),
    "repeat.9.branch2.2.conv.weight": (64, 48, 3, 3),
    "repeat.0.conv2d.bias": (320,),
    "mixed_6a.branch0.bn.weight": (384,),
    "mixed_6a.branch1.2.conv.weight": (384, 256, 3, 3),
    "repeat_1.19.branch1.1.conv.weight": (160, 128, 1, 7),
    "repeat_1.0.conv2d.weight": (1088, 384, 1, 1),
    "mixed_7a.branch2.2.conv.weight": (320, 288, 3, 3),
    "repeat_2.8.branch1.2.conv.weight": (256, 224, 3, 1),
    "block8.conv2d.weight": (2080, 448, 1, 1),
    "conv2d_7b.conv.weight": (1536, 2080, 1, 1),
    "last_linear.weight": (1000, 1536),
}


def randomised(network: nn.Module) -> nn.Module:
    """In eval mode, with other running means than those of a fresh network."""
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            nn.init.uniform_(value, 0.1, 0.5)
    return network.eval()


def test_sizes_and_names_as_published() -> None:
    with torch.device("meta"):
        classifier, trunk = InceptionResNetV2(), InceptionTrunk()
    assert parameters(classifier) == 55_843_464
    assert parameters(trunk) == 30_754_272
    state = classifier.state_dict()
    assert {key: tuple(state[key].shape) for key in PUBLISHED} == PUBLISHED
    units = 5 + 7 + 10 * 6 + 4 + 20 * 4 + 7 + 10 * 4 + 1  # of convolution and norm; the stem's first
    assert len(state) == 6 * units + 2 * (10 + 20 + 10) + 2
    assert trunk.state_dict().keys() == trunk_state(state).keys()


@pytest.mark.parametrize("width", [1, 5, 8])
def test_narrower_ones_keep_the_proportions(width: int) -> None:
    trunk = InceptionTrunk(width, (1, 1)).eval()
    maps = trunk.maps(noise_images(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (channels * width // 32, 64 // stride, 96 // stride)
        for channels, stride in ((32, 2), (64, 4), (192, 8), (1088, 16), (2080, 32))
    ]


def test_the_trunk_of_a_classifier() -> None:
    classifier = randomised(InceptionResNetV2(7, 4, (1, 2, 2)))
    trunk = InceptionTrunk(4, (1, 2)).eval()
    trunk.load_state_dict(trunk_state(classifier.state_dict()))
    images = noise_images(2, 3, 64, 64)
    with torch.no_grad():
        for found, expected in zip(trunk.maps(images), classifier.maps(images), strict=True):  # type: ignore[operator]
            assert torch.equal(found, expected)
        assert classifier(images).shape == (2, 7)


def test_weights_that_do_not_count_batches_load() -> None:
    trunk = InceptionTrunk(4, (1, 1))
    old = {key: value for key, value in trunk.state_dict().items() if not key.endswith("num_batches_tracked")}
    again = InceptionTrunk(4, (1, 1))
    again.load_state_dict(trunk_state(old))
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in trunk.state_dict().items())


def test_the_inside_is_what_unpadded_layers_make() -> None:
    """The published trunk sees the same as ours if the image is moved by the pixels that its borders cost."""
    trunk = randomised(InceptionTrunk(4, (1, 1)).double())
    published = copy.deepcopy(trunk)
    for name in ("conv2d_1a", "conv2d_2a", "conv2d_4a", "mixed_6a.branch0", "mixed_6a.branch1.2"):
        published.get_submodule(f"{name}.conv").padding = (0, 0)
    for name in ("mixed_7a.branch0.1", "mixed_7a.branch1.1", "mixed_7a.branch2.2"):
        published.get_submodule(f"{name}.conv").padding = (0, 0)
    for name in ("maxpool_3a", "maxpool_5a", "mixed_6a.branch2", "mixed_7a.branch3"):
        published.get_submodule(name).padding = 0  # type: ignore[assignment]
    images = noise_images(1, 3, 448, 448).double()
    with torch.no_grad():
        ours, theirs = trunk.maps(images), published.maps(images[..., 27:, 27:])  # type: ignore[operator]
    borders = (28, 32, 40, 48, 64)  # 27, and one pixel of the map at hand for each unpadded layer
    for x, y, border, stride in zip(ours, theirs, borders, (2, 4, 8, 16, 32), strict=True):
        start, margin, inside = border // stride, 160 // stride, 96 // stride
        found = x[..., margin + start : margin + start + inside, margin + start : margin + start + inside]
        assert torch.allclose(found, y[..., margin : margin + inside, margin : margin + inside], rtol=1e-9)


def test_a_residual_block_by_its_equation() -> None:
    x = torch.randn(1, 6, 4, 4)
    branches = nn.Conv2d(6, 2, 1), nn.Conv2d(6, 3, 3, padding=1)
    for last in (False, True):
        block = Residual(6, 5, 0.2, *branches, last=last)
        joined = torch.cat([branch(x) for branch in branches], dim=1)
        expected = x + 0.2 * F.conv2d(joined, block.conv2d.weight, block.conv2d.bias)
        assert torch.allclose(block(x), expected if last else expected.clamp_min(0), atol=1e-6)
