"""Outputs of every command: looked at before any work, never a pipe or a folder, and one process at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import Call
from PIL import Image
from small_profiles import save_grouping

from grids.networks import build
from grids.pipeline.run_folder import RunFolder
from grids.restoration.models import save_restorer

FILES = [
    "degrade {photo} --kind jpeg -o {out}.png",
    "degrade {photo} --all -o {out}.png",
    "evaluate {model} {photo} --csv {out}.csv",
    "select {photo} --csv {out}.csv",
    "select {photo} --map {out}.png",
    "restore {photo} -o {out}.png",
    "restore {photo} -o o.png --compare {out}.png",
    "restore {photo} -o o.png --report {out}.html",
    "train in --tasks jpeg --out {out}.safetensors",
    "train in --tasks jpeg --out m.safetensors --log {out}.csv",
    "train-descriptor in --out {out}.safetensors",
    "train-descriptor in --log {out}.csv",
    "group in --out groups --log {out}.csv",
]
FOLDERS = [
    "degrade in --kind jpeg -o {out}",
    "faces in -o {out}",
    "group -o {out}",
    "group in --degradations jpeg,ringing -o {out}",
    "profile in --run {out}",
    "restore in -o {out}",
    "similarity in -o {out}",
]
ONE_FILE = [
    "train in --tasks jpeg --out {out}.safetensors",
    "train-descriptor in --out {out}.safetensors",
]


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in a folder of eight photographs that must not be opened, a run and a restorer."""

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a photograph was opened before the outputs were looked at")

    (tmp_path / "in").mkdir()
    for number in range(8):
        Image.new("RGB", (8, 8)).save(tmp_path / "in" / f"{number}.png")
    save_grouping(tmp_path / "run", ("jpeg",), ("ringing",))
    save_restorer(tmp_path / "m.st", build("unet"), {"preset": "unet", "tasks": ["jpeg"]})
    monkeypatch.setattr(Image, "open", opened)
    monkeypatch.chdir(tmp_path)
    return lambda text: call(*text.split())


def filled(text: str, out: object) -> str:
    return text.format(photo="in/0.png", model="m.st", out=out)


@pytest.mark.parametrize("text", FILES)
def test_a_pipe_stays_a_pipe(call: Call, text: str) -> None:
    name = next(word for word in filled(text, "pipe").split() if word.startswith("pipe"))
    os.mkfifo(name)
    code, out, err = call(filled(text, "pipe"))
    assert (code, out) == (1, "") and err.startswith(f"grids: cannot write '{name}': it is a pipe;")
    assert err.count("\n") == 1 and Path(name).is_fifo()


@pytest.mark.parametrize("text", FILES)
def test_a_place_that_cannot_be_written_is_found_before_the_work(call: Call, text: str) -> None:
    code, out, err = call(filled(text, "/proc/none/o"))
    assert (code, out) == (1, "") and err.startswith("grids: cannot write '/proc/none/o")
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", [text for text in FILES if not text.startswith("train")])
def test_a_link_to_an_input_is_the_input(call: Call, text: str) -> None:
    name = next(word for word in filled(text, "link").split() if word.startswith("link"))
    source = "m.st" if text.startswith("evaluate") else "in/0.png"
    if text.startswith("group"):
        source = "groups/trials.sqlite"
    Path(name).symlink_to(source)
    code, out, err = call(filled(text, "link"))
    assert (code, out) == (1, "") and err.startswith(f"grids: '{name}' is one of the images or files of this call")


@pytest.mark.parametrize(
    "text",
    [
        "select in/0.png --map o.png --csv ./o.png",
        "restore in/0.png -o o.png --compare in/../o.png",
    ],
)
def test_two_results_are_never_one_file(call: Call, text: str) -> None:
    code, out, err = call(text)
    assert (code, out) == (1, "") and "are one file" in err


def test_results_do_not_replace_what_a_run_keeps(call: Call) -> None:
    code, out, err = call("select in/0.png --run run --csv run/groups.json")
    assert (code, out) == (1, "") and "'run/groups.json' is one of the images or files of this call" in err


@pytest.mark.parametrize("text", [*FOLDERS, *ONE_FILE])
def test_a_second_process_is_told_who_is_there(call: Call, text: str) -> None:
    place = Path("run.safetensors") if text in ONE_FILE else Path("run" if "profile" in text else "new")
    folder = RunFolder.of_model(place) if text in ONE_FILE else RunFolder(place)
    with folder.working():
        code, out, err = call(filled(text, place.with_suffix("")))
    assert (code, out) == (1, "") and err.count("\n") == 1
    assert err.startswith(f"grids: '{place}' is in use by process {os.getpid()} on host ")
    assert ", since 20" in err
