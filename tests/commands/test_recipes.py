"""`grids recipes` and `grids train --recipe`: what they print, how their files are used, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import Call
from contracts import but_warnings

from grids.networks import build
from grids.pipeline.experiments import TrainingSettings
from grids.restoration.models import load_restorer
from grids.training.recipes import TABLE, resolve_config

SMALL = ("--iterations", "2", "--crop", "32", "--batch", "4", "--device", "cpu", "--jobs", "1")


@pytest.fixture
def call(call: Call, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(photos.parent)
    return call


def test_the_recipes_are_listed(call: Call) -> None:
    code, out, err = call("recipes")
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines() if line and not line.startswith(" ")] == list(TABLE)
    assert "martyniuk-resnet 12.13 M parameters" in out
    listed = json.loads(call("recipes", "--json")[1])
    assert [one["name"] for one in listed] == list(TABLE)
    assert listed[4]["networks"]["shen-face"] == 1_900_780


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TABLE if not name.startswith("grids-")])
def test_a_recipe_trains_and_its_file_is_measured(call: Call, name: str) -> None:
    code, out, err = call("train", "photos", "--recipe", name, *SMALL, "--out", "m.safetensors")
    assert code == 0, err
    tasks = TABLE[name].tasks
    assert all(f"\n  {task}" in out for task in tasks)
    assert load_restorer("m.safetensors").tasks == tasks
    code, out, _ = call("evaluate", "m.safetensors", "photos", "--tasks", tasks[0], "--device", "cpu")
    assert (code, f"\n  {tasks[0]}" in out) == (0, True)
    # the same again is read, another budget is another training
    again = call("train", "photos", "--recipe", name, *SMALL, "--out", "m.safetensors")
    assert but_warnings(again[2]).endswith("nothing to do\n")
    code, _, err = call("train", "photos", "--recipe", name, *SMALL, "--sampler", "turns", "--out", "m.safetensors")
    assert code == 1 and "other settings" in err


@pytest.mark.slow
def test_topologies(call: Call) -> None:
    given = ("train", "photos", "--recipe", "liu-durbm", "--tasks", "haze,jpeg", *SMALL, "--out", "m.safetensors")
    code, _, err = call(*given, "--topology", "jpeg>H")
    assert (code, but_warnings(err)) == (0, "decoders: jpeg>H\n")
    network = load_restorer("m.safetensors").network
    assert network.topology == (("jpeg",), ("haze",))
    code, _, err = call(*given, "--topology", "H+jpeg")
    assert code == 1 and "other settings" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "liu"], "unknown recipe 'liu'; did you mean"),
        (["--recipe", "liu-durbm", "--network", "nafnet"], "trains liu-durbm-small or liu-durbm, not 'nafnet'"),
        (["--recipe", "liu-durbm", "--topology", "R>B>J"], "the task 'haze' is missing"),
        (["--recipe", "liu-durbm", "--topology", "R>R>J>H"], "at character 3"),
        (["--recipe", "liu-durbm", "--topology", "R>X"], "at character 3"),
        (["--recipe", "liu-durbm", "--vgg", "v.pth"], "has no use for --vgg"),
        (["--recipe", "shen-face", "--vgg", "v.pth"], "v.pth"),
        (["--recipe", "walha-mtlgan", "--trunk", "trunk.pth"], "features.0.0.weight"),
        (["--recipe", "shen-face", "--crop", "24"], "multiple of 16"),
        (["--recipe", "shen-face", "--loss", "l1"], "has losses of its own"),
        (["--recipe", "shen-face", "--budget", "quik"], "unknown budget 'quik'"),
        (["--recipe", "shen-face", "--sampler", "mixd"], "unknown sampler 'mixd'; did you mean 'mixed'"),
        (["--topology", "R>B"], "--topology goes with --recipe"),
        (["--tasks", "jpeg", "--sampler", "cycles:jpg=2"], "unknown task of the sampler 'jpg'; did you mean 'jpeg'"),
        (["--tasks", "jpeg", "--sampler", "mixed:jpeg=x"], "as in 'mixed:motion_blur=3', 1 to 1000 each"),
        (["--tasks", "jpeg", "--sampler", "mixed:motion_blur=3"], "unknown task of the sampler 'motion_blur'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call: Call, arguments: list[str], message: str) -> None:
    torch.save({"features.0.0.weight": torch.zeros(2, 3, 3, 3)}, "trunk.pth")
    code, out, err = call("train", "photos", "--device", "cpu", "--out", "new/m.safetensors", *arguments)
    assert (code, out) == (1, "")
    lines = [line for line in err.splitlines() if line.startswith("grids: ")]
    assert len(lines) == 1 and message in lines[0], err
    assert not Path("new").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"), [("liu-durbm", "all at the encoder's end"), ("martyniuk-fpn", "features of")]
)
def test_groups_are_trained_by_a_recipe(call: Call, name: str, said: str) -> None:
    """With heads for the tasks of each group, and the recipe's own losses."""
    given = ("group", "photos", "--recipe", name, "--degradations", "haze,jpeg", *SMALL, "--out", "run")
    similar = call("similarity", "photos", "--degradations", "haze,jpeg", "--patches", "8", "--out", "s", "--jobs", "1")
    assert similar[0] == 0, similar[2]
    code, _, err = call(*given, "--similarity", "s", "--delta", "9", "--repeats", "1")
    assert code == 0 and said in err, err
    together = load_restorer("run/models/all.safetensors")
    assert set(together.network.tasks) == {"haze", "jpeg"} and together.preset == TABLE[name].small
    assert load_restorer("run/models/haze.safetensors").network.tasks == ("haze",)
    report = json.loads(Path("run/training.json").read_text())
    assert report["settings"]["system"] == name
    code, _, err = call(*given, "--similarity", "s", "--delta", "9", "--repeats", "1", "--sampler", "turns")
    assert code == 1 and "other settings" in err
    mix = load_restorer(next(Path("run/mix/models").glob("*.safetensors"))).record["recipe"]
    assert mix["learning_rate"] == together.record["recipe"]["learning_rate"]


