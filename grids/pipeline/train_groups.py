"""From photographs to verified groups: trains and measures every group that the search asks for."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from grids import __version__, devices
from grids.errors import GridsError, RunError
from grids.images import ReadOptions
from grids.pipeline.compare import load_similarity
from grids.pipeline.dry_run import Part, choose_tasks, list_bounds, list_given
from grids.pipeline.experiments import SCRATCH, RunControl, TrainingSettings, make_experiment
from grids.pipeline.gain_limits import limit_by_gains
from grids.pipeline.group import SearchSettings
from grids.pipeline.inputs import BUILTIN, Images, Tasks, TaskSources, pair_folders
from grids.pipeline.run_folder import MODELS, TRAINING, TRIALS, RunFolder
from grids.pipeline.run_report import GIVEN, TrainGroupsResult, report_of, with_restorers
from grids.pipeline.similarity import measure_similarity
from grids.pipeline.targets import check_apart
from grids.pipeline.warm_start import MIX, Start, check_system, covering_start, start_of, start_steps
from grids.restoration.models import check_scale
from grids.results import Group, Grouping, SimilarityMatrix, Trial
from grids.search import Problem, Search, TrialLog, run_search
from grids.search.problem import label
from grids.search.run import best_so_far
from grids.training.evaluator import UNCERTAIN, TrainingEvaluator
from grids.training.experiment import Experiment
from grids.training.fabric import strategy_of
from grids.training.trainer import OutOfTimeError
from grids.weights import sha256


def train_groups(
    images: Images = None,
    search: SearchSettings | None = None,
    settings: TrainingSettings | None = None,
    *,
    val: Images | None = None,
    similarity: str | Path | SimilarityMatrix = BUILTIN,
    tasks: Tasks = None,
    partition: Grouping | None = None,
    only: Part | None = None,
    out: str | Path = "runs/groups",
    reading: ReadOptions | None = None,
    control: RunControl | None = None,
    on_trial: Callable[[Trial, Search], None] | None = None,
    on_found: Callable[[TrainGroupsResult], object] | None = None,
) -> TrainGroupsResult:
    """Group degradations by training and measuring restorers. Source: GRIDS, sections 5.1 and 5.3.

    Restorers already trained in the run folder with the same settings are reused, and interrupted trainings are
    resumed.

    Args:
        images: the training photographs: a folder, files, or None or "builtin" for the built-in ones.
        search: delta, and how groups are searched for; the defaults if None.
        settings: network, hyperparameters and so on; the defaults if None.
        val: the validation photographs; None sets one in five of `images` aside.
        similarity: a matrix, a run folder, a file, or "builtin". If "builtin" lacks a task, the matrix is measured on
            `images`.
        tasks: names of tasks, or `TaskSources`; None for the tasks of the recipe or the partition, else the paper's
            eleven.
        partition: train only the groups of this partition, without a search.
        only: "upper-bounds" trains only the single-task restorers and the one for all tasks; "search" requires that
            these exist already.
        out: the run folder.
        reading: how photographs are read.
        control: device, time budget and callbacks. When the time is over, the best partition so far is the result.
        on_trial: called after every answer.
        on_found: called with the result while the run folder is still locked against other processes.

    Returns:
        All that was trained, the partition, and whether the run was completed. The report pages of the run folder are
        written by `grids.pipeline.run_report.write_verified`, not here.

    Raises:
        GridsError: a name, value or file is invalid, there is no partition, or another process uses the folder.
        OutOfTimeError: the time was over before any restorer was trained.
    """
    used, control, asked = settings or TrainingSettings(), control or RunControl(), search or SearchSettings()
    sources = choose_tasks(tasks, partition, only)
    check_scale(used.network)
    deadline = time.monotonic() + control.time_budget
    for source in (images, val):
        check_apart(source, out)
    folder, hears, said = RunFolder(Path(out)), control.callbacks, list[str]()
    with folder.working():
        experiment = make_experiment(images, val, sources, used, reading, say=said.append)
        order = tuple(task.name for task in experiment.tasks)
        check_system(used, experiment)
        for text in said:
            hears.say(text)
        matrix = _matrix_for(similarity, order, images, sources, control.device, folder.path / "similarity")
        problem = replace(asked.problem(matrix, used.config.seed), anytime=control.time_budget < math.inf)
        where = devices.resolve(control.device)
        _claim(folder, experiment, used, where)
        if only == "search":
            _need_upper_bounds(folder.path, order)
        wanted = list_bounds(order, used, partition)
        steps = [used.config.steps(len(group)) for group in (*(group for group, _ in wanted), *list_given(partition))]
        first = start_steps(used, order)
        hears.expects(len(order), [first, *steps] if first else steps)
        start = start_of(experiment, used, folder.path, where, deadline, hears)
        evaluator = TrainingEvaluator(
            replace(experiment, start=start.state, start_sha256=start.sha256),
            folder.path,
            device=where,
            problem=problem if partition is None else None,
            repeats=used.repeats,
            early=used.early,
            every=used.every,
            deadline=deadline,
            callbacks=hears,
        )
        grouping, finished = _bounded(evaluator, wanted, partition, problem)
        if partition is None and only != "upper-bounds":
            if finished and not asked.allow_below_input:
                problem = evaluator.problem = limit_by_gains(problem, evaluator)
            with contextlib.closing(_log(folder.path, evaluator, problem, used, start)) as log:
                searched = Search(problem, asked.method, log=log)
                if finished:
                    grouping, finished = _search(evaluator, searched, asked.all_solutions, on_trial)
                else:
                    grouping = best_so_far(searched)
        report = report_of(evaluator, used, start, grouping, finished)
        if grouping is not None:
            grouping = with_restorers(grouping, report, start)
        report.save(folder.path / TRAINING)
        found = TrainGroupsResult(report, grouping, problem, finished, evaluator)
        if on_found is not None:
            on_found(found)
    return found


def _matrix_for(
    similarity: str | Path | SimilarityMatrix,
    names: tuple[str, ...],
    images: Images,
    sources: TaskSources,
    device: str,
    folder: Path,
) -> SimilarityMatrix:
    """The similarity matrix of the tasks: as given, or measured if the built-in one lacks some of them."""
    matrix = similarity if isinstance(similarity, SimilarityMatrix) else load_similarity(similarity)
    missing = [name for name in names if name not in matrix.degradations]
    if missing and similarity == BUILTIN:
        kept = [name for name in names if name not in sources.pairs and name not in sources.functions]
        extra = {name: str(pair_folders(name, value)[0]) for name, value in sources.pairs.items()}
        matrix = measure_similarity(
            images, degradations=kept, functions=sources.functions, extra=extra, device=device, out=folder
        )
    elif missing:
        raise GridsError(f"the similarity matrix lacks {label(missing)}: measure it with `grids similarity`")
    return matrix.subset(names)


def _bounded(
    evaluator: TrainingEvaluator,
    wanted: Sequence[tuple[tuple[str, ...], int]],
    partition: Grouping | None,
    problem: Problem,
) -> tuple[Grouping | None, bool]:
    """Train the bounds and, if a partition is given, its groups. The flag is False if the time ran out before the end.

    Restorers trained until then are still reported.
    """
    try:
        for group, repeat in wanted:
            evaluator.run(group, repeat)
        return (None if partition is None else _trained_partition(evaluator, partition, problem)), True
    except OutOfTimeError:
        if not evaluator.recall():
            raise
        return None, False


def _claim(folder: RunFolder, experiment: Experiment, settings: TrainingSettings, device: torch.device) -> None:
    """Check, before any training, that the folder is new or has these settings; else raise RunError."""
    names = [task.name for task in experiment.tasks]
    start = covering_start(settings, names) if settings.start is None else settings.start
    start = MIX if start is None else str(start)
    if start not in (MIX, SCRATCH):
        start = sha256(Path(start))
    identity = None if folder.made else TrialLog.identity_of(folder.path / TRIALS)
    if (identity or {}).get("evaluator", "training") != "training":
        raise RunError(f"'{folder.path}' holds the answers of a table: choose another folder (`out`)")
    folder.keep({"names": names, **experiment.parts(names, 0, device), "start": start})


def _need_upper_bounds(folder: Path, names: tuple[str, ...]) -> None:
    missing = [name for name in names if not (folder / MODELS / f"{name}.safetensors").exists()]
    if missing:
        raise RunError(
            f"'{folder}' holds no restorer of these settings for {label(missing)}: train them with `only` upper-bounds"
        )


def _search(
    evaluator: TrainingEvaluator,
    search: Search,
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
        return best_so_far(search, evaluator.unfinished), False


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
    """The log of the run folder.

    If only delta or the number of seeds differ, it is replaced and refilled from the existing trainings.
    """
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
    identity["delta"] = [problem.delta, dict(problem.delta_for), dict(problem.most), UNCERTAIN]
    file = folder / TRIALS
    there = TrialLog.identity_of(file)
    free = {"delta": 0, "repeats": 0}  # what trainings do not hang on
    anew = there is not None and there | free == identity | free and there != identity
    return TrialLog(file, identity, replace=anew)
