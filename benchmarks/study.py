"""Our own study of what mixes with what: single-task restorers, mixes, pairs, and groups near and far in S.

    python benchmarks/study.py equal --start grids/weights/nafnet_start.safetensors      drops at equal samples (10 min)
    python benchmarks/study.py start [--start-iterations 13000]      a restorer for all, from random weights
    python benchmarks/study.py train --start START.safetensors [--worker 0/2] [--seconds 3600] [--device cuda]
    python benchmarks/study.py export        the trials as the table that ships (grids/search/study_drops.csv)
    python benchmarks/study.py report        what came out, as Markdown

All restorers start from the same weights and get the same number of further steps. They learn from the fit split and
are measured on val. Every finished training is a line of benchmarks/study/NETWORK.jsonl, which is committed: what it
holds is not trained again, so that more machine time later carries the study on. Several workers may run at once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from common import add_work_options, machine, parse_work, parser, split_files, table
from study_report import report
from study_trials import DELTAS, HERE, Asked, answers_of, collect, ordered, stored

from grids import builtin_similarity
from grids.degradations import ELEVEN, all_degradations
from grids.io import write_text
from grids.restoration.models import load_restorer, save_restorer, start_weights
from grids.results import TrainingRun
from grids.search import DropTable, Problem, Search, run_search
from grids.search.drop_table import JOIN
from grids.training.callbacks import NullCallbacks
from grids.training.config import STEPS_PER, TrainingConfig
from grids.training.evaluator import TrainingEvaluator
from grids.training.experiment import Experiment, record_of, run_of
from grids.training.pair_settings import PRISTINE
from grids.training.photographs import Photographs
from grids.training.tasks import Synthesized
from grids.training.trainer import OutOfTimeError
from grids.training.validation import Validation
from grids.weights import sha256

TABLE = Path(__file__).parents[1] / "grids" / "search" / "study_drops.csv"
FURTHER = 10  # groups of each size, near and as many far in S
EQUAL = (("gaussian_blur", "motion_blur", "richardson_lucy"), ("gaussian_noise", "salt_pepper"), ELEVEN)
"""Groups that are trained with steps counted both ways: two that lost most, and all."""
CONFIG = TrainingConfig(iterations=250, learning_rate=5e-4, data=PRISTINE, steps_per="model")
START = TrainingConfig(iterations=13_000, learning_rate=1e-3, average=0.999, data=PRISTINE, steps_per="model")


def settings() -> argparse.Namespace:
    options = parser(__doc__)
    options.add_argument("what", choices=("start", "train", "equal", "export", "report"))
    options.add_argument("--network", default="nafnet")
    options.add_argument("--start", type=Path, help="weights that all restorers start from")
    options.add_argument("--iterations", type=int, default=CONFIG.iterations)
    options.add_argument("--crop", type=int, default=CONFIG.crop)
    options.add_argument("--start-iterations", type=int, default=START.iterations)
    options.add_argument("--folder", type=Path, default=Path("runs/study"), help="checkpoints and weights")
    options.add_argument("--searches", action="store_true", help="run the searches only")
    add_work_options(options)
    return parse_work(options)


class Keeper(NullCallbacks):
    """Writes every finished training to a file of its own, and says so."""

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.folder, self.experiment = folder, experiment
        folder.mkdir(parents=True, exist_ok=True)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        if reused:
            return
        record = record_of(run, self.experiment, "")
        write_text(self.folder / f"{name_of(run.group, run.repeat)}.json", json.dumps(record))
        shown = {task: round(value, 2) for task, value in run.psnr.items()}
        print(f"{time.strftime('%H:%M:%S')} {run.seconds:4.0f} s {run.repeat} {shown}", flush=True)


def name_of(group: tuple[str, ...], repeat: int) -> str:
    name = "all" if len(group) == len(ELEVEN) else JOIN.join(group)
    return f"{name}.{repeat}"


def plan_of() -> Iterator[Asked]:
    """What is trained first, in order of worth."""
    yield from (((name,), 0) for name in ELEVEN)
    yield from ((ELEVEN, repeat) for repeat in (0, 1))
    paper = DropTable.load("paper").answers
    yield from ((ordered(group), 0) for group in paper if 1 < len(group) < len(ELEVEN))
    yield from ((pair, 0) for pair in itertools.combinations(ELEVEN, 2))


def further() -> Iterator[Asked]:
    """Groups of three to five, near and far in S in turn; then second seeds of the single tasks; searches come last."""
    matrix = builtin_similarity()
    problem = Problem(matrix, 0.7)
    ranked = {
        size: sorted(itertools.combinations(ELEVEN, size), key=lambda group: problem.distance(problem.mask(group)))
        for size in (3, 4, 5)
    }
    for place in range(FURTHER):
        for groups in ranked.values():
            step = len(groups) // 40  # not the very nearest only: neighbours in the ranking share most members
            yield groups[place * step], 0
            yield groups[-1 - place * step], 0
    yield from (((name,), 1) for name in ELEVEN)


def data_of(crop: int) -> tuple[list[Synthesized], Photographs, Validation]:
    tasks = [Synthesized(all_degradations()[name]) for name in ELEVEN]
    least = max(96, crop)
    validation = Validation(tasks, Photographs(split_files("val"), least), 64, 60)
    return tasks, Photographs(split_files("fit"), least), validation


def experiment_of(chosen: argparse.Namespace) -> Experiment:
    if chosen.start is None:
        raise SystemExit("study: --start names the weights that all restorers start from")
    tasks, fit, validation = data_of(chosen.crop)
    config = replace(CONFIG, iterations=chosen.iterations, crop=chosen.crop)
    state = start_weights(chosen.start, chosen.network)
    digest = sha256(chosen.start)
    return Experiment(tasks, fit, validation, chosen.network, config, start=state, start_sha256=digest)


def start(chosen: argparse.Namespace) -> None:
    """Train the restorer for all eleven that the others start from; a broken-off one goes on."""
    tasks, fit, validation = data_of(chosen.crop)
    config = replace(START, iterations=chosen.start_iterations, crop=chosen.crop)
    experiment = Experiment(tasks, fit, validation, chosen.network, config)
    print(machine(), flush=True)
    file = chosen.folder / "start.safetensors"
    deadline = time.monotonic() + chosen.seconds
    maker = TrainingEvaluator(experiment, chosen.folder / "mix", device=chosen.device, deadline=deadline)
    try:
        run = maker.run(ELEVEN)
    except OutOfTimeError as error:
        print(f"stopped: {error}")
        return
    made = load_restorer(maker.folder / run.file)
    save_restorer(file, made.network, made.record, half=True)
    print(f"{file}: {sum(run.psnr.values()) / len(ELEVEN):.2f} dB on average")


def train(chosen: argparse.Namespace) -> None:
    experiment = experiment_of(chosen)
    records = chosen.folder / "records"
    keeper = Keeper(records, experiment)
    deadline = time.monotonic() + chosen.seconds
    print(machine(), flush=True)

    def evaluator(problem: Problem | None = None, repeats: int = 1) -> TrainingEvaluator:
        made = TrainingEvaluator(
            experiment, chosen.folder, device=chosen.device, problem=problem, repeats=repeats, early=False,
            deadline=deadline, callbacks=keeper,
        )  # fmt: skip
        for (group, repeat), record in stored(chosen.network, records).items():
            if (record["recipe"], record["start_sha256"]) != (experiment.config.to_json(), experiment.start_sha256):
                raise SystemExit("study: what is recorded was trained by another recipe or from another start")
            made.runs[frozenset(group), repeat] = run_of(record, "")
        return made

    worker, workers = chosen.worker
    try:
        if not chosen.searches:
            trained = evaluator()
            for number, (group, repeat) in enumerate([*plan_of(), *further()]):
                if number % workers == worker:
                    trained.run(group, repeat)
        tries = [(delta, method) for delta in DELTAS for method in ("exact", "paper")]
        for delta, method in tries[worker::workers]:
            search = Search(Problem(builtin_similarity(), delta), method)
            run_search(search, evaluator(search.problem, repeats=1))
            found = search.result()
            print(f"delta {delta} {method}: {found.trainings} answers, {found.partition}", flush=True)
    except OutOfTimeError as error:
        print(f"stopped: {error}", flush=True)


def equal(chosen: argparse.Namespace) -> None:
    """What some groups lose with equal steps for each model, and with equal steps for each task."""
    experiment = experiment_of(chosen)
    print(machine(), flush=True)
    drops: dict[str, dict[tuple[str, ...], Mapping[str, float]]] = {}
    alone: dict[tuple[frozenset[str], int], TrainingRun] = {}
    for per in STEPS_PER:
        counted = replace(experiment, config=replace(experiment.config, steps_per=per))
        evaluator = TrainingEvaluator(
            counted, chosen.folder / f"per-{per}", device=chosen.device, early=False, repeats=1
        )
        evaluator.runs.update(alone)  # of one task, both are the same
        drops[per] = {group: evaluator(frozenset(group)).drops for group in EQUAL}
        alone = {key: run for key, run in evaluator.runs.items() if len(key[0]) == 1}
    rows = [
        (" + ".join(group) if len(group) < len(ELEVEN) else "all eleven", task, *cells)
        for group in EQUAL
        for task in group
        for cells in [[f"{drops[per][group][task]:.2f}" for per in STEPS_PER]]
    ]
    print(table(("group", "task", *(f"drop, equal steps for each {per}" for per in STEPS_PER)), rows))
    for group in EQUAL:
        means = [sum(drops[per][group].values()) / len(group) for per in STEPS_PER]
        print(f"mean over {len(group)} tasks: {', '.join(f'{mean:.2f}' for mean in means)}")


def export(chosen: argparse.Namespace) -> None:
    records = stored(chosen.network, chosen.folder / "records")
    HERE.mkdir(exist_ok=True)
    lines = [json.dumps(records[asked], sort_keys=True) for asked in sorted(records, key=lambda a: (len(a[0]), a))]
    (HERE / f"{chosen.network}.jsonl").write_text("\n".join(lines) + "\n")
    answers = answers_of(collect(records))
    first = next(iter(records.values()))
    config = first["recipe"]
    head = [
        f"trainings of the grids study: {chosen.network}, {config['iterations']} steps of {config['batch']} crops of "
        f"{config['crop']} pixels each,",
        f"all starting from one restorer for the eleven ({first['start_sha256'][:12]}); 603 photographs to learn from,",
        f"60 others to measure on; {len(records)} trainings; drops of {len(answers)} groups in dB against single-task",
        "restorers of the same start and steps, with standard errors (benchmarks/study.py)",
    ]
    rows = [
        f"{JOIN.join(ordered(group))},{task},{answer.drops[task]:.3f},{answer.noise[task]:.3f}"
        for group, answer in sorted(answers.items(), key=lambda item: (len(item[0]), ordered(item[0])))
        for task in ordered(group)
    ]
    TABLE.write_text("\n".join([*(f"# {line}" for line in head), "group,degradation,drop,noise", *rows]) + "\n")
    print(f"{len(records)} trainings, {len(answers)} groups: {TABLE}")


def show(chosen: argparse.Namespace) -> None:
    report(stored(chosen.network, chosen.folder / "records"))


if __name__ == "__main__":
    given = settings()
    {"start": start, "train": train, "equal": equal, "export": export, "report": show}[given.what](given)
