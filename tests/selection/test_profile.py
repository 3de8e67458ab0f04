from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import selecting
from contracts import raises_line
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor

from grids.errors import RunError
from grids.results import Candidate
from grids.selection import profile as profiles
from grids.selection.profile import read_profile
from grids.selection.selector import Selector
from grids.similarity.descriptor import Descriptor

KEY = "grids_profile"


def head_of(path: Path) -> dict[str, object]:
    with safe_open(path, "np") as content:
        found: dict[str, object] = json.loads(content.metadata()[KEY])
    return found


def test_what_is_written_is_read(profile_file: Path, tmp_path: Path) -> None:
    first = read_profile(profile_file)
    assert first.kinds == selecting.KINDS
    assert first.groups == selecting.GROUPS
    assert first.ggd == selecting.GGD
    assert first.record == {"photographs": 12}
    path = first.write(tmp_path / "again.safetensors")
    again = read_profile(path)
    assert path.read_bytes() == profile_file.read_bytes()
    assert (again.kinds, again.groups, again.thresholds) == (first.kinds, first.groups, first.thresholds)
    assert again.discriminant.owners.dtype == np.int64
    assert again.discriminant.mean.dtype == np.float64
    assert first.gains is not None and again.gains is not None
    assert again.gains.coverage == first.gains.coverage == 0.9
    assert np.array_equal(again.gains.weights, first.gains.weights)


def test_a_file_gives_the_selections_of_what_was_learnt(swift: None, crops: list[Tensor], tmp_path: Path) -> None:
    made = selecting.learnt(crops[:12], Descriptor())
    read = read_profile(made.write(tmp_path / "profile.safetensors"))
    before, after = (Selector(one, tmp_path, "cpu") for one in (made, read))
    for image in crops[16:20]:
        noisy = selecting.degraded(image, "salt_pepper")
        one, two = before.select(noisy), after.select(noisy)
        assert (one.verdict, one.group, one.degradation) == (two.verdict, two.group, two.degradation)
        assert one.predicted_gain == pytest.approx(two.predicted_gain, abs=1e-3)
        assert one.distance == pytest.approx(two.distance, rel=1e-3)


def test_arrays_are_stored_whatever_their_order_in_memory(profile_file: Path, tmp_path: Path) -> None:
    """Linear algebra gives arrays in Fortran order, and parts of others."""
    first = read_profile(profile_file)
    changes = {
        "projection": np.asfortranarray(first.discriminant.projection),
        "centres": np.repeat(first.discriminant.centres, 2, 0)[::2],
        "mean": first.discriminant.mean[::-1].copy()[::-1],
    }
    path = replace(first, discriminant=replace(first.discriminant, **changes)).write(tmp_path / "again.safetensors")
    assert path.read_bytes() == profile_file.read_bytes()


def test_a_profile_without_gains_or_ggd(profile_file: Path, tmp_path: Path) -> None:
    bare = replace(read_profile(profile_file), gains=None, ggd={}, record={})
    again = read_profile(bare.write(tmp_path / "bare.safetensors"))
    assert again.gains is None
    assert (again.ggd, again.record) == ({}, {})


def test_other_groups(profile_file: Path) -> None:
    profile = read_profile(profile_file)
    groups = (
        Candidate("A", ("gaussian_blur", "salt_pepper"), Path("a.safetensors")),
        Candidate("B", ("gaussian_noise",)),
    )
    other = profile.regroup(groups)
    assert other.groups == groups
    assert other.gains is None
    assert other.discriminant is profile.discriminant
    assert profile.gains is not None
    message = raises_line(lambda: profile.regroup((Candidate("A", ("salt_pepper", "haze")),)), "'haze'", "'A'")
    assert "gaussian_noise" in message


def empty(path: Path, profile: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path, profile: Path) -> None:
    path.write_bytes(profile.read_bytes()[:-1000])


def text(path: Path, profile: Path) -> None:
    path.write_text("no profile at all\n" * 100)


def foreign(path: Path, profile: Path) -> None:
    save_file({"weight": np.zeros(3, np.float32)}, path)


def no_json(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: "{"})


def a_list(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: "[1, 2]"})


def nothing(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: "null"})


def no_kinds(path: Path, profile: Path) -> None:
    head = {key: value for key, value in head_of(profile).items() if key != "kinds"}
    save_file(load_file(profile), path, {KEY: json.dumps(head)})


def odd_groups(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: json.dumps(head_of(profile) | {"groups": ["C1"]})})


def odd_thresholds(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: json.dumps(head_of(profile) | {"thresholds": {"heat": 1}})})


def odd_ggd(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: json.dumps(head_of(profile) | {"ggd": {"jpeg": 3}})})


def no_arrays(path: Path, profile: Path) -> None:
    save_file({"x": np.zeros(1)}, path, {KEY: json.dumps(head_of(profile))})


def no_gain_weights(path: Path, profile: Path) -> None:
    arrays = {key: value for key, value in load_file(profile).items() if key != "gains.weights"}
    save_file(arrays, path, {KEY: json.dumps(head_of(profile))})


def a_folder(path: Path, profile: Path) -> None:
    path.mkdir()


DAMAGES = (empty, cut, text, foreign, no_json, a_list, nothing, no_kinds, odd_groups, odd_thresholds, odd_ggd)


@pytest.mark.parametrize("damage", [*DAMAGES, no_arrays, no_gain_weights, a_folder], ids=lambda damage: damage.__name__)
def test_files_that_hold_no_profile(damage: Callable[[Path, Path], None], profile_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    damage(path, profile_file)
    raises_line(lambda: read_profile(path), str(path), "no profile, or it is damaged", kind=RunError)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    raises_line(lambda: read_profile(tmp_path / "none"), str(tmp_path / "none"), "no such file", kind=RunError)


def test_statistics_of_another_version(profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "VERSION", 99)
    raises_line(lambda: read_profile(profile_file), str(profile_file), "other statistics", kind=RunError)
    other = tmp_path / "other.safetensors"
    save_file(load_file(profile_file), other, {KEY: json.dumps(head_of(profile_file) | {"statistics": 99})})
    assert read_profile(other).kinds == selecting.KINDS


def test_a_profile_that_cannot_be_written(profile_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    profile = read_profile(profile_file)
    raises_line(lambda: profile.write(tmp_path / "file" / "p.safetensors"), kind=RunError)
