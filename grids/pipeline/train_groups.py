"""From photographs to verified groups: every group that the search asks for is trained and measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from grids import __version__, devices
from grids.errors import GridsError, RunError, unknown_name
from grids.images import MAX_PIXELS, Skipped
from grids.io import make_folder
from grids.pipeline.experiments import MIX, SCRATCH, TrainingSettings, bounds, make_experiment, matrix_for
from grids.pipeline.group import TRIALS
from grids.pipeline.matrices import BUILTIN
from grids.pipeline.run_folder import keep_settings
from grids.pipeline.run_report import GIVEN, report_of, with_restorers
from grids.pipeline.similarity import Images, Plugin, check_apart
from grids.pipeline.warm_start import Start, check_system, start_of
from grids.restoration.models import check_scale
from grids.results import Group, Grouping, SimilarityMatrix, TrainingReport, Trial
from grids.search import Answer, Problem, Search, TrialLog, find_method, run_search
from grids.search.problem import label
from grids.training.callbacks import Callbacks, NullCallbacks
from grids.training.evaluator import TrainingEvaluator
from grids.training.experiment import Experiment
from grids.training.fabric import strategy_of
from grids.training.trainer import OutOfTimeError
from grids.weights import sha256

ONLY = ("upper-bounds", "search")
TRAINING, SETTINGS = "training.json", "settings.json"


@dataclass(frozen=True)
class TrainGroupsResult:
    """What a run with trainings came to.

    report: all that was trained.
    grouping: the partition; None where only upper bounds were wanted.
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


def train_groups(
    images: Images = None,
    delta: float = 0.7,
    settings: TrainingSettings | None = None,
    *,
    val: Images | None = None,
    similarity: str | Path | SimilarityMatrix = BUILTIN,
    degradations: Sequence[str] | None = None,
    functions: Mapping[str, Plugin] | None = None,
    pairs: Mapping[str, str] | None = None,
    method: str = "exact",
    delta_for: Mapping[str, float] | None = None,
    shortcuts: bool = True,
    all_solutions: bool = False,
    partition: Grouping | None = None,
    only: str | None = None,
    time_budget: float = math.inf,
    device: str = "auto",
    out: str | Path = "runs/groups",
    max_pixels: int = MAX_PIXELS,
    on_skip: Callable[[Skipped], None] | None = None,
    callbacks: Callbacks | None = None,
    on_trial: Callable[[Trial, Search], None] | None = None,
) -> TrainGroupsResult:
    """Group degradations by training and measuring restorers. Source: GRIDS, sections 5.1 and 5.3.

    What was trained before in the run folder with the same settings is used, and what was broken off goes on.

    Args:
        images: photographs to learn from: a folder, files, or None or "builtin".
        delta: the largest drop that a degradation may have in its group, dB.
        settings: network, recipe and so on; the defaults if None.
        val: photographs to measure on; None keeps one of five of `images` for that.
        similarity: a matrix, a run folder, a file, or "builtin"; measured on `images` where "builtin" lacks a task.
        degradations: tasks by name; None for the eleven and whatever else is given.
        functions, pairs: further tasks, see `grids.pipeline.experiments.make_tasks`.
        method, delta_for, shortcuts, all_solutions: of the search, see `group_degradations`.
        partition: train its groups only, and search for none.
        only: "upper-bounds" trains the single-task restorers and the one for all; "search" asks that these are there.
        time_budget: seconds; then the best partition so far is the result.
        device: "auto", "cpu", "cuda" or "mps".
        out: the run folder.
        max_pixels, on_skip: of reading photographs.
        callbacks: hears of every training.
        on_trial: called after every answer.

    Raises:
        GridsError: a name, value or file is wrong, or there is no partition.
        OutOfTimeError: the time was over before any restorer was trained.
    """
    used = settings or TrainingSettings()
    if only is not None and only not in ONLY:
        raise unknown_name("part", only, ONLY)
    if partition is not None and (only or set(degradations or partition.degradations) != set(partition.degradations)):
        raise GridsError("a partition is trained whole: with its own degradations, and not in part")
    check_scale(used.network)
    deadline = time.monotonic() + time_budget
    for source in (images, val):
        check_apart(source, out)
    names = degradations if partition is None else partition.degradations
    hears, said = callbacks or NullCallbacks(), list[str]()
    experiment = make_experiment(images, val, names, functions, pairs, used, max_pixels, on_skip, said.append)
    order = tuple(task.name for task in experiment.tasks)
    check_system(used, experiment)
    folder = make_folder(Path(out))
    for text in said:
        hears.say(text)
    matrix = matrix_for(similarity, order, images, functions, pairs, device, folder / "similarity")
    problem = Problem(matrix, delta, dict(delta_for or {}), shortcuts, seed=used.config.seed)
    where = devices.resolve(device)
    _claim(folder, experiment, used, where)
    if only == "search":
        _need_upper_bounds(folder, order)
    hears.expects(len(order), len(bounds(order, used, partition)) + (used.start == MIX))
    start = start_of(experiment, used, folder, where, deadline, hears)
    evaluator = TrainingEvaluator(
        replace(experiment, start=start.state, start_sha256=start.sha256),
        folder,
        device=where,
        problem=problem if partition is None else None,
        repeats=used.repeats,
        early=used.early,
        every=used.every,
        deadline=deadline,
        callbacks=hears,
    )
    grouping, finished = _bounded(evaluator, bounds(order, used, partition), partition, problem)
    if partition is None and only != "upper-bounds":
        log = _log(folder, evaluator, problem, used, start)
        try:
            search = Search(problem, method, log=log)
            if finished:
                grouping, finished = _search(evaluator, search, all_solutions=all_solutions, on_trial=on_trial)
            else:
                grouping = best_so_far(search)
        finally:
            log.close()
    report = report_of(evaluator, used, start, grouping, finished)
    if grouping is not None:
        grouping = with_restorers(grouping, report, start)
    report.save(folder / TRAINING)
    return TrainGroupsResult(report, grouping, problem, finished, evaluator)


