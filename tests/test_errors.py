"""Messages of errors are one line, and unknown names get the nearest one suggested."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

import grids
from grids.cli import cli
from grids.errors import (
    FLAGS,
    GridsError,
    ImageError,
    RunError,
    UnknownNameError,
    WeightsError,
    to_flags,
    unknown_name,
)


def test_every_error_is_a_grids_error_of_one_line() -> None:
    for kind in (GridsError, ImageError, RunError, UnknownNameError, WeightsError):
        error = kind("two\nlines  and\tblanks ")
        assert isinstance(error, GridsError) and str(error) == "two lines and blanks"


@pytest.mark.parametrize(
    ("name", "suggested"), [("jpg", "jpeg"), ("JPEG", "jpeg"), ("haize", "haze"), ("xxxx", None), ("", None)]
)
def test_the_nearest_name_is_suggested_where_one_is_near(name: str, suggested: str | None) -> None:
    said = str(unknown_name("degradation", name, ["jpeg", "haze"]))
    assert said.startswith(f"unknown degradation '{name}'") and said.endswith("(known: haze, jpeg)")
    assert (f"did you mean '{suggested}'?" in said) if suggested else ("did you mean" not in said)


def named_in_backticks() -> set[str]:
    """The words that stand in backticks in texts of the library (not in docstrings, nor in the command line's own)."""
    found: set[str] = set()
    for file in Path(grids.__file__).parent.rglob("*.py"):
        if file.parent.name == "commands" or file.name == "cli.py":
            continue
        tree = ast.parse(file.read_text())
        bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
        docstrings = {id(part.value) for body in bodies for part in body if isinstance(part, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found |= set(re.findall("`([a-z_]+)`", node.value))
    return found


def test_every_argument_that_messages_name_has_a_flag_that_a_command_has() -> None:
    put_in = {"report", "vgg"}  # by f-strings alone
    assert named_in_backticks() == set(FLAGS) - put_in
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in cli.list_commands(context)]
    options = {option for command in commands if command for one in command.params for option in one.opts}
    assert set(FLAGS.values()) <= options


def test_words_in_backticks_that_are_not_ours_stay() -> None:
    for text in ("there is no '`head`.png'", "failed: ValueError: `sigma`, see `scipy`", "see `grids restore --head`"):
        assert to_flags(text) == text
    assert to_flags("`head` goes with `group`, `max_pixels` not") == "--head goes with --group, --max-pixels not"


@pytest.mark.parametrize(("name", "suggested"), [("d", "D"), ("c2", "C2"), ("MIX", "mix")])
def test_capital_letters_do_not_keep_a_name_from_being_suggested(name: str, suggested: str) -> None:
    assert f"did you mean '{suggested}'?" in str(unknown_name("group", name, ["C1", "C2", "D", "N", "mix"]))
