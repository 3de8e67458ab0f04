"""Groupings: what they refuse, JSON there and back, and the table that people take away."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from contracts import raises_line

from grids.errors import GridsError, RunError
from grids.results import (
    WORST,
    Group,
    Grouping,
    Trial,
)


def a_grouping() -> Grouping:
    groups = (
        Group("C1", ("a", "b"), {"a": 0.1, "b": -0.2}, 2.5, "models/C1.safetensors"),
        Group("C2", ("c",), {"c": 0}),
    )
    return Grouping(0.7, "exact", groups, "proved", 2, trainings=3, delta_for={"a": 0.3}, undecided=(("a", "c"),))


def test_a_grouping_survives_json(tmp_path: Path) -> None:
    file = a_grouping().save(tmp_path / "groups.json")
    assert Grouping.load(file) == Grouping.load(tmp_path) == a_grouping()
    assert a_grouping().group_of("b").max_drop == 0.1
    with pytest.raises(GridsError, match="unknown degradation 'd'"):
        a_grouping().group_of("d")


@pytest.mark.parametrize("part", ["delta", "method", "groups", "certificate", "trainings", "settings"])
def test_a_grouping_that_lacks_a_part_is_named(tmp_path: Path, part: str) -> None:
    data = {key: value for key, value in a_grouping().to_json().items() if key != part}
    (tmp_path / "groups.json").write_text(json.dumps(data))
    with pytest.raises(RunError, match=f"without its '{part}'"):
        Grouping.load(tmp_path)


def a_group(**changes: Any) -> dict[str, Any]:
    return {"id": "C1", "degradations": ["a", "b"], "drops": {"a": 0.5}} | changes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": [a_group(degradations=[])]}, "the group 'C1' has no degradations"),
        ({"groups": [a_group(drops={})]}, "the group 'C1' has no drops"),
        ({"groups": [a_group(drops={"c": 1.0})]}, "'c'"),
        ({"groups": [a_group(drops={"a": math.nan})]}, "the drop of 'a' in the group 'C1'"),
        ({"groups": [a_group(drops={"a": None})]}, "'groups.0.drops.a' must be a number, not null"),
        ({"groups": [a_group(drops={"a": 10**400})]}, "'groups.0.drops.a' is too large"),
        ({"groups": [a_group(degradations="ab")]}, "'groups.0.degradations' must be a list, not \"ab\""),
        ({"groups": [a_group(degradations=["a", 3])]}, "'groups.0.degradations.1' must be a text, not 3"),
        ({"groups": [a_group(), a_group(degradations=["c"], drops={"c": 0})]}, "C1, C1"),
        ({"groups": {"C1": 1}}, "'groups' must be a list"),
        ({"delta": True}, "'delta' must be a number, not true"),
        ({"delta": math.inf}, "delta"),
        ({"delta_for": [1]}, "'delta_for' must be an object"),
        ({"lower_bound": 2.5}, "'lower_bound' must be a whole number, not 2.5"),
        ({"fewest_known": 1}, "'fewest_known' must be true or false, not 1"),
        ({"certificate": 3}, "'certificate' must be a text"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_wrong_part_of_a_grouping_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    (tmp_path / "groups.json").write_text(json.dumps(a_grouping().to_json() | changes))
    raises_line(lambda: Grouping.load(tmp_path), str(tmp_path / "groups.json"), reason, kind=RunError)


@pytest.mark.parametrize("groups", [[], "x", [3], [{"id": "C1", "degradations": ["a", "a"], "drops": {"a": 0}}]])
def test_groups_that_are_no_partition_are_refused(groups: object) -> None:
    with pytest.raises(GridsError):
        Grouping.from_json({**a_grouping().to_json(), "groups": groups})


def test_words_of_trials_and_certificates_are_checked() -> None:
    with pytest.raises(GridsError, match="unknown certificate"):
        dataclasses.replace(a_grouping(), certificate="sure")
    with pytest.raises(GridsError, match="unknown verdict"):
        Trial(("a", "b"), "good")
    assert Trial(("a", "b"), "beyond", {"a": 0.1}, at_least={"b": 0.9}).worst == 0.9


def test_a_grouping_has_a_row_for_each_degradation() -> None:
    groups = (
        Group("C1", ("jpeg", "ringing"), {"jpeg": 0.25, "ringing": -0.5}, 1.25, "models/a.safetensors"),
        Group("C2", ("haze", "rain"), {WORST: 0.5}, 2.0),
        Group("C3", ("blur",), {"blur": 0.0}),
    )
    found = Grouping(0.7, "exact", groups, "proved", 3, upper_bounds={"jpeg": 30.5})
    frame = found.to_frame().set_index("degradation")
    assert tuple(frame.index) == found.degradations
    assert frame.groupby("group", sort=False).size().to_dict() == {"C1": 2, "C2": 2, "C3": 1}
    assert frame.loc["ringing", "drop"] == -0.5 and frame.loc["ringing", "max_drop"] == 0.25
    assert math.isnan(frame.loc["haze", "drop"]) and frame.loc["haze", "max_drop"] == 0.5
    assert frame.loc["jpeg", "upper_bound"] == 30.5 and math.isnan(frame.loc["blur", "upper_bound"])
    assert frame.loc["jpeg", "weights"] == "models/a.safetensors" and frame.loc["blur", "distance"] == 0.0
