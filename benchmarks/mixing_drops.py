"""What tasks lose in groups, by the records of the study of mixing, with standard errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from crops import WAYS, ByTask
from mixing_trials import INPUTS, SEEDS, STEPS, Asked, Group, Per, Records
from table_one import bootstrapped

from grids.degradations import ELEVEN as TASKS
from grids.search import Answer, DropTable
from grids.search.drop_table import JOIN

PRIOR = 2.0
"""So many pairs of seeds is what varies over seeds in all tasks worth, beside a task's own."""


def drops_of(records: Records, way: str = WAYS[0], steps: int = STEPS, per: Per = "task") -> pd.DataFrame:
    """The drop of every task in every group of two tasks or more whose single tasks are there, too.

    A drop is the PSNR of the restorers of the task alone, less that of the group's, on the same crops; both are means
    over all seeds that were trained. Its error is that of seeds (`seed_variances`) and of photographs (a paired
    bootstrap over them) together.

    Returns:
        columns group (names joined by +), size, task, seeds (of the group), drop, noise and its parts photographs and
        seed_noise, dB. Errors of seeds are known for `STEPS` for each task alone: else they, and noise, are NaN.
    """
    rows, lost = [], []
    for group in dict.fromkeys(asked.group for asked in records if (asked.steps, asked.per) == (steps, per)):
        for task in group if len(group) > 1 else ():
            singles = scores(records, task, (task,), way, steps)
            shared = scores(records, task, group, way, steps, per)
            if singles and shared:
                lost.append(np.mean(singles, 0) - np.mean(shared, 0))
                rows.append((JOIN.join(group), len(group), task, len(singles), len(shared), lost[-1].mean()))
    frame = pd.DataFrame(rows, columns=["group", "size", "task", "alone", "seeds", "drop"])
    frame["photographs"] = bootstrapped(np.array(lost)) if lost else 0.0
    known = seed_variances(records, way) if (steps, per) == (STEPS, "task") else {}
    alone, ours = (frame["task"].map(known.get(name, {})).astype(float) for name in ("single", "group"))
    frame["seed_noise"] = np.sqrt(alone / frame["alone"] + ours / frame["seeds"])
    frame["noise"] = np.hypot(frame["photographs"], frame["seed_noise"])
    return frame


def mean_noise(drops: pd.DataFrame, part: str = "noise") -> float:
    """The root of the mean square of the standard errors of drops, or of a part of them, dB."""
    return float(np.sqrt((drops[part] ** 2).mean()))


def scores(
    records: Records, task: str, group: Group, way: str = WAYS[0], steps: int = STEPS, per: Per = "task"
) -> list[np.ndarray]:
    """The PSNR of every photograph under a task, by each restorer of a group that was trained, in the order of seeds.

    A single task has the same restorers whether steps are counted for each task or for each model.
    """
    counted = "task" if len(group) == 1 else per
    trained = (records.get(Asked(group, seed, steps, counted)) for seed in range(SEEDS))
    return [np.array(one.psnr[way][task]) for one in trained if one is not None]


def input_scores(file: Path = INPUTS) -> dict[str, ByTask]:
    """The PSNR of the inputs of every photograph, dB, by way and task; empty where they were not measured."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def seed_variances(records: Records, way: str = WAYS[0]) -> dict[str, dict[str, float]]:
    """The variance of the PSNR of a restorer over seeds, dB^2, by task: of single tasks, and of groups.

    That of a task is drawn towards that of all tasks together, which counts as `PRIOR` pairs of seeds. NaN where no
    restorers have two seeds.
    """
    return {"single": spread_over_seeds(records, way, True), "group": spread_over_seeds(records, way, False)}


def seed_errors(records: Records, way: str = WAYS[0]) -> dict[str, float]:
    """Standard deviation over seeds of one drop of every task, from one seed of either restorer, dB."""
    single, group = seed_variances(records, way).values()
    return {task: float(np.sqrt(single[task] + group[task])) for task in TASKS}


def spread_over_seeds(records: Records, way: str, alone: bool) -> dict[str, float]:
    """One of `seed_variances`: of the restorers of single tasks, or of groups."""
    squares: dict[str, list[float]] = {task: [] for task in TASKS}
    for asked in records:
        if asked == Asked(asked.group) and (len(asked.group) == 1) == alone:
            for task in asked.group:
                means = [float(one.mean()) for one in scores(records, task, asked.group, way)]
                squares[task] += [(means[0] - means[1]) ** 2 / 2] if len(means) > 1 else []
    every = [value for values in squares.values() for value in values]
    pooled = float(np.mean(every)) if every else math.nan
    return {task: (sum(values) + PRIOR * pooled) / (len(values) + PRIOR) for task, values in squares.items()}


def both_seeds(records: Records, way: str = WAYS[0]) -> Iterator[tuple[str, str, float, float]]:
    """The drops of the groups that were trained with two seeds, seed by seed: group, task, drop with either."""
    for group in dict.fromkeys(asked.group for asked in records):
        for task in group if len(group) > 1 else ():
            alone, ours = (scores(records, task, some, way) for some in ((task,), group))
            if len(alone) == len(ours) == SEEDS:
                first, second = (float(np.mean(one - two)) for one, two in zip(alone, ours, strict=True))
                yield JOIN.join(group), task, first, second


def table_of(records: Records, way: str = WAYS[0]) -> DropTable:
    """The drops with their errors, as far as they are known, as searches look them up."""
    answers = {
        frozenset(str(group).split(JOIN)): Answer(dict(rows["drop"]), dict(rows["noise"].dropna()))
        for group, rows in drops_of(records, way).set_index("task").groupby("group", sort=False)
    }
    return DropTable(answers, "study", "")
