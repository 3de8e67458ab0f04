"""Comparing runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grids import GridsError, builtin_similarity, compare_runs, load_similarity
from grids.errors import RunError


@pytest.fixture
def shifted(tmp_path: Path) -> Path:
    """A run whose S are all larger by 0.25."""
    first = builtin_similarity()
    matrix = first.matrix + 0.25 * (1 - np.eye(len(first)))
    replace(first, matrix=matrix, low=None, high=None, settings=first.settings | {"seed": 7}).save(
        tmp_path / "shifted" / "similarity.json"
    )
    return tmp_path / "shifted"


def test_a_run_compared_with_itself_does_not_differ() -> None:
    (found,) = compare_runs(["builtin", "builtin"])
    assert found.spearman == pytest.approx(1)
    assert found.mean_absolute_change == 0
    assert found.settings == ()


def test_a_shift_is_found(shifted: Path) -> None:
    (found,) = compare_runs(["builtin", shifted])
    assert found.labels == ("builtin", "shifted")
    assert found.mean_change == pytest.approx(0.25)
    assert found.spearman == pytest.approx(1)
    assert [(change.key, change.first, change.second) for change in found.settings] == [("seed", 0, 7)]


def test_every_run_but_the_first_is_compared_and_written(shifted: Path, tmp_path: Path) -> None:
    part = builtin_similarity().subset(["jpeg", "ringing", "defocus_blur", "salt_pepper"])
    part.save(tmp_path / "part.json")
    out = tmp_path / "out"
    found = compare_runs(["builtin", shifted / "similarity.json", str(tmp_path / "part.json")], out)
    assert [comparison.labels[1] for comparison in found] == ["shifted", "part.json"]
    assert len(found[1].common) == 4
    assert len(found[1].only_first) == 7
    assert sorted(file.name for file in out.iterdir()) == [
        "comparison.json",
        "heatmaps.png",
        "heatmaps.svg",
        "report.html",
    ]
    records = json.loads((out / "comparison.json").read_text())
    assert records[0]["mean_change"] == pytest.approx(0.25)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    compare_runs(["builtin", shifted / "similarity.json", str(tmp_path / "part.json")], out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_runs_of_one_name_are_told_apart_by_their_paths(shifted: Path, tmp_path: Path) -> None:
    other = tmp_path / "more" / "shifted"
    load_similarity(shifted).save(other / "similarity.json")
    (found,) = compare_runs([shifted, other])
    assert found.labels == (str(shifted), str(other))


def test_wrong_runs_are_refused(shifted: Path, tmp_path: Path) -> None:
    with pytest.raises(GridsError, match="at least two runs, but got 1"):
        compare_runs(["builtin"])
    with pytest.raises(RunError, match="nowhere"):
        compare_runs(["builtin", tmp_path / "nowhere"])
    load_similarity(shifted).subset(["jpeg", "ringing"]).save(tmp_path / "two.json")
    with pytest.raises(GridsError, match="at least 3"):
        compare_runs(["builtin", tmp_path / "two.json"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        compare_runs(["builtin", shifted], tmp_path / "file")
