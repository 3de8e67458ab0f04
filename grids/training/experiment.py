"""One restorer: what it is trained with, its training, and what its file says of it."""

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
    """What restorers are trained with and measured on; each training adds a group of the tasks and a repetition.

    Args:
        tasks: all of them, in the order of the similarity matrix.
        photographs: to learn from.
        validation: to measure on, with crops for every task.
        network: a preset of `grids.networks.TABLE`.
        config: the settings of every restorer.
        maker: makes the systems that their networks are trained in.
        start: weights that all restorers start from; None for weights drawn from the seed.
        start_sha256: the checksum of these, which goes into keys and records; "" for None.
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
        """The names of a group in the order of the tasks.

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
        """All that determines a restorer: a training whose parts are equal need not be done again.

        Args:
            group: names of its tasks, one at least, in any order.
            repeat: the number of the repetition, from 0.
            device: its kind counts, and the precision that "auto" stands for on it.

        Returns:
            values that JSON can hold: checksums of the tasks, photographs, validation crops and start, the network with
            the shapes of its weights, the settings.

        Raises:
            GridsError: no task or an unknown one is named, fp16 is asked for without an NVIDIA GPU, or the network is
                unknown or of another scale than the tasks.
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
        """The step after which a restorer is measured half way, where trainings may be stopped early.

        Args:
            group: its tasks; only their number counts.

        Returns:
            half of its steps, rounded, at least 1.
        """
        return max(1, round(self.config.steps(len(group)) / 2))

    def make_system(self, group: tuple[str, ...], seed: int) -> System:
        """What is trained for a group, before its first step.

        Args:
            group: names of its tasks. The numbers of a batch's tasks follow this order.
            seed: of the weights that are drawn, and of the model's settings.

        Returns:
            a new system on the CPU, its weights drawn from the seed, or those of `start`.

        Raises:
            GridsError: the network is of another scale than the tasks, or the crop is not for the recipe's critic.
            WeightsError: the start or the trunk is not of this network, or the start lacks the head of a task.
        """
        network = initialize(self.network, seed, self._task(group[0]).scale, group, self.maker.options)
        system = self.maker.make(network, group, self.config.of_model(len(group), seed))
        if self.start is not None:  # after `make`, which may give the trunk weights
            load_start(network, self.start)
            system.started()
        return system

    def check_system(self) -> None:
        """See that the system of all tasks can be made, before anything is trained: it is made once and dropped.

        It takes the time and memory that making the network takes.

        Raises:
            GridsError: as for `make_system`.
        """
        self.make_system(tuple(task.name for task in self.tasks), 0)

    def make_batches(self, group: Sequence[str], seed: int, device: torch.device) -> Batches:
        """The batches that a restorer learns from, made as they are asked for.

        Args:
            group: names of its tasks, in the order in which its system counts them.
            seed: of crops, tasks and degradations; equal seeds give all groups the same crops.
            device: where the crops are degraded, and where the batches lie.

        Raises:
            GridsError: the sampler is wrong.
        """
        config, tasks = self.config, [self._task(name) for name in group]
        return Batches(tasks, self.photographs, config.crop, config.batch, seed, device, config.sampler, config.data)

    def key(self, group: Iterable[str], repeat: int, device: torch.device) -> str:
        """All that determines a restorer (`parts`) as one checksum: what has the same key need not be trained again.

        Args:
            group: names of its tasks, one at least, in any order.
            repeat: the number of the repetition, from 0.
            device: its kind counts.

        Returns:
            a SHA-256, 64 hexadecimal digits.

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
    """Train one restorer, from its start or from its checkpoint, and write it into a file.

    It is measured after a quarter, half and all of its steps (`CHECKS`). The file is written once, at the end.

    Args:
        experiment: what to train with.
        group: names of the tasks, in the order of the experiment.
        repeat: the number of the repetition, from 0: its seed is that of the settings plus this.
        file: where the weights and their record go; its folder must exist.
        checkpointing: its checkpoint is removed at the end. Its identity is not used: the key of the training takes its
            place.
        name: of the file, in the record; relative to the run folder.
        device: where the training is done.
        stop: called after every measurement but the last; a text that is not empty ends the training, and says why.
        callbacks: hears of the training, but for its end; None for nobody.

    Returns:
        the learning curve on the validation crops, the seconds, and where the weights are.

    Raises:
        RunError: the file's folder is gone, the file cannot be written, or the checkpoint is of another training.
        OutOfTimeError: the deadline has passed.
        GridsError: the training fails, as `grids.training.trainer.train` says.
        KeyboardInterrupt: Ctrl-C or SIGTERM; where it came after the last step, the file is written before.
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
    if not file.parent.is_dir():  # a folder made anew would hold a restorer without its settings
        raise RunError(f"cannot write '{file}': its folder was moved or deleted meanwhile")
    run = TrainingRun(group, repeat, tuple(result.curve), result.seconds, result.stopped, name, saved)
    save_restorer(file, result.network, record_of(run, experiment, key))
    if checkpointing.file is not None:
        with contextlib.suppress(OSError):
            checkpointing.file.unlink(missing_ok=True)
    if result.interrupted:  # after the last step: the restorer comes first
        raise result.interrupted
    return run


def record_of(run: TrainingRun, experiment: Experiment, key: str) -> dict[str, Any]:
    """What the file of a restorer says of it, beside the weights.

    Args:
        run: the finished training.
        experiment: what it was trained with.
        key: the checksum of all that determines it (`Experiment.key`).

    Returns:
        values that JSON can hold: preset, tasks, settings, learning curve and more. `run_of` reads them back.
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
    """The training that the record of a restorer's file tells of: the inverse of `record_of`.

    Args:
        record: what the file says; entries that a training does not have are passed over.
        file: its name, for the result and for errors.

    Raises:
        RunError: an entry is missing or of the wrong form.
    """
    try:
        return decode(TrainingRun, {**record, "group": record["tasks"], "file": file})
    except KeyError as error:
        raise RunError(f"'{file}' does not tell how it was trained: there is no '{error.args[0]}'") from error
    except (TypeError, OverflowError, GridsError) as error:
        raise RunError(f"'{file}' does not tell how it was trained: {error}") from error
