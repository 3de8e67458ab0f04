"""`grids similarity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.options import PLUGIN, chosen_images, count_skipped, named_pairs, progress, skipper, split_names
from grids.commands.show import print_matrix
from grids.degradations import ELEVEN
from grids.images import ReadOptions, Skipped
from grids.pipeline.outputs import write_similarity
from grids.pipeline.similarity import SimilaritySettings, example_sheet, measure_similarity


def similarity(images: tuple[str, ...], **options: Any) -> None:
    """`grids similarity`."""
    out = options["out"] or Path("runs/similarity")
    devices.use_threads(options["jobs"])
    chosen = {name: options[name] for name in ("patches", "patch_size", "components", "layer", "precision")}
    given = {name: value for name, value in chosen.items() if value is not None}
    given |= {"seed": options["seed"], "intervals": options["intervals"]}
    settings = SimilaritySettings.paper(**given) if options["paper"] else SimilaritySettings(**given)
    names = split_names(options["degradations"]) if options["degradations"] is not None else ELEVEN
    functions, extra = (
        named_pairs(options["plugins"], "--degradation", PLUGIN),
        named_pairs(options["extra"], "--extra", "NAME=FOLDER"),
    )
    quiet = options["quiet"]
    skipped: list[Skipped] = []
    reused: list[str] = []
    with progress(1 + len(names) + len(functions) + len(extra), "degradations", quiet) as bar:

        def on_row(name: str, was_reused: bool) -> None:
            reused.extend([name] * was_reused)
            bar.set_postfix_str(name)
            bar.update()

        found = measure_similarity(
            chosen_images(images),
            settings,
            degradations=names,
            functions=functions,
            extra=extra,
            descriptor=options["descriptor"],
            device=options["device"],
            out=out,
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
            on_row=on_row,
        )
    examples = example_sheet(chosen_images(images), names, functions, ReadOptions(options["max_pixels"]))
    sheet = {"One of the photographs under every degradation, at severity 0.5, with the PSNR": examples}
    written = write_similarity(found, out, order=options["order"], pictures=sheet, skipped=skipped)
    if options["as_json"]:
        click.echo(json.dumps(found.to_json()))
    elif not quiet:
        print_matrix(found)
        click.echo(f"heatmap  {written['heatmap.png']}\nreport   {written['report.html']}")
        if reused:
            click.echo(f"{len(reused)} of {bar.total} rows were taken from {out / 'rows'}", err=True)
    count_skipped(skipped)
