"""The tables of `python benchmarks/mixing.py report`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from common import table
from crops import SETS, WAYS
from from_start_settings import Found
from from_start_training import paper_groups
from mixing_drops import both_seeds, drops_of, input_scores, mean_noise, scores, seed_errors, table_of
from mixing_nested import nested
from mixing_plan import TWICE, larger_groups, mean_distance
from mixing_trials import LONGER, STEPS, Asked, Group, Records
from table_one import MIX, table_one

from grids import SearchSettings, group_degradations
from grids.degradations import ELEVEN as TASKS
from grids.search.drop_table import JOIN
from grids.training.noise import LASTING, clearly_lost

DELTAS = (0.1, 0.3, 0.5, 0.7, 1.0)
KEYS = ["group", "task"]
TARGET = 0.06
"""dB; of the standard error of a drop."""
BOOTSTRAPS = 1000
KNOWN = {"mean S": "distance", "number of tasks": "size", "share law": "share"}
"""What could be known of a drop before it is measured, and its column."""
CORRELATIONS = """Rank correlations (Spearman) of drops. All drops of a task share its single-task restorer, and all
share the photographs, so they are not independent; both seeds are measured on the same photographs."""


def report(records: Records) -> str:
    """All tables, as Markdown."""
    hours = sum(one.hours for one in records.values())
    machines = sorted({one.machine for one in records.values()})
    parts = [*machines, f"{len(records)} trainings, {hours:.1f} hours of one core"]
    parts += [restorers(records), predictors(records), noise(records), sizes(records), nested(records)]
    parts += [partitions(records), longer(records), per_model(records), table_1(records), early(records)]
    return "\n\n".join(part for part in parts if part)


def restorers(records: Records) -> str:
    """PSNR of the inputs, of the single-task restorers and of the mix (means over seeds), and what the mix loses."""
    inputs = input_scores()
    rows = []
    for task in TASKS:
        row: list[str] = [task]
        for way in WAYS:
            row.append(f"{np.mean(inputs[way][task]):.2f}" if inputs else "-")
            for group in ((task,), TASKS):
                found = scores(records, task, group, way)
                row.append(f"{np.mean(found):.2f}" if found else "-")
            drops = drops_of(records, way)
            own = drops[(drops["task"] == task) & (drops["size"] == len(TASKS))]
            row += [f"{one.drop:.2f} ± {one.noise:.2f}" for one in own.itertuples()] or ["-"]
        rows.append(row)
    head = [f"{what}, {way}" for way in WAYS for what in ("input", "single task", "mix", "drop of the mix")]
    return "PSNR, dB\n\n" + table(("", *head), rows)


def predicted(records: Records, way: str) -> pd.DataFrame:
    """The drops of groups smaller than the mix, with what could be known of them before.

    Returns:
        the columns of `drops_of`, and distance (mean S), share (the law a (drop in the mix) (1 - 1/k) with the a that
        fits best) and residual (the drop less the law), dB.
    """
    drops = drops_of(records, way)
    mix = drops[drops["size"] == len(TASKS)].set_index("task")["drop"]
    part = drops[drops["size"] < len(TASKS)].copy()
    part["distance"] = [mean_distance(group.split(JOIN)) for group in part["group"]]
    law = (part["task"].map(mix) * (1 - 1 / part["size"])).to_numpy(float)
    part["share"] = law * float(law @ part["drop"].to_numpy() / (law @ law)) if len(law) else law
    part["residual"] = part["drop"] - part["share"]
    return part


def predictors(records: Records) -> str:
    """Rank correlations of what could be known before with drops, and of the two seeds with one another."""
    rows = []
    for way in WAYS:
        part = predicted(records, way)
        if part.empty or part["share"].isna().any():
            continue
        worst = part.groupby("group", sort=False).agg(
            {"drop": "max", "share": "max", "distance": "first", "size": "first"}
        )
        seeds = pd.DataFrame(both_seeds(records, way), columns=["group", "task", "first", "second"])
        mix = seeds["group"] == JOIN.join(TASKS)
        both = seeds[~mix].merge(part[[*KEYS, "share"]], on=KEYS)
        residuals = both[["first", "second"]].sub(both["share"], axis=0)
        error = float(np.sqrt((part["residual"] ** 2).mean()))
        values = {
            "the mix, seed 1 with seed 2": spearman(seeds[mix]["first"], seeds[mix]["second"]),
            "smaller groups, seed 1 with seed 2": spearman(both["first"], both["second"]),
            "their residuals of the share law, seed 1 with seed 2": spearman(residuals["first"], residuals["second"]),
            **{f"{name} with drops of tasks": spearman(part[of], part["drop"]) for name, of in KNOWN.items()},
            **{f"{name} with drops, within a task": within_tasks(part, of) for name, of in KNOWN.items()},
            **{f"{name} with worst drops of groups": interval(worst, of) for name, of in KNOWN.items()},
            "mean S with residuals of the share law": spearman(part["distance"], part["residual"]),
            "error of the share law, dB": f"{error:.3f}",
            "standard deviation of drops, dB": f"{part['drop'].std(ddof=0):.3f}",
        }
        rows.append(pd.Series(values, name=way))
    if not rows:
        return ""
    frame = pd.DataFrame(rows).T
    return CORRELATIONS + "\n\n" + table(("", *frame), frame.itertuples(name=None))


def within_tasks(drops: pd.DataFrame, column: str) -> str:
    """The mean over tasks of the rank correlation among the drops of a task."""
    each = [one[column].corr(one["drop"], method="spearman") for _, one in drops.groupby("task") if len(one) > 2]
    return f"{np.nanmean(each):.2f}" if np.isfinite(each).any() else "-"


def interval(worst: pd.DataFrame, column: str) -> str:
    """The rank correlation over groups with its 95 % interval, of a bootstrap over groups."""
    if len(worst) < 3:
        return "-"
    rng = np.random.default_rng(0)
    draws = (worst.iloc[rng.integers(0, len(worst), len(worst))] for _ in range(BOOTSTRAPS))
    found = [one[column].corr(one["drop"], method="spearman") for one in draws]
    low, high = np.nanquantile(found, (0.025, 0.975))
    return f"{spearman(worst[column], worst['drop'])} ({low:.2f} to {high:.2f})"


def spearman(first: pd.Series[float], second: pd.Series[float]) -> str:
    """Rounded; "-" of fewer than three pairs."""
    return f"{first.corr(second, method='spearman'):.2f}" if len(first) > 2 else "-"


def noise(records: Records) -> str:
    """Standard errors of drops, and what they consist of."""
    rows = []
    for way in WAYS:
        drops = drops_of(records, way)
        if drops["noise"].notna().any():
            parts = (mean_noise(drops, name) for name in ("seed_noise", "photographs", "noise"))
            largest = drops.sort_values("noise").iloc[-1]
            told = f"{largest['noise']:.3f} ({largest['task']})"
            above = int((drops["noise"] > TARGET).sum())
            rows.append((way, len(drops), *(f"{value:.3f}" for value in parts), told, above))
    head = ("drops", "n", "seeds, dB", "photographs, dB", "together, dB", "largest, dB", f"above {TARGET} dB")
    return "standard errors of drops (root of the mean square)\n\n" + table(head, rows) if rows else ""


def sizes(records: Records) -> str:
    """What mixing more tasks costs."""
    drops = drops_of(records)
    groups = drops.groupby(["size", "group"])["drop"].agg(["mean", "max"]).groupby("size")
    rows = [
        (size, len(one), f"{one['mean'].mean():.2f}", f"{one['max'].mean():.2f}", f"{one['max'].max():.2f}")
        for size, one in groups
    ]
    return table(("tasks", "groups", "mean drop", "worst drop, mean", "worst drop, largest"), rows) if rows else ""


def partitions(records: Records) -> str:
    """The fewest groups at every delta, with certificates."""
    rows = []
    drops = table_of(records)
    for delta in DELTAS if drops.answers else ():
        found = group_degradations(SearchSettings(delta), drops)
        text = "; ".join(" + ".join(group) for group in found.partition)
        rows.append((delta, len(found), found.certificate, text))
    return table(("delta", "groups", "certificate", "partition"), rows) if rows else ""


def longer(records: Records) -> str:
    """Whether twice the steps change the drops."""
    return compared(records, drops_of(records, steps=LONGER), f"{LONGER:,} steps for each task")


def per_model(records: Records) -> str:
    """What equal steps for each model, whatever its tasks, make of the drops."""
    return compared(records, drops_of(records, per="model"), f"{STEPS:,} steps for each model")


def table_1(records: Records) -> str:
    """The paper's Table 1, with equal steps for each model, as far as it is trained."""
    found = Found.of(table_of(records)).groups
    groups: dict[str, Sequence[Group]] = {
        "single": [(task,) for task in TASKS],
        "mix": [TASKS],
        "paper": paper_groups(),
        "found": found,
    }
    parts = []
    for name, way in itertools.product(SETS, WAYS):
        columns = {}
        for column, some in groups.items():
            trained = (records.get(asked_for(group)) for group in some)
            scores = [one.elsewhere[name][way] for one in trained if one and name in one.elsewhere]
            if scores:
                columns[column] = dict(itertools.chain.from_iterable(one.items() for one in scores))
        if MIX in columns and len(columns) > 1:
            parts.append(f"{name}, {way}, {STEPS:,} steps for each model, PSNR, dB\n\n{table_one(columns)}")
    return "\n\n".join(parts)


