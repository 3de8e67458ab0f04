"""`grids restore`."""

from __future__ import annotations

import json
from typing import Any

import click
from tqdm import tqdm

from grids import devices
from grids.commands.options import BUILTIN, count_skipped, progress, say, skipper
from grids.errors import GridsError
from grids.images import ReadOptions, Skipped
from grids.pipeline.restore import RestoredFile, RestoreSettings, restore_files
from grids.reports.selection import gain_text, outcome_text, verdict_text
from grids.reports.text import printable
from grids.restoration.tiling import OVERLAP


def restore(images: tuple[str, ...], **options: Any) -> None:
    """`grids restore`."""
    devices.use_threads(options["jobs"])
    if BUILTIN in images:
        raise GridsError(f"'{BUILTIN}' stands for clean photographs: there is nothing to restore")
    overlap = OVERLAP if options["overlap"] is None else options["overlap"]
    settings = RestoreSettings(options["group"], options["head"], options["tile"], overlap, options["steps"])
    skipped: list[Skipped] = []
    with progress(None, "images", options["quiet"]) as bar:

        def on_image(made: RestoredFile) -> None:
            bar.update()
            if not (options["quiet"] or options["as_json"]):
                with tqdm.external_write_mode():
                    click.echo("\n".join(_lines(made)))

        done = restore_files(
            images,
            options["out"],
            selector=_selector(options),
            settings=settings,
            compare=options["compare"],
            report=options["report"],
            device=options["device"],
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
            on_image=on_image,
        )
    if options["as_json"]:
        click.echo(json.dumps([made.to_json() for made in done]))
    elif len(done) > 1:
        restored = sum(bool(made.restoration.groups) for made in done)
        say(options, f"{restored} of {len(done)} images restored, all in {options['out']}")
    count_skipped(skipped)


def _selector(options: dict[str, Any]) -> Any:
    from grids.selection.selector import Selector

    if options["run"] is not None:
        return Selector.from_run(options["run"], device=options["device"])
    return Selector.builtin(device=options["device"])


def _lines(made: RestoredFile) -> list[str]:
    """What was found on an image, what was done and where it lies."""
    first = made.restoration.steps[0].selection
    gain = gain_text(first)
    predicted = f", predicted gain {gain}" if gain else ""
    outcome = outcome_text(made.restoration.restorers, made.restoration.why)
    seconds = sum(step.seconds for step in made.restoration.steps)
    took = f" ({seconds:.1f} s)" if made.restoration.groups else ""
    return [
        f"{printable(str(made.source))}: {verdict_text(first)}{predicted}",
        f"  {outcome}{took}  ->  {printable(str(made.output))}",
    ]
