"""What restorers start from: weights of a file or of the package, of a restorer that is trained first, or none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from grids import weights
from grids.errors import GridsError
from grids.networks import preset
from grids.pipeline.experiments import SCRATCH, TrainingSettings
from grids.restoration.models import read_record, start_weights
from grids.training.callbacks import Callbacks
from grids.training.evaluator import TrainingEvaluator
from grids.training.experiment import Experiment
from grids.training.pair_settings import PRISTINE
from grids.weights import sha256

MIX = "mix"
"""The folder of the restorer for all tasks that others start from."""
OTHER_SEED = 0x5EED
LONGER = 4
"""A restorer for all tasks that begins with random weights gets so many times the steps of the others."""
RATE = 1e-3
"""Its learning rate is at least this, where its network bears that."""


@dataclass(frozen=True)
class Start:
    """What restorers start from.

    Args:
        state: common weights by name; None where each restorer starts from random weights of its own.
        sha256: a checksum of what determines them; "" for None.
        words: what they are, for reports.
        seconds: spent training them.
    """

    state: Mapping[str, Tensor] | None
    sha256: str
    words: str
    seconds: float = 0.0


def check_system(settings: TrainingSettings, experiment: Experiment) -> None:
    """Check, before anything is written, that a start, a trunk and a crop fit the network.

    Args:
        settings: of the trainings.
        experiment: made of them; its network is built once.

    Raises:
        GridsError: one of them is not for the network, or a file cannot be read.
    """
    if settings.start not in (None, SCRATCH):
        experiment = replace(experiment, start=start_weights(settings.start, settings.network))
    experiment.check_system()


def start_of(
    experiment: Experiment,
    settings: TrainingSettings,
    folder: Path,
    device: torch.device,
    deadline: float,
    callbacks: Callbacks,
) -> Start:
    """Get the start that the settings ask for; a restorer for all tasks is trained now, or read from the run folder.

    Args:
        experiment: what is trained with, without a start.
        settings: `start` is "scratch", a file, or None: for the weights that ship, where they restore all these tasks,
            and otherwise for a restorer for all tasks that is trained first (from the weights that ship, if they are
            for this network, or from random ones for four times as long).
        folder: the run folder; that restorer lies in its sub-folder mix.
        device: where it is trained.
        deadline: `time.monotonic()` after which the training is broken off, with a checkpoint.
        callbacks: told of the training.

    Raises:
        GridsError: the file cannot be used, or the training fails.
        OutOfTimeError: the deadline has passed.
    """
    if settings.start == SCRATCH:
        return Start(None, "", "from scratch")
    if settings.start is not None:
        file = Path(settings.start)
        state = start_weights(file, settings.network)
        return Start(state, sha256(file), f"from the weights in '{file.name}'")
    if (covering := covering_start(settings, [task.name for task in experiment.tasks])) is not None:
        return Start(start_weights(covering, experiment.network), sha256(covering), "from the weights that ship")
    # crops of its own: the restorer for all tasks would else see the start's again, and the others new ones
    config = replace(experiment.config, seed=experiment.config.seed ^ OTHER_SEED)
    shipped, rate = shipped_start(experiment.network), config.learning_rate
    if settings.recipe is None:  # the rate of a paper is the paper's
        rate = max(rate, min(RATE, preset(experiment.network).rate))
    if shipped is None:
        longer = replace(config, iterations=LONGER * config.iterations, learning_rate=rate)
        first = replace(experiment, config=longer)
        origin = "from scratch"
    else:
        first = replace(
            experiment, config=config, start=start_weights(shipped, experiment.network), start_sha256=sha256(shipped)
        )
        origin = "from the weights that ship"
    trained = TrainingEvaluator(
        first, folder / MIX, device=device, deadline=deadline, every=settings.every, callbacks=callbacks
    )
    run = trained.run(trained.names)
    file = folder / MIX / run.file
    words = f"from a restorer for all tasks ({first.config.steps(len(trained.names))} steps {origin})"
    return Start(start_weights(file, experiment.network), _digest(file), words, run.seconds)


def covering_start(settings: TrainingSettings, names: Collection[str]) -> Path | None:
    """Find a restorer for all tasks that needs no training: the one that ships, where it was trained for all of them.

    Args:
        settings: of the trainings; those of a recipe have their own.
        names: of the tasks.

    Returns:
        The file; None where the settings name a start, or none ships for this network, these tasks and this kind of
        data.
    """
    if settings.start is not None or settings.recipe is not None:
        return None
    file = shipped_start(settings.network)
    record = None if file is None else read_record(file)
    if record is None or not set(names) <= set(record["tasks"]):
        return None
    learnt_from = record["recipe"].get("data", {}).get("name", PRISTINE.name)
    return file if learnt_from == settings.config.data.name else None


def start_steps(settings: TrainingSettings, names: Collection[str]) -> int:
    """How many steps it takes to train what all others start from.

    Args:
        settings: of the trainings.
        names: of the tasks.

    Returns:
        optimizer steps; 0 where nothing is to be trained.
    """
    if settings.start is not None or covering_start(settings, names) is not None:
        return 0
    return (1 if shipped_start(settings.network) else LONGER) * settings.config.steps(len(names))


def shipped_start(network: str) -> Path | None:
    """Find the restorer for all tasks that ships for a network.

    Args:
        network: a preset of `grids.networks.TABLE`.

    Returns:
        The file, its checksum verified; None where none ships for this network.

    Raises:
        WeightsError: the file is missing from the installation, or was changed.
    """
    for name, entry in weights.manifest().items():
        if entry.get("start_for") == network:
            return weights.builtin(name)
    return None


def _digest(file: Path) -> str:
    """What determines the weights of a file that was trained here: the file itself holds the time it took."""
    record = read_record(file)
    if record is None:
        raise GridsError(f"'{file}' does not tell how it was trained")
    return str(record["key"])