def asked_for(group: Group) -> Asked:
    """The training of equal steps for each model: of a single task, it is that of equal steps for each task."""
    return Asked(group) if len(group) == 1 else Asked(group, per="model")


def compared(records: Records, other: pd.DataFrame, what: str) -> str:
    """Drops of other steps beside those of the study, group by group."""
    both = drops_of(records).merge(other, on=KEYS, suffixes=("", " other"))
    if both.empty:
        return ""
    rows = [
        (short(str(group)), f"{one['drop'].mean():.2f}", f"{one['drop other'].mean():.2f}")
        for group, one in both.groupby("group", sort=False)
    ]
    difference = both["drop other"] - both["drop"]
    same = spearman(both["drop"], both["drop other"])
    text = f"Rank correlation {same}, mean difference {difference.mean():+.3f} dB over {len(both)} drops."
    head = ("group", f"mean drop, {STEPS:,} steps for each task", f"mean drop, {what}")
    return table(head, rows) + "\n\n" + text


def short(group: str) -> str:
    return "all" if group == JOIN.join(TASKS) else group


def early(records: Records) -> str:
    """How often the rule that stops a training half way would have been wrong."""
    drops, noise_of_seeds = drops_of(records), seed_errors(records)
    one_restorer = {task: error / math.sqrt(2) for task, error in noise_of_seeds.items()}
    known = [asked.group for asked, one in records.items() if asked == Asked(asked.group) and one.half]
    tried = [one for one in larger_groups()[:TWICE] if {one, *((task,) for task in one)} <= set(known)]
    rows = []
    for delta in DELTAS:
        stopped = beyond = wrong = 0
        for group in tried:
            half = records[Asked(group)].half
            lost = {task: records[Asked((task,))].half[task] - half[task] for task in group}
            clear = clearly_lost(lost, dict.fromkeys(group, delta), one_restorer)
            over = bool((drops[drops["group"] == JOIN.join(group)]["drop"] > delta).any())
            stopped, beyond, wrong = stopped + bool(clear), beyond + over, wrong + (bool(clear) and not over)
        rows.append((delta, len(tried), beyond, stopped, wrong))
    head = ("delta", "groups", "beyond it", "stopped half way", "of these within it")
    return (
        f"the rule for stopping early ({LASTING:g} of what is lost half way)\n\n" + table(head, rows) if tried else ""
    )
