"""Where to compute: names of devices, and the number of CPU threads."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from grids.errors import GridsError, unknown_name

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Made = TypeVar("Made")
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
NAMES: tuple[DeviceName, ...] = get_args(DeviceName)
POOL = "grids-work"
SMALL = 2**18
"""Values that the calling thread goes through alone."""
UNKNOWN_MEMORY = 4 * 2**30
"""Bytes."""


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
        raise unknown_name("device", name, NAMES)
    if not there[name]:
        usable = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise GridsError(f"PyTorch finds no device '{name}' on this machine (usable: {usable})")
    return torch.device(name)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether networks should compute in bf16 on a device, because its hardware does that by itself.

    Without the instructions a CPU emulates bf16, which is slower than float32.

    Args:
        device: a CPU or a GPU.

    Returns:
        True for a CPU with AVX-512 BF16 and for an NVIDIA GPU that needs no emulation; False for all others, those of
        Apple included.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private, so its absence is a no
    return bool(device.type == "cpu" and probe is not None and probe())


class _Shared:
    """A change of global switches: threads that are inside at the same time share it, the last one undoes it."""

    def __init__(self, change: Callable[[ExitStack], None]) -> None:
        self._change, self._undo = change, ExitStack()
        self._lock, self._users = threading.Lock(), 0

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._change(self._undo)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._undo.close()


def _no_tf32(undo: ExitStack) -> None:
    import torch

    switches: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    for switch in switches:
        undo.callback(setattr, switch, "allow_tf32", switch.allow_tf32)
        switch.allow_tf32 = False


_EXACT = _Shared(_no_tf32)


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


def for_each(count: int, work: Callable[[int], object], values: int) -> None:
    """Call work(0) to work(count - 1), on as many threads as PyTorch computes with, and wait for all of them.

    The threads keep the caller's inference and gradient modes. Called from within a work of `for_each` or `spread`, it
    starts no further threads.

    Args:
        count: how many calls.
        work: runs outside Python's lock for most of its time, on one thread, as OpenCV and random numbers do. What it
            returns is dropped.
        values: how many values a call goes through. Where count * values is below 2^18, the calling thread does it all:
            other threads would cost more than they bring.

    Raises:
        Whatever a call raises, the one of the lowest number where several do.
    """
    import torch

    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def call(number: int) -> None:  # both modes belong to a thread
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            work(number)

    workers = min(torch.get_num_threads(), count)
    if workers == 1 or count * values < SMALL or threading.current_thread().name.startswith(POOL):
        for number in range(count):
            work(number)
        return
    list(_pool(os.getpid(), torch.get_num_threads()).map(call, range(count)))


def spread(
    items: Sequence[Item], work: Callable[[Item], Made], cost: Callable[[Item], float], budget: float
) -> Iterator[Made]:
    """What is made of every item, in their order, on as many threads as PyTorch has; in each it computes on one.

    It is a generator: work begins with the first result that is asked for, and goes on at most 2 items per thread ahead
    of what was taken. With one thread or one item no others are started.

    Args:
        items: any.
        work: runs outside Python's lock for most of its time.
        cost: of an item, such as the memory that it takes.
        budget: in the unit of `cost`. Items that together cost more wait for one another; one that costs more by itself
            is worked on alone, in the calling thread, where PyTorch computes on all.

    Yields:
        work(item), item by item.

    Raises:
        Whatever the work does, for the first item that it does it for; what was not begun is left then.
    """
    import torch

    if (workers := min(torch.get_num_threads(), len(items))) <= 1:
        yield from map(work, items)
        return
    begun = deque[tuple[Future[Made], float]]()
    with ThreadPoolExecutor(workers, thread_name_prefix=POOL) as pool:
        _begin_workers(pool, workers)
        try:
            for item in items:
                price = cost(item)
                while begun and (price > budget or len(begun) >= 2 * workers or _running(begun) + price > budget):
                    yield begun.popleft()[0].result()
                if price > budget:
                    yield work(item)
                else:
                    begun.append((pool.submit(work, item), price))
            while begun:
                yield begun.popleft()[0].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_workers(pool: ThreadPoolExecutor, workers: int) -> None:
    """Begin all threads of a pool, in each of which PyTorch computes on one thread.

    It keeps a number for each thread that has used it, and one for those to come, which the last call decides: that is
    the caller's again in the end.
    """
    import torch

    count, together = torch.get_num_threads(), threading.Barrier(workers)

    def begin(_: int) -> None:
        torch.get_num_threads()  # the first use of PyTorch in a thread gives it the common number
        torch.set_num_threads(1)
        together.wait()  # so that every thread takes one of these calls

    list(pool.map(begin, range(workers)))
    torch.set_num_threads(count)


def _running(begun: Iterable[tuple[Future[Any], float]]) -> float:
    """The cost of what is not done."""
    return sum(price for future, price in begun if not future.done())


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
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    # kept: to start threads takes as long as to degrade an image. A forked process has a pool of its own
    return ThreadPoolExecutor(threads, thread_name_prefix=f"{POOL}-{process}")


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


def use_threads(jobs: int | None) -> None:
    """Set how many CPU threads PyTorch and OpenCV compute with, for the whole process.

    Args:
        jobs: how many; None for as many as the process may use (`usable_cpus`), at most what PyTorch has chosen. With
            None and the environment variable OMP_NUM_THREADS set, nothing is changed: that is the user's choice.

    Raises:
        GridsError: the number is below 1.
    """
    import torch

    if jobs is not None and jobs < 1:
        raise GridsError(f"the number of jobs must be at least 1, but is {jobs}")
    if jobs is None and "OMP_NUM_THREADS" in os.environ:  # the user's choice, which PyTorch knows
        return
    count = jobs or min(torch.get_num_threads(), usable_cpus())
    torch.set_num_threads(count)
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(count)
    else:  # OpenCV reads it when it is imported, which takes too long to be done here
        os.environ["OPENCV_FOR_THREADS_NUM"] = str(count)


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
