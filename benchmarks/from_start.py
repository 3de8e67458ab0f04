"""The restorers that ship: all kinds in one, the groups found, the paper's groups and noise; and each kind alone.

    python benchmarks/from_start.py train [--folder runs/from_start] [--hours 4] [--seconds 480] [--worker 0/2]
        [--only noise]
    python benchmarks/from_start.py report [--folder runs/from_start]
    python benchmarks/from_start.py ship [--folder runs/from_start]      # mix, groups, noise -> grids/weights

It goes on from its folder; what is done is never done again. The records of what ships are in benchmarks/from_start
(`report --folder benchmarks/from_start`), but for the paper's groups: those that ship are older, of more steps, with
their records in benchmarks/from_start/earlier; their files and records were put into the folder that `ship` read, in
place of newer ones. In from_start/longer lies one of noise that went on alone (`--only noise`); what ships is a mean
of both (`blend.py`). All begin with --start. The groups found are those of `grids group --delta
0.7`, from the drops of the study; where that puts all into one, those of delta 0.5, 0.3 or 0.1. Then a step is timed:
all restorers get --steps for each task, or as many as let those that ship end within --hours (`steps.json`). Hours are
hours of one core: the processor time of the process (on a GPU, time on the clock). A second worker begins once the
first one trains. Each restorer is measured once, on crops of split val and on the middles of the photographs of
Kodak24 and bsds100.

One core: OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE nice python benchmarks/from_start.py train
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from common import WEIGHTS, add_work_options, machine, parse_work, parser, table
from crops import SETS, WAYS
from from_start_settings import DELTAS, TASKS, Found, Group, Settings
from from_start_ship import ship, start_of
from from_start_training import FOUND, START, FromStart, Measured, paper_groups, trained_in
from pairs import COUNT
from table_one import SINGLE, table_one

from grids.errors import GridsError
from grids.training.config import TrainingConfig
from grids.training.trainer import OutOfTimeError

COLUMNS = ("start", "single", "found", "paper", "mix", "found - mix", "paper - mix")


def report(folder: Path) -> str:
    """What the restorers gain, and what the groups gain over the mix."""
    trained, found = trained_in(folder), Found.read(folder / FOUND)
    if not trained:
        return "no restorer yet"
    rows = [
        (name, "all" if one.tasks == TASKS else " + ".join(one.tasks), f"{one.steps_per_task:,}", *mean_gains(one))
        for name, one in trained.items()
    ]
    parts = {SINGLE: [(task,) for task in TASKS], "found": found.groups, "paper": paper_groups(), "mix": [TASKS]}
    start = json.loads((folder / START).read_text())
    lines = [
        *sorted({one.machine for one in trained.values()}),
        "",
        describe(found),
        *(f"{', '.join(names)}: from {start}" for start, names in starts(trained).items()),
        "",
        table(("restorer", "of", "steps for each task", *(f"{way}, dB" for way in WAYS)), rows),
    ]
    for way in WAYS:
        frame = by_kind(trained, parts, start[way], way)
        lines += ["", table((f"{way}, dB", *COLUMNS), frame.itertuples(name=None))]
    for name, way in itertools.product(SETS, WAYS):
        if columns := scores_by_part(trained, parts, name, way):
            lines += ["", f"{name}, {way}, PSNR, dB", "", table_one(columns)]
    return "\n".join(lines)


def starts(trained: Mapping[str, Measured]) -> dict[str, list[str]]:
    """What restorers began with, and their names."""
    found: dict[str, list[str]] = {}
    for name, one in trained.items():
        found.setdefault(start_of(one), []).append(name)
    return found


def scores_by_part(
    trained: Mapping[str, Measured], parts: Mapping[str, Sequence[Group]], name: str, way: str
) -> dict[str, dict[str, Sequence[float]]]:
    """PSNR of every photograph of a set, by the restorers that each part has for a kind, as far as it is known."""
    scores = {one.tasks: one.elsewhere[name][way] for one in trained.values() if one.elsewhere}
    columns = {
        part: {task: scores[group][task] for group in groups if group in scores for task in group}
        for part, groups in parts.items()
    }
    # groups of one are no single tasks of which the mean over all kinds would tell
    return {part: column for part, column in columns.items() if len(column) >= (len(TASKS) if part == SINGLE else 1)}


def mean_gains(restorer: Measured) -> list[str]:
    """Over its own tasks, in each of the ways."""
    return [f"{sum(restorer.gains[way].values()) / len(restorer.tasks):+.2f}" for way in WAYS]


def describe(found: Found) -> str:
    """At which delta the groups were found."""
    if found.delta is None:
        return f"No delta of {', '.join(f'{delta:g}' for delta in DELTAS)} gives two groups or more."
    return f"The groups found are those of {found.source} at delta {found.delta:g} dB."


def by_kind(
    trained: Mapping[str, Measured], parts: Mapping[str, Sequence[Group]], start: Mapping[str, float], way: str
) -> pd.DataFrame:
    """The gain of every kind at the start, and by the restorer that each part has for it; "-" where none is there."""
    gains = {one.tasks: one.gains[way] for one in trained.values()}
    frame = pd.DataFrame(
        {
            part: {task: gains.get(group, {}).get(task, math.nan) for group in groups for task in group}
            for part, groups in parts.items()
        },
        index=list(TASKS),
        dtype=float,
    )
    for part in ("found", "paper"):
        frame[f"{part} - mix"] = frame[part] - frame["mix"]
    frame["start"] = pd.Series(start)
    frame.loc["mean"] = frame.mean(skipna=False)
    return frame[list(COLUMNS)].map(lambda value: "-" if math.isnan(value) else f"{value:+.2f}")


def train(chosen: argparse.Namespace) -> None:
    """Train all that is missing, as far as the time goes."""
    settings = Settings(
        chosen.network,
        chosen.start,
        chosen.steps,
        chosen.hours,
        chosen.device,
        chosen.crop,
        chosen.batch,
        chosen.count,
    )
    print(machine(), flush=True)
    try:
        worker, workers = chosen.worker
        FromStart(chosen.folder, settings, time.monotonic() + chosen.seconds).train(worker, workers, chosen.only)
        print("all is trained" if chosen.only is None else f"{', '.join(chosen.only)}: trained")
    except OutOfTimeError as error:
        print(f"{error}: the same command goes on")


def main(given: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report", "ship"))
    options.add_argument("--folder", type=Path, default=Path("runs/from_start"))
    options.add_argument("--start", type=Path, default=WEIGHTS / "unet_start.safetensors", help="what all start from")
    options.add_argument("--network", default="unet")
    options.add_argument("--steps", type=int, default=8000, help="for each task")
    options.add_argument("--hours", type=float, default=4.0, help="of all that ship together")
    options.add_argument("--crop", type=int, default=TrainingConfig.crop)
    options.add_argument("--batch", type=int, default=TrainingConfig.batch)
    options.add_argument("--only", nargs="+", metavar="NAME", help="restorers to train, such as noise; all by default")
    options.add_argument("--count", type=int, default=COUNT, help="crops that the restorers are measured on")
    add_work_options(options)
    chosen = parse_work(options, given)
    try:
        if chosen.what == "train":
            train(chosen)
        if chosen.what == "ship":
            ship(chosen.folder)
        print(report(chosen.folder))
    except GridsError as error:
        raise SystemExit(f"from_start: {error}") from error


if __name__ == "__main__":
    main()
