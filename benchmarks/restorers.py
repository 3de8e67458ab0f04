"""The paper's Table 1 with restorers of the study: single-task, mix-training, the groups found, the paper's.

    python benchmarks/restorers.py train --start START.safetensors [--worker 0/2] [--seconds 600] [--device cuda]
    python benchmarks/restorers.py table [--sets kodak24,set14] [--limit 8] [--seconds 600]

The groups found are those of `grids group --delta 0.7`, from the study's table. `table` degrades photographs of eval/
once per task, whole, at random severities, and measures RGB PSNR, 8 bit, no border cut. What is trained or measured is
kept in --folder, so that a second call goes on. The paper's columns: GRIDS, Table 1, on DIV2K-Valid; other photographs
and longer trainings, so compare differences only.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import study
from common import (
    add_work_options,
    eval_photographs,
    machine,
    parse_work,
    parser,
    table,
)
from table_one import PUBLISHED

from grids import evaluate_restorer, group_degradations
from grids.degradations import ELEVEN
from grids.io import write_text
from grids.restoration.models import read_record
from grids.results import TrainingRun
from grids.training.callbacks import NullCallbacks
from grids.training.evaluator import TrainingEvaluator
from grids.training.trainer import OutOfTimeError

NETWORK = "nafnet"
CONFIG = study.CONFIG


def models_of(run: Path) -> dict[frozenset[str], Path]:
    """The restorers of a run folder by what they are for."""
    found = {}
    for file in sorted((run / "models").glob("*.safetensors")):
        record = read_record(file)
        if record is not None and not record["repeat"] and not record["stopped"]:
            found[frozenset(record["tasks"])] = file
    return found


Scores = dict[str, dict[str, float]]
"""PSNR by restorer and task: {"jpeg+ringing": {"jpeg": 30.1, ...}, "": inputs}."""


def measured(
    run: Path, sets: list[str], limit: int, wanted: dict[str, tuple[str, ...]], seconds: float
) -> dict[str, Scores]:
    """The scores on every set, "kodak24, 24 photographs" for example."""
    models, store = models_of(run), run / "scores.json"
    scores: dict[str, Scores] = json.loads(store.read_text()) if store.exists() else {}
    deadline = time.monotonic() + seconds
    for name in sets:
        files = eval_photographs(name)
        chosen = files[:: max(1, len(files) // limit)][:limit] if limit else files
        have = scores.setdefault(f"{name}, {len(chosen)} photographs", {"": {}})
        for group in dict.fromkeys(wanted.values()):
            key = "+".join(group)
            if frozenset(group) not in models:
                raise SystemExit(f"restorers: '{run}' holds no restorer for {key}")
            missing = [task for task in group if task not in have.get(key, {})]
            if not missing or time.monotonic() > deadline:
                continue
            found = evaluate_restorer(models[frozenset(group)], chosen, missing)
            for task in missing:
                mean = found.mean(task)
                have.setdefault(key, {})[task], have[""][task] = mean.psnr, mean.input_psnr
            write_text(store, json.dumps(scores))
            print(f"  {name} {key}", flush=True)
    return scores


def restorers_of(groups: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    return {task: group for group in groups for task in group}


def print_table(title: str, have: Scores, columns: dict[str, dict[str, tuple[str, ...]]]) -> None:
    values = {"input": have[""]}
    for label, groups in columns.items():
        values[label] = {task: have.get("+".join(groups[task]), {}).get(task, float("nan")) for task in ELEVEN}
    single, mix = values["single-task"], values["mix-training"]
    grouped = [label for label in columns if label not in ("single-task", "mix-training")]
    rows: list[list[float]] = []
    for i, task in enumerate(ELEVEN):
        row = [values[label][task] for label in values]
        for label in grouped:
            row += [values[label][task] - single[task], values[label][task] - mix[task]]
        for one, all_, group in PUBLISHED.values():
            row += [group[i] - one[i], group[i] - all_[i]]
        rows.append(row)
    head = [*values, *(f"{label} - {other}" for label in grouped for other in ("single", "mix"))]
    head += [f"paper, {network}: grouped - {other}" for network in PUBLISHED for other in ("single", "mix")]
    cells = [(task, *(f"{v:.2f}" for v in row)) for task, row in zip(ELEVEN, rows, strict=True)]
    means = [f"{sum(column) / len(column):.2f}" for column in zip(*rows, strict=True)]
    print(f"\n{title}\n\n{table(('task', *head), [*cells, ('mean', *means)])}")


def groups_of() -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """The groups found, and the paper's."""
    return group_degradations(drops="study").partition, group_degradations(drops="paper").partition


def train(given: argparse.Namespace) -> None:
    given.crop, given.network = CONFIG.crop, NETWORK
    experiment = study.experiment_of(given)
    evaluator = TrainingEvaluator(
        experiment, given.folder, device=given.device, deadline=time.monotonic() + given.seconds, callbacks=Said()
    )
    found, paper = groups_of()
    wanted = list(dict.fromkeys([*((task,) for task in ELEVEN), ELEVEN, *found, *paper]))
    worker, workers = given.worker
    try:
        for group in wanted[worker::workers]:
            evaluator.run(group)
    except OutOfTimeError as error:
        print(f"stopped: {error}")


class Said(NullCallbacks):
    def finished(self, run: TrainingRun, reused: bool) -> None:
        print(f"{'+'.join(run.group)} {run.seconds:.0f} s {dict(run.psnr)}", flush=True)


def show(given: argparse.Namespace) -> None:
    found, paper = groups_of()
    columns = {
        "single-task": restorers_of(tuple((task,) for task in ELEVEN)),
        "mix-training": restorers_of((ELEVEN,)),
        "groups found": restorers_of(found),
        "the paper's groups": restorers_of(paper),
    }
    wanted = {f"{label} {task}": group for label, column in columns.items() for task, group in column.items()}
    scores = measured(given.folder, given.sets.split(","), given.limit, wanted, given.seconds)
    print("groups found: " + "; ".join(" + ".join(group) for group in found))
    print("the paper's groups: " + "; ".join(" + ".join(group) for group in paper))
    for name, have in scores.items():
        print_table(name, have, columns)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "table"))
    options.add_argument("--folder", type=Path, default=Path("runs/study"), help="with models/; the study's has all")
    options.add_argument("--start", type=Path, help="weights that all restorers start from")
    options.add_argument("--iterations", type=int, default=CONFIG.iterations)
    options.add_argument("--sets", default="kodak24")
    options.add_argument("--limit", type=int, default=0, help="photographs of each set; 0 for all")
    add_work_options(options)
    given = parse_work(options)
    print(machine(), flush=True)
    {"train": train, "table": show}[given.what](given)
