"""The command line: the list of commands, each imported once it is called, and exit codes."""

from __future__ import annotations

import importlib
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from grids import __version__
from grids.errors import GridsError, to_flags, unknown_name
from grids.reports.text import visible
from grids.training.interrupts import Terminated, terminate

COMMANDS = {
    "compare": "Compare the similarity matrix of the first of RUNS with the others: run folders, files, or `builtin`.",
    "degradations": "List the degradations, with parameters, ranges (mildest -> strongest), units and sources.",
    "degrade": "Degrade IMAGES: one file into another, or a folder into LQ/, GT/ and params.csv for training.",
    "evaluate": "Measure MODEL, the file of a restorer, on whole photographs, IMAGES: folders, files, or the word "
    "`builtin` (the default).",
    "faces": "Crop the largest face from each of IMAGES: files, folders (with all below them), or the word `builtin`.",
    "group": "Group degradations: find the fewest groups such that one restorer per group loses at most delta dB "
    "against restorers for single degradations.",
    "networks": "List the networks, with their sizes and sources.",
    "profile": "Fit the profile that `grids select --run DIR` compares images with.",
    "recipes": "List the published restorers that `grids train --recipe` can train: tasks, data, losses, and sizes.",
    "restore": "Restore IMAGES, files or folders, each with the restorer that it needs; clean images stay unchanged.",
    "select": "Predict which restorer IMAGES need and how much it will gain: files, folders (with all below them), or "
    "the word `builtin`.",
    "similarity": "Measure the similarity of degradations on IMAGES: folders (with all below them), files, or the word "
    "`builtin` (the default).",
    "train": "Train one restorer on IMAGES: folders (with all below them), files, or the word `builtin` (the default).",
    "train-descriptor": "Train a descriptor of your own on IMAGES: an SRResNet for x4 super-resolution, for "
    "`grids similarity`.",
}
"""The first sentence of each command's help; `train-descriptor` is the function of commands/train_descriptor.py."""


class Commands(click.Group):
    """A group of commands that imports one only when it is called, so that `grids --help` starts at once.

    An unknown command is an error that suggests the nearest name.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"grids.commands.{name}"), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that the arguments name. Raises UnknownNameError, exit code 1, where click would exit with 2."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown_name("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `grids --help`, without importing the commands."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, click.Command(name, help=text).get_short_help_str(room)) for name, text in COMMANDS.items()]
            )


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="grids")
@click.pass_context
def cli(context: click.Context) -> None:
    """Measure the similarity of image degradations; group, train, select and restore by it.

    \b
    Examples:
      grids similarity photos/          the similarity matrix on your photographs
      grids similarity --show           the built-in matrix
      grids group --delta 0.7           which degradations can share a restorer
      grids degrade photo.png --all     one photograph under all degradations
      grids select photo.png            which restorer a photograph needs
      grids train photos/               one restorer for all tasks
      grids restore photo.png           restored by the restorer that it needs
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line as a program, and end the process.

    The exit code is 0; 1 for a wrong name, value or file, or too little memory; 2 for an unknown option or a missing
    argument; 130 after Ctrl-C, and 143 after SIGTERM, which is caught so that trainings keep what they have learnt; 141
    where nobody reads standard output any more.

    Args:
        arguments: without the name of the program; None for those that the process was called with.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are printed in one line each, on stderr.

    Args:
        arguments: without the name of the program; None for those that the process was called with.

    Returns:
        The exit code, as for `main`.

    Raises:
        Exception: a fault of the program itself, which comes through with its traceback.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if any(word == "" or re.fullmatch("--[a-z-]+=", word) for word in words):
        return _fail("an argument is empty: perhaps a variable that is not set", 1)
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="grids", standalone_mode=False)
    except GridsError as error:
        return _fail(to_flags(str(error)), 1)
    except (click.NoSuchOption, click.MissingParameter) as error:
        return _fail(error.format_message(), 2)
    except click.ClickException as error:
        # `--patches` without its value is a missing argument too; a value of the wrong kind is not
        return _fail(error.format_message(), 2 if isinstance(error, click.BadOptionUsage) else 1)
    except (click.Abort, KeyboardInterrupt) as error:
        cause = error.__cause__ or error  # click raises Abort from what it catches
        words = str(error) or str(cause) or "interrupted"
        return _fail(words, 143 if isinstance(cause, Terminated) else 130)
    except SystemExit:
        return 141  # click's way out when the reader of a pipe has gone (| head): as programs end by SIGPIPE
    except OSError as error:
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except (MemoryError, RuntimeError) as error:
        # PyTorch has no exception of its own for CPU memory
        if isinstance(error, RuntimeError) and not re.search("can't allocate memory|out of memory", str(error)):
            raise
        return _fail("out of memory: smaller images, fewer patches (--patches) or smaller ones need less", 1)
    return 0


def _fail(message: str, code: int) -> int:
    click.echo(f"grids: {visible(' '.join(message.split()))}", err=True)
    return code
