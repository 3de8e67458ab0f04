"""What restorers reach, as plain records, as a table and as CSV. No pixels here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from grids.cells import frame_to_csv
from grids.reports.text import decibels
from grids.results import SETTLED, TrainingReport

if TYPE_CHECKING:
    import pandas as pd

CSV_COLUMNS = ("task", "input", "upper_bound", "mix", "grouped", "group", "drop", "mix_drop", "drop_saved")
HEADINGS = {
    "input": "input",
    "upper_bound": "upper bound",
    "mix": "mix",
    "grouped": "grouped",
    "group": "group",
    "drop": "drop",
    "mix_drop": "drop of mix",
    "drop_saved": "drop, JPEG 90",
    "gain": "gain over mix",
}


class Row(NamedTuple):
    """A task with what its restorers reach: PSNR in dB, None where a restorer is not trained.

    Args:
        task: its name.
        input: PSNR of the degraded crops themselves.
        upper_bound: of the restorer for the task alone.
        mix: of the restorer for all tasks.
        grouped: of the restorer of its group.
        group: the id of its group; None before there are groups.
        drop: what it loses in its group against the upper bound, dB; negative where it gains.
        drop_saved: the same on inputs saved as JPEG 90, dB; None where that was not measured.
    """

    task: str
    input: float
    upper_bound: float | None
    mix: float | None
    grouped: float | None
    group: str | None
    drop: float | None
    drop_saved: float | None = None

    @property
    def mix_drop(self) -> float | None:
        """What it loses in the mix of all tasks against the upper bound, dB; None where one of both is not trained."""
        return _difference(self.upper_bound, self.mix)

    @property
    def gain(self) -> float | None:
        """What its group's restorer reaches beyond that of the mix, dB; None where one of the two is not trained."""
        return _difference(self.grouped, self.mix)


class Table(NamedTuple):
    """A table as text, for pages and terminals.

    Args:
        headings: of the columns; the first holds names.
        rows: the cells, as many in each row as there are headings.
        average: a last row with means; empty where there is none.
        numbers: the columns that hold numbers, from 0, to be aligned right.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    average: tuple[str, ...]
    numbers: tuple[int, ...]


def group_ids(report: TrainingReport) -> dict[str, str]:
    """Name the groups "C1", "C2", ... in their order, by task.

    Args:
        report: of the trainings.

    Returns:
        The id of the group of each task; empty before there are groups.
    """
    return {task: f"C{k}" for k, group in enumerate(report.groups, 1) for task in group}


def restorer_rows(report: TrainingReport) -> tuple[Row, ...]:
    """Collect what the restorers of every task reach.

    Args:
        report: of the trainings. PSNR is that of the first seed; drops are means over seeds where there are several.

    Returns:
        A row for each task, in the order of the similarity matrix. With a single task there is no mix: it would be the
        upper bound itself.
    """
    bounds, grouped, ids = report.upper_bounds, report.grouped, group_ids(report)
    saved = report.drops_saved
    mix = report.mix if len(report.tasks) > 1 else {}  # of one task, the mix is the upper bound itself
    rows = []
    for task, value in report.inputs.items():
        drop = report.drops.get(task, _difference(bounds.get(task), grouped.get(task)))
        reached = bounds.get(task), mix.get(task), grouped.get(task)
        rows.append(Row(task, value, *reached, ids.get(task), drop, saved.get(task)))
    return tuple(rows)


def any_drop(report: TrainingReport) -> bool:
    """Whether any task has a drop to show, in its group or in the mix of all."""
    return any(row.drop is not None or row.mix_drop is not None for row in restorer_rows(report))


def restorer_table(report: TrainingReport) -> Table:
    """Make the table of what restorers reach: columns of which nothing is known are left out.

    Args:
        report: of the trainings.

    Returns:
        Numbers with two decimals, "-" where one is not known. An average is over the tasks of which all columns are
        known, so that the columns can be compared; there is none for a single task.
    """
    rows = restorer_rows(report)
    columns = [name for name in HEADINGS if any(getattr(row, name) is not None for row in rows)]
    whole = [row for row in rows if all(getattr(row, name) is not None for name in columns)]
    return Table(
        ("task", *(HEADINGS[name] for name in columns)),
        tuple((row.task, *(_cell(getattr(row, name)) for name in columns)) for row in rows),
        _average(whole, columns, len(rows)) if len(rows) > 1 and whole else (),
        tuple(k for k, name in enumerate(columns, 1) if name != "group"),
    )


def restorers_frame(report: TrainingReport) -> pd.DataFrame:
    """`restorer_rows` as a table of pandas, for further analysis.

    Args:
        report: of the trainings.

    Returns:
        A row for each task, with the columns task, input, upper_bound, mix, grouped, group, drop, mix_drop and
        drop_saved: dB as float64, NaN where nothing is known.
    """
    import pandas as pd

    frame = pd.DataFrame([{name: getattr(row, name) for name in CSV_COLUMNS} for row in restorer_rows(report)])
    return frame.astype({name: float for name in CSV_COLUMNS if name not in ("task", "group")})


def training_csv(report: TrainingReport) -> str:
    """`restorers_frame` as CSV for other programs: dB with four decimals; a cell is empty where nothing is known."""
    return frame_to_csv(restorers_frame(report), index=False, float_format="%.4f")


def unsettled(report: TrainingReport) -> dict[str, float]:
    """Find the single-task restorers that were still learning at their end.

    Args:
        report: of the trainings.

    Returns:
        What they gained over the last doubling of their steps, dB by task, the largest first; only gains of SETTLED
        (0.1 dB) or more. Tasks without a measurement half way are not judged.
    """
    late = {task: gain for task, gain in report.settled.items() if gain >= SETTLED}
    return dict(sorted(late.items(), key=lambda pair: -pair[1]))


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _average(whole: Sequence[Row], columns: Sequence[str], count: int) -> tuple[str, ...]:
    name = "average" if len(whole) == count else f"average of {len(whole)}"
    means = ("" if key == "group" else _cell(sum(getattr(row, key) for row in whole) / len(whole)) for key in columns)
    return (name, *means)


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else decibels(value)
