"""What runs with trainings came to: records, and the files that show them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from grids import __version__
from grids.io import make_folder, write_text
from grids.networks.heads import for_task
from grids.pipeline.experiments import TrainingSettings
from grids.pipeline.outputs import report_file, write_grouping, write_report
from grids.pipeline.run_folder import TRAINING
from grids.pipeline.warm_start import Start
from grids.reports.comparison_sheet import Restored, restored_sheet
from grids.reports.training import training_csv
from grids.restoration.forward import restore
from grids.restoration.models import load_restorer
from grids.results import DeltaStep, Grouping, TrainingReport, Trial
from grids.search import Answer, Problem, groups_over_delta
from grids.training.evaluator import TrainingEvaluator
from grids.training.experiment import Experiment

GIVEN = "given"
"""The method of a partition that was not searched for."""
CAPTION = "One validation crop under each task: degraded, restored, and what it was, with the PSNR"


@dataclass(frozen=True)
class TrainGroupsResult:
    """What a run with trainings came to.

    Args:
        report: all that was trained.
        grouping: the partition; None where only upper bounds were wanted, or the time was over before a given one was
            trained.
        problem: what the search was asked.
        finished: whether the trainings and the search came to their end; if not, the partition is the best of what was
            trained in time, at least every task alone.
        evaluator: for whoever wants the restorers.
    """

    report: TrainingReport
    grouping: Grouping | None
    problem: Problem
    finished: bool
    evaluator: TrainingEvaluator


def collect_settings(experiment: Experiment, device: torch.device, **more: Any) -> dict[str, Any]:
    """Collect what a training report says of photographs, hyperparameters and device.

    Args:
        experiment: what was trained with.
        device: where.
        more: further settings.

    Returns:
        The settings by name, fit for JSON; checksums say which photographs and validation crops there were.
    """
    config, validation = experiment.config, experiment.validation
    return {
        "iterations": config.iterations,
        "steps_per": config.steps_per,
        "photographs": len(experiment.photographs),
        "photographs_sha256": experiment.photographs.digest,
        "validation_crops": validation.count,
        "validation_side": validation.side,
        "validation_sha256": validation.digest,
        **more,
        "device": device.type,
        "recipe": config.to_json(),
        "grids_version": __version__,
    }


def report_of(
    evaluator: TrainingEvaluator, settings: TrainingSettings, start: Start, grouping: Grouping | None, finished: bool
) -> TrainingReport:
    """Collect all that was trained in a run folder, and what the groups reach.

    The degraded crops themselves are measured here.

    Args:
        evaluator: of the run; it has read or made the trainings.
        settings: of the trainings.
        start: what all restorers started from.
        grouping: the partition; None where there is none.
        finished: whether all trainings and the search came to their end.

    Returns:
        The report. Drops are those of groups whose restorers are trained.
    """
    experiment = evaluator.experiment
    validation = experiment.validation
    return TrainingReport(
        network=settings.network,
        start=start.words,
        settings=collect_settings(
            experiment,
            evaluator.device,
            crop=settings.config.crop,
            batch=settings.config.batch,
            searched=finished and grouping is not None and grouping.method != GIVEN,
            system=settings.recipe,
            repeats=settings.repeats,
            early=settings.early,
            start_sha256=start.sha256,
        ),
        inputs=validation.psnr(None, evaluator.names, evaluator.device),
        inputs_saved=validation.psnr(None, evaluator.names, evaluator.device, saved=True),
        runs=evaluator.recall(),
        groups=grouping.partition if grouping is not None else (),
        noise=evaluator.noise(),
        drops={
            task: drop
            for group in (grouping.groups if grouping else ())
            if (frozenset(group.degradations), 0) in evaluator.runs  # a task alone loses nothing, once it is trained
            for task, drop in group.drops.items()
        },
        start_seconds=start.seconds,
    )


def with_restorers(grouping: Grouping, report: TrainingReport, start: Start) -> Grouping:
    """Add to a grouping what its restorers are: their files, the upper bounds, and the settings of the trainings.

    Args:
        grouping: the partition; it is not changed.
        report: of the trainings; a group that is not among them gets no file.
        start: what all restorers started from.

    Returns:
        A new grouping. The files are relative to the run folder.
    """
    groups = []
    for group in grouping.groups:
        run = report.run(group.degradations)
        groups.append(replace(group, weights=run.file if run is not None else None))
    steps = f"{report.settings['iterations']} steps for each {report.steps_per}"
    what = report.network
    if report.settings["system"] is not None:
        what = f"{what} by the recipe {report.settings['system']}"
    source = f"trainings: {what}, {steps} {start.words}, {report.settings['photographs']} photographs"
    settings = {"source": source, **grouping.settings, "training": dict(report.settings)}
    return replace(grouping, groups=tuple(groups), upper_bounds=report.upper_bounds, settings=settings)


def write_verified(found: TrainGroupsResult, out: str | Path) -> dict[str, Path]:
    """Write what a run folder shows of trainings, and of the partition that they verified.

    Returns:
        The files by name: training.json, training.csv, curves.png and .svg, report.html, and with a partition those of
        `grids.pipeline.outputs.write_grouping`.

    Raises:
        GridsError: a file cannot be written.
    """
    folder = make_folder(Path(out))
    written = {
        TRAINING: found.report.save(folder / TRAINING),
        "training.csv": write_text(folder / "training.csv", training_csv(found.report)),
    }
    pictures = {CAPTION: _before_and_after(found.evaluator, found.report.groups)}
    if found.grouping is not None:
        steps = _steps(found.problem, found.grouping.trials)
        return written | write_grouping(
            found.grouping, found.problem.similarity, folder, steps=steps, training=found.report, pictures=pictures
        )
    from grids.reports.html import training_report  # matplotlib takes half a second

    title = f"Restorers for {len(found.report.tasks)} tasks"
    return written | write_report(training_report(found.report, title=title, pictures=pictures), report_file(folder))


def _steps(problem: Problem, trials: Sequence[Trial]) -> list[DeltaStep]:
    """The number of groups over delta, by the groups that were trained to their end."""
    answers = {problem.mask(t.group): Answer(t.drops, t.noise) for t in trials if t.drops}
    return groups_over_delta(replace(problem, askable=frozenset(answers)), answers) if answers else []


def _before_and_after(evaluator: TrainingEvaluator, groups: Sequence[tuple[str, ...]]) -> bytes:
    """The first validation crop under each task, and what the restorers make of it."""
    everything = evaluator.names
    shared = {name: group for group in groups for name in group if len(group) > 1}
    crops = {}

    @functools.lru_cache(maxsize=2 + len(groups))  # a task's own, the mix and the groups
    def load(file: str) -> nn.Module:
        return load_restorer(evaluator.folder / file).network.to(evaluator.device)

    for name in everything:
        inputs, targets = evaluator.experiment.validation.examples(name)
        chosen = {"alone": (name,), "mix": everything} | ({"its group": shared[name]} if name in shared else {})
        restored = {}
        for label, group in chosen.items():
            if (run := evaluator.runs.get((frozenset(group), 0))) is not None:
                network = for_task(load(run.file), name)
                restored[label] = restore(network, inputs[:1], evaluator.device)[0]
        crops[name] = Restored(inputs[0], targets[0], restored)
    return restored_sheet(crops)
