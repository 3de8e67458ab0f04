"""`grids degrade`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.builtin import NAMES
from grids.commands import options, values
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.degradations import Degradation


@click.command(cls=options.Command)
@click.argument("images", nargs=-1, required=True)
@options.section("Degradation")
@options.names("--kind", "-k", "kinds", help="The degradation, or several separated by commas.")
@click.option("--all", "every", is_flag=True, help="Every degradation; for one photograph, a contact sheet.")
@options.plugins("A function of your own.")
@click.option("--severity", type=float, help="0 (mildest) to 1 (strongest).  [default: drawn at random]")
@click.option("--params", type=Path, metavar="FILE", help="Reproduce the pairs of this params.csv.")
@options.seed
@options.section("Output")
@click.option("--out", "-o", type=Path, help="The file; for a folder of images, a new folder.")
@click.option("--no-rounding", is_flag=True, help="Do not round the result to 8 bit; .png and .tif get 16 bits.")
@options.reading
def degrade(
    images: tuple[str, ...],
    kinds: tuple[str, ...] | None,
    every: bool,
    functions: dict[str, str],
    severity: float | None,
    params: Path | None,
    seed: int,
    out: Path | None,
    no_rounding: bool,
    reading: options.Reading,
) -> None:
    """Degrade IMAGES: one file into another, or a folder into LQ/, GT/ and params.csv for training.

    With several kinds, each gets its own subfolder. Without --out, a single result is written to NAME_KIND.png. With
    the same photographs, --params reproduces the pairs from the recorded seeds, severities and rounding; degradations
    of your own must be given again.

    \b
    Examples:
      grids degrade photo.png --kind jpeg --severity 0.5 --seed 7 -o out.png
      grids degrade photo.png --all -o sheet.png
      grids degrade photos/ --kind motion_blur -o pairs/
      grids degrade photos/ --params pairs/params.csv -o again/
    """
    from grids.pipeline import degrade as pipeline
    from grids.pipeline.targets import result_file

    reading.use_threads()
    reading.pipe(out)
    own = _own_kinds(functions)
    if params is not None:
        if kinds or every or severity is not None or no_rounding:
            raise GridsError("--params says what is done: --kind, --all, --severity and --no-rounding are not for it")
        if click.get_current_context().get_parameter_source("seed") is click.core.ParameterSource.COMMANDLINE:
            raise GridsError("--params holds the seeds: --seed is not for it")
        _replay(images, params, own, out, reading)
        return
    chosen = _chosen_kinds(kinds, every, own)
    settings: dict[str, Any] = {
        "severity": severity,
        "seed": seed,
        "round_to_8_bit": not no_rounding,
        "reading": reading.options,
    }
    if len(images) > 1 or images[0] == values.BUILTIN or Path(images[0]).is_dir():
        _degrade_folder(images, chosen, out, settings, reading)
    elif len(chosen) > 1:
        target = result_file(out, Path(images[0]), "degradations")
        pipeline.degrade_sheet(images[0], target, chosen, severity=severity, seed=seed, reading=reading.options)
        reading.say(str(target))
    else:
        ((name, kind),) = chosen.items()
        target = result_file(out, Path(images[0]), name)
        found = pipeline.degrade_file(images[0], target, kind, **settings)
        reading.say(f"{target}  PSNR {found:.2f} dB (RGB, no crop)")


def _degrade_folder(
    images: tuple[str, ...],
    kinds: dict[str, Degradation],
    out: Path | None,
    settings: dict[str, Any],
    reading: options.Reading,
) -> None:
    from grids.pipeline.degrade import degrade_folder
    from grids.reports.text import counted

    if out is None:
        raise options.missing("--out", "a folder of images needs a folder for the results: --out FOLDER")
    sources = _sources(images, out)
    with reading.progress(len(sources)) as bar:
        rows = degrade_folder(sources, out, kinds, **settings, on_image=lambda _: bar.update())
    reading.say(f"{counted(len(rows), 'pair')} in {out}, parameters in {out / 'params.csv'}")
    reading.count_skipped()


def _replay(
    images: tuple[str, ...], params: Path, own: dict[str, Degradation], out: Path | None, reading: options.Reading
) -> None:
    """`grids degrade --params`."""
    from grids.pipeline.replay import replay_folder
    from grids.reports.text import counted

    if out is None:
        raise options.missing("--out", "--params needs a folder for the pairs: --out FOLDER")
    sources = _sources(images, out)
    with reading.progress() as bar:
        rows = replay_folder(sources, params, out, own, reading=reading.options, on_image=lambda _: bar.update())
    reading.say(f"{counted(len(rows), 'pair')} in {out}, as {params} has them")


def _sources(images: tuple[str, ...], out: Path) -> list[Path]:
    """The files of IMAGES, which must not lie in the folder of the results. Raises GridsError."""
    from grids.pipeline.inputs import photo_paths
    from grids.pipeline.targets import check_apart

    check_apart(images, out)
    return photo_paths(values.chosen_images(images))


def _own_kinds(functions: dict[str, str]) -> dict[str, Degradation]:
    from grids.degradations import load_function

    own: dict[str, Degradation] = {name: load_function(name, where) for name, where in functions.items()}
    if known := next((name for name in own if name in NAMES), None):
        raise GridsError(f"the degradation '{known}' is named twice: there is a built-in one")
    return own


def _chosen_kinds(kinds: tuple[str, ...] | None, every: bool, own: dict[str, Degradation]) -> dict[str, Degradation]:
    from grids.degradations import all_degradations, degradation

    if every and kinds:
        raise GridsError("give --kind or --all, not both")
    if every:
        return all_degradations() | own
    if kinds is None:
        if own:
            return own
        raise options.missing("--kind", f"which degradation? give --kind NAME ({', '.join(NAMES)}) or --all")
    if unused := sorted(own.keys() - set(kinds)):
        raise GridsError(f"--degradation {unused[0]} is not among --kind {','.join(kinds)}")
    if len(set(kinds)) < len(kinds):
        raise GridsError(f"a degradation is named twice in '{','.join(kinds)}'")
    return {name: own[name] if name in own else degradation(name) for name in kinds}
