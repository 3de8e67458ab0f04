"""The trainings of the study of mixing: which there are, their records, and the drops that follow from them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from common import read_records
from crops import WAYS, ByTask
from from_start_training import paper_groups
from table_one import bootstrapped

from grids import builtin_similarity
from grids.degradations import ELEVEN as TASKS
from grids.search import Answer, DropTable, Problem, Search
from grids.search.drop_table import JOIN

Group = tuple[str, ...]
Per = Literal["task", "model"]
FILE = Path(__file__).parent / "study" / "unet-1000.jsonl"
STEPS, LONGER = 1000, 2000
"""For each task; of the trainings that tell what more of them would change."""
SEEDS = 2
"""Of the single tasks, the mix, and the first groups."""
FIRST_PAIRS, LARGER, TWICE = 15, 25, 10
"""Pairs that come before larger groups; these, of three to six tasks; so many groups of these sizes are trained twice:
with two seeds those that are trained first, with twice the steps the first of these."""
SIZES = (3, 4, 5, 6)
DELTAS = (0.7, 0.5, 0.3, 1.0)
"""dB; what the search asks for at these is trained, too."""
SEARCHED = 15
"""About so many groups for each of them (what one leaves over is for the next): a proof can take hundreds."""
APART = 40
"""The groups that are taken lie at least 1/40 of the ranking apart: neighbours share most of their tasks."""
PRIOR = 2.0
"""So many pairs of seeds is what varies over seeds in all tasks worth, beside a task's own."""


