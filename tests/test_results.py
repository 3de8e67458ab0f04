"""The records: what they refuse, and that JSON brings back what was written."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import raises_line
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.errors import GridsError, RunError, UnknownNameError
from grids.results import GGDParams, Group, Grouping, SimilarityMatrix, Trial

NAMES = ("jpeg", "ringing", "salt_pepper")
VALUES = np.array([[0.0, 3.5, 4.25], [3.5, 0.0, 1.125], [4.25, 1.125, 0.0]])


def sample(**changes: Any) -> SimilarityMatrix:
    given = {
        "degradations": NAMES,
        "matrix": VALUES,
        "ggd": {"clean": GGDParams(0.5, 1.0), "jpeg": GGDParams(0.7, 2.0)},
        "low": VALUES * 0.9,
        "high": VALUES * 1.1,
        "settings": {"patches": 12, "layer": "last"},
        "descriptor_sha256": "ab" * 32,
        "grids_version": "0.1.0",
    }
    return SimilarityMatrix(**given | changes)


def record(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(sample().to_json())) | changes


def assert_equal(first: SimilarityMatrix, second: SimilarityMatrix) -> None:
    assert first.degradations == second.degradations
    for name in ("matrix", "low", "high"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=0.5e-6)
    for name in ("ggd", "settings", "descriptor_sha256", "grids_version"):
        assert getattr(first, name) == getattr(second, name)


def test_the_format_is_the_one_of_the_design() -> None:
    data = sample().to_json()
    assert list(data) == [
        *("degradations", "matrix", "ggd", "settings", "descriptor_sha256", "grids_version", "intervals")
    ]
    assert data["ggd"]["jpeg"] == {"alpha": 0.7, "sigma": 2.0}
    assert "intervals" not in sample(low=None, high=None).to_json()


@pytest.mark.parametrize("end", ["low", "high"])
def test_intervals_have_both_ends(end: str) -> None:
    with pytest.raises(GridsError, match="one without the other"):
        sample(**{end: None})


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_json_round_trip(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    entries = data.draw(st.lists(st.floats(0, 10), min_size=n * n, max_size=n * n))
    upper = np.triu(np.array(entries).reshape(n, n), 1)
    names = data.draw(st.lists(st.text(min_size=1, max_size=8), min_size=n, max_size=n, unique=True))
    names = [name.encode("utf-8", "replace").decode() + str(i) for i, name in enumerate(names)]
    params = {name: GGDParams(data.draw(st.floats(0.2, 10)), data.draw(st.floats(1e-9, 1e9))) for name in names}
    before = SimilarityMatrix(tuple(names), upper + upper.T, params, settings={"seed": 1})
    after = SimilarityMatrix.from_json(json.loads(json.dumps(before.to_json())))
    assert_equal(before, after)
    assert after.to_json() == before.to_json()


def test_files_round_trip_to_the_same_bytes(tmp_path: Path) -> None:
    first = sample().save(tmp_path / "a" / "similarity.json")
    loaded = SimilarityMatrix.load(first)
    assert_equal(loaded, sample())
    assert loaded.save(tmp_path / "b.json").read_bytes() == first.read_bytes()
    assert_equal(SimilarityMatrix.load(tmp_path / "a"), loaded)


def test_csv_holds_the_matrix_to_four_decimals() -> None:
    table = list(csv.reader(io.StringIO(sample().to_csv())))
    assert table[0] == ["degradation", *NAMES]
    assert [row[0] for row in table[1:]] == list(NAMES)
    assert table[1][2] == "3.5000"
    np.testing.assert_allclose([[float(v) for v in row[1:]] for row in table[1:]], VALUES)


def test_questions_about_the_matrix() -> None:
    found = sample()
    assert len(found) == 3
    assert found.distance("jpeg", "ringing") == found.distance("ringing", "jpeg") == 3.5
    assert found.pairs() == [(1.125, "ringing", "salt_pepper"), (3.5, "jpeg", "ringing"), (4.25, "jpeg", "salt_pepper")]
    assert found.group_distance(["jpeg"]) == 0
    assert found.group_distance(NAMES) == pytest.approx((3.5 + 4.25 + 1.125) / 3)
    with pytest.raises(UnknownNameError, match="did you mean 'ringing'"):
        found.distance("jpeg", "rining")


def test_a_subset_in_another_order() -> None:
    part = sample().subset(["salt_pepper", "jpeg"])
    assert part.degradations == ("salt_pepper", "jpeg")
    assert part.distance("jpeg", "salt_pepper") == 4.25
    np.testing.assert_allclose(part.low, [[0, 4.25 * 0.9], [4.25 * 0.9, 0]])
    assert set(part.ggd) == {"jpeg", "clean"}
    assert part.settings == sample().settings
    assert sample(low=None, high=None).subset(["jpeg"]).low is None
    with pytest.raises(UnknownNameError, match="haze"):
        sample().subset(["jpeg", "haze"])
    with pytest.raises(GridsError, match="distinct"):
        sample().subset(["jpeg", "jpeg"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"degradations": ("a", "b", "a")}, "distinct"),
        ({"degradations": ("a", "b")}, r"must be \(2, 2\)"),
        ({"matrix": VALUES[:2]}, r"must be \(3, 3\)"),
        ({"matrix": np.where(VALUES == 3.5, np.nan, VALUES)}, "finite"),
        ({"matrix": np.where(VALUES == 3.5, np.inf, VALUES)}, "finite"),
        ({"matrix": VALUES + np.triu(np.ones((3, 3)), 1)}, "symmetric"),
        ({"matrix": VALUES + 0.1}, "diagonal"),
        ({"low": VALUES[:, :2]}, r"low must be \(3, 3\)"),
        ({"high": np.full((3, 3), np.nan)}, "high must be finite"),
    ],
)
def test_matrices_that_make_no_sense_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(GridsError, match=reason):
        sample(**changes)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_parameters_of_a_distribution_are_positive_and_finite(value: float) -> None:
    with pytest.raises(GridsError, match="alpha"):
        GGDParams(value, 1.0)
    with pytest.raises(GridsError, match="sigma"):
        GGDParams(1.0, value)


@pytest.mark.parametrize("key", ["degradations", "matrix", "ggd", "settings", "descriptor_sha256", "grids_version"])
def test_a_record_that_lacks_a_part_is_refused(key: str) -> None:
    data = record()
    del data[key]
    with pytest.raises(GridsError, match=key):
        SimilarityMatrix.from_json(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"degradations": None},
        {"degradations": 3},
        {"degradations": [1, 2, 3]},
        {"degradations": [["a"], ["b"], ["c"]]},
        {"degradations": "abc"},
        {"matrix": None},
        {"matrix": "text"},
        {"matrix": [[0, 1], [1]]},
        {"matrix": [[0, "x", 1], [1, 0, 1], [1, 1, 0]]},
        {"matrix": [[0, 10**400, 1], [10**400, 0, 1], [1, 1, 0]]},
        {"ggd": []},
        {"ggd": {"jpeg": {"alpha": 1}}},
        {"ggd": {"jpeg": {"alpha": 1, "sigma": None}}},
        {"ggd": {"jpeg": {"alpha": 10**400, "sigma": 1}}},
        {"ggd": {"jpeg": {"alpha": -1, "sigma": 1}}},
        {"ggd": {"jpeg": 5}},
        {"settings": 3},
        {"intervals": {"low": VALUES.tolist()}},
        {"intervals": [1]},
        {"intervals": {"low": VALUES.tolist(), "high": [[1]]}},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_a_record_with_a_wrong_part_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(GridsError):
        SimilarityMatrix.from_json(record(**changes))


def test_the_wrong_part_of_a_record_is_named() -> None:
    cases = {
        "'matrix.1.0' must be a number, not null": {"matrix": [[0, 1, 1], [None, 0, 1], [1, 1, 0]]},
        "'ggd.jpeg.sigma' is too large": {"ggd": {"jpeg": {"alpha": 1, "sigma": 10**400}}},
        "'degradations.2' must be a text": {"degradations": ["a", "b", 3]},
        "'low' must be a list, not 1": {"intervals": {"low": 1}},
        "'grids_version' must be a text, not 1": {"grids_version": 1},
        "'settings.a' holds a number that is not finite": {"settings": {"a": [1, {"b": float("nan")}]}},
    }
    for reason, changes in cases.items():
        raises_line(lambda c=changes: SimilarityMatrix.from_json(record(**c)), reason)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"words",
        b"[]",
        b"3",
        b"null",
        b'{"degradations": []}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' * 65 + b"1" + b"}" * 65,
        b'{"settings": {"seed": ' + b"9" * 5000 + b"}}",
        json.dumps(record(), allow_nan=True).replace("1.125", "NaN").encode(),
    ],
    ids=[
        "empty",
        "cut",
        "words",
        "list",
        "number",
        "null",
        "lacking",
        "bytes",
        "deep",
        "deeper than is allowed",
        "digits",
        "nan",
    ],
)
def test_files_that_hold_no_matrix_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "similarity.json").write_bytes(content)
    for path in (tmp_path / "similarity.json", tmp_path):
        with pytest.raises(RunError, match=r"cannot read '.*similarity\.json'") as caught:
            SimilarityMatrix.load(path)
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        SimilarityMatrix.load(tmp_path / "none.json")
    with pytest.raises(RunError, match=r"similarity\.json.*No such file"):
        SimilarityMatrix.load(tmp_path)


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
