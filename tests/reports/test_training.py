from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from reports.figures_and_pages import HOSTILE, Page, assert_inside, boxes_overlap, png, texts
from reports.sample_records import (
    BOUNDS,
    INPUTS,
    NAMES,
    PAPER_GROUPS,
    eleven,
    grouping,
    grouping_page,
    made,
    trained,
    training,
    training_page,
)

from grids.errors import GridsError
from grids.reports import training as records
from grids.reports.curves import drop_bars, learning_curves
from grids.reports.painting import figure_bytes
from grids.results import SETTLED, TrainingReport

MANY = [f"degradation_{k}" for k in range(62)]
EMPTY = TrainingReport("nafnet", "from scratch", {}, dict(zip(NAMES, INPUTS, strict=True)), ())
REPORTS = {
    "eleven": trained(),
    "no groups": trained(groups=()),
    "only upper bounds": trained(groups=(), mix=False),
    "one task": trained(["jpeg"], [["jpeg"]]),
    "two in one group": trained(NAMES[:2], [NAMES[:2]]),
    "62": trained(MANY, [MANY[k::14] for k in range(14)]),
    "nothing trained": EMPTY,
    "some trained": replace(trained(), runs=trained().runs[3:-2]),
}
every_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())


def line_of(text: str, start: str) -> list[str]:
    return next(line for line in text.splitlines() if line.strip().startswith(start)).split()


def changed(report: TrainingReport, task: str, by: float) -> TrainingReport:
    """The report with every restorer of several tasks better or worse at one of them."""
    runs = [
        replace(run, curve=tuple(p._replace(psnr={**p.psnr, task: p.psnr[task] + by}) for p in run.curve))
        if task in run.group and len(run.group) > 1
        else run
        for run in report.runs
    ]
    return replace(report, runs=tuple(runs))


def test_the_table_against_plain_subtraction() -> None:
    report = trained()
    for row in records.restorer_rows(report):
        single, mix = report.run((row.task,)), report.run(report.tasks)
        group = next(group for group in PAPER_GROUPS if row.task in group)
        shared = report.run(group)
        assert single is not None and mix is not None and shared is not None
        upper, lowest, found = (run.curve[-1].psnr[row.task] for run in (single, mix, shared))
        assert (row.upper_bound, row.mix, row.grouped) == (upper, lowest, found)
        assert (row.drop, row.mix_drop, row.gain) == (upper - found, upper - lowest, found - lowest)
        assert row.group == f"C{PAPER_GROUPS.index(group) + 1}"


def test_text_says_how_and_what() -> None:
    text = records.training_text(trained())
    head = " ".join(text.split())
    for part in (
        "nafnet, 3000 steps for each model, crops of 64 x 64, batches of 8, all started from a restorer for all",
        "learnt from 80 photographs, measured on 60 validation crops, 18 trainings (1 with another seed) in 2 h 9 min",
        "RGB PSNR in dB, 8 bit, no border cut",
        "0.1 dB or more gained over the last doubling of the steps: 3 of 11 upper bounds (salt_pepper +0.31 dB, "
        "ringing +0.23 dB, inpainting +0.17 dB)",
        "noise, the standard deviation over seeds: 0.02 to 0.05 dB",
        "1 training stopped early",
        "17 of 2047 possible groups trained: 2030 trainings spared",
    ):
        assert part in head
    assert " ".join(line_of(text, "gaussian_blur")) == "gaussian_blur 24.31 27.80 27.37 27.67 C1 0.13 0.43 0.30"
    assert line_of(text, "richardson_lucy")[-3:] == ["-0.12", "1.29", "1.41"]
    averages = line_of(text, "average")
    assert averages[1:3] == [f"{np.mean(INPUTS):.2f}", f"{np.mean(BOUNDS):.2f}"] and len(averages) == 8


def test_columns_that_are_not_there_are_left_out() -> None:
    headings = {name: records.restorer_table(report).headings for name, report in REPORTS.items()}
    assert headings["no groups"] == ("task", "input", "upper bound", "mix", "drop of mix")
    assert headings["only upper bounds"] == ("task", "input", "upper bound")
    assert headings["nothing trained"] == ("task", "input")
    one = records.restorer_table(REPORTS["one task"])
    assert "mix" not in one.headings and one.average == ()
    lacking = records.training_text(trained(groups=(), mix=False, noise={}))
    assert not any(word in lacking for word in ("mix", "deviation", "stopped", "spared", "seed)"))
    assert "60 validation" not in records.training_text(trained(settings={})) and "started" in lacking


def test_averages_are_over_the_same_tasks() -> None:
    report = REPORTS["some trained"]  # the upper bounds of three tasks and the restorers of two groups are missing
    table = records.restorer_table(report)
    whole = [row for row in records.restorer_rows(report) if row.drop is not None]
    assert 0 < len(whole) < 11 and table.average[0] == f"average of {len(whole)}"
    assert table.average[1] == f"{np.mean([row.input for row in whole]):.2f}"
    assert ["-" in row for row in table.rows].count(True) == 11 - len(whole)


