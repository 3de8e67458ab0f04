"""The state of a training, and one step of it; when to measure and to write it is for `grids.training.trainer`."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from grids.errors import GridsError
from grids.results import Point
from grids.training.callbacks import Callbacks
from grids.training.checkpoint import load_optimizer
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.fabric import make_fabric
from grids.training.systems.base import System

CHECKED = 10
"""Steps after which losses are looked at: on a GPU, looking means waiting for it."""
SNAPSHOT = 100
STEP_SEED = 0x9E3779B1
RETRIES = 5
TOO_LARGE = "out of memory: a smaller crop or network needs less"


class TrainingLoop:
    """The state of a training, and one step of it.

    When to measure, to write and to end is for `grids.training.trainer`. The modules go to the device, in the memory
    format "channels last". A moving average of the kept module's weights goes along. Now and then the state is copied
    in memory, as a snapshot that the training can go back to.

    Args:
        system: what is trained; its modules are changed.
        batches: (step, retry) -> the batch of a step, counted from 0, on the device.
        config: the settings; `iterations` counts the steps of this training.
        device: where it is trained.
        callbacks: told of steps, losses, and what went wrong and was mended.

    Attributes:
        step: finished steps.
        retry: how often it went back because of values that were not finite.
        parts: in how many parts each batch is computed; doubled where memory runs out.
        curve: the points that were measured.
        stopped: why it is to end before its last step; empty if it is not.
        seconds: spent in steps and in measuring, those before a break with them.

    Raises:
        GridsError: fp16 on anything but an NVIDIA GPU.
    """

    def __init__(
        self,
        system: System,
        batches: Callable[[int, int], Batch],
        config: TrainingConfig,
        device: torch.device,
        callbacks: Callbacks,
    ) -> None:
        self.system, self.batches, self.config, self.callbacks = system, batches, config, callbacks
        self.fabric: Any = make_fabric(device, config.precision)
        for module in system.modules.values():
            module.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.modules = {name: self.fabric.setup_module(module) for name, module in system.modules.items()}
        optimizers = system.optimizers(config)
        self.ratios = {
            name: optimizer.param_groups[0]["lr"] / config.learning_rate for name, optimizer in optimizers.items()
        }
        self.optimizers: dict[str, Any] = {
            name: self.fabric.setup_optimizers(optimizer) for name, optimizer in optimizers.items()
        }
        self.average = AveragedModel(system.modules[system.kept], multi_avg_fn=self._average_weights)
        self.step, self.retry, self.parts = 0, 0, config.accumulate
        self.curve: list[Point] = []
        self.stopped = ""
        self.seconds = 0.0
        exact = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        self._total, self._count = torch.zeros((), dtype=exact, device=device), 0  # losses since the last point
        self._recent, self._since = torch.zeros_like(self._total), 0  # losses since they were last told
        self._unchecked = 0
        self._stepped = False  # whether an optimizer did, in the step under way
        self._take_snapshot()

    def is_finished(self) -> bool:
        """Whether no step is left, or the training was stopped."""
        return self.step >= self.config.iterations or bool(self.stopped)

    def advance(self) -> bool:
        """Make one step: every loss of the system, each followed by a step of its optimizer; then the moving average.

        Where memory runs out, the batch is computed in twice as many parts from then on. Losses and weights are looked
        at every ten steps only, since on a GPU that means waiting for it.

        Returns:
            False where the training has gone back to its last snapshot instead: a loss or a weight was not finite, or
            memory ran out after one of several optimizers had stepped. Else True.

        Raises:
            GridsError: one crop at a time is too much for the memory of the device, or values stay not finite.
        """
        start = time.monotonic()
        self._stepped = False
        batch = self.batches(self.step, self.retry)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.ratios[name] * self.config.rate(self.step)
        while not self._try_step(batch):
            torch.cuda.empty_cache()
            if self.parts >= self.config.batch:
                raise GridsError(TOO_LARGE)
            self.parts = min(2 * self.parts, self.config.batch)
            self.callbacks.say(f"out of memory: every batch is computed in {self.parts} parts from now on")
            if self._stepped:  # one of several optimizers: the step cannot be taken again from here
                self._load(self._snapshot)
                return False
        self.average.update_parameters(self.system.modules[self.system.kept])
        self.step += 1
        self._unchecked += 1
        self.seconds += time.monotonic() - start
        if self._unchecked >= CHECKED:
            if self.roll_back_if_not_finite():
                return False
            if self.step % SNAPSHOT < CHECKED:
                self._take_snapshot()
        return True

    def report(self) -> None:
        """Tell the callbacks how far the training is, and about every ten steps the mean loss.

        To be called after each `advance`. Looking at the loss means waiting for a GPU.
        """
        self.callbacks.step(self.step)
        if self._since >= CHECKED or (self.is_finished() and self._since):
            self.callbacks.loss(self.step, float(self._recent) / self._since)
            self._recent.zero_()
            self._since = 0

    def roll_back_if_not_finite(self) -> bool:
        """Go back to the last snapshot if a loss since then, or a weight, is not finite.

        A finite loss can have a gradient that is not: weights are looked at, so that no snapshot or checkpoint is ever
        one that leads back to them. The steps after the snapshot are then made with other crops. It waits for a GPU.

        Returns:
            whether it went back.

        Raises:
            GridsError: it is needed once more after five times from the same snapshot.
        """
        self._unchecked = 0
        if bool(torch.isfinite(self._total + self.system.sum_norms())):
            return False
        what = "a weight" if bool(torch.isfinite(self._total)) else "the loss"
        if self._failures >= RETRIES:
            raise GridsError(
                f"{what} is not finite after {self.step} steps, {RETRIES} times over: a smaller learning rate helps"
            )
        at, retry = self.step, self.retry + 1
        self._load(self._snapshot)
        self.retry = retry
        self._failures += 1
        self.callbacks.say(f"{what} was not finite after {at} steps: going on from step {self.step} with other crops")
        return True

    def add_point(self, measure: Callable[[nn.Module], Mapping[str, float]], stop: Callable[[Point], str]) -> None:
        """Measure the averaged weights, and add a point to the learning curve. Then a snapshot is taken.

        Args:
            measure: the kept module with its averaged weights -> PSNR in dB by task.
            stop: called with the point, but not after the last step; a text that is not empty becomes `stopped`.
        """
        start = time.monotonic()
        loss = float(self._total) / self._count if self._count else math.nan
        self._total.zero_()
        self._count = 0
        point = Point(self.step, loss, dict(measure(self.average.module)))
        self.curve.append(point)
        if self.step < self.config.iterations:
            self.stopped = stop(point)
        self.seconds += time.monotonic() - start
        self._take_snapshot()

    def get_state(self) -> dict[str, Any]:
        """All that a training needs to go on from here as if there had been no break.

        Returns:
            tensors, numbers and texts, in dicts and lists. The tensors are those that are trained, no copies.
        """
        return {
            "step": self.step,
            "retry": self.retry,
            "parts": self.parts,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "curve": [[point.step, point.loss, dict(point.psnr)] for point in self.curve],
            "loss": [float(self._total), self._count],
            "precision": self.fabric.strategy.precision.state_dict(),
            "modules": {name: module.state_dict() for name, module in self.system.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "average": self.average.state_dict(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of another loop of this training.

        Args:
            state: what its `get_state` gave; it is copied.

        Raises:
            Exception: whatever modules and optimizers make of a wrong state. The loop must then not be used.
        """
        self._load(state)
        self._take_snapshot()

    def _try_step(self, batch: Batch) -> bool:
        """Make the step of a batch; False where memory ran out, all that it was filled with let go."""
        devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
        try:
            # what layers draw (dropout) hangs on the step alone: a training goes on from anywhere
            with torch.random.fork_rng(devices):
                torch.manual_seed(self.config.seed ^ (self.step + 1) * STEP_SEED + self.retry)
                loss = self._update(batch)
        except torch.OutOfMemoryError:
            return False
        self._total += loss
        self._recent += loss
        self._count += 1
        self._since += 1
        return True

    def _update(self, batch: Batch) -> Tensor:
        """One batch, in as many parts as memory asks for: every loss of the parts in turn, then its optimizer."""
        pieces = batch.split(self.parts)
        shares = [len(piece.tasks) / len(batch.tasks) for piece in pieces]
        running = [self.system.losses(self.modules, piece, self.step) for piece in pieces]
        last = torch.zeros(())
        while True:
            rounds: list[Tensor] = []
            for losses, share in zip(running, shares, strict=True):
                found = next(losses, None)
                if found is None:
                    break
                name, loss = found
                if not rounds:
                    self.optimizers[name].zero_grad()
                self.fabric.backward(loss * share)
                rounds.append(loss.detach() * share)
            if not rounds:
                return last
            self._step_optimizer(name)
            last = torch.stack(rounds).sum()

    def _step_optimizer(self, name: str) -> None:
        optimizer = self.optimizers[name]
        if self.config.clip:
            module = next(iter(self.modules.values()))  # only its strategy is used: the parameters are the optimizer's
            self.fabric.clip_gradients(module, optimizer, max_norm=self.config.clip, error_if_nonfinite=False)
        optimizer.step()
        self._stepped = True

    def _average_weights(self, old: Sequence[Tensor], new: Sequence[Tensor], _: Tensor | int) -> None:
        done = self.step  # torch counts as many, on the device: reading that waits for a GPU
        decay = min(self.config.average, (1 + done) / (10 + done))  # a long memory is wrong at the start
        for a, b in zip(old, new, strict=True):
            a.lerp_(b, 1 - decay)

    def _take_snapshot(self) -> None:
        """Keep the state to go back to; that is progress, so that failures are counted anew."""
        self._snapshot = copy.deepcopy(self.get_state())
        self._failures = 0

    def _load(self, state: Mapping[str, Any]) -> None:
        state = copy.deepcopy(dict(state))
        self.step, self.retry = int(state["step"]), int(state["retry"])
        self.parts = max(self.parts, state.get("parts", 1))  # back to before memory ran out is not back to more memory
        self.seconds, self.stopped = float(state["seconds"]), str(state["stopped"])
        self.curve = [Point(*point) for point in state["curve"]]
        self._total.fill_(state["loss"][0])
        self._count = state["loss"][1]
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        for name, module in self.system.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            load_optimizer(optimizer.optimizer, state["optimizers"][name])
        self.average.load_state_dict(state["average"])
