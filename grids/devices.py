"""Where to compute: names of devices, and the number of CPU threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grids.errors import GridsError, unknown_name

if TYPE_CHECKING:
    import torch

NAMES = ("auto", "cpu", "cuda", "mps")


def resolve(name: str) -> torch.device:
    """The device of that name; "auto" takes the first of cuda, mps and cpu that is there.

    Raises:
        GridsError: the name is unknown, or this machine has no such device.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if name not in there:
        raise unknown_name("device", name, NAMES)
    if not there[name]:
        usable = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise GridsError(f"PyTorch finds no device '{name}' on this machine (usable: {usable})")
    return torch.device(name)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether bf16 is quicker than fp32 there: without the instructions a CPU emulates it, slower than fp32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private, so its absence is a no
    return bool(device.type == "cpu" and probe is not None and probe())


@contextmanager
def exact_float32() -> Iterator[None]:
    """Inside, float32 on an NVIDIA GPU is float32: by default convolutions compute with 10-bit mantissas (TF32)."""
    import torch

    switches: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def use_threads(jobs: int | None) -> None:
    """Compute with that many CPU threads; None leaves PyTorch's choice (all cores). Raises GridsError below 1."""
    import torch

    if jobs is None:
        return
    if jobs < 1:
        raise GridsError(f"the number of jobs must be at least 1, but is {jobs}")
    torch.set_num_threads(jobs)
