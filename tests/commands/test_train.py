"""`grids train`, `evaluate` and `train-descriptor`: what they print and write, and one line for what is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from command_line import MAIN, Call, Output
from contracts import but_warnings

from grids.cli import run
from grids.commands.training_options import TrainingOptions
from grids.commands.values import seconds_of
from grids.errors import GridsError
from grids.networks.table import TABLE
from grids.pipeline import train, warm_start

TINY = (
    "from grids.networks import TABLE, Preset, SRResNetX4, UNet\n"
    "TABLE['unet'] = Preset(UNet, 'tiny', {'width': 4, 'levels': 1, 'blocks': 1})\n"
    "TABLE['srresnet-x4'] = Preset(SRResNetX4, 'tiny', {'channels': 8, 'blocks': 1})\n"
    "from grids.pipeline import warm_start, train\n"
    "warm_start.shipped_start = train.shipped_start = lambda network: None\n"
)
SMALL = ("--iterations", "2", "--crop", "16", "--batch", "2", "--device", "cpu", "--jobs", "1")


def command(*arguments: object, before: str = "") -> list[str]:
    return [sys.executable, "-W", "error::UserWarning", "-c", before + TINY + MAIN, *map(str, arguments)]


@pytest.fixture
def alone(photos: Path, tmp_path: Path) -> Call:
    """Run a command with tiny networks, in a process of its own: exit code, stdout and stderr."""

    def alone(*arguments: object) -> Output:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, cwd=tmp_path, check=False)
        return done.returncode, done.stdout, done.stderr

    return alone


@pytest.fixture
def call(call: Call, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """The same in this process."""
    monkeypatch.chdir(photos.parent)
    for module in (warm_start, train):  # what TINY changes, undone after the test
        monkeypatch.setattr(module, "shipped_start", module.shipped_start)
    table = dict(TABLE)
    exec(TINY)
    yield call
    TABLE.update(table)


@pytest.mark.slow
def test_what_was_trained_is_evaluated(alone: Call, call: Call, tmp_path: Path) -> None:
    given = ("train", "photos", "--tasks", "jpeg,gaussian_blur", *SMALL)
    code, out, err = alone(*given)
    assert (code, but_warnings(err)) == (0, "")
    assert out.startswith("unet, 4 steps in ")
    assert out.splitlines()[2].split() == ["input", "restored", "gain", "JPEG", "90", "restored", "gain"]
    assert [line.split()[0] for line in out.splitlines()[3:]] == ["jpeg", "gaussian_blur", "mean", "weights"]
    model = tmp_path / "runs" / "train" / "model.safetensors"
    assert out.splitlines()[-1] == "weights  runs/train/model.safetensors"
    assert {file.name for file in model.parent.iterdir()} == {"model.safetensors", "model.training.json"}
    code, again, err = call(*given, "--json")
    assert (code, but_warnings(err)) == (0, "trained before with these settings: nothing to do\n")
    assert set(json.loads(again)["inputs"]) == {"jpeg", "gaussian_blur"}
    code, out, err = alone("evaluate", model, "photos", "--csv", "s.csv", "--device", "cpu")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["jpeg", "gaussian_blur", "mean"]
    assert "saved as JPEG 90" in out.splitlines()[5]
    assert [line.split()[0] for line in out.splitlines()[7:10]] == ["jpeg", "gaussian_blur", "mean"]
    with (tmp_path / "s.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["saved"] for row in rows] == 2 * 5 * ["", "JPEG 90"]
    assert {"task", "photograph", "input_psnr", "input_ssim", "psnr", "ssim", "saved", "gain"} == rows[0].keys()
    found = json.loads(call("evaluate", model, "photos", "--json", "--quiet", "--device", "cpu")[1])
    assert found["tasks"]["jpeg"]["photographs"] == 5
    assert set(found["tasks"]["jpeg"]["saved"]) == {"JPEG 90"}
    assert found["scores"][0]["psnr"] == float(rows[0]["psnr"])


@pytest.mark.slow
def test_train_descriptor_then_similarity(alone: Call, call: Call) -> None:
    code, out, err = alone("train-descriptor", "photos", "--out", "d.safetensors", *SMALL)
    assert (code, err) == (0, "")
    assert out.splitlines()[2].split() == ["bicubic", "restored", "gain"]
    assert out.splitlines()[-1] == "use it   grids similarity --descriptor d.safetensors"
    given = ("--degradations", "jpeg,ringing", "--patches", "12", "--patch-size", "16", "--device", "cpu")
    assert call("similarity", "photos", "--descriptor", "d.safetensors", "--quiet", *given) == (0, "", "")


def test_the_log_of_a_training(call: Call, tmp_path: Path) -> None:
    given = ("train", "photos", "--tasks", "jpeg", "--out", "m.safetensors", *SMALL, "--iterations", "25")
    assert call(*given, "--log", "new/log.csv", "--from-scratch")[0] == 0
    file = tmp_path / "new" / "log.csv"
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    assert rows[-1]["step"] == rows[-1]["steps"] == "25" and rows[-1]["tasks"] == "jpeg"
    assert float(rows[-1]["loss"]) > 0 and float(rows[-1]["steps_per_second"]) > 0
    code, _, err = call(*given, "--out", "other.safetensors", "--log", "photos")
    assert code == 1 and err.startswith("grids: cannot write 'photos': it is a folder;")
    assert call(*given, "--from-scratch", "--start", "m.safetensors")[0] == 1


def test_the_time_is_over_and_the_same_command_goes_on(call: Call) -> None:
    given = ("train", "photos", "--tasks", "jpeg", "--out", "m.safetensors", *SMALL)
    assert call(*given, "--time-budget", "0.001s") == (
        1,
        "",
        "grids: the time is over after 1 of 2 steps: the same command goes on from there\n",
    )
    code, out, err = call(*given)
    assert (code, but_warnings(err)) == (0, "going on after 1 of 2 steps\n")
    assert "2 steps" in out


# Touches a file once steps are made.
TELLS = (
    "import pathlib\n"
    "from grids.training.datasets import Batches\n"
    "usual = Batches.__call__\n"
    "def telling(self, step, retry=0):\n"
    "    if step == 20: pathlib.Path({file!r}).touch()\n"
    "    return usual(self, step, retry)\n"
    "Batches.__call__ = telling\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_ctrl_c_and_sigterm_say_how_to_go_on(
    photos: Path, tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    given = ("train", photos, "--tasks", "jpeg", *SMALL, "--iterations", 1_000_000, "--out", tmp_path / "m.safetensors")
    begun = tmp_path / "begun"
    process = subprocess.Popen(
        command(*given, before=TELLS.format(file=str(begun))),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TQDM_DISABLE": "1"},
    )
    deadline = time.monotonic() + 120
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, "")
    estimate, *rest = [line for line in err.splitlines() if line]
    assert re.fullmatch(r"1000000 steps of \d+ ms: about .+ on this machine", estimate)
    assert rest == [f"grids: {word}: what was learnt is kept; the same command goes on from there"]
    assert (tmp_path / "m.ckpt").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "--tasks", "jpg"], "did you mean 'jpeg'"),
        (["train", "--tasks", ","], "no degradation is named"),
        (["train", "--network", "srresnet-x4"], "enlarges images"),
        (["train", "--budget", "huge"], "unknown budget 'huge'"),
        (["train", "--time-budget", "20"], "such as 90s, 20m or 2h, not '20'"),
        (["train", "--crop", "17"], "multiple of 8"),
        (["train", "--loss", "l2"], "unknown loss"),
        (["train", "--out", "here"], "ends in .safetensors"),
        (["train", "--pairs", "fog"], "--pairs takes NAME=INPUT_FOLDER:TARGET_FOLDER, not 'fog'"),
        (["train", "builtin", "photos"], "cannot be mixed"),
        (["train", "nowhere"], "nowhere"),
        (["train", "--start", "nowhere"], "cannot read 'nowhere'"),
        (["train", "--resume", "--tasks", "jpeg"], "nothing to resume"),
        (["train-descriptor", "--iterations", "0"], "iterations must be at least 1"),
        (["train-descriptor", "--time-budget", "-3s"], "not '-3s'"),
        (["evaluate", "nowhere"], "cannot read 'nowhere'"),
        (["evaluate", "model.txt", "--network", "nafnet"], "neither safetensors nor"),
        (["evaluate", "model.txt"], "neither safetensors nor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "-",
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.txt").write_text("text")
    assert run([*arguments, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("grids: ")
    assert reason in err


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("2h", 7200), ("1.5m", 90), ("0.5s", 0.5)])
def test_times_have_units(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "20", "m20", "0s", "-1m", "nanh", "infs", "1d", "2 hours"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(GridsError, match="90s, 20m or 2h"):
        seconds_of(text)


def test_the_data_are_a_choice_that_is_kept(call: Call) -> None:
    given = ("train", "photos", "--tasks", "jpeg", "--out", "m.safetensors", *SMALL)
    assert call(*given, "--data", "pristine", "--quiet")[0] == 0
    code, _, err = call(*given)
    assert code == 1 and "data pristine, now photographs" in err and len(err.splitlines()) == 1
    code, _, err = call(*given, "--data", "photos")
    assert code == 1 and "did you mean 'photographs'" in err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"budget": "quick"}, "photographs"),
        ({"budget": "paper"}, "pristine"),
        ({"budget": "paper", "data": "photographs"}, "photographs"),
        ({"budget": "standard", "data": "pristine"}, "pristine"),
        ({"budget": "paper", "recipe": "liu-durbm"}, "pristine"),
        ({"budget": "quick", "recipe": "shen-face"}, "photographs"),
    ],
)
def test_the_paper_s_budget_implies_pristine_data(options: dict[str, str], expected: str) -> None:
    nothing = dict.fromkeys(field.name for field in fields(TrainingOptions))
    found = TrainingOptions(**(nothing | options)).resolve(0)
    assert found.config.data.name == expected
