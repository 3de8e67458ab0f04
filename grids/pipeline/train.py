"""Training one network alone: a restorer of some tasks, or a descriptor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from grids import devices
from grids.errors import RunError
from grids.images import ReadOptions
from grids.pipeline.dry_run import step_seconds
from grids.pipeline.experiments import SCRATCH, RunControl, TrainingSettings, experiment_of, make_experiment
from grids.pipeline.inputs import Images, Tasks, TaskSources
from grids.pipeline.run_folder import RunFolder
from grids.pipeline.run_report import collect_settings
from grids.pipeline.targets import check_targets
from grids.pipeline.warm_start import shipped_start
from grids.reports.text import time_text
from grids.restoration.models import check_scale, read_record, start_weights
from grids.results import TrainingReport, TrainingRun
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment, run_of, train_experiment
from grids.training.fabric import check_precision
from grids.training.pair_settings import PRISTINE
from grids.training.tasks import Reduced
from grids.weights import sha256

DESCRIPTOR = "srresnet-x4"
DESCRIPTOR_CONFIG = TrainingConfig(
    iterations=20_000, crop=96, batch=16, learning_rate=2e-4, average=0.999, data=PRISTINE
)
SUFFIX = ".safetensors"
ESTIMATED = 100
"""For so many steps it is said beforehand how long they take."""


def train_restorer(
    images: Images = None,
    tasks: Tasks = None,
    settings: TrainingSettings | None = None,
    *,
    val: Images | None = None,
    out: str | Path = "runs/train/model.safetensors",
    resume: bool = False,
    reading: ReadOptions | None = None,
    control: RunControl | None = None,
) -> TrainingReport:
    """Train one restorer for some tasks. Source: GRIDS, section 5.3.

    A training that was broken off goes on by itself, and one that is finished is read, where the settings are the same.

    Args:
        images: photographs to learn from: a folder, files, or None or "builtin".
        tasks: what to restore, names or `TaskSources`; None for the eleven, or those of the recipe.
        settings: the network, its hyperparameters, what it starts from, and the paper's recipe, if any;
            `TrainingSettings.by_recipe()` if None. What is said there of groups does not matter.
        val: photographs to measure on; None keeps one of five of `images` for that.
        out: the file of the restorer; its settings and its checkpoint lie beside it, as .training.json and .ckpt.
        resume: an error where there is nothing to go on with.
        reading: how photographs are read.
        control: device, time and callbacks.

    Returns:
        its one run, and what it reaches on the validation crops; the weights are in the file.

    Raises:
        GridsError: a name, value or file is wrong, `out` is there with other settings, or another process trains it.
        OutOfTimeError: the time is over; the same call goes on.
    """
    used, control = settings or TrainingSettings.by_recipe(), control or RunControl()
    check_scale(used.network)
    with _training(out, used, control) as training:
        said: list[str] = []  # and told once nothing is wrong
        sources = TaskSources.of(tasks)
        experiment = make_experiment(images, val, sources, used, reading, single=True, say=said.append)
        shipped = shipped_start(used.network) if used.start is None and used.recipe is None else None
        source = shipped if used.start is None else None if used.start == SCRATCH else Path(used.start)
        words = "from scratch"
        if source is not None:
            state = start_weights(source, used.network, experiment.maker.options)
            experiment = replace(experiment, start=state, start_sha256=sha256(source))
            words = "from the weights that ship" if shipped is not None else f"from the weights in '{source.name}'"
        run = training.run(experiment, resume, said)
    return _report(experiment, run, training.device, words, None)


def train_descriptor(
    images: Images = None,
    *,
    config: TrainingConfig | None = None,
    val: Images | None = None,
    out: str | Path = "runs/descriptor/descriptor.safetensors",
    resume: bool = False,
    reading: ReadOptions | None = None,
    control: RunControl | None = None,
) -> TrainingReport:
    """Train a descriptor: an SRResNet for x4 super-resolution of clean photographs. Source: GRIDS, section 4.1.

    `measure_similarity` takes the file as its `descriptor`. Args and errors are those of `train_restorer`.

    Args:
        images, val, out, resume, reading, control: as for `train_restorer`.
        config: the hyperparameters; None for `DESCRIPTOR_CONFIG`, 20,000 steps of 16 crops of 96 pixels.

    Returns:
        its one run, of the task "x4"; the inputs of the report are those of bicubic enlargement.
    """
    used, task = TrainingSettings(DESCRIPTOR, config or DESCRIPTOR_CONFIG, SCRATCH), Reduced()
    with _training(out, used, control or RunControl()) as training:
        experiment = experiment_of([task], images, val, used, reading)
        run = training.run(experiment, resume)
    bicubic = nn.Upsample(scale_factor=task.scale, mode="bicubic")
    return _report(experiment, run, training.device, "from scratch", bicubic)


@contextlib.contextmanager
def _training(out: str | Path, settings: TrainingSettings, control: RunControl) -> Iterator[_Training]:
    """The training behind a file; inside, no other process works on it."""
    deadline = time.monotonic() + control.time_budget
    file = Path(out)
    if file.is_dir():
        raise RunError(f"weights are written to a file, but '{out}' is a folder")
    if file.suffix != SUFFIX:
        raise RunError(f"weights are written to a file that ends in {SUFFIX}, not to '{out}'")
    device = devices.resolve(control.device)
    check_precision(device, settings.config.precision)  # said before photographs are read
    folder = RunFolder.of_model(file)
    starts = (settings.start if settings.start != SCRATCH else None, settings.vgg, settings.trunk)
    check_targets([file, folder.settings, folder.checkpoint], starts)
    with folder.working():
        yield _Training(file, folder, device, deadline, control)


@dataclass(frozen=True)
class _Training:
    """A file of weights, and where, how long and with which callbacks they are trained."""

    file: Path
    folder: RunFolder
    device: torch.device
    deadline: float
    control: RunControl

    def run(self, experiment: Experiment, resume: bool, said: Sequence[str] = ()) -> TrainingRun:
        """The training: finished earlier, gone on with, or begun; `said` is what to tell of it then."""
        names = tuple(task.name for task in experiment.tasks)
        hears, checkpoint = self.control.callbacks, self.folder.checkpoint
        record = read_record(self.file)
        if record is not None and record.get("key") == experiment.key(names, 0, self.device):
            run = run_of(record, self.file.name)
            hears.finished(run, True)
            return run
        there = self.folder.made
        if there is None and resume:
            raise RunError(f"there is nothing to resume: neither '{self.file}' nor '{checkpoint}' exists")
        experiment.check_system()  # before anything is written
        self.folder.keep({"names": list(names), **experiment.parts(names, 0, self.device)})
        for text in said:
            hears.say(text)
        if there is None and (steps := experiment.config.steps(len(names))) >= ESTIMATED:
            each = step_seconds(experiment, self.device, names)
            hears.say(f"{steps} steps of {1000 * each:.0f} ms: about {time_text(steps * each)} on this machine")
        run = train_experiment(
            experiment,
            names,
            0,
            self.file,
            Checkpointing(checkpoint, deadline=self.deadline),
            name=self.file.name,
            device=self.device,
            callbacks=hears,
        )
        hears.finished(run, False)
        return run


def _report(
    experiment: Experiment, run: TrainingRun, device: torch.device, start: str, before: nn.Module | None
) -> TrainingReport:
    validation = experiment.validation
    return TrainingReport(
        network=experiment.network,
        start=start,
        settings=collect_settings(experiment, device, start_sha256=experiment.start_sha256),
        inputs=validation.psnr(before, run.group, "cpu"),
        inputs_saved=validation.psnr(before, run.group, "cpu", saved=True),
        runs=(run,),
    )
