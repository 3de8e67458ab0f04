"""`grids profile` with a swift descriptor: what it prints and writes, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Call
from small_profiles import save_grouping, save_images, save_tiny
from torch import Tensor

from grids.selection.profile import FILE, read_profile


@pytest.fixture
def call(
    call: Call,
    swift: None,
    crops: list[Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """Run the command in a folder with photographs in clean/ and noisy/, and a run folder run/."""
    monkeypatch.chdir(tmp_path)
    save_images(tmp_path / "clean", crops[:12])
    save_images(tmp_path / "noisy", crops[:9], "gaussian_noise")
    save_grouping(tmp_path / "run", ("gaussian_noise",), ("gaussian_blur",))
    save_tiny(tmp_path / "net.safetensors")
    return lambda *arguments: call("profile", *arguments, "--device", "cpu")


def test_a_run(call: Call, tmp_path: Path) -> None:
    (tmp_path / "clean" / "text.png").write_text("no image")
    code, out, err = call("clean", "--run", "run")
    assert code == 0
    assert out.splitlines() == [
        "  C1  gaussian_noise  (no weights)",
        "  C2  gaussian_blur  (no weights)",
        f"profile of 3 kinds, without predicted gains  run/{FILE}",
    ]
    assert "text.png" in err.splitlines()[0]
    assert err.splitlines()[-1] == "1 image skipped"
    assert read_profile(tmp_path / "run" / FILE).record["photographs"] == 12


@pytest.mark.slow
def test_json_and_quiet(call: Call) -> None:
    code, out, err = call("clean", "--run", "run", "--json", "--draws", "2", "--seed", "3")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["kinds"] == ["clean", "gaussian_noise", "gaussian_blur", "other"]
    assert found["groups"][1] == {"group": "C2", "degradations": ["gaussian_blur"], "weights": None}
    assert (found["predicts_gains"], found["draws"], found["seed"], found["photographs"]) == (False, 2, 3, 12)
    assert call("clean", "--run", "run", "--quiet") == (0, "", "")


@pytest.mark.slow
def test_examples(call: Call, tmp_path: Path) -> None:
    code, out, err = call(
        "clean", "--run", "own", "--group", "denoise=noisy", "--weights", "denoise=net.safetensors",
        "--network", "denoise=nafnet",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.splitlines() == ["  denoise  denoise", f"profile of 2 kinds, without predicted gains  own/{FILE}"]
    (group,) = read_profile(tmp_path / "own" / FILE).groups
    assert group.weights == tmp_path / "net.safetensors"
    assert group.network == "nafnet"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--weights", "a=b"], "--weights belongs to a --group NAME=FOLDER"),
        (["--network", "a=b"], "--network belongs to a --group NAME=FOLDER"),
        (["--group", "a=noisy", "--degradation", "a=f.py:f"], "--degradation cannot be used with --group"),
        (["--group", "a=noisy", "--draws", "2"], "--draws cannot be used with --group"),
        (["--group", "a=noisy", "--draws", "0"], "--draws cannot be used with --group"),
        (["--group", "noisy"], "--group takes NAME=FOLDER, not 'noisy'"),
        (["--group", "=noisy"], "--group takes NAME=FOLDER, not '=noisy'"),
        (["--group", "a="], "--group takes NAME=FOLDER, not 'a='"),
        (["--group", "a=noisy", "--group", "a=clean"], "--group names 'a' twice"),
        (["--group", "a=noisy", "--weights", "x"], "--weights takes NAME=FILE, not 'x'"),
        (["--group", "a=noisy", "--network", "x"], "--network takes NAME=PRESET, not 'x'"),
        (["--group", "a=nowhere"], "nowhere"),
        (["--group", "a=noisy", "--weights", "b=net.safetensors"], "add --group b=FOLDER"),
        (["--degradation", "f.py"], "--degradation takes NAME=FILE.py:FUNCTION"),
        (["--draws", "0"], "draws must be at least 1"),
        (["builtin"], "cannot be mixed"),
        (["nowhere.png"], "nowhere.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "-",
)
def test_what_is_wrong_is_said_in_one_line(call: Call, tmp_path: Path, arguments: list[str], reason: str) -> None:
    code, out, err = call("clean", "--run", "run", *arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert reason in err
    assert not (tmp_path / "run" / FILE).exists()


def test_runs_without_groups(call: Call, tmp_path: Path) -> None:
    for name in ("nowhere", "clean"):
        code, out, err = call("clean", "--run", name)
        assert (code, out) == (1, "")
        assert "holds no groups.json" in err
    assert not (tmp_path / "nowhere").exists()


def test_the_run_must_be_named(call: Call) -> None:
    code, out, err = call("clean")
    assert (code, out) == (2, "")
    assert "--run" in err
