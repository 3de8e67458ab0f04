"""A run folder: one run at a time, all with the same settings, and what differs said in one line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts import raises_line

import grids
from grids.errors import GridsError, RunError
from grids.pipeline.experiments import TrainingSettings, make_experiment
from grids.pipeline.inputs import TaskSources
from grids.pipeline.run_folder import RunFolder
from grids.results import Grouping, SimilarityMatrix, TrainingReport

WANTED = {
    "names": ["jpeg", "ringing"],
    "tasks": "t",
    "photographs": "p",
    "validation": "v",
    "network": "unet",
    "state": "s",
    "recipe": {"iterations": 3, "data": {"name": "pristine"}},
    "start": "",
    "repeat": 0,
    "device": "cpu",
}
HOLDER = """
import sys, time
from pathlib import Path
from grids.pipeline.run_folder import RunFolder
path = Path(sys.argv[1])
with (RunFolder.of_model(path) if path.suffix else RunFolder(path)).working():
    print("works", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["run", "run/model.safetensors"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> RunFolder:
    path: Path = tmp_path / request.param
    return RunFolder.of_model(path) if path.suffix else RunFolder(path)


def test_another_process_is_told_who_works_there(folder: RunFolder) -> None:
    place = folder.model or folder.path
    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "works\n"
        with pytest.raises(RunError, match=f"'{place}' is in use by process {holder.pid} on host "), folder.working():
            pass
        holder.stdin.close()
    with folder.working():  # it ends with the process
        (folder.path / "result").touch()
    assert [file.name for file in folder.path.iterdir()] == ["result"]


def test_a_folder_that_goes_meanwhile_is_an_error(folder: RunFolder) -> None:
    with pytest.raises(RunError, match="was moved or deleted while it was in use"), folder.working():
        shutil.rmtree(folder.path)
    assert not folder.path.exists()
    with pytest.raises(RunError, match="was moved or deleted"), folder.working():
        shutil.rmtree(folder.path)
        folder.path.mkdir()
        (folder.path / "report.html").touch()
    with folder.working():  # it is nobody's folder now
        pass


def test_every_run_looks_before_it_works(tmp_path: Path) -> None:
    runs: list[tuple[Path, Callable[[Path], object]]] = [
        (tmp_path / "similarity", lambda out: grids.measure_similarity("nowhere", out=out)),
        (tmp_path / "groups", lambda out: grids.train_groups("nowhere", out=out)),
        (tmp_path / "table", lambda out: grids.group_degradations(out=out)),
        (tmp_path / "m.safetensors", lambda out: grids.train_restorer("nowhere", out=out)),
        (tmp_path / "d.safetensors", lambda out: grids.train_descriptor("nowhere", out=out)),
    ]
    for out, run in runs:
        place = RunFolder.of_model(out) if out.suffix else RunFolder(out)
        with place.working():
            raises_line(lambda run=run, out=out: run(out), f"'{out}' is in use by process", kind=RunError)


def test_nothing_stays_of_a_run_that_wrote_nothing(folder: RunFolder) -> None:
    with pytest.raises(GridsError), folder.working():
        raise GridsError("a wrong name")
    assert not folder.path.exists()
    deep = RunFolder(folder.path / "new" / "deep")
    with pytest.raises(GridsError), deep.working():
        raise GridsError("a wrong name")
    assert not folder.path.exists()
    folder.path.mkdir()
    with pytest.raises(GridsError), folder.working():
        raise GridsError("a wrong name")
    assert list(folder.path.iterdir()) == []
    with folder.working():
        (folder.path / "result").touch()
    assert (folder.path / "result").exists()


def begun(folder: RunFolder) -> None:
    """As after a first training."""
    folder.path.mkdir()
    folder.keep(WANTED)
    if folder.model is not None:
        folder.checkpoint.touch()


def test_the_same_settings_go_on(folder: RunFolder) -> None:
    assert not folder.path.exists() and folder.made is None
    begun(folder)
    before = folder.settings.read_bytes()
    assert folder.made == (folder.checkpoint if folder.model else folder.path)
    folder.keep(WANTED)
    assert folder.settings.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"names": ["jpeg"]}, "tasks jpeg+ringing, now jpeg"),
        ({"network": "nafnet"}, "network unet, now nafnet"),
        ({"recipe": {"iterations": 4, "data": {"name": "pristine"}}}, "iterations 3, now 4"),
        ({"start": "abc", "photographs": "q"}, "other photographs; another start"),
        ({"state": "r"}, "a network of other layers"),
        ({"tasks": "u"}, "a task does something else"),
        ({"method": {"name": "liu-durbm"}}, "the method none, now liu-durbm"),
    ],
)
def test_what_differs_is_said_in_a_line(folder: RunFolder, changes: dict[str, Any], line: str) -> None:
    begun(folder)
    raises_line(lambda: folder.keep(WANTED | changes), line, "Choose another", kind=RunError)


@pytest.mark.parametrize(
    "text",
    ["no JSON", "[]", "[" * 100_000, '{"names": ' + "9" * 5000 + "}", '{"recipe": [1]}', '{"method": "liu-durbm"}'],
    ids=lambda text: text[:20],
)
def test_settings_that_cannot_be_read(folder: RunFolder, text: str) -> None:
    begun(folder)
    folder.settings.write_text(text)
    raises_line(lambda: folder.keep(WANTED), "does not tell of which settings", kind=RunError)


def test_a_topology_is_for_one_restorer() -> None:
    settings = TrainingSettings.by_recipe("martyniuk-fpn", topology="R>B>J>H")
    assert settings.topology == "R>B>J>H" and settings.recipe == "martyniuk-fpn"
    raises_line(lambda: make_experiment(None, None, TaskSources(), settings), "single restorer", kind=GridsError)


def test_names_alone_are_tasks() -> None:
    assert TaskSources.of(("jpeg", "haze")).chosen() == ("jpeg", "haze")
    assert TaskSources.of(None).chosen(("jpeg",)) == ("jpeg",)
    pairs = {"fog": "a:b", "jpeg": "c:d"}
    assert TaskSources(pairs=pairs).chosen(("jpeg", "haze")) == ("jpeg", "haze", "fog")


def test_records_name_their_files() -> None:
    names = {record: record.file_name for record in (Grouping, SimilarityMatrix, TrainingReport)}
    assert list(names.values()) == ["groups.json", "similarity.json", "training.json"]


def test_a_lock_of_another_process_stays_where_the_folder_was_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first, second = RunFolder(folder).working(), RunFolder(folder).working()
    first.__enter__()
    shutil.rmtree(folder)
    second.__enter__()
    raises_line(lambda: first.__exit__(None, None, None), "moved or deleted", kind=RunError)
    assert (folder / ".lock").exists() and (folder / ".lock.holder").exists()
    with pytest.raises(RunError, match="in use by process"), RunFolder(folder).working():
        pass
    second.__exit__(None, None, None)
    assert not list(tmp_path.glob("run/.*"))


def test_a_link_to_a_model_has_the_locks_and_settings_of_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "real.safetensors")
    real = RunFolder.of_model(tmp_path / "real.safetensors")
    assert RunFolder.of_model(link).settings == real.settings
    with real.working(), pytest.raises(RunError, match="in use"), RunFolder.of_model(link).working():
        pass