@dataclass(frozen=True)
class Asked:
    """A training of the plan.

    Args:
        group: the tasks, in the order of `TASKS`.
        seed: its number, from 0.
        steps: for each task or for the whole model.
        per: "task" or "model".
    """

    group: Group
    seed: int = 0
    steps: int = STEPS
    per: Per = "task"

    @property
    def name(self) -> str:
        """Of its files."""
        group = "all" if self.group == TASKS else JOIN.join(self.group)
        return f"{group}.{self.steps}.{self.per}.{self.seed}"


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Args:
        asked: which it is.
        psnr: of every photograph, the mean over its crops, dB, by way (`WAYS`) and task.
        elsewhere: the same on the sets of `SETS`, by set; empty where that was not measured.
        half: mean PSNR as made after half of the steps, dB by task; empty where that was not measured.
        hours: of one core, or of a GPU on the clock.
        machine: that it ran on.
        settings: the checksum of those of its folder; trainings of other settings do not compare.
    """

    asked: Asked
    psnr: Mapping[str, ByTask]
    elsewhere: Mapping[str, Mapping[str, ByTask]]
    half: Mapping[str, float]
    hours: float
    machine: str
    settings: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Trained:
        asked = record["asked"]
        return cls(**{**record, "asked": Asked(**{**asked, "group": tuple(asked["group"])})})


Records = dict[Asked, Trained]
built_in = cache(builtin_similarity)


def read(settings: str, *files: Path) -> Records:
    """The trainings of these settings that are done, of all these files."""
    found = [Trained.from_json(record) for file in files for record in read_records(file)]
    return {one.asked: one for one in found if one.settings == settings}


def first_plan() -> Iterator[Asked]:
    """What is trained first, with equal steps for each task; the search at the first of `DELTAS` goes on from it."""
    yield from (Asked((task,), seed) for seed in range(SEEDS) for task in TASKS)
    yield from (Asked(TASKS, seed) for seed in range(SEEDS))
    yield from map(Asked, paper_groups())


def next_plan() -> Iterator[Asked]:
    """Pairs, and groups of three to six tasks, with equal steps for each task."""
    yield from map(Asked, (*first_pairs(), *larger_groups()))


def second_seeds(records: Records) -> Iterator[Asked]:
    """The second seed of the first groups of three to six tasks that are trained, whoever asked for them."""
    groups = [asked.group for asked in records if len(asked.group) in SIZES and asked == Asked(asked.group)]
    yield from (Asked(group, seed=1) for group in groups[:TWICE])


def other_pairs() -> list[Asked]:
    """The pairs that are not among the first ones."""
    return [Asked(pair) for pair in by_similarity(2) if pair not in first_pairs()]


def searched(records: Records, deltas: Sequence[float]) -> Iterator[Asked]:
    """What the search for the fewest groups asks for at these deltas, beyond what is trained.

    It goes on from the drops that are known. Where more than one group is taken from it, the later ones are those that
    are likely to be asked for next.

    Args:
        records: what is trained.
        deltas: some of `DELTAS`, dB.
    """
    planned = {*first_plan(), *next_plan(), *other_pairs()}
    asked_for = sum(asked == Asked(asked.group) and asked not in planned for asked in records)
    for delta in deltas:
        if asked_for >= SEARCHED * (DELTAS.index(delta) + 1):
            continue
        search = Search(Problem(built_in(), delta, anytime=True))
        search.know(table_of(records).answers)
        while (group := search.ask()) is not None:
            yield Asked(tuple(task for task in TASKS if task in group))


def models_plan(found: Sequence[Group]) -> Iterator[Asked]:
    """The mix, the paper's groups and those found with equal steps for each model, for the paper's Table 1.

    Args:
        found: the groups that the drops lead to.
    """
    groups = [group for group in dict.fromkeys((TASKS, *paper_groups(), *found)) if len(group) > 1]
    yield from (Asked(group, per="model") for group in groups)


def longer_plan() -> Iterator[Asked]:
    """Twice the steps for each task, of the first larger groups and of their tasks alone."""
    groups = larger_groups()[:TWICE]
    yield from (Asked(group, steps=LONGER) for group in groups)
    yield from (Asked((task,), steps=LONGER) for task in TASKS if any(task in group for group in groups))


def is_in_table(asked: Asked) -> bool:
    """Whether it is in the paper's Table 1: each kind alone, all in one, the paper's groups, those found."""
    groups = ((task,) for task in TASKS), (TASKS,), paper_groups()
    usual = asked.seed == 0 and asked.steps == STEPS and any(asked.group in some for some in groups)
    return usual or asked.per == "model"


def is_measured_half_way(asked: Asked) -> bool:
    """Whether the rule for stopping early is tried on it."""
    tried = len(asked.group) == 1 or asked.group in larger_groups()[:TWICE]
    return tried and asked.steps == STEPS and asked.per == "task"


def by_similarity(size: int) -> list[Group]:
    """All groups of so many tasks, the most alike first."""
    return sorted(itertools.combinations(TASKS, size), key=mean_distance)


@cache
def first_pairs() -> list[Group]:
    """Pairs from the nearest to the farthest in S."""
    pairs = by_similarity(2)
    return [pairs[round(place * (len(pairs) - 1) / (FIRST_PAIRS - 1))] for place in range(FIRST_PAIRS)]


def mean_distance(group: Group | list[str]) -> float:
    """The mean of the built-in S over the pairs of a group."""
    return built_in().group_distance(group)


@cache
def larger_groups() -> list[Group]:
    """Groups of three to six tasks, near and far in S by turns, none of them one of the paper's."""
    ranked = {size: by_similarity(size) for size in SIZES}
    found: list[Group] = []
    for place in itertools.count():
        for groups in ranked.values():
            step = len(groups) // APART
            for group in (groups[place * step], groups[-1 - place * step]):
                if group not in (*found, *paper_groups()):
                    found.append(group)
                if len(found) == LARGER:
                    return found
    raise AssertionError("there are more groups than that")


