"""`grids train` and `grids train-descriptor`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.options import (
    PAIRS,
    PLUGIN,
    changes_of,
    chosen_images,
    chosen_tasks,
    count_skipped,
    named_pairs,
    say,
    seconds_of,
    skipper,
)
from grids.commands.systems import start_of, system_of
from grids.commands.training import Steps
from grids.images import ReadOptions, Skipped
from grids.pipeline.experiments import RunControl, TrainingSettings
from grids.pipeline.inputs import TaskSources
from grids.pipeline.train import DESCRIPTOR_RECIPE, train_descriptor, train_restorer
from grids.reports.scores import restorer_text
from grids.reports.training import below_text
from grids.results import TrainingReport

INPUT = "input"


def train(images: tuple[str, ...], **options: Any) -> None:
    """`grids train`."""
    out: Path = options["out"] or Path("runs/train/model.safetensors")
    tasks = TaskSources(
        chosen_tasks(options["tasks"]),
        named_pairs(options["plugins"], "--degradation", PLUGIN),
        named_pairs(options["pairs"], "--pairs", PAIRS),
    )
    settings = TrainingSettings(
        **system_of(options, "standard"),
        start=start_of(options),
        **{name: options[name] for name in ("vgg", "trunk", "topology")},
    )
    _run(lambda **rest: train_restorer(chosen_images(images), tasks, settings, **rest), out, options, INPUT)


def descriptor(images: tuple[str, ...], **options: Any) -> None:
    """`grids train-descriptor`."""
    out: Path = options["out"] or Path("runs/descriptor/descriptor.safetensors")
    config = replace(DESCRIPTOR_RECIPE, seed=options["seed"], **changes_of(options))
    _run(lambda **rest: train_descriptor(chosen_images(images), config=config, **rest), out, options, "bicubic")
    say({"quiet": options["quiet"] or options["as_json"]}, f"use it   grids similarity --descriptor {out}")


def _run(training: Callable[..., TrainingReport], out: Path, options: dict[str, Any], before: str) -> None:
    """Train with a bar, say how to go on where that is broken off, and print what came of it."""
    devices.use_threads(options["jobs"])
    skipped: list[Skipped] = []
    try:
        with Steps(options["quiet"], options["log"]) as steps:
            report = training(
                val=chosen_images(options["val"]) if options["val"] else None,
                out=out,
                resume=options["resume"],
                reading=ReadOptions(options["max_pixels"], skipper(skipped)),
                control=RunControl(
                    options["device"],
                    seconds_of(options["time_budget"]) if options["time_budget"] else math.inf,
                    steps,
                ),
            )
    except KeyboardInterrupt as interrupt:
        if out.with_suffix(".ckpt").exists():
            kept = "interrupted: what was learnt is kept; the same command goes on from there"
            raise click.Abort(kept) from interrupt  # click would make a bare one of KeyboardInterrupt
        raise
    if options["as_json"]:
        click.echo(json.dumps(report.to_json()))
    elif not options["quiet"]:
        click.echo(restorer_text(report, before))
        click.echo(f"weights  {out}")
    if before == INPUT and not options["quiet"] and (below := below_text(report)):
        click.echo(f"warning: {below}", err=True)
    count_skipped(skipped)
