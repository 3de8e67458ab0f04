"""`grids train` and `grids train-descriptor`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

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
from grids.commands.systems import system_of
from grids.images import Skipped
from grids.pipeline.train import DESCRIPTOR_RECIPE, train_descriptor, train_restorer
from grids.reports.scores import restorer_text
from grids.results import TrainingReport, TrainingRun
from grids.training.lesson import Silent


class Steps(Silent):
    """A bar over the steps of one training, on stderr; lines where it goes on or was done before."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._total = 0
        self._bar: Any = None

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        self._total = steps

    def step(self, done: int) -> None:
        if self._bar is None:
            if done > 1:
                self.say(f"going on after {done - 1} of {self._total} steps")
            # disable=None shows no bar where stderr is not a terminal
            off = True if self.quiet else None
            self._bar = tqdm(
                total=self._total, initial=done - 1, unit="step", disable=off, leave=False, file=sys.stderr
            )
        self._bar.update(done - self._bar.n)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        self.close()
        if reused:
            self.say("trained before with these settings: nothing to do")

    def say(self, text: str) -> None:
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def train(images: tuple[str, ...], **options: Any) -> None:
    """`grids train`."""
    out: Path = options["out"] or Path("runs/train/model.safetensors")
    given = {
        "tasks": chosen_tasks(options["tasks"]),
        **system_of(options),
        **{name: options[name] for name in ("vgg", "trunk", "topology")},
        "functions": named_pairs(options["plugins"], "--degradation", PLUGIN),
        "pairs": named_pairs(options["pairs"], "--pairs", PAIRS),
        "start": options["start"],
    }
    _run(lambda **rest: train_restorer(chosen_images(images), **given, **rest), out, options, "input")


def descriptor(images: tuple[str, ...], **options: Any) -> None:
    """`grids train-descriptor`."""
    out: Path = options["out"] or Path("runs/descriptor/descriptor.safetensors")
    recipe = replace(DESCRIPTOR_RECIPE, seed=options["seed"], **changes_of(options))
    _run(lambda **rest: train_descriptor(chosen_images(images), recipe=recipe, **rest), out, options, "bicubic")
    say({"quiet": options["quiet"] or options["as_json"]}, f"use it   grids similarity --descriptor {out}")


def _run(training: Callable[..., TrainingReport], out: Path, options: dict[str, Any], before: str) -> None:
    """Train with a bar, say how to go on where that is broken off, and print what came of it."""
    devices.use_threads(options["jobs"])
    skipped: list[Skipped] = []
    steps = Steps(options["quiet"])
    try:
        report = training(
            val=chosen_images(options["val"]) if options["val"] else None,
            out=out,
            resume=options["resume"],
            time_budget=seconds_of(options["time_budget"]) if options["time_budget"] else math.inf,
            device=options["device"],
            max_pixels=options["max_pixels"],
            on_skip=skipper(skipped),
            listener=steps,
        )
    except KeyboardInterrupt as interrupt:
        if out.with_suffix(".ckpt").exists():
            kept = "interrupted: what was learnt is kept; the same command goes on from there"
            raise click.Abort(kept) from interrupt  # click would make a bare one of KeyboardInterrupt
        raise
    finally:
        steps.close()
    if options["as_json"]:
        click.echo(json.dumps(report.to_json()))
    elif not options["quiet"]:
        click.echo(restorer_text(report, before))
        click.echo(f"weights  {out}")
    count_skipped(skipped)
