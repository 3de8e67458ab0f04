"""The command line: every command's help and output, and one clear line for everything that can be wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from command_line import Call, check_one_line, command_of, run_apart, typed

import grids
from grids.cli import COMMANDS


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(call: Call, command: str, flag: str) -> None:
    code, out, err = call(command, flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: grids {command}")
    assert "Example" in out
    assert f"  grids {command}" in out
    assert max(map(len, out.splitlines())) <= 120


def test_the_overview_lists_every_command(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert {"compare", "degradations", "degrade", "similarity"} <= COMMANDS.keys()
    assert all(f"\n  {command}" in out for command in COMMANDS)
    assert call("--version")[:2] == (0, f"grids, version {grids.__version__}\n")


def test_without_a_command_the_overview_is_shown(call: Call) -> None:
    _, out, err = call()
    assert "Commands:\n" in out + err
    assert "Usage: grids" in out + err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["similarity", "--nope"], "no such option"),
        (["--nope"], "no such option"),
        (["similarity", "--patches"], "requires an argument"),
        (["degrade", "--kind", "jpeg"], "missing argument"),
        (["compare"], "missing argument"),
        (["compare", "builtin"], "two runs or more"),
        (["degrade", "a.png"], "which degradation?"),
        (["degrade", "a.png", "b.png", "--kind", "jpeg"], "--out FOLDER"),
        (["degrade", "a.png", "--params", "p.csv"], "--out FOLDER"),
        (["restore", "a.png", "b.png"], "--out FOLDER"),
        (["degradations", "--quiett"], "no such option"),
    ],
    ids=typed,
)
def test_unknown_options_and_missing_arguments_exit_with_2(call: Call, arguments: list[str], reason: str) -> None:
    check_one_line(call(*arguments), reason, code=2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["similarty"], "did you mean 'similarity'"),
        (["compare", "builtin", "nowhere"], "nowhere"),
        (["degrade", "nowhere.png", "--kind", "jpeg"], "nowhere.png"),
        (["degradations", "jpeg"], "unexpected extra argument"),
    ],
    ids=typed,
)
def test_wrong_names_and_values_exit_with_1(call: Call, here: Path, arguments: list[str], reason: str) -> None:
    check_one_line(call(*arguments), reason)
    assert list(here.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        done = run_apart("degradations", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "grids: No space left on device\n"


def test_a_reader_that_leaves_early_ends_it_without_a_word() -> None:
    command = command_of("degradations")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_ctrl_c_in_this_process(call: Call, here: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("grids.pipeline.degrade.degrade_file", interrupted)
    code, _, err = call("degrade", photos / "p0.png", "--kind", "jpeg", "-o", "o.png")
    assert (code, err.strip()) == (130, "grids: interrupted")


def test_too_little_memory(call: Call, here: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("grids.pipeline.degrade.degrade_file", exhausted)
    check_one_line(call("degrade", photos / "p0.png", "--kind", "jpeg", "-o", "o.png"), "out of memory")


@pytest.mark.parametrize(
    "given", [("select", ""), ("restore", "a.png", "-o", ""), ("degrade", "a.png", "--kind=", "-o", "b.png")]
)
def test_an_empty_argument_is_no_folder(call: Call, here: Path, given: tuple[str, ...]) -> None:
    check_one_line(call(*given), "an argument is empty: perhaps a variable that is not set")
