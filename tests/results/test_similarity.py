"""The similarity matrix: what it refuses, and that JSON, CSV and a data frame bring back what was written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contracts import raises_line
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.errors import GridsError, RunError, UnknownNameError
from grids.results import GGDParams, SimilarityMatrix

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


@settings(max_examples=40)
@given(st.data())
def test_a_matrix_survives_json(data: st.DataObject) -> None:
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


def test_a_matrix_survives_its_file_byte_for_byte(tmp_path: Path) -> None:
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


ODD_NAMES = ("jpeg", "ringing", "a,b")


def test_a_matrix_is_a_data_frame_and_csv() -> None:
    values = np.array([[0, 1.25, 3], [1.25, 0, 2.00005], [3, 2.00005, 0]])
    matrix = SimilarityMatrix(ODD_NAMES, values)
    frame = matrix.to_frame()
    assert tuple(frame.index) == tuple(frame.columns) == ODD_NAMES and frame.index.name == "degradation"
    assert frame.loc["jpeg", "ringing"] == 1.25
    frame.loc["jpeg", "ringing"] = 7.0
    assert matrix.distance("jpeg", "ringing") == 1.25
    assert matrix.to_csv() == (
        'degradation,jpeg,ringing,"a,b"\njpeg,0.0000,1.2500,3.0000\nringing,1.2500,0.0000,2.0000\n'
        '"a,b",3.0000,2.0000,0.0000\n'
    )
    read = pd.read_csv(io.StringIO(matrix.to_csv()), index_col="degradation")
    np.testing.assert_allclose(read.to_numpy(), values, atol=1e-4)
