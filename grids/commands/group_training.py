"""`grids group` with photographs: restorers are trained and measured."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from grids.commands.group import GroupTraining, Output, SearchOptions, say_replaced
from grids.commands.options import Reading, echo, missing
from grids.commands.progress import Progress
from grids.commands.training_options import RunOptions, SourceOptions, TrainingOptions
from grids.commands.values import chosen_images
from grids.errors import GridsError
from grids.pipeline.dry_run import PlannedTraining, plan_training
from grids.pipeline.group import check_count
from grids.pipeline.outputs import report_file, stored_grouping
from grids.pipeline.run_folder import RunFolder
from grids.pipeline.run_report import TrainGroupsResult
from grids.pipeline.targets import check_targets
from grids.pipeline.train_groups import train_groups
from grids.reports.grouping_text import grouping_text, trials_text
from grids.reports.text import counted
from grids.reports.training_text import training_text
from grids.results import Grouping
from grids.training.trainer import OutOfTimeError


def group_by_training(
    images: tuple[str, ...],
    search: SearchOptions,
    sources: SourceOptions,
    training: TrainingOptions,
    groups: GroupTraining,
    output: Output,
    run: RunOptions,
    reading: Reading,
    seed: int,
) -> None:
    """Run `grids group IMAGES`: train and measure restorers, search for groups, write the run folder and print.

    Where the time budget ends before all is trained, the best so far is written and printed; the same command goes on.

    Args:
        images: files and folders, or "builtin".
        search, sources, training, groups, output, run, reading, seed: the options of the command.

    Raises:
        GridsError: options contradict each other, a name, value or file is wrong, there are more groups than
            --max-groups, or the time was over before any restorer was trained.
        click.ClickException: --from is given without images.
    """
    _check(images, search, groups)
    reading.use_threads()
    shared: dict[str, Any] = {
        "val": chosen_images(sources.val),
        "tasks": sources.of(search.degradations),
        "partition": Grouping.load(groups.partition) if groups.partition is not None else None,
        "only": groups.only,
        "reading": reading.options,
    }
    settings = training.resolve(seed, repeats=groups.repeats, early=not groups.no_early_stop)
    wanted = replace(search.settings(), allow_below_input=groups.allow_below_input)
    if output.dry_run:
        planned = plan_training(chosen_images(images), settings, method=wanted.method, device=run.device, **shared)
        _print_plan(planned, output.as_json)
        return
    out = output.out or Path("runs/groups")
    check_targets([run.log], RunFolder(out).kept)
    before = stored_grouping(out)
    try:
        with Progress(reading.quiet, run.log) as progress:
            found = train_groups(
                chosen_images(images),
                wanted,
                settings,
                **shared,
                similarity=search.similarity,
                out=out,
                control=run.control(progress),
                on_trial=progress.told,
                on_found=partial(_write, out=out),
            )
    except OutOfTimeError as error:
        raise GridsError(f"{error}: no restorer is trained yet; the same command goes on") from error
    if found.grouping is not None:
        check_count(found.grouping, search.max_groups, ())
        say_replaced(before, found.grouping, out, reading)
    if output.as_json:
        echo(json.dumps((found.grouping or found.report).to_json()))
    elif not reading.quiet:
        echo(training_text(found.report))
        if found.grouping is not None:
            echo(grouping_text(found.grouping))
            if output.trials:
                echo(trials_text(found.grouping.trials))
            echo(f"groups   {out / 'groups.json'}")
        echo(f"report   {report_file(out)}")
    if not found.finished:
        echo("the time was over before all was trained: the same command goes on", err=True)
    reading.count_skipped()


def _write(found: TrainGroupsResult, out: Path) -> None:
    from grids.pipeline.run_report import write_verified  # with matplotlib, which is not needed before

    write_verified(found, out)


def _check(images: tuple[str, ...], search: SearchOptions, groups: GroupTraining) -> None:
    """Raise GridsError for options that contradict each other."""
    if not images:
        photographs = "name the photographs to train on, or `builtin`"
        raise missing("IMAGES", f"--from trains the groups of a partition: {photographs}")
    if search.drops is not None:
        raise GridsError("--drops and photographs exclude each other: with photographs, drops are measured")
    if groups.only is not None and groups.partition is not None:
        raise GridsError("--only and --from exclude each other: --from searches for nothing")
    if groups.allow_below_input and groups.partition is not None:
        raise GridsError("--allow-below-input has no use with --from, whose groups are trained whatever they lose")


def _print_plan(planned: list[PlannedTraining], as_json: bool) -> None:
    if as_json:
        echo(json.dumps([step._asdict() for step in planned]))
        return
    known = [step for step in planned if step.group]
    for number, step in enumerate(known, 1):
        echo(f"{number:4d}  {step.seconds:6.0f} s  {' + '.join(step.group)}  ({step.why})")
    if left := planned[len(known) :]:
        groups = counted(len(left), "group")
        echo(f"then about {groups} that the search asks for, {left[0].seconds:.0f} s each")
    minutes = sum(step.seconds for step in planned) / 60
    echo(f"{len(planned)} trainings, about {minutes:.1f} minutes on this machine.")
    echo("Answers near delta, or very uncertain ones, take more.")
    echo("Nothing was written.")
