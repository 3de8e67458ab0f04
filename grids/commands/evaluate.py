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
from grids.images import ReadOptions, Skipped
from grids.io import write_text
from grids.pipeline.evaluate import evaluate_restorer
from grids.pipeline.inputs import TaskSources, photo_paths
from grids.pipeline.run_folder import check_target
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
            TaskSources(
                chosen_tasks(options["tasks"]),
                named_pairs(options["plugins"], "--degradation", PLUGIN),
                named_pairs(options["pairs"], "--pairs", PAIRS),
            ),
            network=options["network"],
            as_made=options["as_made"],
            seed=options["seed"],
            device=options["device"],
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
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
