"""Losses of features against plain loops, and which network the features come from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from contracts import generator, noise_images, raises_line
from torch import Tensor

from grids.errors import UnknownNameError, WeightsError
from grids.networks.backbones.vgg import VGG19Features
from grids.similarity.descriptor import Descriptor
from grids.training.losses.perceptual import DescriptorFeatures, contextual, feature_network, perceptual


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed))


def looped(features: Tensor, targets: Tensor) -> float:
    """The contextual loss of maps (B, C, H, W), by its equations."""
    losses = []
    for feature, target in zip(features.double(), targets.double(), strict=True):
        x, y = feature.flatten(1).T.tolist(), target.flatten(1).T.tolist()
        mean = [sum(column) / len(y) for column in zip(*y, strict=True)]
        x, y = ([[v - m for v, m in zip(row, mean, strict=True)] for row in rows] for rows in (x, y))
        best = [0.0] * len(y)
        for row in x:
            distances = [1 - np.dot(row, other) / (np.linalg.norm(row) * np.linalg.norm(other)) for other in y]
            weights = [math.exp((1 - d / (min(distances) + 1e-5)) / 0.5) for d in distances]
            best = [max(b, w / sum(weights)) for b, w in zip(best, weights, strict=True)]
        losses.append(-math.log(sum(best) / len(best)))
    return sum(losses) / len(losses)


# ---------------------------------------------------------------- losses


def test_perceptual_is_the_mean_of_squares_summed_over_maps() -> None:
    features, targets = [maps(2, 3, 4, 5), maps(2, 6, 2, 2)], [maps(2, 3, 4, 5, seed=1), maps(2, 6, 2, 2, seed=2)]
    expected = sum(float(np.mean((a.numpy() - b.numpy()) ** 2)) for a, b in zip(features, targets, strict=True))
    assert float(perceptual(features, targets)) == pytest.approx(expected, rel=1e-6)


def test_contextual_against_a_plain_loop() -> None:
    features, targets = maps(2, 4, 3, 5), maps(2, 4, 3, 5, seed=1) + 0.5
    found = contextual([features], [targets])
    assert found.shape == ()
    assert found.item() == pytest.approx(looped(features, targets), rel=1e-4)
    near = targets + 0.1 * features
    assert float(contextual([near], [targets])) == pytest.approx(looped(near, targets), rel=1e-3)
    assert float(contextual([near], [targets])) < found.item()
    assert float(contextual([features, near], [targets, targets])) == pytest.approx(
        looped(features, targets) + looped(near, targets), rel=1e-3
    )


def test_contextual_does_not_ask_where_a_feature_is() -> None:
    features, targets = maps(1, 4, 3, 5), maps(1, 4, 3, 5, seed=1)
    moved = features.flatten(2)[..., torch.randperm(15, generator=generator())].view(1, 4, 3, 5)
    torch.testing.assert_close(contextual([moved], [targets]), contextual([features], [targets]))
    assert float(contextual([targets.flip(3)], [targets])) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("size", "shrinking"), [((64, 20), (2, 1)), ((33, 40), (2, 2)), ((70, 32), (3, 1))])
def test_contextual_of_large_maps_is_that_of_their_means(size: tuple[int, int], shrinking: tuple[int, int]) -> None:
    features, targets = maps(1, 2, *size), maps(1, 2, *size, seed=1)
    rows, columns = (range(0, side, step) for side, step in zip(size, shrinking, strict=True))

    def means(values: Tensor) -> Tensor:
        cells = [
            values[..., i : i + shrinking[0], j : j + shrinking[1]].mean(dim=(2, 3)) for i in rows for j in columns
        ]
        return torch.stack(cells, dim=2).view(1, 2, len(rows), len(columns))

    assert len(rows) <= 32 and len(columns) <= 32
    expected = contextual([means(features)], [means(targets)])
    torch.testing.assert_close(contextual([features], [targets]), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("flat", [False, True])
def test_gradients_at_equal_features_are_finite(flat: bool) -> None:
    targets = torch.ones(2, 4, 6, 6) if flat else maps(2, 4, 6, 6)
    for loss in (perceptual, contextual):
        features = targets.clone().requires_grad_()
        loss([features], [targets]).backward()
        assert bool(torch.isfinite(features.grad).all())


def test_contextual_under_autocast_is_computed_in_float32() -> None:
    features, targets = maps(1, 4, 3, 5), maps(1, 4, 3, 5, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        found = contextual([features], [targets])
    assert torch.equal(found, contextual([features], [targets]))


# ---------------------------------------------------------------- networks


def test_features_of_the_descriptor(scenes: list[np.ndarray]) -> None:
    network = DescriptorFeatures()
    images = torch.stack([torch.from_numpy(scene[:32, :32]).permute(2, 0, 1) / 255 for scene in scenes[:3]])
    images.requires_grad_()
    (found,) = network(images)
    (expected,) = Descriptor().maps(images.detach(), (2,))
    assert F.cosine_similarity(found.flatten(), expected.flatten(), dim=0).item() == pytest.approx(1, abs=1e-5)
    assert 0.3 < float(found.detach().square().mean()) < 3
    found.square().mean().backward()
    assert float(images.grad.abs().max()) > 0
    assert not any(value.requires_grad for value in network.parameters())


def test_without_a_file_it_is_the_descriptor() -> None:
    said: list[str] = []
    assert isinstance(feature_network(None, ("conv3_3",), said.append), DescriptorFeatures)
    (line,) = said
    assert "descriptor" in line and "no VGG-19" in line


def test_a_file_of_torchvisions_layout_is_read(tmp_path: Path) -> None:
    whole = VGG19Features(("relu2_1",))
    torch.save(dict(whole.state_dict()) | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg19.pth")
    said: list[str] = []
    network = feature_network(tmp_path / "vgg19.pth", ("conv1_2", "relu2_1"), said.append)
    (line,) = said
    assert "conv1_2, relu2_1" in line and str(tmp_path / "vgg19.pth") in line
    images = noise_images(1, 3, 6, 6)
    assert torch.equal(network(images)[1], whole(images)[0])


def test_what_is_no_vgg_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    said: list[str] = []
    raises_line(lambda: feature_network(path, ("conv1_1",), said.append), str(path), "a VGG-19", kind=WeightsError)
    raises_line(lambda: feature_network(path, ("conv6_1",), said.append), "'conv6_1'", kind=UnknownNameError)
    raises_line(lambda: feature_network(tmp_path / "none", ("conv1_1",), said.append), "none", kind=WeightsError)
    assert said == []
