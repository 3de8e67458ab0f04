"""The training loop; there is no other. Its one step is in `grids.training.loop`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from grids.errors import GridsError, RunError
from grids.results import Point
from grids.training import checkpoint
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.interrupts import interrupts_wait
from grids.training.loop import TOO_LARGE, TrainingLoop
from grids.training.systems.base import System

WORTH = 50
"""From one checkpoint to the next a training goes on for at least so many times as long as writing one takes."""


@dataclass(frozen=True)
class Measuring:
    """When and how a training is measured.

    Args:
        steps: numbers of finished steps, from 1, after which it is measured; larger ones than the last are passed over.
        measure: the kept module, with its averaged weights -> PSNR by task, dB. The module lies on the device of the
            training and must not be changed.
        stop: called with every point of the curve but one at the last step; a text that is not empty ends the training
            and says why.
    """

    steps: Collection[int]
    measure: Callable[[nn.Module], Mapping[str, float]]
    stop: Callable[[Point], str] = lambda point: ""


@dataclass
class TrainingResult:
    """What a training came to.

    Args:
        network: the kept module with its averaged weights, on the CPU, in evaluation mode.
        curve: its learning curve; empty where nothing was measured.
        seconds: spent in steps and in measuring, in all processes that worked on it.
        stopped: why it ended before its last step; empty if it did not.
        rollbacks: how often it went back because of values that were not finite.
        interrupted: the exception of a Ctrl-C or SIGTERM that came when there was nothing left to do; the caller is to
            raise it once the network is kept. None where there was no such signal.
    """

    network: nn.Module
    curve: list[Point] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    rollbacks: int = 0
    interrupted: KeyboardInterrupt | None = None


class OutOfTimeError(RunError):
    """The time for a training is over.

    It is raised before a training or between two of its steps, then after the checkpoint is written, if there is to be
    one. Started again with that checkpoint, the training goes on from there.
    """


def train(
    system: System,
    batches: Callable[[int, int], Batch],
    config: TrainingConfig,
    *,
    device: torch.device | str = "cpu",
    measuring: Measuring | None = None,
    checkpointing: Checkpointing | None = None,
    callbacks: Callbacks | None = None,
) -> TrainingResult:
    """Train a system to its last step, or go on from a checkpoint as if there had been no break.

    Where a loss or a weight is not finite, the training goes back some steps and takes other crops. Where memory runs
    out, batches are computed in more parts. The callbacks are told of both.

    Args:
        system: what to train; its modules are changed, and moved to the device.
        batches: (step, retry) -> the batch of a step, counted from 0, such as `grids.training.datasets.Batches`.
            `retry` counts how often the training has gone back.
        config: the settings; `iterations` counts the steps of this training.
        device: where it is trained.
        measuring: of the learning curve; None for none.
        checkpointing: of the state, and the deadline; None for neither. A checkpoint that is there stays there.
        callbacks: told of steps, losses, and what went wrong and was mended; None for nobody.

    Returns:
        the kept module with its averaged weights, and how it got there.

    Raises:
        GridsError: losses or weights stay not finite, one image is too much for the memory of the device, or fp16 is
            asked for without an NVIDIA GPU.
        RunError: the checkpoint is of another training, damaged, or cannot be written.
        OutOfTimeError: the deadline has passed.
        KeyboardInterrupt: Ctrl-C, or SIGTERM (Terminated); the step under way is finished and a checkpoint written
            before.
    """
    keep = checkpointing or Checkpointing()
    try:
        loop = TrainingLoop(system, batches, config, torch.device(device), callbacks or NullCallbacks())
        if keep.file is not None and keep.file.exists():
            _resume(loop, keep.file, keep.identity)
        with interrupts_wait() as interrupted:
            _run(loop, measuring, keep, interrupted)
            network = _take_network(loop)
            return TrainingResult(network, loop.curve, loop.seconds, loop.stopped, loop.retry, interrupted())
    except torch.OutOfMemoryError:
        pass  # its traceback holds what fills the memory: that is free only after this block
    torch.cuda.empty_cache()
    raise GridsError(TOO_LARGE)


def _run(
    loop: TrainingLoop,
    measuring: Measuring | None,
    keep: Checkpointing,
    interrupted: Callable[[], KeyboardInterrupt | None],
) -> None:
    """Step to the end. What is measured or written, and the end itself, are of finite weights alone."""
    saved, pause = time.monotonic(), keep.every
    while not loop.is_finished() or loop.roll_back_if_not_finite():
        advanced = loop.advance()
        loop.report()
        if advanced and measuring and loop.step in measuring.steps and not loop.roll_back_if_not_finite():
            loop.add_point(measuring.measure, measuring.stop)
        if loop.is_finished():  # no checkpoint says that it was stopped: another time it may not be
            continue
        now, broken_off = time.monotonic(), interrupted()
        due = now - saved >= pause or now >= keep.deadline or (keep.every_steps and loop.step % keep.every_steps == 0)
        if keep.file is not None and (broken_off or due) and not loop.roll_back_if_not_finite():
            checkpoint.save(keep.file, {"identity": keep.identity, **loop.get_state()})
            saved = time.monotonic()
            pause = max(keep.every, WORTH * (saved - now)) if keep.every else 0.0
        if broken_off:
            raise broken_off
        if now >= keep.deadline:
            raise OutOfTimeError(f"the time is over after {loop.step} of {loop.config.iterations} steps")


def _resume(loop: TrainingLoop, file: Path, identity: str) -> None:
    """Go on from a checkpoint. Raises RunError if it is of another training, damaged, or cannot be read."""
    state = checkpoint.load(file)
    if state.pop("identity", None) != identity:
        raise RunError(f"the checkpoint '{file}' is of another training: remove it to train from the start")
    try:
        loop.resume(state)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # modules and optimizers raise whatever a wrong state makes of them
        raise checkpoint.damaged(file) from error


def _take_network(loop: TrainingLoop) -> nn.Module:
    """The kept module with its averaged weights, no copy, on the CPU. Raises GridsError if one is not finite."""
    network: nn.Module = loop.average.module.cpu().eval()
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise GridsError("the weights are not finite at the end of the training: a smaller learning rate helps")
    return network
