"""`grids group` with photographs: trained and verified groups."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from grids import devices
from grids.commands.group import deltas
from grids.commands.options import (
    PAIRS,
    PLUGIN,
    chosen_images,
    count_skipped,
    named_pairs,
    seconds_of,
    skipper,
    split_names,
)
from grids.commands.systems import start_of, system_of
from grids.commands.training import Progress
from grids.errors import GridsError
from grids.images import ReadOptions, Skipped
from grids.pipeline.dry_run import PlannedTraining, plan_training
from grids.pipeline.experiments import RunControl, TrainingSettings
from grids.pipeline.group import SearchSettings, check_count
from grids.pipeline.inputs import TaskSources
from grids.pipeline.outputs import report_file
from grids.pipeline.run_report import TrainGroupsResult, write_verified
from grids.pipeline.train_groups import train_groups
from grids.reports.grouping import grouping_text, trials_text
from grids.reports.text import counted
from grids.reports.training import training_text
from grids.results import Grouping
from grids.training.trainer import OutOfTimeError

PLANNED = ("val", "tasks", "partition", "only", "reading")


def verify(images: tuple[str, ...], **options: Any) -> None:
    """`grids group IMAGES`."""
    _check(images, options)
    devices.use_threads(options["jobs"])
    out: Path = options["out"] or Path("runs/groups")
    skipped: list[Skipped] = []
    partition = Grouping.load(options["partition"]) if options["partition"] is not None else None
    names = split_names(options["degradations"]) if options["degradations"] is not None else None
    given: dict[str, Any] = {
        "val": chosen_images(options["val"]) if options["val"] else None,
        "similarity": options["similarity"],
        "tasks": TaskSources(
            names,
            named_pairs(options["plugins"], "--degradation", PLUGIN),
            named_pairs(options["pairs"], "--pairs", PAIRS),
        ),
        "partition": partition,
        "only": options["only"],
        "reading": ReadOptions(options["max_pixels"], skipper(skipped)),
    }
    search = SearchSettings(
        options["delta"],
        options["method"],
        deltas(options["delta_for"]),
        not options["no_shortcuts"],
        options["all_solutions"],
    )
    settings = _settings(options)
    budget = seconds_of(options["time_budget"]) if options["time_budget"] else math.inf
    if options["dry_run"]:
        same = {name: given[name] for name in PLANNED} | {"method": options["method"], "device": options["device"]}
        _print_plan(plan_training(chosen_images(images), settings, **same), options["as_json"])
        return
    with Progress(options["quiet"], options["log"]) as progress:
        found = _train(
            chosen_images(images),
            search,
            settings,
            **given,
            out=out,
            control=RunControl(options["device"], budget, progress),
            on_trial=progress.told,
        )
    write_verified(found, out)
    if found.grouping is not None:
        check_count(found.grouping, options["max_groups"], ())
    if options["as_json"]:
        click.echo(json.dumps((found.grouping or found.report).to_json()))
    elif not options["quiet"]:
        click.echo(training_text(found.report))
        if found.grouping is not None:
            click.echo(grouping_text(found.grouping))
            if options["trials"]:
                click.echo(trials_text(found.grouping.trials))
            click.echo(f"groups   {out / 'groups.json'}")
        click.echo(f"report   {report_file(out)}")
    if not found.finished:
        click.echo("the time was over before all was trained: the same command goes on", err=True)
    count_skipped(skipped)


def _check(images: tuple[str, ...], options: dict[str, Any]) -> None:
    """Raise GridsError for options that contradict each other."""
    if not images:
        raise GridsError("--from trains the groups of a partition: name the photographs to train on, or `builtin`")
    if options["drops"] is not None:
        raise GridsError("--drops and photographs exclude each other: with photographs, drops are measured")
    if options["only"] is not None and options["partition"] is not None:
        raise GridsError("--only and --from exclude each other: --from searches for nothing")


def _train(*arguments: Any, **options: Any) -> TrainGroupsResult:
    try:
        return train_groups(*arguments, **options)
    except OutOfTimeError as error:
        raise GridsError(f"{error}: no restorer is trained yet; the same command goes on") from error


def _print_plan(planned: list[PlannedTraining], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([step._asdict() for step in planned]))
        return
    known = [step for step in planned if step.group]
    for number, step in enumerate(known, 1):
        click.echo(f"{number:4d}  {step.seconds:6.0f} s  {' + '.join(step.group)}  ({step.why})")
    if left := planned[len(known) :]:
        groups = counted(len(left), "group")
        click.echo(f"then about {groups} that the search asks for, {left[0].seconds:.0f} s each")
    minutes = sum(step.seconds for step in planned) / 60
    click.echo(f"{len(planned)} trainings, about {minutes:.1f} minutes on this machine; answers near delta take more.")
    click.echo("Nothing was written.")


def _settings(options: dict[str, Any]) -> TrainingSettings:
    return TrainingSettings(
        **system_of(options),
        start=start_of(options),
        repeats=options["repeats"],
        early=not options["no_early_stop"],
        vgg=options["vgg"],
        trunk=options["trunk"],
    )
