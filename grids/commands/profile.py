"""`grids profile`."""

from __future__ import annotations

import json
from typing import Any

import click

from grids import devices
from grids.commands.options import PLUGIN, chosen_images, count_skipped, named_pairs, progress, say, skipper
from grids.errors import GridsError
from grids.images import ReadOptions, Skipped
from grids.pipeline.profile import profile_examples, profile_run
from grids.results import OTHER
from grids.selection.profile import FILE, Profile
from grids.training.pair_settings import PHOTOGRAPHS

FOLDER = "NAME=FOLDER"


def profile(images: tuple[str, ...], **options: Any) -> None:
    """`grids profile`."""
    devices.use_threads(options["jobs"])
    _check_combination(options)
    clean = chosen_images(images)
    skipped: list[Skipped] = []
    with progress(None, "images", options["quiet"]) as bar:

        def on_start(total: int) -> None:
            bar.reset(total)

        shared: dict[str, Any] = {
            "on_start": on_start,
            "on_done": bar.update,
        }
        reading = ReadOptions(options["max_pixels"], skipper(skipped))
        places: dict[str, Any] = {"device": options["device"], "reading": reading}
        if options["examples"]:
            learnt = profile_examples(
                named_pairs(options["examples"], "--group", FOLDER),
                options["run"],
                clean=clean,
                restorers=named_pairs(options["weights"], "--weights", "NAME=FILE"),
                networks=named_pairs(options["network"], "--network", "NAME=PRESET"),
                seed=options["seed"],
                **places,
                **shared,
            )
        else:
            learnt = profile_run(
                clean,
                options["run"],
                functions=named_pairs(options["plugins"], "--degradation", PLUGIN),
                draws=1 if options["draws"] is None else options["draws"],
                data=options["data"] or PHOTOGRAPHS.name,
                seed=options["seed"],
                **places,
                **shared,
            )
    if options["as_json"]:
        click.echo(json.dumps(_summary(learnt)))
    else:
        _print(learnt, options)
    count_skipped(skipped)


def _check_combination(options: dict[str, Any]) -> None:
    without = {"weights": "--weights", "network": "--network"}
    with_examples = {"plugins": "--degradation", "draws": "--draws", "data": "--data"}
    for name, option in (with_examples if options["examples"] else without).items():
        if options[name] not in (None, ()):
            other = "cannot be used with --group" if options["examples"] else "belongs to a --group NAME=FOLDER"
            raise GridsError(f"{option} {other}")


def _summary(learnt: Profile) -> dict[str, Any]:
    return {
        "kinds": list(learnt.kinds),
        "groups": [
            {"group": group.id, "degradations": list(group.degradations), "weights": group.weights}
            for group in learnt.groups
        ],
        "predicts_gains": learnt.gains is not None,
        **learnt.record,
    }


def _print(learnt: Profile, options: dict[str, Any]) -> None:
    for group in learnt.groups:
        say(options, f"  {group.id}  {', '.join(group.degradations)}{'' if group.weights else '  (no weights)'}")
    gains = "with" if learnt.gains is not None else "without"
    kinds = sum(kind != OTHER for kind in learnt.kinds)
    say(options, f"profile of {kinds} kinds, {gains} predicted gains  {options['run'] / FILE}")
