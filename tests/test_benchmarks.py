"""The scripts of benchmarks/ that train or measure restorers run, at toy size, on a folder of photographs made here."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from contracts import scene
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the scripts are in the repository, not in the package")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of 264 x 272 in the folders that the scripts read."""
    folder = tmp_path_factory.mktemp("data")
    pictures = (scene(9, 272)[:, :, :264].permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
    rows = []
    for number, picture in enumerate(pictures):
        split = ("fit", "fit", "fit", "fit", "fit", "val", "val", "val", "eval")[number]
        place = Path("eval/kodak24" if split == "eval" else "train/tiles") / f"{number}.png"
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
        if split != "eval":
            rows.append((place.relative_to("train"), split))
    with (folder / "train" / "split.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "split"), *rows])
    return folder


def ran(data: Path, *arguments: object) -> str:
    environment = os.environ | {
        "GRIDS_DATA": str(data),
        "PYTHONPATH": str(SCRIPTS.parent),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_long_training_goes_on_and_its_copies_are_measured(data: Path, tmp_path: Path) -> None:
    given = (SCRIPTS / "start.py", "train", "--folder", tmp_path, "--crop", 32, "--batch", 2, "--count", 1)
    given += ("--hours", 0.0002, 0.0004)
    ran(data, *given, "--seconds", 0.01)
    assert (tmp_path / "main.ckpt").exists() and not list(tmp_path.glob("*.safetensors"))
    told = ran(data, *given)
    first, second = (json.loads((tmp_path / f"{hours}-hours.json").read_text()) for hours in (0.0002, 0.0004))
    assert 0 < first["steps"] < second["steps"] and first["landing"] == max(1, round(first["steps"] / 10))
    assert len(list(tmp_path.glob("*-hours.safetensors"))) == 2 and len(list(tmp_path.glob("*.ckpt"))) == 1
    assert "| 0.0004 | " in told
    later = (SCRIPTS / "start.py", "train", "--folder", tmp_path / "later", "--crop", 32, "--batch", 2, "--count", 1)
    later += ("--begin", tmp_path / "0.0004-hours.safetensors", "--hours", 0.0002, 0.0006)
    ran(data, *later)
    third = json.loads((tmp_path / "later" / "0.0006-hours.json").read_text())
    assert third["steps"] > second["steps"] and not (tmp_path / "later" / "0.0002-hours.json").exists()


def test_the_study(data: Path, tmp_path: Path) -> None:
    given = ("--folder", tmp_path, "--crop", 32, "--iterations", 1, "--start-iterations", 2)
    given += ("--network", "nafnet-m")  # of which nothing is recorded yet
    ran(data, SCRIPTS / "study.py", "start", *given)
    assert (tmp_path / "start.safetensors").exists()
    ran(data, SCRIPTS / "study.py", "train", *given, "--start", tmp_path / "start.safetensors", "--seconds", 3)
    assert list((tmp_path / "records").iterdir())


def test_hours_add_up_over_slices_of_a_process(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import hours as module
now = 0.0
hours = module.Hours(Path(sys.argv[2]), lambda: now)
step = 0
for count in (150, 30, 1, 220):
    hours.begin(step)
    for _ in range(count):
        step, now = step + 1, now + 36.0
        hours.count()
        if step % module.EVERY == 0:
            hours.write(step)
    hours.write(step)
print(step, round(hours.spent, 6))
hours = module.Hours(Path(sys.argv[2]), lambda: now)
hours.begin(199)  # a checkpoint from before the last rows
print(round(hours.spent, 6))
"""
    assert ran(tmp_path, "-c", code, SCRIPTS, tmp_path / "hours.csv").split() == ["401", "4.01", "1.81"]


def test_quality_beside_filters(data: Path) -> None:
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import quality
quality.FOLDER = Path("quality")
quality.REAL = ()
quality.ELEVEN = ("inpainting", "gaussian_noise", "ringing")
weights = "start=" + str(Path(sys.argv[1]).parent / "grids" / "weights" / "unet_start.safetensors")
quality.measure_filters("kodak24", quality.WAYS[:1], 1)
quality.measure("kodak24", weights, quality.WAYS[:1], 1)
before = Path("quality/kodak24-start.csv").read_text()
quality.measure("kodak24", weights, quality.WAYS[:1], 1)
assert Path("quality/kodak24-start.csv").read_text() == before
print(quality.report(quality.FOLDER, "kodak24"))
"""
    told = ran(data, "-c", code, SCRIPTS).splitlines()
    header = next(line for line in told if line.startswith("| kind"))
    assert header == "| kind | input dB | best filter | start |"
    assert any(line.startswith("| inpainting |") and "Telea" in line for line in told)
    assert any(line.startswith("| start | +") for line in told)


def test_walks_through_the_package(data: Path) -> None:
    told = ran(data, SCRIPTS / "walks.py", "--only", "degradation", "step", "--list")
    assert "| `grids degrade PHOTO --kind jpeg` | " in told and "degradations/compression.py:" in told
    degrading, training = told.split("\na step of")[-2:]
    assert "training/loop.py:" in training and "networks/" in training
    assert "training/loop.py:" not in degrading and "cli.py:" not in training


IMPORTS = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # a library of the extra "bench"
        print(f"{name} needs {error.name}")
"""


def test_every_script_can_be_imported(data: Path) -> None:
    names = sorted(path.stem for path in SCRIPTS.glob("*.py"))
    told = ran(data, "-c", IMPORTS, SCRIPTS, *names).splitlines()
    assert all(line.split()[-1].split(".")[0] in ("sklearn", "kornia", "imagecorruptions", "pywt") for line in told)
