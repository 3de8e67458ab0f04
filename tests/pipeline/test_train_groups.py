"""Groups that are trained and verified: resuming, time, folders of other settings, kill -9."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from training.tiny_trainings import same_weights

from grids.errors import GridsError, ImageError, RunError, UnknownNameError
from grids.pipeline import warm_start
from grids.pipeline.dry_run import plan_training
from grids.pipeline.experiments import RunControl, TrainingSettings
from grids.pipeline.group import SearchSettings
from grids.pipeline.inputs import TaskSources, make_tasks, split_photographs
from grids.pipeline.run_report import write_verified
from grids.pipeline.train_groups import train_groups
from grids.restoration.models import load_restorer
from grids.results import Grouping, SimilarityMatrix, TrainingReport, TrainingRun
from grids.search import METHODS
from grids.search.answers import Answers
from grids.search.methods.base import Ask, Done, SearchMethod
from grids.search.run import estimate_remaining
from grids.training.callbacks import NullCallbacks
from grids.training.config import TrainingConfig
from grids.training.evaluator import TrainingEvaluator
from grids.training.trainer import OutOfTimeError

NAMES = ("gaussian_blur", "jpeg", "gaussian_noise")
SMALL = TrainingSettings(config=TrainingConfig(iterations=4, crop=16, batch=2), validation_side=32, validation_count=4)


class Heard(NullCallbacks):
    """Counts what was trained."""

    def __init__(self) -> None:
        self.trained: list[tuple[tuple[str, ...], int]] = []
        self.reused = 0
        self.expected: tuple[int, list[int]] | None = None

    def expects(self, tasks: int, steps: Sequence[int]) -> None:
        self.expected = tasks, list(steps)

    def finished(self, run: TrainingRun, reused: bool) -> None:
        if reused:
            self.reused += 1
        else:
            self.trained.append((run.group, run.repeat))


def grouped(photos: Path, out: Path, settings: TrainingSettings = SMALL, **options: Any) -> Any:
    control = {name: options.pop(name) for name in ("time_budget", "callbacks") if name in options}
    below = options.pop("allow_below_input", False)
    search = SearchSettings(options.pop("delta", 0.7), options.pop("method", "exact"), allow_below_input=below)
    return train_groups(photos, search, settings, tasks=NAMES, out=out, control=RunControl(**control), **options)


def told(report: TrainingReport) -> dict[str, Any]:
    """A record without the time that it took."""
    data = report.to_json()
    for run in data["runs"]:
        del run["seconds"]
    return data


@pytest.mark.slow
def test_a_search_that_trains_finds_a_partition_and_writes_it(photos: Path, tmp_path: Path) -> None:
    heard = Heard()
    found = grouped(photos, tmp_path / "run", callbacks=heard)
    assert found.finished and found.grouping is not None
    assert sorted(name for group in found.grouping.partition for name in group) == sorted(NAMES)
    assert heard.trained[0] == ((NAMES[0],), 0) and (NAMES, 0) in heard.trained and (NAMES, 1) in heard.trained
    assert found.report.start == "from the weights that ship"
    assert heard.expected == (3, [4, 4, 4, 12, 12])
    write_verified(found, tmp_path / "run")
    read = Grouping.load(tmp_path / "run")
    assert read.upper_bounds.keys() == set(NAMES) and "unet, 4 steps for each task" in read.settings["source"]
    for group in read.groups:
        assert group.weights is not None and (tmp_path / "run" / group.weights).is_file()
    report = TrainingReport.load(tmp_path / "run")
    assert told(report) == told(found.report)
    assert report.mix.keys() == set(NAMES) == report.grouped.keys()
    for group in read.groups:
        if len(group.degradations) > 1:
            for name in group.degradations:
                run = report.run(group.degradations, 1)
                if run is None:
                    drop = report.upper_bounds[name] - report.grouped[name]
                    assert group.drops[name] == pytest.approx(drop, abs=1e-9)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "unet" in page and "data:image/png" in page
    assert (tmp_path / "run" / "training.csv").read_text().count("\n") >= 4


@pytest.mark.slow
def test_gains_limit_drops_unless_that_is_not_wanted_and_the_log_begins_anew(photos: Path, tmp_path: Path) -> None:
    found = grouped(photos, tmp_path / "run", time_budget=1e6)
    assert found.problem.anytime and found.problem.most.keys() == set(NAMES)
    limits = {name: found.problem.limit(name) for name in NAMES}
    assert found.grouping.limits_by_gain == {n: limit for n, limit in limits.items() if limit < 0.7}
    again = grouped(photos, tmp_path / "run", allow_below_input=True, callbacks=(heard := Heard()))
    assert not again.problem.anytime and not again.problem.most
    assert not again.grouping.limits_by_gain
    assert all(len(group) > 1 or repeat for group, repeat in heard.trained)  # the bounds are there
    more = replace(SMALL, repeats=SMALL.repeats + 1)  # goes on in the same folder, too
    assert grouped(photos, tmp_path / "run", more, callbacks=(heard := Heard())).finished
    assert all(len(group) > 1 or repeat for group, repeat in heard.trained)


def test_a_start_that_is_trained_is_expected_with_all_its_steps(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "shipped_start", lambda network: None)
    heard = Heard()
    found = grouped(photos, tmp_path / "run", callbacks=heard, only="upper-bounds")
    assert heard.expected == (3, [4 * 12, 4, 4, 4, 12, 12])
    assert heard.trained[:2] == [(NAMES, 0), ((NAMES[0],), 0)] and "from scratch" in found.report.start
    # a folder of another start is not gone on with
    monkeypatch.undo()
    with pytest.raises(RunError):
        grouped(photos, tmp_path / "run", only="upper-bounds")
    assert not [run for run in heard.trained if run[1] > 1]


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(photos: Path, tmp_path: Path) -> None:
    first = grouped(photos, tmp_path / "run")
    heard = Heard()
    again = grouped(photos, tmp_path / "run", callbacks=heard)
    assert heard.trained == [] and heard.reused > 4
    assert again.grouping.partition == first.grouping.partition
    # another delta asks other questions of the same restorers
    other = grouped(photos, tmp_path / "run", delta=5.0, callbacks=heard)
    assert len(other.grouping) == 1 and other.grouping.delta == 5.0


@pytest.mark.slow
def test_time_that_runs_out_gives_the_best_so_far_or_says_so(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OutOfTimeError):
        grouped(photos, tmp_path / "run", time_budget=0.0)
    grouped(photos, tmp_path / "run", only="upper-bounds")

    class Late(NullCallbacks):
        def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
            raise OutOfTimeError("the time is over")

    def strict(**options: Any) -> Any:
        return grouped(photos, tmp_path / "run", delta=0.0, **options)

    found = strict(callbacks=Late())
    assert not found.finished and len(found.grouping) == 3
    assert strict().finished


@pytest.mark.slow
def test_a_log_that_cannot_be_read_is_moved_away_and_nothing_is_trained_again(photos: Path, tmp_path: Path) -> None:
    before, log = Heard(), tmp_path / "run" / "trials.sqlite"
    first = grouped(photos, tmp_path / "run", callbacks=before)
    log.write_bytes(log.read_bytes()[:5000])
    with pytest.raises(RunError, match=r"is corrupt .*: move it away .*is not trained again"):
        grouped(photos, tmp_path / "run")
    log.rename(tmp_path / "broken.sqlite")
    heard = Heard()
    found = grouped(photos, tmp_path / "run", callbacks=heard)
    assert (heard.trained, heard.reused) == ([], len(before.trained))
    assert found.grouping.to_json() == first.grouping.to_json()


@pytest.mark.slow
def test_a_search_method_of_ones_own_trains_too(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(SearchMethod):
        def next(self, answers: Answers) -> Ask | Done:
            direct = answers.direct(self.problem.full)
            if direct is None:
                return Ask(self.problem.full, "all together")
            return Done((self.problem.full,) if direct == "within" else tuple(1 << i for i in range(self.problem.n)))

    monkeypatch.setitem(METHODS, "whole", Whole)
    assert sum(not step.group for step in plan_training(photos, SMALL, tasks=NAMES, method="whole")) == 2
    left: list[int] = []
    found = grouped(
        photos, tmp_path / "run", method="whole", on_trial=lambda _, search: left.append(estimate_remaining(search))
    )
    assert found.finished and found.grouping.method == "whole" and not any(left)


@pytest.mark.slow
def test_time_that_runs_out_among_the_upper_bounds_still_gives_a_report(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every task alone, with what was trained in time; the same call goes on."""
    usual = TrainingEvaluator.run

    def run(self: TrainingEvaluator, group: Any, repeat: int = 0) -> TrainingRun:
        if self.folder.name == "run" and len(self.runs) == 2:
            raise OutOfTimeError("the time is over")
        return usual(self, group, repeat)

    monkeypatch.setattr(TrainingEvaluator, "run", run)
    found = grouped(photos, tmp_path / "run")
    assert not found.finished and found.grouping is not None
    assert found.grouping.partition == tuple((name,) for name in NAMES)
    assert set(found.report.upper_bounds) == set(NAMES[:2])
    assert found.report.inputs.keys() == set(NAMES)
    written = write_verified(found, tmp_path / "run")
    assert written["report.html"].exists()
    assert Grouping.load(tmp_path / "run").groups[2].weights is None
    monkeypatch.undo()
    assert grouped(photos, tmp_path / "run").finished


