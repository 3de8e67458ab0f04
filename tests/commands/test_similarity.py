"""`grids similarity`: what it prints and writes, what is taken from a run, and one line for what is wrong."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from command_line import KINDS, Call, check_one_line, command_of, files_under, run_apart, typed
from PIL import Image
from safetensors.torch import save_file

from grids import SimilarityMatrix, builtin_similarity
from grids.degradations import ELEVEN
from grids.networks import SRResNetX4


def test_weather_is_measured_where_it_is_named(call: Call, photos: Path, tiny: Path) -> None:
    small = ("--patches", 12, "--patch-size", 16, "--device", "cpu", "--descriptor", tiny, "--json")
    code, out, _ = call("similarity", photos, *small, "--degradations", "haze,jpeg,low_light")
    assert (code, json.loads(out)["degradations"]) == (0, ["haze", "jpeg", "low_light"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--patches", "many"], "not a valid integer"),
        (["--patches", "0"], "patches must be at least 8, but is 0"),
        (["--patches", "-5"], "but is -5"),
        (["--patch-size", "4"], "patch size must be 8 to 512"),
        (["--components", "0"], "components must be"),
        (["--components", "192"], "components must be 1 to 191"),
        (["--seed", "-1"], "seed must be 0 to 2^63 - 1"),
        (["--jobs", "0"], "jobs must be at least 1"),
        (["--device", "cdua"], "did you mean 'cuda'"),
        (["--device", "cpu:"], "cpu"),
        (["--layer", "lst"], "last"),
        (["--order", "clutser"], "cluster"),
        (["--precision", "fp23"], "did you mean 'fp32'"),
        (["--degradations", "jpeg,rining"], "did you mean 'ringing'"),
        (["--degradations", ","], "no degradation is named"),
        (["--degradations", "jpeg"], "at least two"),
        (["--degradations", "jpeg,jpeg"], "named twice"),
        (["--extra", "haze"], "NAME=FOLDER"),
        (["--extra", "=haze"], "NAME=FOLDER"),
        (["--extra", "a=x", "--extra", "a=y"], "twice"),
        (["--degradation", "fog=my.py"], "NAME=FILE.py:FUNCTION"),
        (["--degradation", "fog=none.py:fog"], "no file 'none.py'"),
        (["nowhere"], "nowhere"),
        (["builtin", "nowhere"], "cannot be mixed"),
        (["--show", "photos"], "measures nothing"),
        (["--show", "--out", "nowhere"], "nowhere"),
        (["--show", "--degradations", "jpeg,rining"], "did you mean 'ringing'"),
    ],
    ids=typed,
)
def test_wrong_names_and_values_are_one_line(call: Call, here: Path, arguments: list[str], reason: str) -> None:
    check_one_line(call("similarity", *arguments), reason)
    assert not [file for file in files_under(here) if file.endswith((".json", ".png", ".csv"))]


def bad_weights(kind: str, path: Path) -> Path:
    state = dict(SRResNetX4(channels=8, blocks=1).state_dict())
    if kind == "nan":
        state["conv_hr.bias"] = torch.full((8,), float("nan"))
    elif kind == "shape":
        state["conv_hr.weight"] = torch.zeros(8, 8, 5, 5)
    elif kind == "other":
        state = {"linear.weight": torch.zeros(3, 3)}
    if kind == "text":
        path.write_text("these are words")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        save_file(state, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "not finite"),
        ("shape", "'conv_hr.weight' is"),
        ("other", "conv_first.weight"),
        ("text", "neither safetensors nor"),
        ("cut", "neither safetensors nor"),
        ("folder", "cannot read"),
        ("missing", "No such file"),
    ],
)
def test_weights_that_cannot_be_used(measure: Call, tmp_path: Path, kind: str, reason: str) -> None:
    check_one_line(measure("--descriptor", bad_weights(kind, tmp_path / "bad.safetensors")), reason)


def test_photographs_that_do_not_vary(measure: Call, here: Path) -> None:
    (here / "in").mkdir()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(here / "in" / "flat.png")
    check_one_line(measure(images=["in"]), "do not vary")


@pytest.mark.slow
def test_a_disk_that_fills_up_during_a_measurement(here: Path, photos: Path, tiny: Path) -> None:
    arguments = (
        "similarity",
        photos,
        "--patches",
        12,
        "--patch-size",
        16,
        "--descriptor",
        tiny,
        "--degradations",
        KINDS,
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = run_apart(*arguments, "--out", "run", preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("grids: cannot write 'run/heatmap.png'")
    # what was small enough is whole, and nothing else is left
    assert SimilarityMatrix.load(here / "run").degradations == tuple(KINDS.split(","))
    rows = {f"rows/{name}.safetensors" for name in ("clean", *KINDS.split(","))}
    assert files_under(here / "run") == {"similarity.json", "similarity.csv", *rows}


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_only(here: Path, photos: Path) -> None:
    arguments = ["similarity", photos, "--patches", 256, "--patch-size", 32, "--out", "run", "--jobs", 1]
    command = command_of(*arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not (here / "run" / "rows" / "clean.safetensors").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1] == "grids: interrupted"
    assert "Traceback" not in err
    found = files_under(here / "run")
    assert "rows/clean.safetensors" in found
    assert found <= {f"rows/{name}.safetensors" for name in ("clean", *ELEVEN)}


def test_it_prints_and_writes(measure: Call, here: Path) -> None:
    code, out, err = measure("--out", "run")
    assert (code, err) == (0, "")
    assert "gaussian_blur" in out
    assert "closest" in out
    assert f"heatmap  {Path('run/heatmap.png')}" in out
    assert "report   run/report.html" in out
    assert {"similarity.json", "similarity.csv", "report.html", "heatmap.svg"} <= files_under(here / "run")
    page = (here / "run" / "report.html").read_text()
    assert "at severity 0.5" in page


def test_json_and_quiet(measure: Call, here: Path) -> None:
    code, out, err = measure("--json", "--out", "one")
    assert (code, err) == (0, "")
    assert SimilarityMatrix.from_json(json.loads(out)).degradations == tuple(KINDS.split(","))
    assert out.count("\n") == 1
    assert measure("--quiet", "--out", "two") == (0, "", "")
    for name in ("similarity.json", "heatmap.png", "report.html"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


def test_options_reach_the_measurement(measure: Call, here: Path, photos: Path) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images * 0.5 + 0.4\n")
    code, out, _ = measure(
        *("--extra", f"own={photos}", "--degradation", "fog=my.py:fog", "--layer", "body", "--components", 4),
        *("--seed", 9, "--precision", "fp32", "--intervals", "--jobs", 1, "--order", "paper", "--json"),
    )
    assert code == 0
    found = SimilarityMatrix.from_json(json.loads(out))
    assert found.degradations == (*KINDS.split(","), "fog", "own")
    assert found.low is not None
    wanted = {"layer": "body", "components": 4, "seed": 9, "precision": "fp32", "patches": 12, "patch_size": 16}
    assert found.settings.items() >= wanted.items()
    assert files_under(here / "runs" / "similarity") >= {"similarity.json"}


def test_a_second_measurement_shows_the_same(measure: Call) -> None:
    first = measure("--out", "run")
    assert first[0] == 0
    code, out, err = measure("--out", "run")
    assert (code, out) == first[:2]
    assert err == "4 of 4 rows were taken from run/rows\n"


def test_a_matrix_of_other_settings_is_not_replaced(measure: Call, here: Path, photos: Path) -> None:
    assert measure("--out", "run", "--intervals", "--quiet")[0] == 0
    before = (here / "run" / "similarity.json").read_bytes()
    for more, reason in (
        ((), "with intervals, now without."),
        (("--intervals", "--patches", 16), "patches 12, now 16; components 4, now 6; other photographs or crops."),
        (("--intervals", "--degradations", "jpeg,salt_pepper"), "with gaussian_blur, now without."),
        (("--intervals", "--seed", 1), "seed 0, now 1"),
    ):
        output = measure("--out", "run", *more)
        check_one_line(output, reason)
        assert "'run/similarity.json' is of other settings" in output[2] and "(--out)" in output[2]
    assert (here / "run" / "similarity.json").read_bytes() == before
    more = ("--intervals", "--degradations", f"{KINDS},ringing", "--quiet")
    assert measure("--out", "run", *more)[0] == 0  # what is there stays part of it


def test_show_prints_the_matrix_that_ships(call: Call, here: Path) -> None:
    code, out, err = call("similarity", "--show")
    assert (code, err) == (0, "")
    found = builtin_similarity()
    assert all(name in out for name in found.degradations)
    assert f"{found.distance('ringing', 'jpeg'):.2f}" in out
    closest = found.pairs()[0]
    assert out.index("closest") < out.index(f"{closest[1]} - {closest[2]}") < out.index("farthest")
    code, out, _ = call("similarity", "--show", "--json")
    assert json.loads(out) == found.to_json()
    code, out, _ = call("similarity", "--show", "--json", "--degradations", "jpeg, ringing")
    assert json.loads(out)["degradations"] == ["jpeg", "ringing"]
    assert files_under(here) == set()


def test_show_prints_a_run(measure: Call, call: Call) -> None:
    _, measured, _ = measure("--out", "run", "--json")
    assert call("similarity", "--show", "--out", "run", "--json") == (0, measured, "")
