"""`grids select`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from grids.commands import options, values
from grids.errors import GridsError
from grids.io import STDIO, write_text


@click.command(cls=options.Command)
@click.argument("images", nargs=-1, required=True)
@options.section("Selection")
@click.option("--run", type=Path, metavar="DIR", help="Groups of your own: a run folder.  [default: built in]")
@click.option("--method", default="ours", show_default=True, help="ours, or paper (equation 7 of GRIDS).")
@options.section("Output")
@click.option("--map", type=Path, metavar="FILE.png", help="For one image: tint each part by the group that it needs.")
@click.option("--csv", type=Path, metavar="FILE", help="Write a line for every image.")
@options.as_json("Print JSON: a list with one entry for every image.")
@options.device
@options.reading
def select(
    images: tuple[str, ...],
    run: Path | None,
    method: str,
    map: Path | None,
    csv: Path | None,
    as_json: bool,
    device: str,
    reading: options.Reading,
) -> None:
    """Predict which restorer IMAGES need and how much it will gain: files, folders (with all below them), or the word
    `builtin`.

    The verdict can also be that an image is clean, or unlike anything that the restorers were trained for.

    \b
    Examples:
      grids select photo.png
      grids select photo.png --map map.png
      grids select photos/ --csv needs.csv
      grids select photos/ --json --quiet > needs.json
      grids select photo.png --run runs/mine --method paper
    """
    from grids.pipeline.inputs import photo_paths
    from grids.pipeline.run_folder import RunFolder
    from grids.pipeline.select import check_map, select_images, write_map
    from grids.pipeline.targets import check_targets
    from grids.reports.selection import selection_text, selections_table
    from grids.results import selections_csv
    from grids.selection.selector import Selector, check_method

    reading.use_threads()
    reading.pipe(csv, as_json)
    check_method(method)
    paths = photo_paths(values.chosen_images(images))
    if map is not None:
        if len(paths) > 1:
            raise GridsError(f"--map takes one image, but {len(paths)} are given")
        if STDIO in paths:
            raise GridsError("--map reads the image again, which standard input cannot give twice: name a file")
        check_map(map)
    check_targets([map, csv], [*paths, *([] if run is None else RunFolder(run).kept)])
    selector = Selector.builtin(device) if run is None else Selector.from_run(run, device)
    with reading.progress(len(paths)) as bar:
        found = select_images(
            paths, selector=selector, method=method, reading=reading.options, on_done=lambda _: bar.update()
        )
    if map is not None:
        write_map(paths[0], map, selector=selector, reading=reading.options)
    if csv is not None:
        write_text(csv, selections_csv(found))
    if as_json:
        options.echo(json.dumps([selection.to_json() for selection in found]))
    else:
        several = len(paths) > 1 or Path(images[0]).is_dir()
        reading.say(selections_table(found) if several else selection_text(found[0]))
        for what, file in (("map", map), ("every image", csv)):
            if file not in (None, STDIO):
                reading.say(f"{what}  {file}")
    reading.count_skipped()
