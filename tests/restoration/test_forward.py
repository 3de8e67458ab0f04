"""Restoring whole images in memory: in parts, exact, and the network is left as it was."""

from __future__ import annotations

import pytest
import torch
from contracts import Watching, noise_images
from torch import nn

from grids.restoration import forward as module
from grids.restoration.forward import restore


def test_images_are_restored_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = noise_images(5, 3, 16, 16).mul(255).round().byte()
    network = Watching()
    whole = restore(network, inputs, "cpu")
    monkeypatch.setattr(module, "PART", 2 * 16 * 16)
    assert torch.equal(restore(network, inputs, "cpu"), whole)
    assert [shape[0] for shape in network.shapes] == [5, 2, 2, 1]
    monkeypatch.setattr(module, "PART", 1)
    assert torch.equal(restore(network, inputs, "cpu"), whole)
    assert torch.equal(whole, inputs.float().div(255))


def test_restoring_is_exact_inside_mixed_precision() -> None:
    inputs = noise_images(1, 3, 16, 16).mul(255).round().byte()
    network = nn.Conv2d(3, 3, 3, padding=1)
    expected = restore(network, inputs, "cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(restore(network, inputs, "cpu"), expected)
    assert not expected.requires_grad


def test_a_network_goes_on_training_after_an_error() -> None:
    network = nn.Conv2d(4, 3, 1)
    with pytest.raises(RuntimeError):
        restore(network, torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "cpu")
    assert network.training
