"""`grids train-descriptor`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from grids.commands import options, values
from grids.commands.options import declared, shared
from grids.commands.train import print_training, run_training
from grids.commands.training_options import DATA, TRAINING, RunOptions


@dataclass(frozen=True)
class DescriptorOptions:
    """How a descriptor is trained, as in `TrainingConfig`; None for the value of `DESCRIPTOR_CONFIG`."""

    iterations: int | None = declared(type=int, help="Steps.  [default: 20000]")
    crop: int | None = declared(type=int, help="Side of the crops before downsampling, pixels.  [default: 96]")
    batch: int | None = declared(type=int, help="Crops per step.  [default: 16]")
    learning_rate: float | None = declared(type=float, help="Peak learning rate.  [default: 0.0002]")
    precision: str | None = shared(options.precision)


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@options.record("training", DescriptorOptions, TRAINING)
@options.record("run", RunOptions, TRAINING)
@options.section(TRAINING)
@options.resume
@options.section(DATA)
@options.val
@options.section("Output")
@options.weights_file("runs/descriptor/descriptor.safetensors")
@options.as_json("Print the record of the training instead of a table.")
@options.reading
@options.seed
def train_descriptor(
    images: tuple[str, ...],
    training: DescriptorOptions,
    run: RunOptions,
    val: tuple[str, ...],
    out: Path,
    resume: bool,
    as_json: bool,
    reading: options.Reading,
    seed: int,
) -> None:
    """Train a descriptor of your own on IMAGES: an SRResNet for x4 super-resolution, for `grids similarity`.

    IMAGES are folders (with all below them), files, or the word `builtin` (the default), best many and clean ones.

    \b
    Examples:
      grids train-descriptor photos/ --time-budget 2h
      grids similarity photos/ --descriptor runs/descriptor/descriptor.safetensors
    """
    from grids.pipeline import train as pipeline

    reading.use_threads()
    train_this = partial(
        pipeline.train_descriptor,
        values.chosen_images(images),
        config=replace(pipeline.DESCRIPTOR_CONFIG, **values.given(**vars(training), seed=seed)),
        val=values.chosen_images(val),
        out=out,
        resume=resume,
    )
    report = run_training(train_this, out, run, reading)
    print_training(report, out, "bicubic", as_json, reading)
    if not as_json:
        reading.say(f"use it   grids similarity --descriptor {out}")
    reading.count_skipped()
