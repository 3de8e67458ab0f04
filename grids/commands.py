"""What the commands print, and how their options become arguments. Imported only once a command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from grids import devices, pipeline
from grids.degradations import ELEVEN, Degradation, all_degradations, degradation, load_function
from grids.errors import GridsError
from grids.images import Skipped, read_photo
from grids.pipeline.degrade import write_sheet
from grids.reports import tables
from grids.results import SimilarityMatrix

BUILTIN = "builtin"


def similarity(images: tuple[str, ...], **options: Any) -> None:
    """`grids similarity`."""
    if options["show"]:
        _show(images, options)
        return
    out = options["out"] or Path("runs/similarity")
    devices.use_threads(options["jobs"])
    chosen = {name: options[name] for name in ("patches", "patch_size", "components", "layer", "precision")}
    given = {name: value for name, value in chosen.items() if value is not None}
    given |= {"seed": options["seed"], "intervals": options["intervals"]}
    settings = pipeline.SimilaritySettings.paper(**given) if options["paper"] else pipeline.SimilaritySettings(**given)
    names = _split(options["degradations"]) if options["degradations"] is not None else ELEVEN
    functions, extra = _pairs(options["plugins"], "--degradation"), _pairs(options["extra"], "--extra")
    quiet = options["quiet"]
    skipped: list[Skipped] = []
    reused: list[str] = []
    with _progress(1 + len(names) + len(functions) + len(extra), "degradations", quiet) as bar:

        def on_row(name: str, was_reused: bool) -> None:
            reused.extend([name] * was_reused)
            bar.set_postfix_str(name)
            bar.update()

        found = pipeline.measure_similarity(
            _images(images),
            settings,
            degradations=names,
            functions=functions,
            extra=extra,
            descriptor=options["descriptor"],
            device=options["device"],
            out=out,
            max_pixels=options["max_pixels"],
            on_row=on_row,
            on_skip=_skipper(skipped),
        )
    examples = pipeline.example_sheet(_images(images), names, functions, max_pixels=options["max_pixels"])
    sheet = {"One of the photographs under every degradation, at severity 0.5, with the PSNR": examples}
    written = pipeline.write_similarity(found, out, order=options["order"], pictures=sheet, skipped=skipped)
    if options["as_json"]:
        click.echo(json.dumps(found.to_json()))
    elif not quiet:
        _print_matrix(found)
        click.echo(f"heatmap  {written['heatmap.png']}\nreport   {written['report.html']}")
        if reused:
            click.echo(f"{len(reused)} of {bar.total} rows were taken from {out / 'rows'}", err=True)
    _count_skipped(skipped)


def compare(runs: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """`grids compare`."""
    found = pipeline.compare_runs(runs, out)
    if as_json:
        click.echo(json.dumps([asdict(comparison) for comparison in found]))
    elif not quiet:
        for comparison in found:
            click.echo(tables.comparison_text(comparison))
        if out is not None:
            click.echo(f"report   {out / 'report.html'}")


def degrade(images: tuple[str, ...], **options: Any) -> None:
    """`grids degrade`."""
    devices.use_threads(options["jobs"])
    kinds = _chosen_kinds(options)
    severity, seed = options["severity"], options["seed"]
    one_file = len(images) == 1 and images[0] != BUILTIN and not Path(images[0]).is_dir()
    if one_file and len(kinds) > 1:
        source = Path(images[0])
        target = _target(options["out"], f"{source.stem}_degradations.png")
        photo = read_photo(source, options["max_pixels"])
        write_sheet(target, pipeline.contact_sheet_of(photo, kinds, severity=severity, seed=seed))
        _say(options, str(target))
    elif one_file:
        (name, kind) = next(iter(kinds.items()))
        target = _target(options["out"], f"{Path(images[0]).stem}_{name}.png")
        found = pipeline.degrade_file(
            images[0],
            target,
            kind,
            severity=severity,
            seed=seed,
            round_to_8_bit=not options["no_rounding"],
            max_pixels=options["max_pixels"],
        )
        _say(options, f"{target}  PSNR {found:.2f} dB (RGB, no crop)")
    else:
        _degrade_folder(images, kinds, options)


def degradations(as_json: bool) -> None:
    """`grids degradations`."""
    kinds = all_degradations().values()
    if as_json:
        records = [
            {"name": k.name, "ranges": [asdict(r) for r in k.ranges], "summary": k.summary, "source": k.source}
            for k in kinds
        ]
        click.echo(json.dumps(records, indent=1))
        return
    for kind in kinds:
        ranges = ", ".join(str(r) for r in kind.ranges)
        click.echo(f"{kind.name:18s}{ranges}\n{'':18s}{kind.summary}\n{'':18s}source: {kind.source}\n")


def _target(out: Path | None, name: str) -> Path:
    """The file to write: `out`, or a name in that folder or the working folder."""
    if out is None:
        return Path(name)
    return out / name if out.is_dir() else out


def _degrade_folder(images: tuple[str, ...], kinds: dict[str, Degradation], options: dict[str, Any]) -> None:
    if options["out"] is None:
        raise GridsError("a folder of images needs a folder for the results: --out FOLDER")
    pipeline.check_apart(images, options["out"])
    sources = pipeline.photo_paths(_images(images))
    skipped: list[Skipped] = []
    with _progress(len(sources), "images", options["quiet"]) as bar:
        rows = pipeline.degrade_folder(
            sources,
            options["out"],
            kinds,
            severity=options["severity"],
            seed=options["seed"],
            round_to_8_bit=not options["no_rounding"],
            max_pixels=options["max_pixels"],
            on_image=lambda _: bar.update(),
            on_skip=_skipper(skipped),
        )
    _say(options, f"{len(rows)} pairs in {options['out']}, parameters in {options['out'] / 'params.csv'}")
    _count_skipped(skipped)


def _show(images: tuple[str, ...], options: dict[str, Any]) -> None:
    measuring = ("plugins", "extra", "patches", "patch_size", "components", "layer", "descriptor", "precision")
    if images or options["paper"] or options["intervals"] or any(options[name] for name in measuring):
        raise GridsError("--show measures nothing: it takes --out RUN, --degradations and --json only")
    found = pipeline.load_similarity(options["out"] or BUILTIN)
    if options["degradations"] is not None:
        found = found.subset(_split(options["degradations"]))
    if options["as_json"]:
        click.echo(json.dumps(found.to_json()))
    else:
        _print_matrix(found)


def _print_matrix(found: SimilarityMatrix) -> None:
    click.echo(tables.matrix_text(found))
    click.echo(tables.pairs_text(tables.closest_and_farthest(found)))


def _chosen_kinds(options: dict[str, Any]) -> dict[str, Degradation]:
    if options["every"] and options["kind"]:
        raise GridsError("give --kind or --all, not both")
    own = {name: load_function(name, where) for name, where in _pairs(options["plugins"], "--degradation").items()}
    for name in own:
        if name in ELEVEN:
            raise GridsError(f"the degradation '{name}' is named twice: there is a built-in one")
    if options["every"]:
        return all_degradations() | own
    if options["kind"]:
        unused = sorted(own.keys() - set(names := _split(options["kind"])))
        if unused:
            raise GridsError(f"--degradation {unused[0]} is not among --kind {options['kind']}")
        if len(set(names)) < len(names):
            raise GridsError(f"a degradation is named twice in '{options['kind']}'")
        return {name: own[name] if name in own else degradation(name) for name in names}
    if own:
        return dict(own)
    raise GridsError(f"which degradation? give --kind NAME ({', '.join(ELEVEN)}) or --all")


def _images(images: tuple[str, ...]) -> list[str] | None:
    """None for the built-in photographs."""
    if BUILTIN in images and len(images) > 1:
        raise GridsError(f"'{BUILTIN}' stands for photographs of its own: it cannot be mixed with files")
    return None if images in ((), (BUILTIN,)) else list(images)


def _split(names: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in names.split(",") if name.strip())
    if not found:
        raise GridsError(f"no degradation is named in '{names}' (known: {', '.join(all_degradations())})")
    return found


def _pairs(values: Sequence[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            form = "NAME=FOLDER" if option == "--extra" else "NAME=FILE.py:FUNCTION"
            raise GridsError(f"{option} takes {form}, not '{value}'")
        if name in pairs:
            raise GridsError(f"{option} names '{name}' twice")
        pairs[name] = rest
    return pairs


@contextmanager
def _progress(total: int, unit: str, quiet: bool) -> Iterator[Any]:
    # disable=None shows no bar where stderr is not a terminal
    with tqdm(total=total, unit=unit, disable=True if quiet else None, leave=False, file=sys.stderr) as bar:
        yield bar


def _skipper(skipped: list[Skipped]) -> Any:
    def on_skip(bad: Skipped) -> None:
        skipped.append(bad)
        tqdm.write(f"skipped {bad.path}: {bad.reason}", file=sys.stderr)

    return on_skip


def _count_skipped(skipped: Sequence[Skipped]) -> None:
    if skipped:
        click.echo(f"{len(skipped)} image{'s' if len(skipped) > 1 else ''} skipped", err=True)


def _say(options: dict[str, Any], text: str) -> None:
    if not options["quiet"]:
        click.echo(text)
