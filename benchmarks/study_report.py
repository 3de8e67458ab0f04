"""The tables of `python benchmarks/study.py report`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from common import table
from study_trials import DELTAS, Answers, Record, answers_of, collect, ordered

from grids import SearchSettings, builtin_similarity, group_degradations
from grids.degradations import ELEVEN
from grids.search import Answer, DropTable
from grids.search.drop_table import JOIN
from grids.training.evaluator import TrainingEvaluator
from grids.training.noise import LASTING, clearly_lost

SIZES = {"pairs": (2, 2), "three to five": (3, 5), "all but the eleven": (2, 10)}


def report(records: Mapping[tuple[tuple[str, ...], int], Record]) -> None:
    found = collect(records)
    answers = answers_of(found)
    tasks, drops = tasks_of(found), drops_of(found, answers)
    print(f"{len(found.runs)} trainings, drops of {len(answers)} groups\n")
    print_restorers(tasks)
    print_predictors(tasks, drops)
    print_samples(tasks, drops)
    print_sizes(drops)
    print_monotony(answers)
    print_early_rule(tasks, drops)
    print_partitions(answers)


def tasks_of(found: TrainingEvaluator) -> pd.DataFrame:
    """A row for each task, PSNR in dB: `upper` of its own restorer, `mix` of the one for all; `noise` over seeds."""
    mix, noise = found.runs[frozenset(ELEVEN), 0].psnr, found.noise()
    singles = {task: found.runs[frozenset((task,)), 0] for task in ELEVEN}
    frame = pd.DataFrame(
        {
            "upper": {task: run.psnr[task] for task, run in singles.items()},
            "mix": {task: mix[task] for task in ELEVEN},
            "noise": {task: noise[task] for task in ELEVEN},
            "late gain": {task: run.late_gain()[task] for task, run in singles.items()},
            "half way": {task: run.curve[0].psnr[task] for task, run in singles.items()},
        }
    )
    frame["drop of mix"] = frame["upper"] - frame["mix"]  # what a restorer of its own brings a task
    return frame


def drops_of(found: TrainingEvaluator, answers: Answers) -> pd.DataFrame:
    """A row for each task of each group; `half way` is its PSNR there, dB."""
    rows = [
        (JOIN.join(ordered(group)), len(group), task, drop, found.runs[group, 0].curve[0].psnr[task])
        for group, answer in answers.items()
        for task, drop in answer.drops.items()
    ]
    return pd.DataFrame(rows, columns=["group", "size", "task", "drop", "half way"])


def print_restorers(tasks: pd.DataFrame) -> None:
    """Upper bounds, mix-training, noise, and whether the upper bounds had settled."""
    digits = {"upper": 2, "mix": 2, "drop of mix": 2, "noise": 3, "late gain": 2}
    cells = pd.DataFrame({name: tasks[name].map(f"{{:.{count}f}}".format) for name, count in digits.items()})
    means = cells.astype(float).mean().map("{:.2f}".format)
    head = ("", "upper bound", "mix", "drop of mix", "noise", "gain of the last doubling")
    print(table(head, [*cells.itertuples(name=None), ("mean", *means)]), "\n")


def print_predictors(tasks: pd.DataFrame, drops: pd.DataFrame) -> None:
    """Rank correlation of what could be known beforehand with a group's worst and mean drop."""
    groups = drops.groupby("group").agg(
        size=("size", "first"), worst=("drop", "max"), mean=("drop", "mean"), gains=("task", list)
    )
    known = pd.DataFrame({group: known_of(group.split(JOIN), tasks["drop of mix"]) for group in groups.index}).T
    cells = {}
    for name, (low, high) in SIZES.items():
        inside = groups[groups["size"].between(low, high)]
        for what in ("worst", "mean"):
            title = f"{name} ({len(inside)}), {what} drop"
            cells[title] = known.loc[inside.index].apply(rank_correlation, drop=inside[what])
    print(table(("Spearman's correlation with", *cells), pd.DataFrame(cells).itertuples(name=None)), "\n")


def known_of(group: list[str], gains: pd.Series[float]) -> dict[str, float]:
    """What could be known of a group beforehand: how alike its tasks are, and what each gains alone."""
    matrix = builtin_similarity()
    pairs = pd.Series([matrix.distance(a, b) for a, b in itertools.combinations(group, 2)])
    own = gains[group]
    return {
        "mean of S": pairs.mean(),
        "largest S": pairs.max(),
        "smallest S": pairs.min(),
        "variance of S": pairs.var(ddof=0),
        "number of tasks": len(group),
        "mean gain of the single-task restorers over mix-training": own.mean(),
        "largest such gain": own.max(),
        "spread of such gains": own.max() - own.min(),
    }


