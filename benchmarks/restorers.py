"""The paper's Table 1, with our restorers: single-task, mix-training, the groups that were found, and the paper's four.

    grids group FIT --val VAL --from GROUPS.JSON --start START.safetensors --iterations N --out RUN
    grids group FIT --val VAL --from PAPER.JSON --start START.safetensors --iterations N --out RUN
    python benchmarks/restorers.py RUN GROUPS.JSON [--sets kodak24,set14] [--limit 8] [--seconds 600]

RUN/models holds the restorers; photographs of eval/ are degraded once per task, whole, at random severities, and
measured by RGB PSNR, 8 bit, no border cut. Finished measurements are kept in RUN/scores.json, so that a second call
goes on. The paper's columns: GRIDS, Table 1, on DIV2K-Valid; other photographs, so compare differences only.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from common import DATA, machine, need, table

from grids import evaluate_restorer, group_degradations
from grids.degradations import ELEVEN
from grids.images import list_images
from grids.results import Grouping
from grids.training.models import read_record

# SRResNet and Restormer of GRIDS, Table 1: single-task, mix-training, grouped (11 tasks in the order of ELEVEN)
PAPER = {
    "SRResNet": (
        (26.97, 25.36, 34.21, 34.62, 32.76, 40.15, 31.37, 33.06, 31.70, 30.08, 44.93),
        (25.92, 22.61, 33.34, 33.70, 30.71, 37.07, 30.83, 32.51, 30.57, 29.62, 43.79),
        (26.71, 25.09, 34.77, 35.16, 32.54, 39.95, 31.29, 33.13, 31.90, 30.22, 45.73),
    ),
    "Restormer": (
        (27.99, 31.80, 37.92, 37.42, 34.17, 41.81, 32.14, 33.83, 32.55, 30.64, 46.12),
        (27.39, 26.48, 35.36, 34.10, 32.29, 38.91, 31.30, 32.96, 31.56, 29.77, 42.71),
        (28.22, 31.71, 37.24, 38.68, 34.03, 41.30, 32.23, 33.88, 32.86, 30.71, 46.57),
    ),
}


def models_of(run: Path) -> dict[frozenset[str], Path]:
    """The restorers of a run folder by what they are for."""
    found = {}
    for file in sorted((run / "models").glob("*.safetensors")):
        record = read_record(file)
        if record is not None and not record["repeat"] and not record["stopped"]:
            found[frozenset(record["tasks"])] = file
    return found


def measured(run: Path, sets: list[str], limit: int, wanted: dict[str, tuple[str, ...]], seconds: float) -> Any:
    """PSNR by set, restorer and task; {"kodak24": {"jpeg+ringing": {"jpeg": 30.1, ...}, "": inputs}}."""
    models, store = models_of(run), run / "scores.json"
    scores: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    deadline = time.monotonic() + seconds
    for name in sets:
        files = list_images([need(DATA / "eval" / name)])
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
            store.write_text(json.dumps(scores))
            print(f"  {name} {key}", flush=True)
    return scores


def restorers_of(groups: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    return {task: group for group in groups for task in group}


def print_table(title: str, have: dict[str, dict[str, float]], columns: dict[str, dict[str, tuple[str, ...]]]) -> None:
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
        for one, all_, group in PAPER.values():
            row += [group[i] - one[i], group[i] - all_[i]]
        rows.append(row)
    head = [*values, *(f"{label} - {other}" for label in grouped for other in ("single", "mix"))]
    head += [f"paper, {network}: grouped - {other}" for network in PAPER for other in ("single", "mix")]
    cells = [(task, *(f"{v:.2f}" for v in row)) for task, row in zip(ELEVEN, rows, strict=True)]
    means = [f"{sum(column) / len(column):.2f}" for column in zip(*rows, strict=True)]
    print(f"\n{title}\n\n{table(('task', *head), [*cells, ('mean', *means)])}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("groups", type=Path)
    parser.add_argument("--sets", default="kodak24")
    parser.add_argument("--limit", type=int, default=0, help="photographs of each set; 0 for all")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    print(machine(), flush=True)
    found = Grouping.load(given.groups).partition
    paper = group_degradations(0.7, "paper").partition
    columns = {
        "single-task": restorers_of(tuple((task,) for task in ELEVEN)),
        "mix-training": restorers_of((ELEVEN,)),
        "groups found": restorers_of(found),
        "the paper's groups": restorers_of(paper),
    }
    wanted = {f"{label} {task}": group for label, column in columns.items() for task, group in column.items()}
    scores = measured(given.run, given.sets.split(","), given.limit, wanted, given.seconds)
    print("groups found: " + "; ".join(" + ".join(group) for group in found))
    print("the paper's groups: " + "; ".join(" + ".join(group) for group in paper))
    for name, have in scores.items():
        print_table(name, have, columns)
