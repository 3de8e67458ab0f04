"""What the machine lets this process use: processors and memory, by the limits of its control groups (containers)."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

UNKNOWN_MEMORY = 4 * 2**30
"""Bytes."""


def free_memory(
    device: torch.device | str, root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")
) -> int:
    """About how much memory a device has left: for a GPU what is free, for a CPU what Linux could give.

    Args:
        device: a GPU of NVIDIA's, or any other for the memory of the machine.
        root, groups: those of `usable_cpus`; only tests need others.

    Returns:
        Bytes. For a CPU at most the limit of the control groups of this process (containers), whatever these use
        already; `UNKNOWN_MEMORY` (4 GiB), or that limit where it is lower, where the system does not tell.
    """
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = UNKNOWN_MEMORY
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    # of what a group uses most may be cached files, so its limit counts
    for controller, limit in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        for folder in _group_folders(root, groups, controller):
            with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
                found = min(found, int((folder / limit).read_text()))
    return found


@cache
def keep_freed_memory() -> None:
    """Let freed blocks of some MiB be used again without the system, where glibc allocates. Only the first call does
    it.

    It gives freed memory back to the system beyond twice the largest block (up to 32 MiB) that was freed so far, and
    every page of it costs a fault when it is used again: half of the time, where maps of some MiB come and go. So one
    block of nearly that size is freed here.
    """
    import torch

    torch.empty(31 * 2**20, dtype=torch.uint8)


def usable_cpus(root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")) -> int:
    """How many processors this process may use: by its affinity and by the quotas of its control groups (containers).

    PyTorch looks at the machine: in a container that may use 2 of 64 processors it would start 64 threads.

    Args:
        root: where the control groups of Linux lie, of version 1 or 2; only tests need another.
        groups: tells which of them this process is in.

    Returns:
        At least 1; a quota of parts of processors is rounded up.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota in _quotas(root, groups):
        count = min(count, max(1, math.ceil(quota)))
    return count


def _quotas(root: Path, groups: Path) -> Iterator[float]:
    """Processors that the control groups of this process allow, its own and those above it."""
    for folder in _group_folders(root, groups, ""):
        with contextlib.suppress(OSError, ValueError):  # "max 100000" where there is no limit
            quota, period = (folder / "cpu.max").read_text().split()
            yield int(quota) / int(period)
    for folder in _group_folders(root, groups, "cpu"):
        with contextlib.suppress(OSError, ValueError):  # version 1; -1 where there is no limit
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:
                yield int(quota) / int(period)


def _group_folders(root: Path, groups: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups of this process: its own and those above it.

    Args:
        root, groups: see `usable_cpus`.
        controller: of version 1; "" for version 2.
    """
    lines = [""]  # where it cannot be read: the group at the root, which is the process's own in a container
    with contextlib.suppress(OSError):
        lines += groups.read_text().splitlines()
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if line and controller not in controllers.split(","):
            continue
        top = root / controller if controller else root
        own = top / path.strip("/")
        for folder in (own, *own.parents):
            yield folder
            if folder in (top, root):
                break
