"""What a run with trainings came to, as records."""

from __future__ import annotations

from dataclasses import replace

from grids import __version__
from grids.pipeline.experiments import TrainingSettings
from grids.pipeline.warm_start import Start
from grids.results import Grouping, TrainingReport
from grids.training.evaluator import TrainingEvaluator

GIVEN = "given"
"""The method of a partition that was not searched for."""


def report_of(
    evaluator: TrainingEvaluator, settings: TrainingSettings, start: Start, grouping: Grouping | None, finished: bool
) -> TrainingReport:
    """All that was trained in the folder, and what the groups reach."""
    experiment = evaluator.experiment
    config = settings.config
    validation = experiment.validation
    return TrainingReport(
        network=settings.network,
        start=start.words,
        settings={
            "iterations": config.iterations,
            "steps_per": config.steps_per,
            "crop": config.crop,
            "batch": config.batch,
            "photographs": len(experiment.photographs),
            "photographs_sha256": experiment.photographs.digest,
            "validation_crops": validation.count,
            "validation_side": validation.side,
            "validation_sha256": validation.digest,
            "searched": finished and grouping is not None and grouping.method != GIVEN,
            "system": settings.recipe,
            "repeats": settings.repeats,
            "early": settings.early,
            "start_sha256": start.sha256,
            "device": evaluator.device.type,
            "recipe": config.to_json(),
            "grids_version": __version__,
        },
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
    """The grouping with its files, upper bounds, and what it rests on."""
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
