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
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, split_files, table
from scipy.stats import spearmanr

from grids import SearchSettings, builtin_similarity, group_degradations
from grids.degradations import ELEVEN, all_degradations
from grids.io import write_text
from grids.restoration.models import load_restorer, save_restorer, start_weights
from grids.results import TrainingRun
from grids.search import Answer, DropTable, Problem, Search, run_search
from grids.search.drop_table import JOIN
from grids.training.callbacks import NullCallbacks
from grids.training.config import STEPS_PER, TrainingConfig
from grids.training.evaluator import LASTING, TrainingEvaluator, clearly_lost
from grids.training.experiment import Experiment, record_of, run_of
from grids.training.pair_settings import PRISTINE
from grids.training.photographs import Photographs
from grids.training.tasks import Synthesized
from grids.training.trainer import OutOfTimeError
from grids.training.validation import Validation
from grids.weights import sha256

HERE = Path(__file__).parent / "study"
TABLE = Path(__file__).parents[1] / "grids" / "search" / "study_drops.csv"
DELTAS = (0.7, 0.5, 1.0, 0.3)
FURTHER = 10  # groups of each size, near and as many far in S
EQUAL = (("gaussian_blur", "motion_blur", "richardson_lucy"), ("gaussian_noise", "salt_pepper"), ELEVEN)
"""Groups that are trained with steps counted both ways: two that lost most, and all."""
RECIPE = TrainingConfig(iterations=250, learning_rate=5e-4, data=PRISTINE, steps_per="model")
START = TrainingConfig(iterations=13_000, learning_rate=1e-3, average=0.999, data=PRISTINE, steps_per="model")
Asked = tuple[tuple[str, ...], int]  # a group and its repetition


def settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("start", "train", "equal", "export", "report"))
    parser.add_argument("--network", default="nafnet")
    parser.add_argument("--start", type=Path, help="weights that all restorers start from")
    parser.add_argument("--iterations", type=int, default=RECIPE.iterations)
    parser.add_argument("--crop", type=int, default=RECIPE.crop)
    parser.add_argument("--start-iterations", type=int, default=START.iterations)
    parser.add_argument("--folder", type=Path, default=Path("runs/study"), help="checkpoints and weights")
    parser.add_argument("--worker", default="0/1")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--searches", action="store_true", help="run the searches only")
    return parser.parse_args()


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


def ordered(group: Any) -> tuple[str, ...]:
    return tuple(name for name in ELEVEN if name in group)


