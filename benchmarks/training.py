"""Images per second of the training loop, beside the plain loop that one would write today.

    python benchmarks/training.py                         # this processor
    python benchmarks/training.py --device cuda           # a GPU; target: 3 times the plain loop
    python benchmarks/training.py --steps 3 --crop 16     # only to see that it runs

Both loops train the same network with AdamW and L1 on crops of the same photographs, in memory, mixed from all eleven
degradations. The plain loop has PyTorch's DataLoader, whose workers cut and degrade one crop after the other on the CPU
with a generator of its own each, PyTorch's default AdamW and memory format, and neither clipping nor an average of the
weights; it runs in fp32 and, where ours computes in bf16 (by itself, or by --precision), by autocast in that too. Ours
degrades on the device of the training. Ten steps go before those that are timed, and the device has finished when the
clock is read.

Columns: `batch` is the share of the time that the loop's thread spends making the batch, or waiting for the workers
(target on a CPU: at most 15 %). `GPU without network`, by events in the GPU's queue, is the share of its time between
the end of a step and the batch of the next: it waits then, or degrades. The last row trains on one batch that is there
from the start: what the loop would do if batches cost nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from common import machine, split_files, table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from grids.degradations import ELEVEN, degradation
from grids.devices import resolve, use_threads
from grids.errors import GridsError
from grids.random import seeded
from grids.restoration.models import initialize
from grids.training.callbacks import NullCallbacks
from grids.training.config import Precision, TrainingConfig
from grids.training.datasets import Batch, Batches
from grids.training.fabric import strategy_of
from grids.training.pair_settings import pair_settings
from grids.training.photographs import Photographs
from grids.training.systems.base import SupervisedSystem
from grids.training.tasks import Synthesized
from grids.training.trainer import train

WARM_UP = 10
PHOTOGRAPHS = 100


class EnoughError(Exception):
    """All steps are timed, or the time is over."""


class Clock:
    """Times a loop after its warm-up, and what of it goes into batches.

    Args:
        device: of the loop.
        steps, seconds: where to stop, whichever comes first.
    """

    def __init__(self, device: torch.device, steps: int, seconds: float) -> None:
        self.device, self.most, self.limit = device, steps, seconds
        self.steps = -WARM_UP
        self.started = self.seconds = self.making = 0.0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Around the making of a batch, or the waiting for it."""
        before = self._event()
        start = time.perf_counter()
        yield
        self.making += time.perf_counter() - start
        after = self._event()
        if before is not None and after is not None:
            self._events.append((before, after))

    def step(self) -> None:
        """After every step. Raises EnoughError after the last one."""
        self.steps += 1
        if self.steps == 0:
            self._finish()
            self.making, self._events = 0.0, []
            self.started = time.perf_counter()
        elif self.steps > 0 and (self.steps >= self.most or time.perf_counter() - self.started >= self.limit):
            self._finish()
            self.seconds = time.perf_counter() - self.started
            raise EnoughError

    def without_network(self) -> float:
        """The share of a GPU's time that the batches take, waiting for them included."""
        return sum(before.elapsed_time(after) for before, after in self._events) / 1000 / self.seconds

    def _event(self) -> torch.cuda.Event | None:
        if self.device.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Degraded(Dataset[tuple[Tensor, Tensor]]):
    """Crops degraded one by one on the CPU, as a plain loop has them: (input, target) of any number."""

    def __init__(self, photographs: Photographs, crop: int, length: int) -> None:
        self.photographs, self.crop, self.length = photographs, crop, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        generator = seeded(number)
        clean = self.photographs.random_crop(self.crop, generator).float().div(255)
        kind = degradation(ELEVEN[int(torch.randint(len(ELEVEN), (), generator=generator))])
        return kind(clean[None], generator)[0], clean


def ours(network: nn.Module, clock: Clock, batches: Callable[[int, int], Batch], config: TrainingConfig) -> None:
    def timed(step: int, retry: int) -> Batch:
        with clock.batch():
            return batches(step, retry)

    class Ticks(NullCallbacks):
        def step(self, done: int) -> None:
            clock.step()

    train(SupervisedSystem(network), timed, config, device=clock.device, callbacks=Ticks())


