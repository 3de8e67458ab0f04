"""`grids similarity`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from grids.builtin import ELEVEN
from grids.commands import options, values
from grids.commands.options import declared, record, shared
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.pipeline.similarity import SimilaritySettings
    from grids.results import SimilarityMatrix


@dataclass(frozen=True)
class Rows:
    """The rows of a similarity matrix; see `measure_similarity`.

    Args:
        degradations: names; None for the paper's eleven.
        functions: degradations of the user's own, "FILE.py:FUNCTION" by name.
        extra: folders of images that are already degraded, by name.
    """

    degradations: tuple[str, ...] | None = shared(
        options.names("--degradations", help="Names, separated by commas.  [default: the paper's eleven]")
    )
    functions: dict[str, str] = shared(options.plugins("A function of your own."))
    extra: dict[str, str] = shared(
        options.named("--extra", metavar="NAME=FOLDER", help="Images that are already degraded, as one more row.")
    )


@dataclass(frozen=True)
class Measurement:
    """How similarity is measured. None stands for the default, or with `paper` for the published value.

    Args:
        patches, patch_size, components, layer, precision, intervals: as in `SimilaritySettings`.
        descriptor: a file of weights.
        paper: use the published settings.
    """

    patches: int | None = declared(type=int, help="Patches per degradation, 8 or more.  [default: 192]")
    patch_size: int | None = declared(type=int, help="Side of a patch in pixels, 8 to 512.  [default: 32]")
    components: int | None = declared(type=int, help="Principal components.  [default: 3/8 of the patches]")
    layer: str | None = declared(help="Layer of the descriptor: last or body.  [default: last]")
    descriptor: Path | None = declared(
        type=Path, help="Weights of an SRResNet x4 (.safetensors, .pth).  [default: built in]"
    )
    precision: str | None = declared(help="Precision of the descriptor: auto, fp32 or bf16.  [default: auto]")
    intervals: bool = declared(is_flag=True, help="Also estimate intervals (5 photographs or more).")
    paper: bool = declared(is_flag=True, help="Use the published settings: 800 patches, 300 components, fp32.")

    def settings(self, seed: int) -> SimilaritySettings:
        """The same as the pipeline takes it. Raises GridsError for a value that is out of range."""
        from grids.pipeline.similarity import SimilaritySettings

        make = SimilaritySettings.paper if self.paper else SimilaritySettings
        own = {name: value for name, value in vars(self).items() if name not in ("descriptor", "paper")}
        return make(**values.given(**own, seed=seed))


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@record("rows", Rows, "Data")
@record("measurement", Measurement, "Measurement")
@options.section("Output")
@click.option("--out", "-o", type=Path, help="The run folder.  [default: runs/similarity]")
@click.option("--order", type=click.Choice(["cluster", "paper"]), default="cluster", help="Order of heatmap rows.")
@click.option("--show", is_flag=True, help="Print the matrix of --out, or the built-in one, without measuring.")
@options.as_json("Print similarity.json instead of tables.")
@options.device
@options.reading
@options.seed
def similarity(
    images: tuple[str, ...],
    rows: Rows,
    measurement: Measurement,
    out: Path | None,
    order: Literal["cluster", "paper"],
    show: bool,
    as_json: bool,
    device: str,
    reading: options.Reading,
    seed: int,
) -> None:
    """Measure the similarity of degradations on IMAGES: folders (with all below them), files, or the word
    `builtin` (the default).

    \b
    Examples:
      grids similarity
      grids similarity photos/ --out runs/mine --intervals
      grids similarity photos/ --degradations jpeg,gaussian_noise,defocus_blur
      grids similarity photos/ --extra haze=hazy_photos/ --degradation fog=my.py:fog
    """
    if show:
        if any((images, rows.functions, rows.extra, *vars(measurement).values())):
            raise GridsError("--show measures nothing: it takes --out RUN, --degradations and --json only")
        _show(out, rows.degradations, as_json)
        return
    from grids.pipeline.similarity import example_sheet, measure_similarity

    reading.use_threads()
    target = out or Path("runs/similarity")
    kinds = ELEVEN if rows.degradations is None else rows.degradations
    reused: list[str] = []
    written: dict[str, Path] = {}

    def write(found: SimilarityMatrix) -> None:
        from grids.pipeline.outputs import write_similarity  # with matplotlib, which is not needed before

        examples = example_sheet(values.chosen_images(images), kinds, rows.functions, reading=reading.options)
        sheet = {"One of the photographs under every degradation, at severity 0.5, with the PSNR": examples}
        written.update(write_similarity(found, target, order=order, pictures=sheet, skipped=reading.skipped))

    with reading.progress(1 + len(kinds) + len(rows.functions) + len(rows.extra), "degradations") as bar:

        def on_row(name: str, was_reused: bool) -> None:
            reused.extend([name] * was_reused)
            bar.set_postfix_str(name)
            bar.update()

        found = measure_similarity(
            values.chosen_images(images),
            measurement.settings(seed),
            degradations=kinds,
            functions=rows.functions,
            extra=rows.extra,
            descriptor=measurement.descriptor,
            device=device,
            out=target,
            reading=reading.options,
            on_row=on_row,
            on_found=write,
        )
    if as_json:
        options.echo(json.dumps(found.to_json()))
    elif not reading.quiet:
        _print_matrix(found)
        options.echo(f"heatmap  {written['heatmap.png']}\nreport   {written['report.html']}")
        if reused:
            options.echo(f"{len(reused)} of {bar.total} rows were taken from {target / 'rows'}", err=True)
    reading.count_skipped()


def _show(out: Path | None, degradations: tuple[str, ...] | None, as_json: bool) -> None:
    """`grids similarity --show`, which imports no torch."""
    from grids.pipeline.compare import load_similarity

    found = load_similarity(out or values.BUILTIN)
    if degradations is not None:
        found = found.subset(degradations)
    if as_json:
        options.echo(json.dumps(found.to_json()))
    else:
        _print_matrix(found)


def _print_matrix(found: SimilarityMatrix) -> None:
    """The matrix with its closest and farthest pairs."""
    from grids.reports import tables

    options.echo(tables.matrix_text(found))
    options.echo(tables.pairs_text(tables.closest_and_farthest(found)))
