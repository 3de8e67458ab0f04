"""`grids select`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.options import chosen_images, count_skipped, progress, skipper
from grids.errors import GridsError
from grids.images import ReadOptions, Skipped
from grids.io import write_text
from grids.pipeline.inputs import photo_paths
from grids.pipeline.run_folder import check_target
from grids.pipeline.select import check_map, select_images, write_map
from grids.reports.selection import selection_text, selections_table
from grids.results import Selection, selections_csv
from grids.selection.selector import check_method


def select(images: tuple[str, ...], **options: Any) -> None:
    """`grids select`."""
    devices.use_threads(options["jobs"])
    check_method(options["method"])
    paths = photo_paths(chosen_images(images))
    _check_targets(paths, options)
    from grids.selection.selector import Selector

    run, device = options["run"], options["device"]
    selector = Selector.builtin(device) if run is None else Selector.from_run(run, device)
    skipped: list[Skipped] = []
    with progress(len(paths), "images", options["quiet"]) as bar:
        found = select_images(
            paths,
            selector=selector,
            method=options["method"],
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
            on_done=lambda _: bar.update(),
        )
    if options["map"] is not None:
        write_map(paths[0], options["map"], selector=selector, reading=ReadOptions(options["max_pixels"]))
    if options["csv"] is not None:
        write_text(options["csv"], selections_csv(found))
    _print(found, several=len(paths) > 1 or Path(images[0]).is_dir(), options=options)
    count_skipped(skipped)


def _check_targets(paths: list[Path], options: dict[str, Any]) -> None:
    """Before anything is measured."""
    if options["map"] is not None:
        if len(paths) > 1:
            raise GridsError(f"--map takes one image, but {len(paths)} are given")
        check_map(options["map"], paths[0])
    if options["csv"] is not None:
        check_target(options["csv"], paths)


def _print(found: list[Selection], several: bool, options: dict[str, Any]) -> None:
    if options["as_json"]:
        click.echo(json.dumps([selection.to_json() for selection in found]))
    elif not options["quiet"]:
        click.echo(selections_table(found) if several else selection_text(found[0]))
        for name, what in (("map", "map"), ("csv", "every image")):
            if options[name] is not None:
                click.echo(f"{what}  {options[name]}")
