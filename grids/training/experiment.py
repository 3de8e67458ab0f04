"""One restorer: what it is trained with, its training, and the record kept in its file."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grids.errors import GridsError, RunError, look_up
from grids.restoration.models import initialize, load_start, save_restorer, state_digest
from grids.results import Point, TrainingRun
from grids.results.record import decode
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.datasets import Batches
from grids.training.fabric import strategy_of
from grids.training.photographs import Photographs
from grids.training.systems.base import System
from grids.training.systems.makers import PLAIN, SystemMaker
from grids.training.tasks import Task, fingerprint
from grids.training.trainer import Measuring, train
from grids.training.validation import Validation

CHECKS = (1 / 4, 1 / 2, 1.0)
"""Shares of the steps after which a restorer is measured: each twice the one before."""


@dataclass(frozen=True)
class Experiment:
    """Everything that a set of trainings has in common; each training adds a group of tasks and a repetition.

    Args:
        tasks: all tasks, in the order of the similarity matrix.
        photographs: the training photographs.
        validation: the validation crops, for every task.
        network: a preset of `grids.networks.TABLE`.
        config: the hyperparameters of every training.
        maker: makes the `System` (network, losses, optimizers) of each training.
        start: the initial weights of all restorers; None to initialize them from the seed.
        start_sha256: the checksum of `start`, used in keys and records; "" if `start` is None.
    """

    tasks: Sequence[Task]
    photographs: Photographs
    validation: Validation
    network: str
    config: TrainingConfig
    maker: SystemMaker = PLAIN
    start: Mapping[str, Tensor] | None = None
    start_sha256: str = ""

    def sort_group(self, group: Iterable[str]) -> tuple[str, ...]:
        """Bring the names of a group into the order of the tasks.

        Args:
            group: names of tasks, in any order.

        Raises:
            GridsError: no task is named.
            UnknownNameError: there is no task of one of the names.
        """
        wanted = {self._task(name) for name in group}
        if not wanted:
            raise GridsError("a group must name one task or more")
        return tuple(task.name for task in self.tasks if task in wanted)

    def parts(self, group: Iterable[str], repeat: int, device: torch.device) -> dict[str, Any]:
        """Everything that determines a restorer. A training with the same parts need not be repeated.

        Args:
            group: names of its tasks, at least one, in any order.
            repeat: the number of the repetition, from 0.
            device: only its type is used, and the precision that "auto" resolves to on it.

        Returns:
            JSON values: the checksums of the tasks, photographs, validation crops and initial weights, the network with
            the shapes of its weights, and the hyperparameters.

        Raises:
            GridsError: no task is named, fp16 is requested without an NVIDIA GPU, or the scale of the network differs
                from that of the tasks.
            UnknownNameError: the network or a task is unknown.
        """
        names = self.sort_group(group)
        members = [self._task(name) for name in names]
        config = self.config.to_json() | {"precision": strategy_of(device, self.config.precision)["precision"]}
        method = {} if self.maker is PLAIN else {"method": self.maker.identity()}
        return method | {
            "tasks": fingerprint(members),
            "photographs": self.photographs.digest,
            "validation": self.validation.digest,
            "network": self.network,
            "state": state_digest(self.network, members[0].scale, names, self.maker.options),
            "recipe": config,
            "start": self.start_sha256,
            "repeat": repeat,
            "device": device.type,
        }

    def half(self, group: Sequence[str]) -> int:
        """The step of the measurement at half of a training, after which the training may be stopped early.

        Args:
            group: its tasks; only their number is used.

        Returns:
            Half of its steps, rounded, at least 1.
        """
        return max(1, round(self.config.steps(len(group)) / 2))

    def make_system(self, group: tuple[str, ...], seed: int) -> System:
        """Make the system of a group before its first step.

        Args:
            group: names of its tasks. The task indices of a batch follow this order.
            seed: for the initialization of the weights and for the settings of the system.

        Returns:
            A new system on the CPU, with weights initialized from the seed or loaded from `start`.

        Raises:
            GridsError: the scale of the network differs from that of the tasks, or the crop size does not fit the
                recipe's discriminator.
            WeightsError: `start` or the trunk does not fit this network, or `start` lacks the head of a task.
        """
        network = initialize(self.network, seed, self._task(group[0]).scale, group, self.maker.options)
        system = self.maker.make(network, group, self.config.of_model(len(group), seed))
        if self.start is not None:  # after `make`, which may give the trunk weights
            load_start(network, self.start)
            system.started()
        return system

    def check_system(self) -> None:
        """Check that the system of all tasks can be made, by making it once and discarding it.

        This takes the time and memory of creating the network.

        Raises:
            GridsError: as for `make_system`.
        """
        self.make_system(tuple(task.name for task in self.tasks), 0)

    def make_batches(self, group: Sequence[str], seed: int, device: torch.device) -> Batches:
        """Make the training batches of a restorer; each batch is computed on demand.

        Args:
            group: names of its tasks, in the order in which its system indexes them.
            seed: for crops, tasks and degradations; with the same seed all groups see the same crops.
            device: where the crops are degraded and the batches are placed.

        Raises:
            GridsError: the sampler is invalid.
        """
        config, tasks = self.config, [self._task(name) for name in group]
        return Batches(tasks, self.photographs, config.crop, config.batch, seed, device, config.sampler, config.data)

    def key(self, group: Iterable[str], repeat: int, device: torch.device) -> str:
        """Everything that determines a restorer (`parts`), as one checksum.

        Args:
            group: names of its tasks, at least one, in any order.
            repeat: the number of the repetition, from 0.
            device: as for `parts`.

        Returns:
            A SHA-256 checksum, 64 hexadecimal digits.

        Raises:
            GridsError: as for `parts`.
        """
        parts = self.parts(group, repeat, device)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _task(self, name: str) -> Task:
        """The task of a name. Raises UnknownNameError."""
        return look_up("task", name, {task.name: task for task in self.tasks})


def train_experiment(
    experiment: Experiment,
    group: tuple[str, ...],
    repeat: int,
    file: Path,
    checkpointing: Checkpointing,
    *,
    name: str,
    device: torch.device,
    stop: Callable[[Point], str] = lambda point: "",
    callbacks: Callbacks | None = None,
) -> TrainingRun:
    """Train one restorer, from the beginning or from its checkpoint, and write it to a file.

    It is measured after a quarter, half and all of its steps (`CHECKS`). The file is written once, at the end.

    Args:
        experiment: what to train with.
        group: names of the tasks, in the order of the experiment.
        repeat: the number of the repetition, from 0; it is added to the seed of the configuration.
        file: where the weights and their record are written; its folder must exist.
        checkpointing: its checkpoint is removed at the end. Its `identity` is replaced by the key of the training.
        name: the file's path relative to the run folder, for the record.
        device: the device to train on.
        stop: called after every measurement except the last. A non-empty string ends the training and gives the
            reason.
        callbacks: notified of the progress of the training, but not of its end; None for no notifications.

    Returns:
        The training's record: the learning curve on the validation crops, its duration, and where the weights are.

    Raises:
        RunError: the file's folder no longer exists, the file cannot be written, or the checkpoint belongs to another
            training.
        OutOfTimeError: the deadline has passed.
        GridsError: the training fails; see `grids.training.trainer.train`.
        KeyboardInterrupt: Ctrl-C or SIGTERM. If it came after the last step, the file is written first.
    """
    hears = callbacks or NullCallbacks()
    config = experiment.config.of_model(len(group), experiment.config.seed + repeat)
    hears.started(group, repeat, config.iterations)
    key = experiment.key(group, repeat, device)
    result = train(
        experiment.make_system(group, config.seed),
        experiment.make_batches(group, config.seed, device),
        config,
        device=device,
        measuring=Measuring(
            [max(1, round(share * config.iterations)) for share in CHECKS],
            lambda network: experiment.validation.psnr(network, group, device),
            stop,
        ),
        checkpointing=replace(checkpointing, identity=key),
        callbacks=hears,
    )
    saved = experiment.validation.psnr(result.network.to(device), group, device, saved=True)
    result.network.cpu()
    if not file.parent.is_dir():  # a folder recreated here would hold a restorer without its settings
        raise RunError(f"cannot write '{file}': its folder was moved or deleted meanwhile")
    run = TrainingRun(group, repeat, tuple(result.curve), result.seconds, result.stopped, name, saved)
    save_restorer(file, result.network, record_of(run, experiment, key))
    if checkpointing.file is not None:
        with contextlib.suppress(OSError):
            checkpointing.file.unlink(missing_ok=True)
    if result.interrupted:  # after the last step: save the restorer first
        raise result.interrupted
    return run


def record_of(run: TrainingRun, experiment: Experiment, key: str) -> dict[str, Any]:
    """Make the record that a restorer's file holds beside the weights.

    Args:
        run: the finished training.
        experiment: what it was trained with.
        key: the checksum of everything that determines it (`Experiment.key`).

    Returns:
        JSON values: preset, tasks, hyperparameters, learning curve and more. `run_of` reads them back.
    """
    method = {} if experiment.maker is PLAIN else {"method": experiment.maker.name}
    return method | {
        "preset": experiment.network,
        "tasks": list(run.group),
        "repeat": run.repeat,
        "key": key,
        "recipe": experiment.config.to_json(),
        "start_sha256": experiment.start_sha256,
        "curve": [[point.step, point.loss, dict(point.psnr)] for point in run.curve],
        "seconds": run.seconds,
        "stopped": run.stopped,
        "saved": dict(run.saved),
    }


def run_of(record: Mapping[str, Any], file: str) -> TrainingRun:
    """Read a training from the record in a restorer's file: the inverse of `record_of`.

    Args:
        record: the record; entries that are not fields of `TrainingRun` are ignored.
        file: the name of the file, for the result and for errors.

    Raises:
        RunError: an entry is missing or malformed.
    """
    try:
        return decode(TrainingRun, {**record, "group": record["tasks"], "file": file})
    except KeyError as error:
        raise RunError(f"'{file}' does not tell how it was trained: there is no '{error.args[0]}'") from error
    except (TypeError, OverflowError, GridsError) as error:
        raise RunError(f"'{file}' does not tell how it was trained: {error}") from error
