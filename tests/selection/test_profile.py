from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_profiles
from contracts import raises_line
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor

from grids.errors import RunError
from grids.results import Candidate
from grids.selection import profile as profiles
from grids.selection.judge import judge
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
    assert first.kinds == small_profiles.KINDS
    assert first.groups == small_profiles.GROUPS
    assert first.ggd == small_profiles.GGD
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
    made = small_profiles.learnt(crops[:12], Descriptor())
    read = read_profile(made.write(tmp_path / "profile.safetensors"))
    before, after = (Selector(one, tmp_path, "cpu") for one in (made, read))
    for image in crops[16:20]:
        noisy = small_profiles.degraded(image, "salt_pepper")
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


def digits(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: json.dumps(head_of(profile))[:-1] + ', "x": ' + "9" * 5000 + "}"})


def deep(path: Path, profile: Path) -> None:
    save_file(load_file(profile), path, {KEY: "[" * 100_000})


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


DAMAGES = (
    empty,
    cut,
    text,
    foreign,
    no_json,
    digits,
    deep,
    a_list,
    nothing,
    no_kinds,
    odd_groups,
    odd_thresholds,
    odd_ggd,
)


@pytest.mark.parametrize(
    "damage", [*DAMAGES, odd_ggd, no_arrays, no_gain_weights, a_folder], ids=lambda damage: damage.__name__
)
def test_files_that_hold_no_profile(damage: Callable[[Path, Path], None], profile_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    damage(path, profile_file)
    raises_line(lambda: read_profile(path), str(path), "no profile, or it is damaged", kind=RunError)


def changed(path: Path, profile: Path, head: dict[str, object], **arrays: np.ndarray) -> Path:
    """The profile with other entries; the names of arrays have __ for the dot."""
    named = {name.replace("__", "."): np.ascontiguousarray(value) for name, value in arrays.items()}
    save_file(load_file(profile) | named, path, {KEY: json.dumps(head_of(profile) | head)})
    return path


def thresholds(**changes: object) -> dict[str, object]:
    return {"thresholds": {"temperature": 1, "clean": 0.5, "distance": 9, "other": 1} | changes}


HEADS = [
    ({"kinds": list(small_profiles.KINDS[:-1])}, "'kinds' must be 4 names"),
    ({"kinds": ["clean", "clean", "gaussian_noise", "gaussian_blur"]}, "'kinds'"),
    ({"kinds": "abcd"}, "'kinds' must be a list"),
    ({"kinds": [1, 2, 3, 4]}, "'kinds.0' must be a text, not 1"),
    ({"groups": []}, "'groups'"),
    ({"groups": None}, "'groups' must be a list, not null"),
    ({"groups": [{"id": "C1", "degradations": [], "weights": None, "network": None}]}, "'C1' has no degradations"),
    ({"groups": [{"id": "C1", "degradations": ["haze"], "weights": None, "network": None}]}, "'haze' of the group"),
    ({"groups": [{"id": "C1", "degradations": ["clean"], "weights": 3, "network": None}]}, "'groups.0.weights'"),
    ({"groups": [{"id": "C1", "degradations": ["clean"]}]}, "there is no 'groups.0.weights'"),
    (thresholds(distance="far"), "'thresholds.distance' must be a number"),
    (thresholds(clean=float("nan")), "the threshold 'clean'"),
    (thresholds(temperature=0), "the threshold 'temperature'"),
    (thresholds(distance=-1), "the threshold 'distance'"),
    (thresholds(other=1.5), "the threshold 'other'"),
    ({"thresholds": {"temperature": 1, "clean": 0.5, "distance": 9}}, "no 'thresholds.other'"),
    ({"gains": {"coverage": True}}, "'gains.coverage' must be a number"),
    ({"gains": {"coverage": 1.5}}, "'coverage'"),
    ({"gains": {}}, "no 'gains.coverage'"),
    ({"ggd": {"jpeg": {"alpha": -1, "sigma": 1}}}, "alpha"),
    ({"descriptor_sha256": None}, "'descriptor_sha256' must be a text"),
    ({"record": []}, "'record' must be an object"),
]


@pytest.mark.parametrize(("head", "reason"), HEADS, ids=lambda part: str(part)[:40])
def test_a_wrong_entry_is_named(head: dict[str, object], reason: str, profile_file: Path, tmp_path: Path) -> None:
    path = changed(tmp_path / "p.safetensors", profile_file, head)
    raises_line(lambda: read_profile(path), str(path), reason, kind=RunError)


def nan_first(array: np.ndarray) -> np.ndarray:
    """With a signalling NaN, of which NumPy warns when it is made a double (and warnings are errors here)."""
    array = array.copy()
    array.reshape(-1).view(np.uint32)[0] = 0x7F800001
    return array


def test_every_array_is_checked_against_the_others(profile_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    for name, array in load_file(profile_file).items():
        part = name.partition(".")[2]
        wrong = [array[:-1], array[None], array.reshape(-1)[:0], array.reshape(-1)[0]]
        wrong += [] if part == "owners" else [nan_first(array), array.astype(np.int64)]
        for value in wrong:
            changed(path, profile_file, {}, **{name.replace(".", "__"): value})
            message = raises_line(lambda: read_profile(path), str(path), kind=RunError)
            assert re.search("'[a-z.]+'", message.removeprefix(f"cannot read '{path}'")), message
    for name, value in load_file(profile_file).items():
        if name.endswith(("scale", "spread")):
            changed(path, profile_file, {}, **{name.replace(".", "__"): 0 * value})
            raises_line(lambda: read_profile(path), "must be above 0", kind=RunError)
    owners = load_file(profile_file)["discriminant.owners"]
    for value in (owners.astype(float), np.where(owners == 3, 2**40, owners), owners - 1):
        changed(path, profile_file, {}, discriminant__owners=value)
        raises_line(lambda: read_profile(path), "owners'", kind=RunError)


def test_a_profile_of_other_statistics(profile_file: Path) -> None:
    profile = read_profile(profile_file)
    raises_line(lambda: judge(profile, np.zeros((1, 5)), ("a.png",)), "5", str(len(profile.discriminant.mean)))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    raises_line(lambda: read_profile(tmp_path / "none"), str(tmp_path / "none"), "no such file", kind=RunError)


def test_statistics_of_another_version(profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "VERSION", 99)
    raises_line(lambda: read_profile(profile_file), str(profile_file), "other statistics", kind=RunError)
    other = tmp_path / "other.safetensors"
    save_file(load_file(profile_file), other, {KEY: json.dumps(head_of(profile_file) | {"statistics": 99})})
    assert read_profile(other).kinds == small_profiles.KINDS


def test_a_profile_that_cannot_be_written(profile_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    profile = read_profile(profile_file)
    raises_line(lambda: profile.write(tmp_path / "file" / "p.safetensors"), kind=RunError)