@pytest.mark.slow
def test_old_run_folders_count_steps_for_each_model(photos: Path, tmp_path: Path) -> None:
    per_model = replace(SMALL, config=replace(SMALL.config, steps_per="model"))
    found = grouped(photos, tmp_path / "run", per_model, only="upper-bounds")
    assert {run.curve[-1].step for run in found.report.runs} == {4}
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert "steps_per" not in settings["recipe"]  # as runs from before there was a choice
    heard = Heard()
    assert grouped(photos, tmp_path / "run", per_model, callbacks=heard).finished and heard.reused == 5
    with pytest.raises(RunError, match="steps per model, now task"):
        grouped(photos, tmp_path / "run")
    other = tmp_path / "other"
    grouped(photos, other, only="upper-bounds")
    with pytest.raises(RunError, match="steps per task, now model"):
        grouped(photos, other, per_model)


@pytest.mark.slow
def test_a_folder_of_other_settings_is_refused_and_named(photos: Path, tmp_path: Path) -> None:
    grouped(photos, tmp_path / "run")
    other = TrainingSettings(
        config=TrainingConfig(iterations=5, crop=16, batch=2), validation_side=32, validation_count=4
    )
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"iterations.*4.*5"):
        grouped(photos, tmp_path / "run", other)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    with pytest.raises(GridsError, match="lies among the images"):
        grouped(photos, photos / "run")