def stored(network: str, folder: Path | None = None) -> dict[Asked, dict[str, Any]]:
    """The trainings that are done: of the committed file, and of the folder at work."""
    file = HERE / f"{network}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    records = [json.loads(line) for line in lines]
    if folder is not None and folder.exists():
        records += [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if len({json.dumps([record["recipe"], record["start_sha256"]], sort_keys=True) for record in records}) > 1:
        raise SystemExit(
            "study: the recorded trainings differ in recipe or start: give each its own folder and network"
        )
    return {(tuple(record["tasks"]), record["repeat"]): record for record in records}


def data_of(crop: int) -> tuple[list[Synthesized], Photographs, Validation]:
    tasks = [Synthesized(all_degradations()[name]) for name in ELEVEN]
    least = max(96, crop)
    validation = Validation(tasks, Photographs(split_files("val"), least), 64, 60)
    return tasks, Photographs(split_files("fit"), least), validation


def lesson_of(chosen: argparse.Namespace) -> Experiment:
    if chosen.start is None:
        raise SystemExit("study: --start names the weights that all restorers start from")
    tasks, fit, validation = data_of(chosen.crop)
    config = replace(RECIPE, iterations=chosen.iterations, crop=chosen.crop)
    state = start_weights(chosen.start, chosen.network)
    digest = sha256(chosen.start)
    return Experiment(tasks, fit, validation, chosen.network, config, start=state, start_sha256=digest)


def start(chosen: argparse.Namespace) -> None:
    """Train the restorer for all eleven that the others start from; a broken-off one goes on."""
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
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
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    experiment = lesson_of(chosen)
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

    worker, workers = map(int, chosen.worker.split("/"))
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
    experiment = lesson_of(chosen)
    print(machine(), flush=True)
    drops: dict[str, dict[tuple[str, ...], dict[str, float]]] = {}
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


def collect(chosen: argparse.Namespace) -> TrainingEvaluator:
    """All recorded trainings in an evaluator that trains nothing."""
    records = stored(chosen.network, chosen.folder / "records")
    if not records:
        raise SystemExit("study: nothing is trained yet")
    found = TrainingEvaluator.__new__(TrainingEvaluator)
    found.names = ELEVEN
    found.runs = {(frozenset(group), repeat): run_of(record, "") for (group, repeat), record in records.items()}
    return found


def answers_of(found: TrainingEvaluator) -> dict[frozenset[str], Answer]:
    """The drops of every recorded group, over as many seeds as both it and the single-task restorer have."""
    spread = found.noise()
    answers = {}
    for group, repeat in found.runs:
        if repeat or len(group) < 2 or any((frozenset((task,)), 0) not in found.runs for task in group):
            continue
        seeds = dict.fromkeys(ordered(group), 1)
        for task in seeds:
            while {(group, seeds[task]), (frozenset((task,)), seeds[task])} <= found.runs.keys():
                seeds[task] += 1
        drops = {task: found.drop(task, group, count) for task, count in seeds.items()}
        answers[group] = Answer(drops, {task: spread[task] * (2 / count) ** 0.5 for task, count in seeds.items()})
    return answers


def export(chosen: argparse.Namespace) -> None:
    records = stored(chosen.network, chosen.folder / "records")
    HERE.mkdir(exist_ok=True)
    lines = [json.dumps(records[asked], sort_keys=True) for asked in sorted(records, key=lambda a: (len(a[0]), a))]
    (HERE / f"{chosen.network}.jsonl").write_text("\n".join(lines) + "\n")
    answers = answers_of(collect(chosen))
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


def report(chosen: argparse.Namespace) -> None:
    found = collect(chosen)
    answers = answers_of(found)
    print(f"{len(found.runs)} trainings, drops of {len(answers)} groups\n")
    print_restorers(found)
    print_predictors(found, answers)
    print_samples(found, answers)
    print_sizes(answers)
    print_monotony(answers)
    print_early_rule(found, answers)
    print_partitions(answers)


def print_restorers(found: TrainingEvaluator) -> None:
    """Upper bounds, mix-training, noise, and whether the upper bounds had settled."""
    spread, rows = found.noise(), []
    mix = found.runs[frozenset(ELEVEN), 0]
    for task in ELEVEN:
        run = found.runs[frozenset((task,)), 0]
        upper, mixed = run.psnr[task], mix.psnr[task]
        rows.append(
            (
                task,
                f"{upper:.2f}",
                f"{mixed:.2f}",
                f"{upper - mixed:.2f}",
                f"{spread[task]:.3f}",
                f"{run.late_gain()[task]:.2f}",
            )
        )
    means = [sum(float(row[i]) for row in rows) / len(rows) for i in range(1, 6)]
    rows.append(("mean", *(f"{value:.2f}" for value in means)))
    print(table(("", "upper bound", "mix", "drop of mix", "noise", "gain of the last doubling"), rows), "\n")


def print_predictors(found: TrainingEvaluator, answers: dict[frozenset[str], Answer]) -> None:
    """Rank correlation of what could be known beforehand with a group's worst and mean drop."""
    matrix = builtin_similarity()
    start = {task: found.runs[frozenset((task,)), 0] for task in ELEVEN}
    # what specialising brings a task: the single-task restorer against the mix
    gain = {task: run.psnr[task] - found.runs[frozenset(ELEVEN), 0].psnr[task] for task, run in start.items()}

    def values_of(group: frozenset[str]) -> dict[str, float]:
        pairs = [matrix.distance(a, b) for a, b in itertools.combinations(ordered(group), 2)]
        gains = [gain[task] for task in group]
        return {
            "mean of S": float(np.mean(pairs)),
            "largest S": max(pairs),
            "smallest S": min(pairs),
            "variance of S": float(np.var(pairs)),
            "number of tasks": len(group),
            "mean gain of the single-task restorers over mix-training": float(np.mean(gains)),
            "largest such gain": max(gains),
            "spread of such gains": max(gains) - min(gains),
        }

    kinds = {"pairs": (2, 2), "three to five": (3, 5), "all but the eleven": (2, 10)}
    rows = []
    chosen = {name: [g for g in answers if low <= len(g) <= high] for name, (low, high) in kinds.items()}
    for predictor in values_of(frozenset(ELEVEN[:2])):
        cells = []
        for groups in chosen.values():
            x = [values_of(group)[predictor] for group in groups]
            for drop in (max, lambda v: sum(v) / len(v)):
                y = [drop(list(answers[group].drops.values())) for group in groups]
                cells.append(f"{spearmanr(x, y).statistic:.2f}" if len(set(x)) > 2 else "-")
        rows.append((predictor, *cells))
    head = [
        f"{name} ({len(groups)}), {what}" for name, groups in chosen.items() for what in ("worst drop", "mean drop")
    ]
    print(table(("Spearman's correlation with", *head), rows), "\n")


def print_samples(found: TrainingEvaluator, answers: dict[frozenset[str], Answer]) -> None:
    """How well drops follow from the number of tasks alone, which with equal steps is that of fewer samples, too."""
    mixed = found.runs[frozenset(ELEVEN), 0].psnr
    lost = {task: found.runs[frozenset((task,)), 0].psnr[task] - mixed[task] for task in ELEVEN}
    groups = [group for group in answers if len(group) < len(ELEVEN)]
    pairs = [(task, len(group), answers[group].drops[task]) for group in groups for task in answers[group].drops]
    y = np.array([drop for _, _, drop in pairs])
    laws = {"(1 - 1 / k)": lambda k: 1 - 1 / k, "log k": math.log, "1": lambda k: 1.0}
    for text, law in laws.items():
        x = np.array([lost[task] * law(size) for task, size, _ in pairs])
        factor = float(x @ y / (x @ x))
        error, rank = float(np.sqrt(np.mean((y - factor * x) ** 2))), spearmanr(x, y).statistic
        print(f"drop = {factor:.2f} (drop in the mix) {text}: error {error:.3f} dB, rank correlation {rank:.2f}")
    print(f"{len(pairs)} drops of standard deviation {y.std():.2f} dB\n")


def print_sizes(answers: dict[frozenset[str], Answer]) -> None:
    """What mixing more tasks costs."""
    rows = []
    for size in sorted({len(group) for group in answers}):
        drops = [list(answer.drops.values()) for group, answer in answers.items() if len(group) == size]
        worst, mean = [max(d) for d in drops], [sum(d) / len(d) for d in drops]
        within = sum(w <= 0.7 for w in worst)
        rows.append((size, len(drops), f"{np.mean(mean):.2f}", f"{np.mean(worst):.2f}", f"{max(worst):.2f}", within))
    print(
        table(("tasks", "groups", "mean drop", "worst drop, mean", "worst drop, largest", "within 0.7 dB"), rows), "\n"
    )


def print_monotony(answers: dict[frozenset[str], Answer]) -> None:
    """How often a group loses clearly less than a part of it."""
    pairs = [(a, b) for a in answers for b in answers if a < b]
    clear = 0
    for small, large in pairs:
        worst = max(answers[small].drops, key=lambda task: answers[small].drops[task])
        less = answers[small].drops[worst] - max(answers[large].drops.values())
        clear += less > 2 * np.hypot(answers[small].noise[worst], max(answers[large].noise.values()))
    print(f"A group lost less than a part of it, by two standard errors: {clear} of {len(pairs)} pairs of groups.\n")


def print_early_rule(found: TrainingEvaluator, answers: dict[frozenset[str], Answer]) -> None:
    """How often the rule that stops a training half way would have been wrong."""
    spread, rows = found.noise(), []
    for delta in sorted(DELTAS):
        stopped = wrong = bound = beyond = 0
        for group, answer in answers.items():
            if len(group) == len(ELEVEN):
                continue
            half = found.runs[group, 0].curve[0]
            losses = {task: found.runs[frozenset((task,)), 0].curve[0].psnr[task] - half.psnr[task] for task in group}
            beyond += max(answer.drops.values()) > delta
            hit = clearly_lost(losses, dict.fromkeys(group, delta), spread)
            stopped += bool(hit)
            wrong += bool(hit) and max(answer.drops.values()) <= delta
            bound += any(answer.drops[task] < LASTING * losses[task] for task in hit)
        rows.append((delta, beyond, stopped, wrong, bound))
    head = (
        "delta",
        "groups beyond",
        "stopped half way",
        "of these within delta",
        "of these losing less than the bound",
    )
    print(table(head, rows), "\n")


def print_partitions(answers: dict[frozenset[str], Answer]) -> None:
    """The best partition at each delta, and the number of groups over delta."""
    matrix = builtin_similarity()
    rows = []
    for delta in sorted(DELTAS):
        for decided in (True, False):
            used = answers if decided else {group: Answer(answer.drops) for group, answer in answers.items()}
            known = DropTable(used, "study", "")
            best = group_degradations(SearchSettings(delta), known, matrix)
            text = "; ".join(" + ".join(group) for group in best.partition)
            rows.append((delta, "clearly" if decided else "on average", len(best), best.certificate, text))
    print(table(("delta", "within delta", "groups", "certificate", "partition"), rows))


if __name__ == "__main__":
    given = settings()
    {"start": start, "train": train, "equal": equal, "export": export, "report": report}[given.what](given)
