"""The state of a training and its single step. `grids.training.trainer` decides when to measure and write it."""

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
from grids.random import global_seed
from grids.results import Point
from grids.training.callbacks import Callbacks
from grids.training.checkpoint import load_optimizer
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.fabric import make_fabric
from grids.training.systems.base import System

CHECKED = 10
"""Losses are read once in so many steps, because reading one waits for the GPU."""
SNAPSHOT = 100
STEP_SEED = 0x9E3779B1
RETRIES = 5
TOO_LARGE = "out of memory: a smaller crop or network needs less"


class TrainingLoop:
    """The state of a training, and one step of it.

    `grids.training.trainer` decides when to measure, when to write a checkpoint and when to end. The modules are moved
    to the device in the memory format "channels last". An exponential moving average is kept of the weights of the
    module that the system keeps (`System.kept`). Snapshots of the state are held in memory, so that the training can
    roll back.

    Args:
        system: what is trained; its modules are changed.
        batches: (step, retry) -> the batch of a step, counted from 0, on the device.
        config: the hyperparameters; `iterations` is the number of steps of this training.
        device: the device to train on.
        callbacks: notified of steps, losses, and problems that were handled.

    Attributes:
        step: the number of finished steps.
        retry: the number of roll-backs because of non-finite values.
        parts: the number of parts in which each batch is computed; doubled when memory runs out.
        curve: the points of the learning curve so far.
        stopped: why the training ends before its last step; empty if it does not.
        seconds: time spent in steps and measurements, including time before an interruption.

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
        self.ratios = {name: one.param_groups[0]["lr"] / config.learning_rate for name, one in optimizers.items()}
        self.optimizers: dict[str, Any] = {name: self.fabric.setup_optimizers(one) for name, one in optimizers.items()}
        self.average = AveragedModel(system.modules[system.kept], multi_avg_fn=self._average_weights)
        self.step, self.retry, self.parts = 0, 0, config.accumulate
        self.curve: list[Point] = []
        self.stopped = ""
        self.seconds = 0.0
        exact = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        self._total, self._count = torch.zeros((), dtype=exact, device=device), 0  # since the last point of the curve
        self._recent, self._since = torch.zeros_like(self._total), 0  # losses since the last report
        self._unchecked = 0
        self._stepped = False  # whether any optimizer has stepped within the current step
        self._take_snapshot()

    def is_finished(self) -> bool:
        """Whether no steps are left or the training was stopped."""
        return self.step >= self.config.iterations or bool(self.stopped)

    def advance(self) -> bool:
        """Make one step: compute each loss of the system and step its optimizer, then update the moving average.

        If memory runs out, batches are computed in twice as many parts from then on. Losses and weights are checked
        every ten steps only, because checking waits for the GPU.

        Returns:
            False if the training was rolled back to its last snapshot instead, because a loss or weight was not finite
            or memory ran out after one of several optimizers had stepped. Otherwise True.

        Raises:
            GridsError: the device has too little memory even for one crop at a time, or values stay non-finite.
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
            if self._stepped:  # one of several optimizers has: the step cannot be repeated from here
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
        """Notify the callbacks of the current step and, about every ten steps, of the mean loss.

        Call it after each `advance`. Reading the loss waits for the GPU.
        """
        self.callbacks.step(self.step)
        if self._since >= CHECKED or (self.is_finished() and self._since):
            self.callbacks.loss(self.step, float(self._recent) / self._since)
            self._recent.zero_()
            self._since = 0

    def roll_back_if_not_finite(self) -> bool:
        """Roll back to the last snapshot if a loss since then, or a weight, is not finite.

        Weights are checked as well, because a finite loss can have a non-finite gradient; so snapshots and checkpoints
        never contain such weights. After a roll-back the steps are repeated with other crops. It waits for the GPU.

        Returns:
            Whether the training was rolled back.

        Raises:
            GridsError: it would be the sixth roll-back to the same snapshot.
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
        """Measure the averaged weights, add a point to the learning curve and take a snapshot.

        Args:
            measure: the kept module with its averaged weights -> PSNR in dB by task.
            stop: called with the point, except after the last step; a non-empty string becomes `stopped`.
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
        """Collect everything from which the training resumes exactly as if it had not been interrupted.

        Returns:
            Tensors, numbers and strings, in dicts and lists. The tensors are the ones being trained, not copies.
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
        """Resume from the state of another loop of the same training.

        Args:
            state: the result of its `get_state`; it is copied.

        Raises:
            Exception: modules and optimizers raise all kinds of errors for a wrong state. The loop must not be used
                after that.
        """
        self._load(state)
        self._take_snapshot()

    def _try_step(self, batch: Batch) -> bool:
        """Make the step of a batch; False if memory ran out, with everything that was allocated released."""
        try:
            # random layers (dropout) depend on the step alone, so that a training can resume anywhere
            with global_seed(self.config.seed ^ (self.step + 1) * STEP_SEED + self.retry, self.fabric.device):
                loss = self._update(batch)
        except torch.OutOfMemoryError:
            return False
        self._total += loss
        self._recent += loss
        self._count += 1
        self._since += 1
        return True

    def _update(self, batch: Batch) -> Tensor:
        """Process one batch in `parts` parts: for each loss, the backward passes of all parts, then its optimizer."""
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
            module = next(iter(self.modules.values()))  # Fabric only takes its strategy from it
            self.fabric.clip_gradients(module, optimizer, max_norm=self.config.clip, error_if_nonfinite=False)
        optimizer.step()
        self._stepped = True

    def _average_weights(self, old: Sequence[Tensor], new: Sequence[Tensor], _: Tensor | int) -> None:
        done = self.step  # torch keeps the same count on the device, where reading it waits for the GPU
        decay = min(self.config.average, (1 + done) / (10 + done))  # early weights should not linger in the average
        for a, b in zip(old, new, strict=True):
            a.lerp_(b, 1 - decay)

    def _take_snapshot(self) -> None:
        """Keep the state to go back to; that is progress, so that failures are counted anew."""
        self._snapshot = copy.deepcopy(self.get_state())
        self._failures = 0

    def _load(self, state: Mapping[str, Any]) -> None:
        state = copy.deepcopy(dict(state))
        self.step, self.retry = int(state["step"]), int(state["retry"])
        self.parts = max(self.parts, state.get("parts", 1))  # a roll-back frees no memory
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