@pytest.mark.slow
def test_the_parts_of_the_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="`only` upper-bounds"):
        grouped(photos, tmp_path / "run", only="search")
    bounds = grouped(photos, tmp_path / "run", only="upper-bounds")
    assert bounds.grouping is None and bounds.report.upper_bounds.keys() == set(NAMES)
    assert write_verified(bounds, tmp_path / "run").keys() >= {"training.json", "report.html"}
    assert grouped(photos, tmp_path / "run", only="search").grouping is not None
    with pytest.raises(UnknownNameError, match="upper-bounds"):
        grouped(photos, tmp_path / "run", only="everything")


@pytest.mark.slow
def test_a_given_partition_is_trained_with_another_network(photos: Path, tmp_path: Path) -> None:
    first = grouped(photos, tmp_path / "run")
    settings = TrainingSettings("restormer-s", SMALL.config, "scratch", validation_side=32, validation_count=4)
    found = train_groups(photos, None, settings, partition=first.grouping, out=tmp_path / "other")
    assert found.grouping.partition == first.grouping.partition and found.report.network == "restormer-s"
    assert found.grouping.method == "given" and found.report.start == "from scratch"
    assert found.report.grouped.keys() == set(NAMES)


@pytest.mark.slow
def test_pairs_are_a_task_like_any_other(photos: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    for path in photos.iterdir():
        with Image.open(path) as image:
            image.point(lambda value: value // 2).save(inputs / path.name)
    matrix = SimilarityMatrix(("dark", "jpeg"), [[0, 3], [3, 0]], {}, None, None, {}, "x", "0")
    found = train_groups(
        photos, None, SMALL, tasks=TaskSources(("dark", "jpeg"), pairs={"dark": f"{inputs}:{photos}"}),
        similarity=matrix, out=tmp_path / "run",
    )  # fmt: skip
    assert found.report.tasks == ("dark", "jpeg")
    assert found.report.inputs["dark"] < found.report.inputs["jpeg"]


def test_bad_input_is_named(photos: Path, tmp_path: Path) -> None:
    one = photos / "p0.png"
    with pytest.raises(ImageError, match="too few photographs"):
        grouped(one, tmp_path / "run")
    with pytest.raises(ImageError, match="both learnt from and measured on"):
        split_photographs(photos, photos, 16)
    with pytest.raises(UnknownNameError, match="nafnet"):
        grouped(photos, tmp_path / "run", TrainingSettings("nafnett", SMALL.config))
    with pytest.raises(GridsError, match="enlarges"):
        grouped(photos, tmp_path / "run", TrainingSettings("srresnet-x4", SMALL.config, "scratch"))
    with pytest.raises(GridsError, match="at least two tasks"):
        train_groups(photos, None, SMALL, tasks=("jpeg",), out=tmp_path / "run")
    with pytest.raises(UnknownNameError, match="jpeg"):
        train_groups(photos, None, SMALL, tasks=("jpg", "ringing"), out=tmp_path / "run")
    with pytest.raises(GridsError, match="there is no folder 'nowhere'"):
        make_tasks(TaskSources(pairs={"fog": f"nowhere:{photos}"}))
    with pytest.raises(GridsError, match="INPUT_FOLDER:TARGET_FOLDER"):
        make_tasks(TaskSources(pairs={"fog": str(photos)}))
    for given in ({"pairs": {"haze": f"{photos}:{photos}"}}, {"functions": {"haze": print}}):
        with pytest.raises(GridsError, match="built-in degradation 'haze'"):
            make_tasks(TaskSources(**given))


PROGRAM = """
import signal, sys
import torch
from grids.pipeline.experiments import RunControl, TrainingSettings
from grids.pipeline.run_report import write_verified
from grids.pipeline.train_groups import train_groups
from grids.training.callbacks import NullCallbacks
from grids.training.config import TrainingConfig

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
torch.set_num_threads(1)


class Told(NullCallbacks):
    def step(self, done):
        print("step", flush=True)


config = TrainingConfig(iterations=6, crop=16, batch=2)
settings = TrainingSettings("nafnet", config, validation_side=32, validation_count=4, every=0)
names = sys.argv[3].split(",")
found = train_groups(sys.argv[1], None, settings, tasks=names, out=sys.argv[2], control=RunControl(callbacks=Told()))
write_verified(found, sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_killed_and_interrupted_at_any_moment_it_ends_as_an_unbroken_search(photos: Path, tmp_path: Path) -> None:
    """With a checkpoint after every step; where it ends is random, and weights are the same bit for bit."""

    def run(out: str, ended_after: int | None = None, by: int = 0) -> int:
        command = [sys.executable, "-c", PROGRAM, str(photos), str(tmp_path / out), ",".join(NAMES)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            for count, _ in enumerate(process.stdout, 1):
                if count == ended_after:
                    time.sleep(lots.random() / 20)
                    process.send_signal(by)
            return process.wait()

    lots = random.Random(1)
    assert run("whole") == 0
    for steps, by in ((3, signal.SIGKILL), (10, signal.SIGINT), (9, signal.SIGKILL), (7, signal.SIGINT)):
        assert run("broken", steps, by) == -by
    assert run("broken") == 0
    whole, broken = (json.loads((tmp_path / name / "groups.json").read_text()) for name in ("whole", "broken"))
    assert whole == broken
    reports = [told(TrainingReport.load(tmp_path / name)) for name in ("whole", "broken")]
    for report in reports:
        del report["start_seconds"]
    assert reports[0] == reports[1]
    models = sorted(file.name for file in (tmp_path / "whole" / "models").glob("*.safetensors"))
    assert models == sorted(file.name for file in (tmp_path / "broken" / "models").glob("*.safetensors")) != []
    for name in models:
        one, two = (load_restorer(tmp_path / run / "models" / name).network for run in ("whole", "broken"))
        assert same_weights(one, two)
