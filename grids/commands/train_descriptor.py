"""`grids train-descriptor`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from grids.commands import options, values
from grids.commands.train import print_training, run_training
from grids.commands.training_options import RunOptions


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@options.section("Training")
@click.option("--iterations", type=int, help="Steps.  [default: 20000]")
@click.option("--crop", type=int, help="Side of the crops before they are reduced, pixels.  [default: 96]")
@click.option("--batch", type=int, help="Crops in a step.  [default: 16]")
@click.option("--learning-rate", type=float, help="At its peak.  [default: 0.0002]")
@options.precision
@options.record("run", RunOptions, "Training")
@options.resume
@options.section("Data")
@options.val
@options.section("Output")
@options.weights_file("runs/descriptor/descriptor.safetensors")
@options.as_json("Print the record of the training instead of a table.")
@options.reading
@options.seed
def train_descriptor(
    images: tuple[str, ...],
    iterations: int | None,
    crop: int | None,
    batch: int | None,
    learning_rate: float | None,
    precision: str | None,
    run: RunOptions,
    val: tuple[str, ...],
    out: Path,
    resume: bool,
    as_json: bool,
    reading: options.Reading,
    seed: int,
) -> None:
    """Train a descriptor of your own on IMAGES: an SRResNet for x4 super-resolution, for `grids similarity`.

    IMAGES are folders (with all below them), files, or the word `builtin` (the default); many and clean ones are best.

    \b
    Examples:
      grids train-descriptor photos/ --time-budget 2h
      grids similarity photos/ --descriptor runs/descriptor/descriptor.safetensors
    """
    from grids.pipeline import train as pipeline

    reading.use_threads()
    changes = values.given(
        iterations=iterations, crop=crop, batch=batch, learning_rate=learning_rate, precision=precision, seed=seed
    )
    train_this = partial(
        pipeline.train_descriptor,
        values.chosen_images(images),
        config=replace(pipeline.DESCRIPTOR_CONFIG, **changes),
        val=values.chosen_images(val),
        out=out,
        resume=resume,
    )
    report = run_training(train_this, out, run, reading)
    print_training(report, out, "bicubic", as_json, reading)
    if not as_json:
        reading.say(f"use it   grids similarity --descriptor {out}")
    reading.count_skipped()
