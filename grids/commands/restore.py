"""`grids restore`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from grids.commands import options, values
from grids.commands.options import declared
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.pipeline.restore import RestoredFile
    from grids.restoration.restore import Action, RestoreSettings

AMOUNT, TILES = "When, and how much", "Tiles"
_UNTOUCHED: dict[Action, str] = {
    "uncertain": "uncertain, left as they are",
    "unchanged": "not changed by their restorer",
    "left": "clean or unknown",
}


@dataclass(frozen=True)
class RestoreOptions:
    """Which restorers `grids restore` uses, and how; see `RestoreSettings`.

    Args:
        run: a run folder; None for the built-in groups and restorers.
        group, head, steps, min_gain, strength, tile: as in `RestoreSettings`.
        overlap: as there; None for the default.
    """

    run: Path | None = declared(type=Path, metavar="DIR", help="Groups and restorers of your own.  [default: built in]")
    group: str | None = declared(metavar="ID", help="Always use the restorer of this group.")
    head: str | None = declared(metavar="NAME", help="With --group: use the decoder for this degradation.")
    steps: int = declared(type=int, default=1, show_default=True, help="Most rounds of selecting and restoring.")
    min_gain: float = declared(
        section=AMOUNT, metavar="DB", default=0.0, show_default=True, help="Least predicted gain for restoring."
    )
    strength: float = declared(
        section=AMOUNT, default=1.0, show_default=True, help="Share of the result in a blend, 0 to 1."
    )
    tile: int | None = declared(
        section=TILES, type=int, help="Side of the tiles, 128 or more.  [default: by memory; none to 2 megapixels]"
    )
    overlap: int | None = declared(section=TILES, type=int, help="Pixels that blended tiles share.  [default: 32]")

    def settings(self) -> RestoreSettings:
        """The same as the pipeline takes it. Raises GridsError for a value that is out of range."""
        from grids.restoration.restore import RestoreSettings

        return RestoreSettings(**values.given(**{**vars(self), "run": None}))


@click.command(cls=options.Command)
@click.argument("images", nargs=-1, required=True)
@options.record("restoring", RestoreOptions, "Restorers")
@options.section("Output")
@click.option(
    "--out",
    "-o",
    type=Path,
    help="The file; for several images, a new folder.  [default: NAME_restored.png, in the current folder]",
)
@click.option("--compare", type=Path, metavar="FILE.png", help="Write a picture of before and after, side by side.")
@click.option("--report", type=Path, metavar="FILE.html", help="Write a report page; folders always get one.")
@options.as_json("Print JSON instead of text.")
@options.device
@options.reading
def restore(
    images: tuple[str, ...],
    restoring: RestoreOptions,
    out: Path | None,
    compare: Path | None,
    report: Path | None,
    as_json: bool,
    device: str,
    reading: options.Reading,
) -> None:
    """Restore IMAGES, files or folders, each with the restorer that it needs; clean images stay unchanged.

    Images unlike anything known, and those where a gain is uncertain, also stay unchanged, unless --group names a
    restorer. Alpha, metadata and 16 bits are kept. The results of a folder are .png files in the same subfolders.

    \b
    Examples:
      grids restore photo.png -o out.png
      grids restore photo.png --steps 3 --compare side.png
      grids restore photo.png --strength 0.7 --min-gain 0.5
      grids restore photos/ -o restored/ --run runs/mine
      curl -s https://example.org/photo.jpg | grids restore - -o - > out.png
      grids restore photo.png --run runs/liu --group C1 --head rain
    """
    from grids.pipeline.restore import restore_files
    from grids.selection.selector import Selector

    reading.use_threads()
    reading.pipe(out, as_json)
    if values.BUILTIN in images:
        raise GridsError(f"'{values.BUILTIN}' stands for clean photographs: there is nothing to restore")
    if out is None and (len(images) > 1 or Path(images[0]).is_dir()):
        raise options.missing("--out", "a folder of images needs a folder for the results: --out FOLDER")
    settings, run = restoring.settings(), restoring.run
    with reading.progress() as bar:

        def on_image(made: RestoredFile) -> None:
            bar.update()
            if not as_json:
                with tqdm.external_write_mode():
                    reading.say(_text(made))

        done = restore_files(
            images,
            out,
            selector=Selector.builtin(device) if run is None else Selector.from_run(run, device),
            settings=settings,
            compare=compare,
            report=report,
            device=device,
            reading=reading.options,
            on_image=on_image,
        )
    if as_json:
        options.echo(json.dumps([made.to_json() for made in done]))
    elif len(done) > 1:
        counts = Counter(made.restoration.action for made in done)
        parts = [f"{counts['restored']} of {len(done)} images restored"]
        parts += [f"{counts[action]} {words}" for action, words in _UNTOUCHED.items() if counts[action]]
        reading.say(f"{', '.join(parts)}, all in {out}")
    reading.count_skipped()


def _text(made: RestoredFile) -> str:
    """Two lines: what was found on an image; what was done, and where it lies."""
    from grids.reports.selection_words import promise_text, verdict_text
    from grids.reports.text import printable

    step, strength = made.restoration.steps[0], made.settings.strength
    first = step.selection
    promise = promise_text(first, step.group or step.unchanged)
    if promise and strength != 1:
        promise += " at full strength"
    predicted = f", {promise}" if promise else ""
    seconds = sum(step.seconds for step in made.restoration.steps)
    took = f" ({seconds:.1f} s)" if made.restoration.groups else ""
    return (
        f"{printable(str(made.source))}: {verdict_text(first)}{predicted}\n"
        f"  {made.outcome}{took}  ->  {printable(str(made.output))}"
    )
