"""`grids profile`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.commands import options, values
from grids.commands.options import declared, shared
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.selection.profile import Profile


@dataclass(frozen=True)
class Groups:
    """The groups of a profile; see `profile_run` and `profile_examples`.

    Args:
        run: the run folder.
        examples: folders of images, by names of groups; empty for the groups of the run.
        weights: files of restorers, by the names of these groups.
        networks: their presets of `grids.networks.TABLE`, if the files do not say.
    """

    run: Path = declared(type=Path, metavar="DIR", required=True, help="Run folder in which the profile is stored.")
    examples: dict[str, str] = shared(
        options.named(
            "--group", "examples", metavar="NAME=FOLDER", help="A group, from example images with its degradation."
        )
    )
    weights: dict[str, str] = shared(
        options.named("--weights", metavar="NAME=FILE", help="The restorer of such a group.")
    )
    networks: dict[str, str] = shared(
        options.named("--network", "networks", metavar="NAME=PRESET", help="Their network, if the file does not say.")
    )


@dataclass(frozen=True)
class Made:
    """How examples are synthesized from clean photographs, as in `profile_run`; None for its defaults."""

    functions: dict[str, str] = shared(options.plugins("A function of your own that the run used."))
    draws: int | None = declared(type=int, help="Examples per photograph and degradation.  [default: 1]")
    data: str | None = declared(help="photographs, camera or pristine (see `grids train`).  [default: photographs]")


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@options.record("groups", Groups, "Groups")
@options.record("made", Made, "Synthesized examples")
@options.section("Output")
@options.as_json("Print a summary of the profile as JSON.")
@options.device
@options.reading
@options.seed
def profile(
    images: tuple[str, ...],
    groups: Groups,
    made: Made,
    as_json: bool,
    device: str,
    reading: options.Reading,
    seed: int,
) -> None:
    """Fit the profile that `grids select --run DIR` compares images with.

    It is fitted to the groups.json of `grids group` with clean IMAGES (folders, files, or the word `builtin`, the
    default): these are degraded, and the gains of the restorers are measured. Or, with --group, it is fitted to example
    images that are already degraded; then IMAGES only serve as examples of clean ones.

    \b
    Examples:
      grids profile photos/ --run runs/mine
      grids profile photos/ --run runs/own --group denoise=noisy/ --group dehaze=hazy/
      grids profile --run runs/own --group denoise=noisy/ --weights denoise=net.pth
    """
    from grids.pipeline.profile import profile_examples, profile_run

    reading.use_threads()
    if groups.examples:
        _refuse("cannot be used with --group", degradation=made.functions, draws=made.draws, data=made.data)
    else:
        _refuse("belongs to a --group NAME=FOLDER", weights=groups.weights, network=groups.networks)
    clean = values.chosen_images(images)
    with reading.progress() as bar:
        common: dict[str, Any] = {
            "seed": seed,
            "device": device,
            "reading": reading.options,
            "on_start": bar.reset,
            "on_done": bar.update,
        }
        if groups.examples:
            common |= {"clean": clean, "restorers": groups.weights, "networks": groups.networks}
            learnt = profile_examples(groups.examples, groups.run, **common)
        else:
            learnt = profile_run(clean, groups.run, **values.given(**vars(made)), **common)
    _print(learnt, groups.run, as_json, reading)
    reading.count_skipped()


def _refuse(why: str, **options: object) -> None:
    """Raise GridsError for the first option that is given."""
    for name, value in options.items():
        if value not in (None, {}):
            raise GridsError(f"--{name} {why}")


def _print(learnt: Profile, run: Path, as_json: bool, reading: options.Reading) -> None:
    from grids.results import OTHER
    from grids.selection.profile import FILE

    if as_json:
        found = {
            "kinds": list(learnt.kinds),
            "groups": [
                {"group": g.id, "degradations": list(g.degradations), "weights": g.weights} for g in learnt.groups
            ],
            "predicts_gains": learnt.gains is not None,
        }
        options.echo(json.dumps({**found, **learnt.record}))
        return
    for group in learnt.groups:
        reading.say(f"  {group.id}  {', '.join(group.degradations)}{'' if group.weights else '  (no weights)'}")
    gains = "with" if learnt.gains is not None else "without"
    kinds = sum(kind != OTHER for kind in learnt.kinds)
    reading.say(f"profile of {kinds} kinds, {gains} predicted gains  {run / FILE}")
