"""All commands: their help, its examples and sections, the options that they share, and the list of `grids --help`."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import click
import pytest

import grids
from grids.cli import COMMANDS, cli

FOLDER = Path(grids.__file__).parent
README = FOLDER.parent / "README.md"
SECTIONED = ("group", "train", "train-descriptor", "similarity", "degrade", "select", "restore", "evaluate", "profile")
OWN_MEANING = {
    "--all": "of degradations, or of faces",
    "--batch": "defaults of their own",
    "--crop": "defaults of their own",
    "--csv": "one line for an image, or for a score",
    "--data": "of restorers, or of a profile's examples",
    "--degradation": "a task, or something to measure",
    "--degradations": "defaults of their own",
    "--group": "of a run, or a new one",
    "--iterations": "defaults of their own",
    "--json": "instead of what",
    "--learning-rate": "defaults of their own",
    "--method": "of a search, or of selection",
    "--network": "to train, or of a file",
    "--out": "a file or a folder, with a default of its own",
    "--pairs": "a task, or images of a known one",
    "--precision": "of the descriptor, without fp16",
    "--resume": "of a search: the trials.sqlite",
    "--run": "is read, or written",
    "--tasks": "all: of the recipe, or of the model",
}
"""Names that stand for different things in different commands; all others come from commands/options.py."""


def context_of(name: str) -> click.Context:
    parent = click.Context(cli, info_name="grids", **cli.context_settings)
    command = cli.get_command(parent, name)
    assert command is not None
    return click.Context(command, info_name=name, parent=parent)


def options_of(name: str) -> list[click.Option]:
    return [one for one in context_of(name).command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_what_the_help_says(name: str) -> None:
    command = context_of(name).command
    assert command.name == name
    for width in (30, 60, 88, 200):
        assert click.Command(name, help=COMMANDS[name]).get_short_help_str(width) == command.get_short_help_str(width)


def test_every_file_of_a_command_is_listed() -> None:
    declared = {
        file.stem.replace("_", "-")
        for file in (FOLDER / "commands").glob("*.py")
        if "@click.command(" in file.read_text(encoding="utf-8")
    }
    assert list(COMMANDS) == sorted(declared)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    assert [option.name for option in options_of(name) if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_parses(name: str) -> None:
    examples = re.findall(r"^ *(grids .*)$", (context_of(name).command.help or "").partition("\b")[2], re.MULTILINE)
    assert any(example.startswith(f"grids {name}") for example in examples)
    for example in examples:
        _, other, *arguments = shlex.split(example.partition(" > ")[0], comments=True)
        context = context_of(other)
        context.command.make_context(other, arguments, parent=context.parent)


def test_the_readme_mentions_every_command() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if not re.search(rf"grids {name}\b(?!-)", text)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_comes_in_sections(name: str) -> None:
    context = context_of(name)
    text = context.command.get_help(context)
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert headings[-1] == "Options" and len(set(headings)) == len(headings)
    assert (len(headings) > 1) == (name in SECTIONED)
    parts = re.split(r"^\S.*:$", text, flags=re.MULTILINE)[1:]
    for option in options_of(name):
        shown = [part for part in parts if re.search(rf"^  (-\w, )?{option.opts[0]}\b(?!-)", part, re.MULTILINE)]
        assert len(shown) == 1, option.name
    assert "  -h, --help" in parts[-1]


def test_options_of_one_name_have_one_help() -> None:
    helps: dict[str, set[str | None]] = defaultdict(set)
    for name in COMMANDS:
        for option in options_of(name):
            helps[max(option.opts, key=len)].add(option.help)
    assert {name for name, texts in helps.items() if len(texts) > 1} == OWN_MEANING.keys()


def test_no_option_is_declared_twice() -> None:
    """One help text stands in one place: what several commands have is taken from commands/options.py."""
    texts = [
        (file.name, ast.literal_eval(keyword.value))
        for file in (FOLDER / "commands").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "help" and isinstance(keyword.value, ast.Constant)
    ]
    seen = [text for _, text in texts]
    assert len(seen) > 60
    assert [place for place in texts if seen.count(place[1]) > 1] == []


@pytest.mark.parametrize("arguments", [["--version"], ["similarity"], ["select", "--nothing"], ["--help"]])
def test_python_m_grids_is_grids(arguments: list[str], tmp_path: Path) -> None:
    if arguments == ["similarity"]:
        arguments = ["similarity", "--help"]
    runs = [
        subprocess.run([sys.executable, *way, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
        for way in (["-m", "grids"], ["-c", "from grids.cli import main; main()"])
    ]
    assert (runs[0].returncode, runs[0].stdout, runs[0].stderr) == (
        runs[1].returncode,
        runs[1].stdout,
        runs[1].stderr,
    )
    assert "grids" in runs[0].stdout + runs[0].stderr and "__main__" not in runs[0].stdout + runs[0].stderr
