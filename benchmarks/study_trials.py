"""The recorded trainings of the study, and the drops that follow from them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from common import read_records

from grids.degradations import ELEVEN
from grids.search import Answer
from grids.training.evaluator import TrainingEvaluator
from grids.training.experiment import run_of

HERE = Path(__file__).parent / "study"
DELTAS = (0.7, 0.5, 1.0, 0.3)
Asked = tuple[tuple[str, ...], int]
"""A group and its repetition."""
Answers = dict[frozenset[str], Answer]


class Record(TypedDict):
    """A finished training, as `grids.training.experiment.record_of` tells of it."""

    preset: str
    tasks: list[str]
    repeat: int
    key: str
    recipe: Mapping[str, Any]
    start_sha256: str
    curve: list[tuple[int, float, dict[str, float]]]
    seconds: float
    stopped: str
    saved: NotRequired[dict[str, float]]


def ordered(group: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in ELEVEN if name in group)


def stored(network: str, folder: Path | None = None) -> dict[Asked, Record]:
    """The trainings that are done: of the committed file, and of the folder at work."""
    records: list[Record] = read_records(HERE / f"{network}.jsonl")
    if folder is not None and folder.exists():
        records += [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if len({json.dumps([record["recipe"], record["start_sha256"]], sort_keys=True) for record in records}) > 1:
        raise SystemExit("study: the recorded trainings differ in recipe or start: give each a folder and a network")
    return {(tuple(record["tasks"]), record["repeat"]): record for record in records}


def collect(records: Mapping[Asked, Record]) -> TrainingEvaluator:
    """All recorded trainings in an evaluator that trains nothing."""
    if not records:
        raise SystemExit("study: nothing is trained yet")
    found = TrainingEvaluator.__new__(TrainingEvaluator)
    found.names = ELEVEN
    found.runs = {(frozenset(group), repeat): run_of(record, "") for (group, repeat), record in records.items()}
    return found


def answers_of(found: TrainingEvaluator) -> Answers:
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
