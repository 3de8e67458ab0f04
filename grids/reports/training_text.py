"""Trainings in words and tables, for a terminal and for pages."""

from __future__ import annotations

from grids.reports.text import TEXT_WIDTH, counted, in_short, printable, table_lines, time_text, wrapped
from grids.reports.training import restorer_table, unsettled
from grids.results import SETTLED, TrainingReport


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
    return f"below the input itself, so better left alone: {names}; more steps may help"


def noise_text(report: TrainingReport) -> str:
    """Say how much a restorer's PSNR varies with its seed: the least and the most of all tasks; empty if not known."""
    if not report.noise:
        return ""
    low, high = (f"{end(report.noise.values()):.2f}" for end in (min, max))
    return f"noise, the standard deviation over seeds: {low if low == high else f'{low} to {high}'} dB"


def _known(text: str, value: object, plural: bool = False) -> str:
    if value is None:
        return ""
    return text.format(printable(str(value))) + ("s" if plural and value != 1 else "")