@every_report
def test_text_fits_and_names_every_task(report: TrainingReport) -> None:
    text = records.training_text(report)
    assert max(map(len, text.splitlines())) <= 120 and text.endswith("\n")
    assert all(task in text for task in report.tasks)


def test_nearly_no_drop_is_not_negative() -> None:
    report = trained(NAMES[:2], [NAMES[:2]], mix=False)
    runs = [training((name,), [30.0], [0.0]) for name in NAMES[:2]]
    report = replace(report, runs=(*runs, training(NAMES[:2], [30.001, 30.001], [0.0, 0.0])))
    assert "-0.00" not in records.training_text(report)


def test_what_had_settled() -> None:
    runs = [training((name,), [30.0], [gain]) for name, gain in (("a", SETTLED + 1e-9), ("b", SETTLED - 1e-9))]
    report = TrainingReport("nafnet", "scratch", {}, {"a": 20.0, "b": 20.0}, tuple(runs))
    assert list(records.unsettled(report)) == ["a"]
    assert "1 of 2 upper bounds (a +0.10 dB)" in records.training_text(report)
    assert "all started from scratch" in records.training_text(report).replace("\n", " ")
    settled = replace(report, runs=(training(("a",), [30.0], [-0.4]),))
    assert "settled: 1 upper bound gained less than 0.1 dB" in records.training_text(settled)
    unknown = replace(report, runs=(replace(runs[0], curve=runs[0].curve[-1:]),))
    assert "settled" not in records.training_text(unknown)


