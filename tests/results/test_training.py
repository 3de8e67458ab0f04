"""The record of trainings: its JSON, and what is read off it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contracts import raises_line

from grids.errors import GridsError, RunError
from grids.results import Point, TrainingReport, TrainingRun


def run(group: tuple[str, ...], psnr: tuple[float, ...], repeat: int = 0, **changes: Any) -> TrainingRun:
    """Three points, of which the first two are 2 and 0.25 dB below the last one."""
    curve = tuple(
        Point(step, loss, {task: value - less for task, value in zip(group, psnr, strict=True)})
        for step, loss, less in ((15, 0.5, 2.0), (20, 0.25, 0.25), (30, 0.125, 0.0))
    )
    return TrainingRun(group, repeat, curve, 12.5, **{"file": f"models/{'-'.join(group)}.safetensors"} | changes)


RUNS = (
    run(("a",), (30.0,)),
    run(("b",), (25.0,)),
    run(("a", "b", "c"), (29.0, 24.5, 28.0)),
    run(("a", "b", "c"), (29.5, 24.0, 28.5), repeat=1),
    run(("b", "c"), (24.75, 30.5)),
)


def report(**changes: Any) -> TrainingReport:
    given: dict[str, Any] = {
        "network": "nafnet",
        "start": "the mix of all tasks",
        "settings": {"recipe": {"iterations": 30}, "crop": 16},
        "inputs": {"a": 20.0, "b": 21.0, "c": 22.0},
        "runs": RUNS,
        "groups": (("a",), ("b", "c")),
        "noise": {"a": 0.05},
    }
    return TrainingReport(**given | changes)


def test_json_brings_it_back(tmp_path: Path) -> None:
    file = report().save(tmp_path / "training.json")
    assert TrainingReport.load(file) == TrainingReport.load(tmp_path) == report()
    stopped = run(("a", "b"), (1.0, 2.0), stopped="a had lost 1.00 dB after 15 steps")
    bare = report(runs=(stopped,), groups=(), noise={})
    assert TrainingReport.from_json(json.loads(json.dumps(bare.to_json()))) == bare


def test_the_file_holds_what_is_read_off_it() -> None:
    data = json.loads(json.dumps(report().to_json()))
    assert data["upper_bounds"] == {"a": 30.0, "b": 25.0}
    assert data["mix"] == {"a": 29.0, "b": 24.5, "c": 28.0}
    assert data["grouped"] == {"a": 30.0, "b": 24.75, "c": 30.5}
    assert data["settled"] == {"a": 2.0, "b": 2.0}
    assert data["runs"][0]["curve"][0] == [15, 0.5, {"a": 28.0}]


def test_what_is_read_off_it() -> None:
    found = report()
    assert found.tasks == ("a", "b", "c")
    assert found.seconds == 5 * 12.5
    assert found.run(("c", "b")) is RUNS[4]
    assert found.run(("c", "a", "b"), 1) is RUNS[3]
    assert found.run(("a", "b")) is None
    assert found.run(("a",), 1) is None
    assert list(found.grouped) == ["a", "b", "c"]


def test_what_is_not_trained_is_left_out() -> None:
    found = report(runs=RUNS[:1])
    assert (found.upper_bounds, found.mix, found.grouped) == ({"a": 30.0}, {}, {"a": 30.0})
    empty = report(runs=(), groups=())
    assert (empty.upper_bounds, empty.mix, empty.grouped, empty.settled, empty.seconds) == ({}, {}, {}, {}, 0)


def test_the_gain_of_the_last_doubling() -> None:
    assert RUNS[2].late_gain() == {"a": 2.0, "b": 2.0, "c": 2.0}
    one = TrainingRun(("a",), 0, RUNS[0].curve[-1:], 1.0)
    half = TrainingRun(("a",), 0, RUNS[0].curve[1:], 1.0)
    assert one.late_gain() == half.late_gain() == {}
    assert one.psnr == {"a": 30.0}


@pytest.mark.parametrize("part", ["network", "start", "settings", "inputs", "runs", "groups", "noise"])
def test_a_missing_part_is_named(part: str) -> None:
    data = report().to_json()
    del data[part]
    raises_line(lambda: TrainingReport.from_json(data), f"without its '{part}'", kind=GridsError)


@pytest.mark.parametrize("part", ["group", "repeat", "curve", "seconds", "stopped", "file"])
def test_a_missing_part_of_a_run_is_named(part: str) -> None:
    data = report().to_json()
    del data["runs"][1][part]
    raises_line(lambda: TrainingReport.from_json(data), f"without its 'runs.1.{part}'", kind=GridsError)


@pytest.mark.parametrize(
    "changes",
    [{"runs": 3}, {"runs": [3]}, {"inputs": 3}, {"groups": [3]}, {"noise": "much"}, {"settings": None}],
)
def test_a_wrong_part_is_refused(changes: dict[str, Any]) -> None:
    raises_line(lambda: TrainingReport.from_json(report().to_json() | changes), "wrong form", kind=GridsError)


@pytest.mark.parametrize("curve", [[[1, 2]], [3], "steps", [["x", 1.0, {}]], [[1, 1.0, 5]]])
def test_a_wrong_curve_is_refused(curve: Any) -> None:
    data = report().to_json()
    data["runs"][0]["curve"] = curve
    raises_line(lambda: TrainingReport.from_json(data), "wrong form", kind=GridsError)


@pytest.mark.parametrize("point", [Point(0, 0.1, {"a": 1.0}), Point(5, 0.1, {}), Point(5, 0.1, {"b": 1.0})])
def test_a_curve_of_no_steps_or_of_other_tasks_is_refused(point: Point) -> None:
    raises_line(lambda: TrainingRun(("a",), 0, (point,), 1.0), "must be of a, after one step or more")


def test_files_that_are_none(tmp_path: Path) -> None:
    raises_line(lambda: TrainingReport.load(tmp_path), str(tmp_path / "training.json"), kind=RunError)
    (tmp_path / "training.json").write_text("no json")
    raises_line(lambda: TrainingReport.load(tmp_path), "it is not JSON", kind=RunError)
    (tmp_path / "training.json").write_text("[]")
    raises_line(lambda: TrainingReport.load(tmp_path), "holds no record of trainings", kind=RunError)
    (tmp_path / "training.json").write_text("{}")
    raises_line(lambda: TrainingReport.load(tmp_path), "training.json", "without its", kind=RunError)
