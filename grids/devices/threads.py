"""Work on as many threads as PyTorch has, and changes that threads share."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, TypeVar

from grids.devices.limits import usable_cpus
from grids.errors import GridsError

Item = TypeVar("Item")
Made = TypeVar("Made")
POOL = "grids-work"
SMALL = 2**18
"""Values that the calling thread goes through alone."""


class SharedChange:
    """A change of what is global to the process: threads that are inside at the same time share it.

    Args:
        change: called when the first one enters; what it registers is undone when the last one has left.
    """

    def __init__(self, change: Callable[[ExitStack], None]) -> None:
        self._change, self._undo = change, ExitStack()
        self._lock, self._users = threading.Lock(), 0

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Enter for one `with` block."""
        with self._lock:
            if not self._users:
                try:
                    self._change(self._undo)
                except BaseException:  # Ctrl-C, too: what was changed so far is undone
                    self._undo.close()
                    raise
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._undo.close()


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
        raise GridsError(f"`jobs` must be at least 1, but is {jobs}")
    if jobs is None and "OMP_NUM_THREADS" in os.environ:  # the user's choice, which PyTorch knows
        return
    count = jobs or min(torch.get_num_threads(), usable_cpus())
    torch.set_num_threads(count)
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(count)
    else:  # OpenCV reads it when it is imported, which takes too long to be done here
        os.environ["OPENCV_FOR_THREADS_NUM"] = str(count)


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


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    # kept: to start threads takes as long as to degrade an image. A forked process has a pool of its own
    return ThreadPoolExecutor(threads, thread_name_prefix=f"{POOL}-{process}")


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
