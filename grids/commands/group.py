"""`grids group`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from grids.commands.options import named_pairs, progress, split_names
from grids.errors import GridsError
from grids.pipeline.group import SearchSettings, group_degradations, plan_grouping
from grids.pipeline.outputs import report_file
from grids.reports.grouping import grouping_text, trials_text
from grids.results import Trial
from grids.search import Planned
from grids.search.drop_table import STUDY

NEEDS_PHOTOGRAPHS = (
    *("val", "only", "from_scratch", "start", "pairs", "plugins", "time_budget", "iterations", "crop", "batch"),
    *("network", "recipe", "sampler", "budget", "learning_rate", "precision", "repeats", "no_early_stop", "device"),
    *("vgg", "trunk", "data", "steps_per_model", "log"),
)


def group(**options: Any) -> None:
    """`grids group` without photographs."""
    for name in NEEDS_PHOTOGRAPHS:
        if name in options["given"]:
            shown = name.replace("_", "-").replace("plugins", "degradation")
            raise GridsError(f"--{shown} is for trainings: name the photographs to train on, or `builtin`")
    names = options["degradations"]
    given = {
        "search": SearchSettings(
            options["delta"],
            options["method"],
            deltas(options["delta_for"]),
            not options["no_shortcuts"],
            options["all_solutions"],
            options["seed"],
        ),
        "drops": options["drops"] or STUDY,
        "similarity": options["similarity"],
        "degradations": split_names(names) if names is not None else None,
    }
    if options["dry_run"]:
        _print_plan(plan_grouping(**given), options["as_json"])
        return
    out: Path = options["out"] or Path("runs/group")
    chosen = {name: options[name] for name in ("max_groups", "resume")}
    asked: list[Trial] = []
    with progress(None, "answers", options["quiet"]) as bar:

        def on_trial(trial: Trial) -> None:
            asked.append(trial)
            bar.update()

        found = group_degradations(**given, **chosen, out=out, on_trial=on_trial)
    if options["as_json"]:
        trials = {"trials": [asdict(trial) for trial in found.trials]} if options["trials"] else {}
        click.echo(json.dumps(found.to_json() | trials))
    elif not options["quiet"]:
        click.echo(grouping_text(found))
        if options["trials"]:
            click.echo(trials_text(found.trials))
        click.echo(f"groups   {out / 'groups.json'}\nreport   {report_file(out)}")
        if options["resume"]:
            click.echo(f"{found.trainings - len(asked)} of the answers were in {out / 'trials.sqlite'}", err=True)


def deltas(values: tuple[str, ...]) -> dict[str, float]:
    """The values of --delta-for."""
    found = {}
    for name, value in named_pairs(values, "--delta-for", "NAME=DB").items():
        try:
            found[name] = float(value)
        except ValueError:
            raise GridsError(f"--delta-for {name} takes a number of dB, not '{value}'") from None
    return found


def _print_plan(planned: list[Planned], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([step._asdict() for step in planned]))
        return
    click.echo(
        "What a search over all groups would ask for, in this order. Verdicts with a ? are not in the table: they"
    )
    click.echo("are what the distances let expect, and true answers change what follows.")
    for number, step in enumerate(planned, 1):
        verdict = step.verdict + ("" if step.known else "?")
        click.echo(f"{number:4d}  S {step.distance:4.2f}  {verdict:10s}  {' + '.join(step.group)}  ({step.why})")
    missing = sum(not step.known for step in planned)
    click.echo(f"{len(planned)} answers, {missing} of them not in the table. Nothing was written.")
