"""`grids degrade` and `grids degradations`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.options import (
    BUILTIN,
    chosen_images,
    count_skipped,
    named_pairs,
    progress,
    say,
    skipper,
    split_names,
)
from grids.degradations import NAMES, Degradation, all_degradations, degradation, load_function
from grids.errors import GridsError
from grids.images import ReadOptions, Skipped, read_photo
from grids.pipeline.degrade import contact_sheet_of, degrade_file, degrade_folder, replay_folder, write_sheet
from grids.pipeline.inputs import photo_paths
from grids.pipeline.run_folder import check_apart


def degrade(images: tuple[str, ...], **options: Any) -> None:
    """`grids degrade`."""
    devices.use_threads(options["jobs"])
    if options["params"] is not None:
        _replay(images, options)
        return
    kinds = _chosen_kinds(options)
    severity, seed = options["severity"], options["seed"]
    one_file = len(images) == 1 and images[0] != BUILTIN and not Path(images[0]).is_dir()
    if one_file and len(kinds) > 1:
        source = Path(images[0])
        target = _target(options["out"], f"{source.stem}_degradations.png")
        photo = read_photo(source, options["max_pixels"])
        write_sheet(target, contact_sheet_of(photo, kinds, severity=severity, seed=seed))
        say(options, str(target))
    elif one_file:
        (name, kind) = next(iter(kinds.items()))
        target = _target(options["out"], f"{Path(images[0]).stem}_{name}.png")
        found = degrade_file(
            images[0],
            target,
            kind,
            severity=severity,
            seed=seed,
            round_to_8_bit=not options["no_rounding"],
            reading=ReadOptions(options["max_pixels"]),
        )
        say(options, f"{target}  PSNR {found:.2f} dB (RGB, no crop)")
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
    check_apart(images, options["out"])
    sources = photo_paths(chosen_images(images))
    skipped: list[Skipped] = []
    with progress(len(sources), "images", options["quiet"]) as bar:
        rows = degrade_folder(
            sources,
            options["out"],
            kinds,
            severity=options["severity"],
            seed=options["seed"],
            round_to_8_bit=not options["no_rounding"],
            reading=ReadOptions(options["max_pixels"], skipper(skipped)),
            on_image=lambda _: bar.update(),
        )
    say(options, f"{len(rows)} pairs in {options['out']}, parameters in {options['out'] / 'params.csv'}")
    count_skipped(skipped)


def _replay(images: tuple[str, ...], options: dict[str, Any]) -> None:
    """`grids degrade --params`."""
    if options["kind"] or options["every"] or options["severity"] is not None or options["no_rounding"]:
        raise GridsError("--params says what is done: --kind, --all, --severity and --no-rounding are not for it")
    if click.get_current_context().get_parameter_source("seed") is click.core.ParameterSource.COMMANDLINE:
        raise GridsError("--params holds the seeds: --seed is not for it")
    if options["out"] is None:
        raise GridsError("--params needs a folder for the pairs: --out FOLDER")
    check_apart(images, options["out"])
    sources = photo_paths(chosen_images(images))
    with progress(None, "images", options["quiet"]) as bar:
        rows = replay_folder(
            sources,
            options["params"],
            options["out"],
            _own_kinds(options),
            reading=ReadOptions(options["max_pixels"]),
            on_image=lambda _: bar.update(),
        )
    say(options, f"{len(rows)} pairs in {options['out']}, as {options['params']} has them")


def _own_kinds(options: dict[str, Any]) -> dict[str, Degradation]:
    own: dict[str, Degradation] = {
        name: load_function(name, where)
        for name, where in named_pairs(options["plugins"], "--degradation", "NAME=FILE.py:FUNCTION").items()
    }
    for name in own:
        if name in NAMES:
            raise GridsError(f"the degradation '{name}' is named twice: there is a built-in one")
    return own


def _chosen_kinds(options: dict[str, Any]) -> dict[str, Degradation]:
    if options["every"] and options["kind"]:
        raise GridsError("give --kind or --all, not both")
    own = _own_kinds(options)
    if options["every"]:
        return all_degradations() | own
    if options["kind"]:
        unused = sorted(own.keys() - set(names := split_names(options["kind"])))
        if unused:
            raise GridsError(f"--degradation {unused[0]} is not among --kind {options['kind']}")
        if len(set(names)) < len(names):
            raise GridsError(f"a degradation is named twice in '{options['kind']}'")
        return {name: own[name] if name in own else degradation(name) for name in names}
    if own:
        return dict(own)
    raise GridsError(f"which degradation? give --kind NAME ({', '.join(NAMES)}) or --all")