@pytest.mark.slow
def test_groups_of_a_recipe_take_its_files(call: Call) -> None:
    trunk = build("walha-mtlgan-small").encoder.trunk.state_dict()  # type: ignore[union-attr]
    torch.save(trunk, "trunk.pth")
    torch.save({"features.0.0.weight": torch.zeros(2, 3, 3, 3)}, "narrow.pth")
    torch.save({}, "start.pth")
    given = ("group", "photos", *SMALL, "--degradations", "haze,jpeg", "--only", "upper-bounds", "--repeats", "1")
    walha = (*given, "--recipe", "walha-mtlgan", "--from-scratch", "--learning-rate", "1e-9", "--out", "run")
    code, _, err = call(*walha, "--trunk", "trunk.pth")
    assert code == 0, err
    for name in ("haze", "all"):
        made = load_restorer(f"run/models/{name}.safetensors").network.encoder.trunk.state_dict()
        weights = {key: value for key, value in trunk.items() if key.endswith("weight")}
        assert all(torch.allclose(made[key], value, atol=1e-6) for key, value in weights.items())
    for wrong, message in {
        ("--recipe", "walha-mtlgan", "--trunk", "narrow.pth"): "cannot use the trunk 'narrow.pth'",
        ("--recipe", "walha-mtlgan", "--trunk", "trunk.pth", "--start", "start.pth"): "give one of the two",
        ("--recipe", "liu-durbm", "--trunk", "trunk.pth"): "has no use for --trunk",
        ("--recipe", "shen-face", "--vgg", "trunk.pth"): "cannot use the VGG-19 'trunk.pth'",
        ("--vgg", "trunk.pth"): "--vgg goes with --recipe",
    }.items():
        code, _, err = call(*given, *wrong, "--out", "other")
        assert code == 1 and err.startswith("grids: ") and message in err, err
        assert not Path("other").exists()


def test_groups_of_a_recipe_are_of_its_tasks(call: Call) -> None:
    """And a sampler that its batches are too small for is said before anything is measured."""
    given = ("group", "photos", "--recipe", "walha-mtlgan", "--dry-run", "--jobs", "1", "--device", "cpu")
    code, out, err = call(*given, "--crop", "32", "--batch", "2", "--only", "upper-bounds")
    assert code == 0 and "frame_blur" in out and "jpeg" not in out, err
    code, _, err = call(*given, "--batch", "1")
    assert code == 1 and "batches of 1 are too small for the sampler 'each'" in err


@pytest.mark.slow
def test_networks_without_normalisation_learn_at_the_rate_that_they_bear(call: Call) -> None:
    assert resolve_config("liu-durbm")[1].learning_rate == 1e-3  # this one is normalised
    assert resolve_config("liu-durbm", network="liu-durbm")[1].learning_rate == 1e-4
    assert resolve_config("shen-face", learning_rate=1e-3) == (
        "shen-face-small",
        replace(TABLE["shen-face"].get_config(), learning_rate=1e-3),
    )
    assert TrainingSettings.by_recipe("liu-durbm").config == resolve_config("liu-durbm")[1]
    for network, rate in {"shen-face-small": 3e-4, "nafnet": 5e-4}.items():
        out = f"{network}.safetensors"
        assert call("train", "photos", "--tasks", "haze", "--network", network, *SMALL, "--out", out)[0] == 0
        assert load_restorer(out).record["recipe"]["learning_rate"] == rate
    given = ("train", "photos", "--tasks", "haze", "--network", "shen-face-small", "--learning-rate", "0.002", *SMALL)
    assert call(*given, "--out", "fast.safetensors")[0] == 0
    assert load_restorer("fast.safetensors").record["recipe"]["learning_rate"] == 2e-3


def test_scores_do_not_take_the_place_of_the_model(call: Call) -> None:
    assert call("train", "photos", "--tasks", "jpeg", *SMALL, "--out", "m.safetensors")[0] == 0
    before = Path("m.safetensors").read_bytes()
    code, out, err = call("evaluate", "m.safetensors", "photos", "--csv", "m.safetensors", "--device", "cpu")
    assert (code, out) == (1, "") and "is one of the images or files of this call already" in err
    assert Path("m.safetensors").read_bytes() == before