def rank_correlation(values: pd.Series[float], drop: pd.Series[float]) -> str:
    return f"{values.corr(drop, method='spearman'):.2f}" if values.nunique() > 2 else "-"


def print_samples(tasks: pd.DataFrame, drops: pd.DataFrame) -> None:
    """How well drops follow from the number of tasks alone, which with equal steps is that of fewer samples, too."""
    part = drops[drops["size"] < len(ELEVEN)]
    mix, size, y = part["task"].map(tasks["drop of mix"]), part["size"], part["drop"]
    for text, share in {"(1 - 1 / k)": 1 - 1 / size, "log k": np.log(size), "1": 1.0}.items():
        x = mix * share
        factor = float(x @ y / (x @ x))
        error, rank = math.sqrt(((y - factor * x) ** 2).mean()), x.corr(y, method="spearman")
        print(f"drop = {factor:.2f} (drop in the mix) {text}: error {error:.3f} dB, rank correlation {rank:.2f}")
    print(f"{len(part)} drops of standard deviation {y.std(ddof=0):.2f} dB\n")


def print_sizes(drops: pd.DataFrame) -> None:
    """What mixing more tasks costs."""
    groups = drops.groupby(["size", "group"])["drop"].agg(["mean", "max"])
    groups["within"] = groups["max"] <= 0.7
    found = groups.groupby("size").agg(
        groups=("max", "size"), mean=("mean", "mean"), worst=("max", "mean"), largest=("max", "max"),
        within=("within", "sum"),
    )  # fmt: skip
    rows = (
        (size, count, f"{mean:.2f}", f"{worst:.2f}", f"{largest:.2f}", within)
        for size, count, mean, worst, largest, within in found.itertuples(name=None)
    )
    head = ("tasks", "groups", "mean drop", "worst drop, mean", "worst drop, largest", "within 0.7 dB")
    print(table(head, rows), "\n")


def print_monotony(answers: Answers) -> None:
    """How often a group loses clearly less than a part of it."""
    pairs = [(a, b) for a in answers for b in answers if a < b]
    clear = 0
    for small, large in pairs:
        worst = max(answers[small].drops, key=lambda task: answers[small].drops[task])
        less = answers[small].drops[worst] - max(answers[large].drops.values())
        clear += less > 2 * np.hypot(answers[small].noise[worst], max(answers[large].noise.values()))
    print(f"A group lost less than a part of it, by two standard errors: {clear} of {len(pairs)} pairs of groups.\n")


def print_early_rule(tasks: pd.DataFrame, drops: pd.DataFrame) -> None:
    """How often the rule that stops a training half way would have been wrong."""
    part = drops[drops["size"] < len(ELEVEN)]
    lost = part["task"].map(tasks["half way"]) - part["half way"]
    names = (part["group"] + " " + part["task"]).tolist()
    losses, noise = (dict(zip(names, values, strict=True)) for values in (lost, part["task"].map(tasks["noise"])))
    rows = []
    for delta in sorted(DELTAS):
        clear = clearly_lost(losses, dict.fromkeys(names, delta), noise)
        hit = np.array([name in clear for name in names])
        flags = {"hit": hit, "beyond": part["drop"] > delta, "bound": hit & (part["drop"] < LASTING * lost)}
        groups = pd.DataFrame(flags).groupby(part["group"]).any()
        wrong = groups["hit"] & ~groups["beyond"]
        rows.append((delta, groups["beyond"].sum(), groups["hit"].sum(), wrong.sum(), groups["bound"].sum()))
    head = ("delta", "groups beyond", "stopped half way", "of these within delta")
    print(table((*head, "of these losing less than the bound"), rows), "\n")


def print_partitions(answers: Answers) -> None:
    """The best partition at each delta, and the number of groups over delta."""
    matrix = builtin_similarity()
    rows = []
    for delta in sorted(DELTAS):
        for decided in (True, False):
            used = answers if decided else {group: Answer(answer.drops) for group, answer in answers.items()}
            best = group_degradations(SearchSettings(delta), DropTable(used, "study", ""), matrix)
            text = "; ".join(" + ".join(group) for group in best.partition)
            rows.append((delta, "clearly" if decided else "on average", len(best), best.certificate, text))
    print(table(("delta", "within delta", "groups", "certificate", "partition"), rows))