def _bounded(
    evaluator: TrainingEvaluator,
    wanted: Sequence[tuple[tuple[str, ...], int]],
    partition: Grouping | None,
    problem: Problem,
) -> tuple[Grouping | None, bool]:
    """Train the bounds, and the groups of a partition, if one is given; False where the time was over before.

    What is trained until then is reported all the same.
    """
    try:
        for group, repeat in wanted:
            evaluator.run(group, repeat)
        return (None if partition is None else _trained_partition(evaluator, partition, problem)), True
    except OutOfTimeError:
        if not evaluator.recall():
            raise
        return None, False


def _claim(folder: Path, experiment: Experiment, settings: TrainingSettings, device: torch.device) -> None:
    """See, before anything is trained, that the folder is of these settings or new. Raises RunError."""
    start = "" if settings.start in (MIX, SCRATCH) else sha256(Path(settings.start))
    names = [task.name for task in experiment.tasks]
    wanted = {"names": names, **experiment.parts(names, 0, device), "start": f"{settings.start}"}
    if start:
        wanted["start"] = start
    file = folder / SETTINGS
    models = folder / "models"
    there = folder if file.exists() or (models.is_dir() and any(models.iterdir())) else None
    if there is None and (TrialLog.identity_of(folder / TRIALS) or {}).get("evaluator", "training") != "training":
        raise RunError(f"'{folder}' holds the answers of a table: choose another folder (--out)")
    keep_settings(file, wanted, there, "another folder (--out)")


def _need_upper_bounds(folder: Path, names: tuple[str, ...]) -> None:
    missing = [name for name in names if not (folder / "models" / f"{name}.safetensors").exists()]
    if missing:
        raise RunError(
            f"'{folder}' holds no restorer of these settings for {label(missing)}: train them with --only upper-bounds"
        )


