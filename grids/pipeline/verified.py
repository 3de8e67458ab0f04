"""The files of a run that trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grids.io import make_folder, write_text
from grids.networks.heads import for_task
from grids.pipeline.comparison_sheet import Restored, restored_sheet
from grids.pipeline.figures import write_figures
from grids.pipeline.group import report_file, write_grouping
from grids.pipeline.train_groups import TRAINING, TrainGroupsResult
from grids.reports.curves import learning_curves
from grids.reports.html import training_page
from grids.reports.training import training_csv
from grids.restoration.forward import restore
from grids.restoration.models import load_restorer
from grids.results import DeltaStep, Trial
from grids.search import Answer, Problem, groups_over_delta
from grids.training.evaluator import TrainingEvaluator

CAPTION = "One validation crop under each task: degraded, restored, and what it was, with the PSNR"


def write_verified(found: TrainGroupsResult, out: str | Path) -> dict[str, Path]:
    """Write what a run folder shows of trainings, and of the partition that they verified.

    Returns:
        The files by name: training.json, training.csv, curves.png and .svg, report.html, and with a partition those of
        `grids.pipeline.group.write_grouping`.

    Raises:
        GridsError: a file cannot be written.
    """
    folder = make_folder(Path(out))
    written = {
        TRAINING: found.report.save(folder / TRAINING),
        "training.csv": write_text(folder / "training.csv", training_csv(found.report)),
    }
    written |= write_figures(folder, {"curves": learning_curves(found.report)})
    pictures = {CAPTION: _before_and_after(found.evaluator, found.report.groups)}
    if found.grouping is not None:
        steps = _steps(found.problem, found.grouping.trials)
        return written | write_grouping(
            found.grouping, found.problem.similarity, folder, steps=steps, training=found.report, pictures=pictures
        )
    title = f"Restorers for {len(found.report.tasks)} tasks"
    page = training_page(found.report, title=title, pictures=pictures)
    report = report_file(folder)
    return written | {report.name: write_text(report, page)}


def _steps(problem: Problem, trials: Sequence[Trial]) -> list[DeltaStep]:
    """The number of groups over delta, by the groups that were trained to their end."""
    answers = {problem.mask(t.group): Answer(t.drops, t.noise) for t in trials if t.drops}
    return groups_over_delta(replace(problem, askable=frozenset(answers)), answers) if answers else []


def _before_and_after(evaluator: TrainingEvaluator, groups: Sequence[tuple[str, ...]]) -> bytes:
    """The first validation crop under each task, and what the restorers make of it."""
    everything = evaluator.names
    shared = {name: group for group in groups for name in group if len(group) > 1}
    crops, loaded = {}, {}
    for name in everything:
        inputs, targets = evaluator.experiment.validation.examples(name)
        chosen = {"alone": (name,), "mix": everything}
        if name in shared:
            chosen["its group"] = shared[name]
        restored = {}
        for label, group in chosen.items():
            run = evaluator.runs.get((frozenset(group), 0))
            if run is not None:
                if run.file not in loaded and len(group) > 1:
                    loaded[run.file] = load_restorer(evaluator.folder / run.file).network.to(evaluator.device)
                network = loaded.get(run.file) or load_restorer(evaluator.folder / run.file).network
                network = for_task(network.to(evaluator.device), name)
                restored[label] = restore(network, inputs[:1], evaluator.device)[0]
        crops[name] = Restored(inputs[0], targets[0], restored)
    return restored_sheet(crops)
