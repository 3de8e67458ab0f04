"""What restorers reach, as plain records, as text for a terminal and as CSV. No pixels here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from grids.cells import frame_to_csv
from grids.reports.text import TEXT_WIDTH, counted, decibels, in_short, printable, table_lines, time_text, wrapped
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


def training_text(report: TrainingReport, width: int = TEXT_WIDTH) -> str:
    """What the restorers reach, for a terminal: how they were trained, a row for every task, and what to think of it.

    Args:
        report: of the trainings.
        width: no line is wider, from about 100 on.
    """
    table = restorer_table(report)
    rows = [table.headings, *((printable(name), *cells) for name, *cells in table.rows)]
    if table.average:
        rows.append(table.average)
    fold = (0, table.headings.index("group") if "group" in table.headings else 1)
    lines = [
        *wrapped(head_lines(report), width),
        *table_lines(rows, width, wrap=fold, right=table.numbers),
        *wrapped(rest_lines(report), width),
    ]
    return "\n".join(lines) + "\n"


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


def head_lines(report: TrainingReport) -> list[str]:
    """Say how the restorers were trained and measured.

    Args:
        report: of the trainings.

    Returns:
        Two lines: network, steps, crops and start; then photographs, time and how PSNR is taken. Settings that are not
        recorded are left out.
    """
    known = report.settings
    seeds = sum(run.repeat > 0 for run in report.runs)
    count = len(report.runs) + (report.start_seconds > 0)
    repeated = f" ({seeds} with another seed)" if seeds else ""
    how = [
        printable(report.network),
        steps_text(report),
        _known("crops of {0} x {0}", known.get("crop")),
        _known("batches of {}", known.get("batch")),
        f"all started {'' if report.start.startswith('from ') else 'from '}{printable(report.start)}",
    ]
    what = [
        _known("learnt from {} photograph", known.get("photographs"), plural=True),
        _known("measured on {} validation crop", known.get("validation_crops"), plural=True),
        f"{counted(count, 'training')}{repeated} in {time_text(report.seconds)}",
        "RGB PSNR in dB, 8 bit, no border cut",
    ]
    return [", ".join(part for part in parts if part) for parts in (how, what)]


def steps_text(report: TrainingReport) -> str:
    """Say how many steps there were, and whether for each task or each model; empty if their number is not recorded."""
    steps = _known("{} step", report.settings.get("iterations"), plural=True)
    return f"{steps} for each {report.steps_per}" if steps else ""


def rest_lines(report: TrainingReport) -> list[str]:
    """Say what the table of restorers does not tell.

    Args:
        report: of the trainings.

    Returns:
        A line for each that applies: which restorers would gain from more steps, which do harm, the noise of PSNR, and
        how many trainings were stopped early or spared. May be empty.
    """
    count = len(report.tasks)
    trained = len({frozenset(run.group) for run in report.runs})
    stopped = sum(bool(run.stopped) for run in report.runs)
    many = any(run.repeat and len(run.group) > 1 for run in report.runs)
    every = 2**count - 1
    lines = [
        settled_text(report),
        below_text(report),
        noise_text(report),
        "the search compares means over seeds where a group was trained with several; PSNR is the first seed's"
        if many
        else "",
        f"{counted(stopped, 'training')} stopped early, as clearly beyond delta" if stopped else "",
        f"{trained} of {in_short(every)} possible groups trained: {in_short(every - trained)} trainings spared"
        if report.groups and every > trained and report.settings.get("searched", True)
        else "",
    ]
    return [line for line in lines if line]


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


def settled_text(report: TrainingReport) -> str:
    """Say which upper bounds would be higher after more steps, as far as that was measured.

    Args:
        report: of the trainings.

    Returns:
        A line without its full stop, naming the gains of SETTLED or more; empty where nothing was measured half way.
    """
    if not report.settled:
        return ""
    late, measured = unsettled(report), counted(len(report.settled), "upper bound")
    if not late:
        return f"settled: {measured} gained less than {SETTLED:g} dB over the last doubling of the steps"
    names = ", ".join(f"{printable(task)} +{gain:.2f} dB" for task, gain in late.items())
    return (
        f"not settled, {SETTLED:g} dB or more gained over the last doubling of the steps: "
        f"{len(late)} of {measured} ({names})"
    )


def below_text(report: TrainingReport) -> str:
    """Say which tasks a restorer makes worse: their PSNR at its end is below that of the input.

    Args:
        report: of the trainings. Restorers of groups count; without them those for single tasks, without these the one
            for all.

    Returns:
        A line without its full stop; empty where no task ends below its input.
    """
    reached = report.grouped or report.upper_bounds or report.mix
    below = {task: psnr - report.inputs[task] for task, psnr in reached.items() if psnr < report.inputs[task]}
    if not below:
        return ""
    names = ", ".join(f"{printable(task)} {loss:+.2f} dB" for task, loss in below.items())
    return f"below the input itself, so better left alone: {names}; more steps may help (--iterations)"


def noise_text(report: TrainingReport) -> str:
    """Say how much a restorer's PSNR varies with its seed: the least and the most of all tasks; empty if not known."""
    if not report.noise:
        return ""
    low, high = (f"{end(report.noise.values()):.2f}" for end in (min, max))
    return f"noise, the standard deviation over seeds: {low if low == high else f'{low} to {high}'} dB"


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


def _known(text: str, value: object, plural: bool = False) -> str:
    if value is None:
        return ""
    return text.format(printable(str(value))) + ("s" if plural and value != 1 else "")
