"""What `python benchmarks/mixing.py export` writes: the records, the table that ships, and the card of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import read_records, table
from crops import MIDDLE, SETS, WAYS, Crops
from mixing_drops import drops_of, mean_noise, table_of
from mixing_trials import FILE, INPUTS, LONGER, STEPS, Records
from pairs import SIDE
from torch import nn

from grids.degradations import ELEVEN as TASKS
from grids.errors import RunError
from grids.io import write_text
from grids.search.drop_table import JOIN
from grids.weights import sha256

TABLE = Path(__file__).parents[1] / "grids" / "search" / "study_drops.csv"
CARD = FILE.with_name("README.md")
TEXT = Path(__file__).with_name("mixing_card.md")
"""Of the card, with the places of its figures in braces."""


def export(folder: Path, records: Records, crops: Crops) -> None:
    """Write the committed file, the table that ships (drops as made, of equal steps for each task), and the card.

    Args:
        folder: with the settings of the trainings.
        records: all of them.
        crops: that restorers are measured on.

    Raises:
        RunError: the folder has no settings, or others than the committed trainings.
    """
    file = folder / "settings.json"
    if not file.exists():
        raise RunError(f"'{folder}' holds no trainings: name the folder that they lie in with --folder")
    settings = json.loads(file.read_text())
    if {record["settings"] for record in read_records(FILE)} - {sha256(file)}:
        raise RunError(f"'{FILE}' holds trainings of other settings than '{folder}': they would be lost")
    write_text(INPUTS, json.dumps(crops.scores(nn.Identity(), TASKS, "cpu")) + "\n")
    write_text(FILE, "".join(json.dumps(one.to_json()) + "\n" for one in records.values()))
    answers = table_of(records).answers
    head = (
        f"trainings of the grids study: {settings['network']}, {STEPS:,} steps of {settings['batch']} crops of "
        f"{settings['crop']} pixels for each task,",
        f"all from one restorer; 603 photographs to learn from, {photographs_of(records)} others",
        f"to measure on; {len(records)} trainings; drops of {len(answers)} groups in dB against single-task",
        "restorers of the same start and steps, with standard errors of seeds and photographs (benchmarks/mixing.py)",
    )
    lines = [*(f"# {line}" for line in head), "group,degradation,drop,noise"]
    for group, answer in answers.items():
        tasks = [task for task in TASKS if task in group]
        lines += [f"{JOIN.join(tasks)},{task},{answer.drops[task]:.3f},{answer.noise[task]:.3f}" for task in tasks]
    write_text(TABLE, "\n".join(lines) + "\n")
    write_text(CARD, card(records, settings, crops))
    print(f"{len(records)} trainings, {len(answers)} groups: {TABLE}")


def photographs_of(records: Records) -> int:
    """How many restorers are measured on."""
    one = next(iter(records.values()))
    return len(one.psnr[WAYS[0]][one.asked.group[0]])


def card(records: Records, settings: Mapping[str, Any], crops: Crops) -> str:
    """The card of the data, as Markdown."""
    drops = drops_of(records)
    recipe, groups = settings["recipe"], drops.drop_duplicates("group")
    sizes = groups.groupby("size")["group"].count()
    names = {len(TASKS): "all eleven"}
    hours = sum(one.hours for one in records.values())
    machines = "; ".join(sorted({one.machine for one in records.values()}))
    rows = [(names.get(size, size), count) for size, count in zip(sizes.index.tolist(), sizes, strict=True)]
    return TEXT.read_text("utf-8").format(
        trainings=len(records),
        groups=len(groups),
        drops=len(drops),
        sizes=table(("tasks", "groups"), rows),
        network=settings["network"],
        steps=f"{STEPS:,}",
        longer=f"{LONGER:,}",
        batch=settings["batch"],
        crop=settings["crop"],
        rate=f"{recipe['learning_rate']:g}",
        loss=recipe["loss"],
        data=recipe["data"]["name"],
        photographs=photographs_of(records),
        crops=len(crops.clean) // crops.photographs,
        side=SIDE,
        middle=MIDDLE,
        sets=" and ".join(SETS),
        ways=" and ".join(f"`{way}`" for way in WAYS),
        noise=f"{mean_noise(drops):.2f}",
        hours=f"{hours:.1f}",
        machines=machines,
        file=FILE.name,
        inputs=INPUTS.name,
    )
