"""`grids profile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.commands import options, values
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.selection.profile import Profile


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@options.section("Groups")
@click.option("--run", type=Path, metavar="DIR", required=True, help="The run folder that gets the profile.")
@options.named("--group", "examples", metavar="NAME=FOLDER", help="A group, from images that bear its degradation.")
@options.named("--weights", metavar="NAME=FILE", help="The restorer of such a group.")
@options.named("--network", "networks", metavar="NAME=PRESET", help="Its network, where its file does not tell.")
@options.section("Examples that are made")
@options.plugins("One of the run's own.")
@click.option("--draws", type=int, help="Severities and sizes, for each photograph and degradation.  [default: 1]")
@click.option("--data", help="photographs or pristine: how examples are made.  [default: photographs]")
@options.section("Output")
@options.as_json("Print what was learnt as JSON.")
@options.device
@options.reading
@options.seed
def profile(
    images: tuple[str, ...],
    run: Path,
    examples: dict[str, str],
    weights: dict[str, str],
    networks: dict[str, str],
    functions: dict[str, str],
    draws: int | None,
    data: str | None,
    as_json: bool,
    device: str,
    reading: options.Reading,
    seed: int,
) -> None:
    """Learn what `grids select --run DIR` compares images with.

    From clean IMAGES (folders, files, or the word `builtin`, the default) and the groups.json of `grids group`: they
    are degraded as its groups need it, and what its restorers gain is measured. Or, with --group, from examples of
    damaged images; then IMAGES only show what clean ones look like.

    \b
    Examples:
      grids profile photos/ --run runs/mine
      grids profile photos/ --run runs/own --group denoise=noisy/ --group dehaze=hazy/
      grids profile --run runs/own --group denoise=noisy/ --weights denoise=net.pth
    """
    from grids.pipeline.profile import profile_examples, profile_run
    from grids.training.pair_settings import PHOTOGRAPHS

    reading.use_threads()
    if examples:
        _refuse("cannot be used with --group", degradation=functions, draws=draws, data=data)
    else:
        _refuse("belongs to a --group NAME=FOLDER", weights=weights, network=networks)
    clean = values.chosen_images(images)
    with reading.progress() as bar:
        shared: dict[str, Any] = {
            "seed": seed,
            "device": device,
            "reading": reading.options,
            "on_start": bar.reset,
            "on_done": bar.update,
        }
        if examples:
            learnt = profile_examples(examples, run, clean=clean, restorers=weights, networks=networks, **shared)
        else:
            learnt = profile_run(
                clean,
                run,
                functions=functions,
                draws=1 if draws is None else draws,
                data=data or PHOTOGRAPHS.name,
                **shared,
            )
    _print(learnt, run, as_json, reading)
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
