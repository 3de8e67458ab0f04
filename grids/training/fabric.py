"""Lightning Fabric, from either of the packages that hold it, and how a device and a precision are told to it."""

from __future__ import annotations

import logging
from typing import Any

import torch

from grids.devices import computes_in_bf16
from grids.errors import GridsError

_NAMES = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(device: torch.device, precision: str) -> Any:
    """A `Fabric` for one device. Imported here, since it takes a second. Raises GridsError for fp16 on a CPU."""
    settings = strategy_of(device, precision)
    try:
        from lightning_fabric import Fabric
    except ImportError:  # the large package holds it too
        from lightning.fabric import Fabric  # type: ignore[no-redef]
    for name in ("lightning_fabric", "lightning.fabric"):  # it announces the precision of every training
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(logging.WARNING)
    return Fabric(**settings)


def strategy_of(device: torch.device, precision: str) -> dict[str, Any]:
    """The arguments of Fabric for one device. Raises GridsError for fp16 on a CPU."""
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(device) else "fp32"
    if precision == "fp16" and device.type != "cuda":
        raise GridsError(f"fp16 needs an NVIDIA GPU, but the device is {device.type}: use bf16 or fp32")
    index = [device.index] if device.index is not None else 1
    return {"accelerator": device.type, "devices": index, "precision": _NAMES[precision]}
