"""Devices by their names, and how they compute."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grids.devices.threads import SharedChange
from grids.errors import GridsError, unknown_name

if TYPE_CHECKING:
    import torch


def resolve(name: str) -> torch.device:
    """The device of that name.

    Args:
        name: "cpu", "cuda", "mps", or "auto" for the first of cuda, mps and cpu that this machine has.

    Returns:
        The device; "cuda" stands for PyTorch's current GPU.

    Raises:
        GridsError: the name is unknown, or this machine has no such device.

    >>> resolve("cpu")
    device(type='cpu')
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if name not in there:
        raise unknown_name("device", name, ("auto", *there))
    if not there[name]:
        usable = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise GridsError(f"PyTorch finds no device '{name}' on this machine (usable: {usable})")
    return torch.device(name)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether networks should compute in bf16 on a device, because its hardware does that faster than float32.

    Without the instructions a CPU emulates bf16, which is many times slower. With those of AVX-512 alone, Intel's
    are slower in bf16, too: 1.1 to 1.6 times (docs/results.md, "Precision").

    Args:
        device: a CPU or a GPU.

    Returns:
        True for a CPU with AMX, for one with AVX-512 BF16 that is not Intel's, and for an NVIDIA GPU that needs no
        emulation; False for all others, those of Apple included.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (_cpu_has("amx_tile") or (_cpu_has("avx512_bf16") and not _is_by_intel()))


def _cpu_has(instructions: str) -> bool:
    import torch

    probe = getattr(torch.cpu, f"_is_{instructions}_supported", None)  # private, so its absence is a no
    return probe is not None and bool(probe())


def _is_by_intel(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    return "GenuineIntel" in (cpuinfo.read_text() if cpuinfo.exists() else platform.processor())


def _no_tf32(undo: ExitStack) -> None:
    import torch

    switches: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    for switch in switches:
        undo.callback(setattr, switch, "allow_tf32", switch.allow_tf32)
        switch.allow_tf32 = False


_EXACT = SharedChange(_no_tf32)


def exact_float32() -> AbstractContextManager[None]:
    """A context: inside, float32 on an NVIDIA GPU is float32 in convolutions and matrix products.

    By default convolutions compute with 10-bit mantissas there (TF32). The switches are global to the process: threads
    that are inside at the same time share the change, and the last one to leave undoes it. On other devices nothing
    changes.

    Returns:
        A context manager, to be used in one `with` statement.
    """
    return _EXACT.inside()


def moved(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device, copied without waiting for it where the device is an NVIDIA GPU, so that its queue does not
    run empty.

    Args:
        values: any tensor.
        device: where it is to be.

    Returns:
        The copy; the tensor itself where it is there already.
    """
    return values.to(device, non_blocking=device.type == "cuda")
