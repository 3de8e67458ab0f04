"""How devices and precisions are told to Lightning Fabric."""

from __future__ import annotations

import pytest
import torch
from contracts import raises_line

from grids.training import fabric
from grids.training.fabric import check_precision, strategy_of


@pytest.mark.parametrize(
    ("device", "precision", "devices", "told"),
    [
        ("cpu", "fp32", 1, "32-true"),
        ("cpu", "bf16", 1, "bf16-mixed"),
        ("cuda", "fp16", 1, "16-mixed"),
        ("cuda:1", "fp32", [1], "32-true"),
        ("mps", "fp32", 1, "32-true"),
    ],
)
def test_a_device_and_a_precision_are_named_as_fabric_does(
    device: str, precision: str, devices: object, told: str
) -> None:
    found = strategy_of(torch.device(device), precision)
    assert found == {"accelerator": device.split(":")[0], "devices": devices, "precision": told}


@pytest.mark.parametrize(("computes", "told"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_where_the_device_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, computes: bool, told: str
) -> None:
    monkeypatch.setattr(fabric, "computes_in_bf16", lambda device: computes)
    assert strategy_of(torch.device("cpu"), "auto")["precision"] == told


def test_fp16_needs_a_gpu_of_nvidia() -> None:
    for device in ("cpu", "mps"):
        raises_line(lambda device=device: check_precision(torch.device(device), "fp16"), "fp16", device)