def _search(
    evaluator: TrainingEvaluator,
    search: Search,
    *,
    all_solutions: bool,
    on_trial: Callable[[Trial, Search], None] | None,
) -> tuple[Grouping, bool]:
    everything = frozenset(evaluator.names)

    def told(trial: Trial) -> None:
        if on_trial is not None:
            on_trial(trial, search)

    try:
        if everything not in {frozenset(trial.group) for trial in search.trials}:  # it is trained anyway
            answer = evaluator(everything)
            search.tell(everything, answer.drops, answer.noise, seconds=evaluator.run(everything).seconds)
        run_search(search, evaluator, on_trial=told)
        return search.result(all_solutions=all_solutions), True
    except OutOfTimeError:
        return best_so_far(search), False


def best_so_far(search: Search) -> Grouping:
    """The best partition into groups that have an answer, whether or not the search is at its end."""
    problem = search.problem
    trials = [trial for trial in search.trials if trial.verdict != "failed"]
    answers = {frozenset(t.group): Answer(t.drops, t.noise, t.at_least) for t in trials}
    held = frozenset(problem.mask(group) for group in answers)
    rest = Search(replace(problem, askable=held), "exact")
    rest.know(answers)
    found = rest.result()
    return replace(found, method=search.method, trainings=len(trials), trials=tuple(trials))


def remaining(search: Search) -> int:
    """About how many answers the search will still ask for, by what simulations lead to expect."""
    if search.is_finished():
        return 0
    return max(1, round(find_method(search.method).estimate_answers(search.problem.n)) - len(search.trials))


def _trained_partition(evaluator: TrainingEvaluator, partition: Grouping, problem: Problem) -> Grouping:
    """The groups of a partition with the drops of their restorers."""
    groups = []
    for number, group in enumerate(partition.groups, 1):
        run = evaluator.run(group.degradations)
        drops = {task: evaluator.drop(task, run.group) for task in run.group}
        distance = problem.distance(problem.mask(run.group))
        groups.append(Group(f"C{number}", run.group, drops, distance))
    return Grouping(
        delta=problem.delta,
        method=GIVEN,
        groups=tuple(groups),
        certificate="heuristic",
        lower_bound=1,
        trainings=sum(len(group.degradations) > 1 for group in groups),
        delta_for=dict(problem.delta_for),
        settings={"shortcuts": problem.shortcuts, "seed": problem.seed},
        descriptor_sha256=problem.similarity.descriptor_sha256,
        grids_version=__version__,
    )


def _log(
    folder: Path, evaluator: TrainingEvaluator, problem: Problem, settings: TrainingSettings, start: Start
) -> TrialLog:
    """The log of the run folder; one that differs in delta alone is made anew, from the trainings that are there."""
    experiment = evaluator.experiment
    identity: dict[str, Any] = {
        "evaluator": "training",
        "network": settings.network,
        "start": start.sha256 or "scratch",
        "photographs": experiment.photographs.digest[:16],
        "validation": experiment.validation.digest[:16],
        "tasks": ", ".join(task.identity() for task in experiment.tasks),
        "repeats": settings.repeats,
        "early": settings.early,
        "device": evaluator.device.type,
        "descriptor": problem.similarity.descriptor_sha256[:16],
        **{f"recipe {key}": value for key, value in settings.config.to_json().items()},
        "recipe precision": strategy_of(evaluator.device, settings.config.precision)["precision"],
    }
    if settings.recipe is not None:
        identity["system"] = experiment.maker.identity()
    identity["delta"] = [problem.delta, dict(problem.delta_for)]
    file = folder / TRIALS
    there = TrialLog.identity_of(file)
    anew = there is not None and {**there, "delta": 0} == {**identity, "delta": 0} and there != identity
    return TrialLog(file, identity, replace=anew)