def plain(
    network: nn.Module, clock: Clock, crops: Degraded, config: TrainingConfig, workers: int, half: bool = False
) -> None:
    device = clock.device
    network.to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    loader = DataLoader(crops, config.batch, num_workers=workers, pin_memory=device.type == "cuda")
    stream = iter(loader)
    while True:
        with clock.batch():
            inputs, targets = (part.to(device, non_blocking=True) for part in next(stream))
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
            loss = F.l1_loss(network(inputs).float(), targets)
        loss.backward()
        optimizer.step()
        clock.step()


def measure(options: argparse.Namespace) -> str:
    device = resolve(options.device)
    names: dict[str, Precision] = {"32-true": "fp32", "bf16-mixed": "bf16"}
    precision = names[strategy_of(device, options.precision)["precision"]]
    steps = WARM_UP + options.steps
    config = TrainingConfig(iterations=steps + 1, crop=options.crop, batch=options.batch, precision=precision)
    files = split_files("fit")
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, PHOTOGRAPHS).astype(int)]
    photographs = Photographs(chosen, options.crop)
    tasks = [Synthesized(degradation(name)) for name in ELEVEN]
    batches = Batches(tasks, photographs, options.crop, options.batch, 0, device, data=pair_settings(options.data))
    crops = Degraded(photographs, options.crop, steps * options.batch)
    ready = batches(0)

    def timed(loop: Callable[[nn.Module, Clock], None]) -> Clock:
        clock = Clock(device, options.steps, options.seconds)
        try:
            loop(initialize(options.network, 0), clock)
        except EnoughError:
            return clock
        raise SystemExit("the loop ended before its last step was timed")

    other = partial(plain, crops=crops, config=config, workers=options.workers)
    clocks = {("plain", "fp32"): timed(other)}
    if precision != "fp32":
        clocks["plain", precision] = timed(partial(other, half=True))
    clocks["grids", precision] = timed(partial(ours, batches=batches, config=config))
    at_hand = partial(ours, batches=lambda step, retry: ready, config=config)
    clocks["grids, batch at hand", precision] = timed(at_hand)

    first = clocks["plain", "fp32"]
    rows = []
    for (name, used), clock in clocks.items():
        per_step = clock.seconds / clock.steps
        rows.append(
            [
                name,
                used,
                f"{options.batch / per_step:,.1f}",
                f"{1000 * per_step:.1f}",
                clock.steps,
                f"{first.seconds / first.steps / per_step:.2f} x",
                f"{clock.making / clock.seconds:.1%}",
                f"{clock.without_network():.1%}" if device.type == "cuda" else "-",
            ]
        )
    header = ["loop", "precision", "images/s", "ms a step", "steps", "against plain fp32", "batch"]
    return table([*header, "GPU without network"], rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Images per second of the training loop, beside a plain one.")
    parser.add_argument("--network", default="nafnet", help="a preset of grids.networks")
    parser.add_argument("--crop", type=int, default=64, help="side of the crops")
    parser.add_argument("--batch", type=int, default=8, help="crops in a step")
    parser.add_argument("--steps", type=int, default=200, help="steps timed for each loop, at most")
    parser.add_argument("--seconds", type=float, default=60, help="seconds timed for each loop, at most")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of ours")
    parser.add_argument(
        "--data", default="photographs", help="photographs, camera or pristine; the plain loop has the last"
    )
    parser.add_argument("--threads", type=int, help="CPU threads of the loop (default: all cores)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the plain loop's DataLoader")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps must be at least 1, but is {options.steps}")
    return options


if __name__ == "__main__":
    options = parse()
    use_threads(options.threads)
    print(
        f"{machine()}; {options.network}, crop {options.crop}, batch {options.batch}, {options.workers} workers\n",
        flush=True,
    )
    try:
        print(measure(options))
    except GridsError as error:
        raise SystemExit(str(error)) from error