@pytest.mark.parametrize(
    "seconds, expected",
    [(0, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_times(seconds: float, expected: str) -> None:
    assert records.time_text(seconds) == expected


@every_report
def test_csv_reads_back(report: TrainingReport) -> None:
    rows = list(csv.DictReader(records.training_csv(report).splitlines()))
    assert len(rows) == len(report.tasks)
    for read, row in zip(rows, records.restorer_rows(report), strict=True):
        assert tuple(read) == records.CSV_COLUMNS
        assert (read["task"], read["group"]) == (row.task, row.group or "")
        for name in ("input", "upper_bound", "mix", "grouped", "drop", "mix_drop"):
            value = getattr(row, name)
            assert read[name] == ("" if value is None else f"{value:.4f}")


def test_csv_takes_any_name_and_whole_numbers() -> None:
    report = replace(EMPTY, inputs={'a,"b"': 20})
    assert list(csv.reader(records.training_csv(report).splitlines()))[1][:2] == ['a,"b"', "20.0000"]


@pytest.mark.slow
@every_report
@pytest.mark.parametrize("paint", [learning_curves, lambda report: drop_bars(report, 0.7, {"jpeg": 0.4})])
def test_figures_stay_on_the_paper(report: TrainingReport, paint: Callable[[TrainingReport], Figure]) -> None:
    figure = paint(report)
    assert_inside(figure)
    assert max(figure.get_size_inches()) < 20
    assert not boxes_overlap(figure, {task.replace("_", " ") for task in report.tasks})


def test_the_same_bytes_twice() -> None:
    for kind in ("png", "svg"):
        for paint in (learning_curves, drop_bars):
            assert figure_bytes(paint(trained()), kind) == figure_bytes(paint(trained()), kind)  # type: ignore[operator]


def test_curves_are_gains_over_the_input() -> None:
    report = trained()
    figure = learning_curves(report)
    assert len(figure.axes) == 11
    for task, axes in zip(NAMES, figure.axes, strict=True):
        lines = [list(line.get_ydata()) for line in axes.lines]
        group = next(group for group in PAPER_GROUPS if task in group)
        expected = []
        for names in (NAMES, group, (task,)):
            run = report.run(tuple(names))
            assert run is not None
            expected.append([point.psnr[task] - report.inputs[task] for point in run.curve])
        assert lines == expected
        assert list(axes.lines[0].get_xdata()) == [25, 50, 100]
    late = [text.get_text() for text, _ in texts(figure) if "last doubling" in text.get_text()]
    assert late == ["last doubling +0.23 dB", "last doubling +0.17 dB", "last doubling +0.31 dB"]


def test_a_group_of_one_or_of_all_is_drawn_once() -> None:
    alone = learning_curves(trained(NAMES[:3], [NAMES[:2], NAMES[2:3]]))
    assert [len(axes.lines) for axes in alone.axes] == [3, 3, 2]
    together = learning_curves(trained(NAMES[:3], [NAMES[:3]]))
    assert [len(axes.lines) for axes in together.axes] == [2, 2, 2]


def test_bars_are_drops_group_by_group() -> None:
    report = trained(groups=PAPER_GROUPS[::-1])
    axes = drop_bars(report, 0.7, {"jpeg": 0.4}).axes[0]
    order = [name for group in PAPER_GROUPS[::-1] for name in group]
    assert [label.get_text() for label in axes.get_yticklabels()] == [name.replace("_", " ") for name in order]
    rows = {row.task: row for row in records.restorer_rows(report)}
    expected = [drop for name in order for drop in (rows[name].drop, rows[name].mix_drop)]
    assert [bar.get_width() for bar in axes.patches] == expected
    assert min(bar.get_width() for bar in axes.patches) < 0
    (line,) = [line for line in axes.lines if len(line.get_xdata()) == 22]
    assert [0.4 if name == "jpeg" else 0.7 for name in order for _ in (0, 1)] == list(line.get_xdata())
    assert list(line.get_ydata())[:4] == [-0.5, 0.5, 0.5, 1.5]


def test_bars_without_delta_and_without_drops() -> None:
    drawn = [text.get_text() for text, _ in texts(drop_bars(trained()))]
    assert not any("delta" in text for text in drawn)
    assert any(text.get_text() == "no drop is known" for text, _ in texts(drop_bars(EMPTY, 0.7)))


@pytest.mark.parametrize("by", [-60.0, 60.0, float("nan"), float("-inf")])
def test_a_training_that_went_astray_is_drawn_and_told(by: float) -> None:
    report = changed(trained(), "jpeg", by)
    for figure in (drop_bars(report, 0.7), learning_curves(report)):
        assert_inside(figure)
    assert "jpeg" in records.training_text(report) and "jpeg" in records.training_csv(report)


@pytest.mark.slow
@every_report
def test_page_of_trainings(report: TrainingReport) -> None:
    page = Page(training_page(report, title="A title", pictures={"one crop": png()}))
    drops = any(row.drop is not None or row.mix_drop is not None for row in records.restorer_rows(report))
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 2 + drops
    for heading in ("What the restorers reach", "Learning curves", "Before and after", "one crop"):
        assert heading in page.text
    for name, *cells in records.restorer_table(report).rows:
        assert " ".join([name.replace("_", " "), *cells]) in page.text
    assert "delta" not in page.text.replace("clearly beyond delta", "")


def test_page_of_a_grouping_with_its_trainings() -> None:
    similarity = eleven()
    found = grouping(similarity, PAPER_GROUPS)
    plain = grouping_page(found, similarity, title="t")
    assert "What the restorers reach" not in plain and "Before and after" not in plain
    text = grouping_page(found, similarity, title="t", training=trained(), pictures={"b": png(), "a": png()})
    page = Page(text)
    jpeg = "jpeg 29.13 31.14 29.85 30.75 C3 0.39 1.29 0.90"
    for part in (jpeg, "average", "2030 trainings spared", "salt pepper +0.31"):
        assert part in page.text
    assert page.text.index("Before and after b a") > page.text.index("Learning curves")
    assert "http:" not in text and "https:" not in text
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "object", "embed"}
        assert (attributes.get("src") or "data:").startswith("data:")
        assert tag != "img" or attributes["alt"]
    only = Page(grouping_page(found, similarity, title="t", pictures={"a": png()})).text
    assert "Before and after" in only and "Learning curves" not in only


def test_a_picture_must_be_a_png() -> None:
    with pytest.raises(GridsError, match="'photo'"):
        training_page(trained(), title="t", pictures={"photo": b"GIF89a"})
    with pytest.raises(GridsError, match="'photo'"):
        grouping_page(grouping(eleven(), PAPER_GROUPS), eleven(), title="t", pictures={"photo": b"GIF89a"})


@pytest.mark.slow
def test_hostile_text_is_escaped() -> None:
    names = [HOSTILE, "$x$ $\\frac$", "a\nb\x1b[31m\x00", '"><img src=x>', "x" * 200]
    groups = [names[:2], names[2:]]
    settings = {"iterations": HOSTILE, "crop": HOSTILE, HOSTILE: HOSTILE, "grids_version": HOSTILE}
    late = training((names[0],), [30.0], [0.5])
    report = trained(names, groups, network=HOSTILE, start=HOSTILE, settings=settings)
    report = replace(report, runs=(late, *report.runs[1:]))
    given = {"title": HOSTILE, "pictures": {HOSTILE: png()}}
    similarity = made(names, np.eye(5))
    for page in (
        training_page(report, **given),  # type: ignore[arg-type]
        grouping_page(grouping(similarity, groups), similarity, training=report, **given),  # type: ignore[arg-type]
    ):
        assert "<script" not in page and "<img src=x" not in page
        assert Page(page).text.count(HOSTILE) > 8
    text = records.training_text(report)
    assert "\x1b" not in text and "\x00" not in text and max(map(len, text.splitlines())) <= 120
    for figure in (learning_curves(report), drop_bars(report, 0.7)):
        assert figure_bytes(figure, "svg").startswith(b"<?xml")
        assert_inside(figure)


def test_reports_need_no_torch() -> None:
    code = "import sys, grids.reports.html, grids.reports.curves, grids.reports.training; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
