"""`grids evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.options import (
    PAIRS,
    PLUGIN,
    chosen_images,
    chosen_tasks,
    count_skipped,
    named_pairs,
    progress,
    skipper,
)
from grids.images import Skipped
from grids.io import write_text
from grids.pipeline.evaluate import evaluate_restorer
from grids.pipeline.select import check_target
from grids.pipeline.similarity import photo_paths
from grids.reports.scores import evaluation_text


def evaluate(model: Path, images: tuple[str, ...], **options: Any) -> None:
    """`grids evaluate`."""
    devices.use_threads(options["jobs"])
    if options["csv"] is not None:  # before anything is measured
        check_target(options["csv"], [model, *photo_paths(chosen_images(images))])
    skipped: list[Skipped] = []
    with progress(None, "images", options["quiet"]) as bar:
        found = evaluate_restorer(
            model,
            chosen_images(images),
            chosen_tasks(options["tasks"]),
            network=options["network"],
            functions=named_pairs(options["plugins"], "--degradation", PLUGIN),
            pairs=named_pairs(options["pairs"], "--pairs", PAIRS),
            as_made=options["as_made"],
            seed=options["seed"],
            device=options["device"],
            max_pixels=options["max_pixels"],
            on_skip=skipper(skipped),
            on_score=lambda _: bar.update(),
        )
    if options["csv"] is not None:
        write_text(options["csv"], found.to_csv())
    if options["as_json"]:
        click.echo(json.dumps(found.to_json()))
    elif not options["quiet"]:
        click.echo(evaluation_text(found))
        if options["csv"] is not None:
            click.echo(f"every photograph  {options['csv']}")
    count_skipped(skipped)