def drops_of(records: Records, way: str = WAYS[0], steps: int = STEPS, per: Per = "task") -> pd.DataFrame:
    """The drop of every task in every group of two tasks or more whose single tasks are there, too.

    A drop is the PSNR of the restorer of the task alone, less that of the group's, seed by seed on the same crops.
    Its error is that of seeds (`seed_errors`) and photographs (a paired bootstrap over them) together.

    Returns:
        columns group (names joined by +), size, task, seeds, drop, noise and its parts photographs and seed_noise, dB.
        Errors of seeds are known for `STEPS` for each task alone: else they, and noise, are NaN.
    """
    rows, lost = [], []
    for group in dict.fromkeys(asked.group for asked in records if (asked.steps, asked.per) == (steps, per)):
        for task in group if len(group) > 1 else ():
            seeds = [one for seed in range(SEEDS) if (one := lost_by(records, task, group, seed, way, steps, per))]
            if seeds:
                lost.append(np.mean(seeds, 0))
                rows.append((JOIN.join(group), len(group), task, len(seeds), lost[-1].mean()))
    frame = pd.DataFrame(rows, columns=["group", "size", "task", "seeds", "drop"])
    frame["photographs"] = bootstrapped(np.array(lost)) if lost else 0.0
    usual = seed_errors(records, way) if (steps, per) == (STEPS, "task") else {}
    frame["seed_noise"] = frame["task"].map(usual).astype(float) / np.sqrt(frame["seeds"])
    frame["noise"] = np.hypot(frame["photographs"], frame["seed_noise"])
    return frame


def mean_noise(drops: pd.DataFrame, part: str = "noise") -> float:
    """The root of the mean square of the standard errors of drops, or of a part of them, dB."""
    return float(np.sqrt((drops[part] ** 2).mean()))


def lost_by(
    records: Records, task: str, group: Group, seed: int, way: str, steps: int, per: Per
) -> tuple[float, ...] | None:
    """What a task loses in a group with one seed, on every photograph; None where one of the two is not trained."""
    single = records.get(Asked((task,), seed, steps))
    ours = records.get(Asked(group, seed, steps, per))
    if single is None or ours is None:
        return None
    return tuple(np.subtract(single.psnr[way][task], ours.psnr[way][task]))


def seed_errors(records: Records, way: str = WAYS[0]) -> dict[str, float]:
    """Standard deviation over seeds of one drop of every task, dB; NaN where no restorers have two seeds.

    Its variance is that of the single-task restorer and that of the group's restorer together. They are estimated
    apart, since all drops of a task share the two trainings of its single-task restorer.
    """
    single, group = (spread_over_seeds(records, way, alone) for alone in (True, False))
    return {task: float(np.sqrt(single[task] + group[task])) for task in TASKS}


def spread_over_seeds(records: Records, way: str, alone: bool) -> dict[str, float]:
    """The variance of the PSNR of single-task restorers, or of restorers of groups, over seeds, dB^2, by task.

    That of a task is drawn towards that of all tasks together, which counts as `PRIOR` pairs of seeds.
    """
    squares: dict[str, list[float]] = {task: [] for task in TASKS}
    for asked, first in records.items():
        second = records.get(replace(asked, seed=1))
        if second is not None and asked == Asked(asked.group) and (len(asked.group) == 1) == alone:
            for task in asked.group:
                difference = np.mean(first.psnr[way][task]) - np.mean(second.psnr[way][task])
                squares[task].append(float(difference) ** 2 / 2)
    every = [value for values in squares.values() for value in values]
    pooled = float(np.mean(every)) if every else math.nan
    return {task: (sum(values) + PRIOR * pooled) / (len(values) + PRIOR) for task, values in squares.items()}


def both_seeds(records: Records, way: str = WAYS[0]) -> Iterator[tuple[str, str, float, float]]:
    """The drops of the groups that were trained with two seeds: group, task, drop with either."""
    for group in dict.fromkeys(asked.group for asked in records):
        for task in group if len(group) > 1 else ():
            lost = [lost_by(records, task, group, seed, way, STEPS, "task") for seed in range(SEEDS)]
            if lost[0] is not None and lost[1] is not None:
                yield JOIN.join(group), task, float(np.mean(lost[0])), float(np.mean(lost[1]))


def table_of(records: Records, way: str = WAYS[0]) -> DropTable:
    """The drops with their errors, as far as they are known, as searches look them up."""
    answers = {
        frozenset(str(group).split(JOIN)): Answer(dict(rows["drop"]), dict(rows["noise"].dropna()))
        for group, rows in drops_of(records, way).set_index("task").groupby("group", sort=False)
    }
    return DropTable(answers, "study", "")
