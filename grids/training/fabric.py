"""Lightning Fabric, from either of the packages that hold it, and how a device and a precision are told to it."""

from __future__ import annotations

import logging
from typing import Any

import torch

from grids.devices import computes_in_bf16
from grids.errors import GridsError
from grids.training.config import Precision

_NAMES = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(device: torch.device, precision: Precision) -> Any:
    """A `Fabric` of Lightning for one device, which moves modules and wraps them for a precision.

    It is imported here, since that takes a second; the packages `lightning_fabric` and `lightning` both hold it.

    Args:
        device: "cpu", "cuda" with or without a number, or "mps".
        precision: "fp32", "bf16", "fp16" or "auto".

    Raises:
        GridsError: fp16 on anything but an NVIDIA GPU.
    """
    settings = strategy_of(device, precision)
    try:
        from lightning_fabric import Fabric
    except ImportError:  # the large package holds it too
        from lightning.fabric import Fabric  # type: ignore[no-redef]
    for name in ("lightning_fabric", "lightning.fabric"):  # it announces the precision of every training
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(logging.WARNING)
    return Fabric(**settings)


def strategy_of(device: torch.device, precision: Precision) -> dict[str, Any]:
    """The arguments of Fabric for one device and a precision.

    Args:
        device: without a number, Fabric chooses the device of that kind.
        precision: "auto" becomes bf16 where the device computes in it, else fp32.

    Returns:
        "accelerator", "devices" and "precision", which is "32-true", "bf16-mixed" or "16-mixed".

    Raises:
        GridsError: fp16 on anything but an NVIDIA GPU.
    """
    check_precision(device, precision)
    if precision == "auto":
        precision = "bf16" if computes_in_bf16(device) else "fp32"
    index = [device.index] if device.index is not None else 1
    return {"accelerator": device.type, "devices": index, "precision": _NAMES[precision]}


def check_precision(device: torch.device, precision: Precision) -> None:
    """See that a device can be trained on in a precision; every device can in fp32, bf16 and "auto".

    Args:
        device: where a training is to be done.
        precision: "fp32", "bf16", "fp16" or "auto".

    Raises:
        GridsError: fp16 on anything but an NVIDIA GPU.
    """
    if precision == "fp16" and device.type != "cuda":
        raise GridsError(f"fp16 needs an NVIDIA GPU, but the device is {device.type}: use bf16 or fp32")
