"""Training one network alone: a restorer of some tasks, or a descriptor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from grids import __version__, devices
from grids.errors import RunError
from grids.images import MAX_PIXELS, Skipped
from grids.io import make_folder
from grids.pipeline.dry_run import step_seconds
from grids.pipeline.experiments import SCRATCH, check_batches, check_start, make_tasks, split_photographs
from grids.pipeline.run_folder import keep_settings
from grids.pipeline.similarity import Images, Plugin
from grids.pipeline.warm_start import shipped_start
from grids.reports.training import time_text
from grids.restoration.models import check_scale, read_record, start_weights
from grids.results import TrainingReport, TrainingRun
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment, run_of, train_experiment
from grids.training.fabric import check_precision
from grids.training.pair_settings import PRISTINE
from grids.training.recipes import Extras, get_recipe, resolve_config
from grids.training.systems.makers import prepare_maker
from grids.training.tasks import Reduced, Task
from grids.training.trainer import OutOfTimeError
from grids.training.validation import Validation
from grids.weights import sha256

DESCRIPTOR = "srresnet-x4"
DESCRIPTOR_RECIPE = TrainingConfig(
    iterations=20_000, crop=96, batch=16, learning_rate=2e-4, average=0.999, data=PRISTINE
)
SUFFIX = ".safetensors"
ESTIMATED = 100
"""For so many steps it is said beforehand how long they take."""
SETTINGS = ".training.json"  # not .json: beside groups.safetensors lies a groups.json of its own


def train_restorer(
    images: Images = None,
    tasks: Sequence[str] | None = None,
    *,
    network: str | None = None,
    config: TrainingConfig | None = None,
    recipe: str | None = None,
    vgg: str | Path | None = None,
    trunk: str | Path | None = None,
    topology: str | None = None,
    val: Images | None = None,
    functions: Mapping[str, Plugin] | None = None,
    pairs: Mapping[str, str] | None = None,
    start: str | Path | None = None,
    out: str | Path = "runs/train/model.safetensors",
    resume: bool = False,
    time_budget: float = math.inf,
    device: str = "auto",
    max_pixels: int = MAX_PIXELS,
    on_skip: Callable[[Skipped], None] | None = None,
    callbacks: Callbacks | None = None,
) -> TrainingReport:
    """Train one restorer for some tasks. Source: GRIDS, section 5.3.

    A training that was broken off goes on by itself, and one that is finished is read, where the settings are the same.

    Args:
        images: photographs to learn from: a folder, files, or None or "builtin".
        tasks: names of degradations, functions and pairs; None for the eleven (or those of the system) and whatever
            else is given.
        network: a preset of `grids.networks.TABLE`; None for "unet", or the small one of the system.
        config: the settings; `grids.training.recipes.resolve_config` makes those of --budget.
        recipe: a recipe of `grids.training.recipes.TABLE`: its network, tasks, batches and losses; None for one network
            and one loss.
        vgg, trunk, topology: for the system, see `grids.training.recipes.Extras`.
        val: photographs to measure on; None keeps one of five of `images` for that.
        functions, pairs: further tasks, see `grids.pipeline.experiments.make_tasks`.
        start: a file of weights to start from, or "scratch" for weights drawn from the seed; None for the weights that
            ship for the network, if there are any (a recipe's networks have none).
        out: the file of the restorer; its settings and its checkpoint lie beside it, as .training.json and .ckpt.
        resume: an error where there is nothing to go on with.
        time_budget: seconds.
        device: "auto", "cpu", "cuda" or "mps".
        max_pixels, on_skip: of reading photographs.
        callbacks: hears of the training.

    Returns:
        its one run, and what it reaches on the validation crops; the weights are in the file.

    Raises:
        GridsError: a name, value or file is wrong, or `out` is there with other settings.
        OutOfTimeError: the time is over; the same call goes on.
    """
    deadline = time.monotonic() + time_budget
    hears = callbacks or NullCallbacks()
    network, settings = resolve_config(recipe, network=network)
    used = config or settings
    file = _target(out)
    check_scale(network)
    where = devices.resolve(device)
    check_precision(where, used.precision)  # a precision that the device lacks is said before photographs are read
    if tasks is None and recipe is not None:
        tasks = (*get_recipe(recipe).tasks, *(functions or {}), *(pairs or {}))
    chosen = make_tasks(tasks, functions, pairs, least=used.crop)
    names = tuple(task.name for task in chosen)
    said: list[str] = []  # and told once nothing is wrong
    extras = Extras(_path(vgg), _path(trunk), topology, said.append)
    maker = prepare_maker(recipe, network, names, extras)
    check_start(None if start == SCRATCH else start, trunk)
    shipped = shipped_start(network) if start is None and recipe is None else None
    source = None if start == SCRATCH else shipped if start is None else Path(start)
    first = None if source is None else start_weights(source, network, maker.options)
    digest = "" if source is None else sha256(source)
    experiment = _experiment(chosen, images, val, network, used, max_pixels, on_skip, recipe)
    experiment = replace(experiment, maker=maker, start=first, start_sha256=digest)
    run = _train(experiment, file, where, resume, deadline, hears, said)
    words = "from scratch" if source is None else f"from the weights in '{source.name}'"
    return _report(experiment, run, where, "from the weights that ship" if shipped is not None else words, None)


def train_descriptor(
    images: Images = None,
    *,
    config: TrainingConfig | None = None,
    val: Images | None = None,
    out: str | Path = "runs/descriptor/descriptor.safetensors",
    resume: bool = False,
    time_budget: float = math.inf,
    device: str = "auto",
    max_pixels: int = MAX_PIXELS,
    on_skip: Callable[[Skipped], None] | None = None,
    callbacks: Callbacks | None = None,
) -> TrainingReport:
    """Train a descriptor: an SRResNet for x4 super-resolution of clean photographs. Source: GRIDS, section 4.1.

    `measure_similarity` takes the file as its `descriptor`. Args and errors are those of `train_restorer`.

    Returns:
        its one run, of the task "x4"; the inputs of the report are those of bicubic enlargement.
    """
    deadline = time.monotonic() + time_budget
    used = config or DESCRIPTOR_RECIPE
    file = _target(out)
    where = devices.resolve(device)
    check_precision(where, used.precision)
    task = Reduced()
    experiment = _experiment([task], images, val, DESCRIPTOR, used, max_pixels, on_skip)
    run = _train(experiment, file, where, resume, deadline, callbacks or NullCallbacks())
    bicubic = nn.Upsample(scale_factor=task.scale, mode="bicubic")
    return _report(experiment, run, where, "from scratch", bicubic)


def _path(file: str | Path | None) -> Path | None:
    return None if file is None else Path(file)


def _target(out: str | Path) -> Path:
    file = Path(out)
    if file.is_dir():
        raise RunError(f"weights are written to a file, but '{out}' is a folder")
    if file.suffix != SUFFIX:
        raise RunError(f"weights are written to a file that ends in {SUFFIX}, not to '{out}'")
    return file


def _experiment(
    tasks: Sequence[Task],
    images: Images,
    val: Images | None,
    network: str,
    config: TrainingConfig,
    max_pixels: int,
    on_skip: Callable[[Skipped], None] | None,
    recipe: str | None = None,
) -> Experiment:
    learnt, measured = split_photographs(images, val, config.crop, max_pixels=max_pixels, on_skip=on_skip)
    check_batches(config, tasks, learnt, recipe)
    return Experiment(tasks, learnt, Validation(tasks, measured), network, config)


def _train(
    experiment: Experiment,
    file: Path,
    device: torch.device,
    resume: bool,
    deadline: float,
    callbacks: Callbacks,
    said: Sequence[str] = (),
) -> TrainingRun:
    """The training behind a file: finished earlier, gone on with, or begun; `said` is what to tell of it then."""
    names = tuple(task.name for task in experiment.tasks)
    checkpoint, settings = file.with_suffix(".ckpt"), file.with_suffix(SETTINGS)
    wanted = {"names": list(names), **experiment.parts(names, 0, device)}
    record = read_record(file)
    if record is not None and record.get("key") == experiment.key(names, 0, device):
        run = run_of(record, file.name)
        callbacks.finished(run, True)
        return run
    there = next((path for path in (file, checkpoint) if path.exists()), None)
    if there is None and resume:
        raise RunError(f"there is nothing to resume: neither '{file}' nor '{checkpoint}' exists")
    experiment.check_system()  # before anything is written
    make_folder(file.parent)
    keep_settings(settings, wanted, there, "another --out")
    for text in said:
        callbacks.say(text)
    if there is None and (steps := experiment.config.steps(len(names))) >= ESTIMATED:
        each = step_seconds(experiment, device, names)
        callbacks.say(f"{steps} steps of {1000 * each:.0f} ms: about {time_text(steps * each)} on this machine")
    try:
        run = train_experiment(
            experiment,
            names,
            0,
            file,
            Checkpointing(checkpoint, deadline=deadline),
            name=file.name,
            device=device,
            callbacks=callbacks,
        )
    except OutOfTimeError as error:
        raise OutOfTimeError(f"{error}: the same command goes on from there") from error
    callbacks.finished(run, False)
    return run


def _report(
    experiment: Experiment, run: TrainingRun, device: torch.device, start: str, before: nn.Module | None
) -> TrainingReport:
    validation = experiment.validation
    return TrainingReport(
        network=experiment.network,
        start=start,
        settings={
            "iterations": experiment.config.iterations,
            "steps_per": experiment.config.steps_per,
            "photographs": len(experiment.photographs),
            "photographs_sha256": experiment.photographs.digest,
            "validation_crops": validation.count,
            "validation_side": validation.side,
            "validation_sha256": validation.digest,
            "start_sha256": experiment.start_sha256,
            "device": device.type,
            "recipe": experiment.config.to_json(),
            "grids_version": __version__,
        },
        inputs=validation.psnr(before, run.group, "cpu"),
        inputs_saved=validation.psnr(before, run.group, "cpu", saved=True),
        runs=(run,),
    )
