"""Options that several commands share, sections of `--help`, and how options become what the pipeline takes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from grids.commands.values import named_pairs, split_names
from grids.errors import GridsError, to_flags
from grids.io import STDIO
from grids.reports.text import visible

if TYPE_CHECKING:
    from grids.images import ReadOptions, Skipped

PLUGIN = "NAME=FILE.py:FUNCTION"
MAX_PIXELS = 100_000_000
GENERAL = "Options"

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


class Command(click.Command):
    """A command whose `--help` lists its options by section; those of none come last, as "Options"."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all sections, in the order in which they are declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None:
                sections.setdefault(getattr(parameter, "section", GENERAL), []).append(record)
        general = sections.pop(GENERAL)  # --help is always there
        for title, records in (*sections.items(), (GENERAL, general)):
            with formatter.section(title):
                formatter.write_dl(records)


def section(title: str) -> Decorator:
    """Put a heading into `--help`, over the options that are declared below it and have none yet.

    Args:
        title: the heading; options of the same title stand together.

    Returns:
        A decorator of the function of a command, to stand above those of its options.
    """

    def declare(function: Any) -> Function:
        for parameter in function.__click_params__:
            parameter.section = getattr(parameter, "section", title)
        return function

    return declare


def general(option: Decorator) -> Decorator:
    """Let `--help` list an option last, under "Options", whatever heading it is declared below."""

    def declare(function: Any) -> Function:
        option(function)
        function.__click_params__[-1].section = GENERAL
        return function

    return declare


def declared(*flags: str, section: str | None = None, **settings: Any) -> Any:
    """A field of a record that is an option of a command.

    Args:
        flags: its names; none for "--" and that of the field.
        section: of `--help`; None for that of the record.
        settings: arguments of `click.option`.
    """

    def make(name: str) -> Decorator:
        return click.option(*(flags or (f"--{name.replace('_', '-')}",)), name, **settings)

    return field(metadata={"option": make, "section": section})


def shared(option: Decorator) -> Any:
    """Declare a field of a record by the decorator of an option that other commands have, too, such as `seed`."""
    return field(metadata={"option": lambda name: option})


def record(parameter: str, kind: type, title: str) -> Decorator:
    """Declare all options that are fields of a dataclass: a command takes one object in place of many parameters.

    Args:
        parameter: of the command, by whose name it gets the object.
        kind: the dataclass; its fields from `declared` and `shared` are options, the others keep their defaults.
        title: the section in `--help` of the options that name none.

    Returns:
        A decorator of the function of a command.
    """
    options = [one for one in fields(kind) if one.metadata]

    def declare(function: Function) -> Function:
        def call(**values: Any) -> Any:
            own = {one.name: values.pop(one.name) for one in options}
            return function(**{parameter: kind(**own)}, **values)

        command: Any = functools.wraps(function)(call)
        for one in reversed(options):
            one.metadata["option"](one.name)(command)
            command.__click_params__[-1].section = one.metadata.get("section") or title
        return command

    return declare


def named(*declarations: str, metavar: str, form: str = "", help: str) -> Decorator:
    """Declare an option NAME=REST that may be given several times; the command gets a dict of both parts.

    Args:
        declarations: its names, as for `click.option`.
        metavar: what `--help` shows in place of a value.
        form: what errors show in place of a value; that of `--help` if empty.
        help: its line in `--help`.
    """

    def parse(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        return named_pairs(values, option.opts[0], form or metavar)

    return click.option(*declarations, multiple=True, metavar=metavar, callback=parse, help=help)


def names(*declarations: str, help: str) -> Decorator:
    """Declare an option of names separated by commas; the command gets a tuple, or None where it is not given."""

    def parse(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        return None if value is None else split_names(value)

    return click.option(*declarations, callback=parse, help=help)


def tasks(help: str) -> Decorator:
    """Declare --tasks, names separated by commas; the command gets a tuple, or None for "all", the default."""

    def parse(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...] | None:
        return None if value.strip() == "all" else split_names(value)

    return click.option("--tasks", default="all", show_default=True, callback=parse, help=help)


def weights_file(default: str) -> Decorator:
    """Declare --out, the file of weights that a training writes; `default` where it is not given."""
    help = f"The weights.  [default: {default}]"
    return click.option("--out", "-o", type=Path, metavar="FILE", default=default, help=help)


def as_json(help: str) -> Decorator:
    """Declare --json, a flag; the command gets it as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def plugins(help: str) -> Decorator:
    """Declare --degradation; the command gets `functions`, a dict of the user's own, "FILE.py:FUNCTION"."""
    return named("--degradation", "functions", metavar=PLUGIN, help=help)


def pairs(help: str) -> Decorator:
    """Declare --pairs; the command gets `pairs`, a dict of tasks made of two folders, "INPUTS:TARGETS"."""
    return named("--pairs", metavar="NAME=INPUTS:TARGETS", form="NAME=INPUT_FOLDER:TARGET_FOLDER", help=help)


seed = general(click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers."))
device = general(click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps."))
quiet = general(click.option("--quiet", "-q", is_flag=True, help="Print errors only."))
val = click.option("--val", multiple=True, metavar="PHOTOS", help="To measure on.  [default: one in five of IMAGES]")
resume = click.option(
    "--resume", is_flag=True, help="Fail if there is nothing to resume. Resuming itself needs no flag."
)
precision = click.option("--precision", help="auto, fp32, bf16 or fp16.  [default: auto]")


def echo(text: str, err: bool = False) -> None:
    """Print lines, as every command does; control characters that names of files hold are written out."""
    click.echo(visible(text), err=err)


def note(text: str) -> None:
    """Print a line on stderr, above a progress bar that may be there."""
    with tqdm.external_write_mode(file=sys.stderr):
        echo(text, err=True)


@dataclass
class Reading:
    """How images are read, and which could not be.

    Args:
        jobs: CPU threads; None for all that the process may use.
        max_pixels: larger images are refused.
        quiet: print errors only.
        skipped: images that could not be used so far.
        notes: what was said of images so far.
        piped: whether standard output is for a result: what is said goes to stderr.
    """

    jobs: int | None = declared("--jobs", "-j", type=int, help="CPU threads.  [default: all available]")
    max_pixels: int = declared(
        type=click.IntRange(min=1), default=MAX_PIXELS, show_default=True, help="Reject images with more pixels."
    )
    quiet: bool = shared(quiet)
    skipped: list[Skipped] = field(default_factory=list)
    notes: set[tuple[Path, str]] = field(default_factory=set)
    piped: bool = False

    def use_threads(self) -> None:
        """Compute with as many threads as --jobs says. Raises GridsError."""
        from grids.devices import use_threads

        use_threads(self.jobs)

    @property
    def options(self) -> ReadOptions:
        """The same as the pipeline takes it: what it skips or notes comes back to this object."""
        from grids.images import ReadOptions

        return ReadOptions(self.max_pixels, self.on_skip, self.on_note)

    def on_skip(self, bad: Skipped) -> None:
        """Say on stderr that an image cannot be used, also with --quiet, and keep it in `skipped`."""
        self.skipped.append(bad)
        note(visible(f"skipped {bad.path}: {to_flags(bad.reason)}", keep=""))

    def on_note(self, path: Path, text: str) -> None:
        """Say on stderr what should be known of an image, unless --quiet; the same text of the same image only once."""
        if not self.quiet and (path, text) not in self.notes:
            self.notes.add((path, text))
            note(visible(f"{path}: {text}", keep=""))

    def count_skipped(self) -> None:
        """Say on stderr how many images were skipped, also with --quiet; nothing where there were none."""
        if count := len(self.skipped):
            echo(f"{count} image{'s' if count > 1 else ''} skipped", err=True)

    def pipe(self, result: Path | None, as_json: bool = False) -> None:
        """Keep standard output for a result, where that is "-"; `say` prints on stderr then.

        Args:
            result: the file of the result; None where there is none.
            as_json: whether --json prints on standard output.

        Raises:
            GridsError: both are wanted.
        """
        self.piped = result == STDIO
        if self.piped and as_json:
            raise GridsError(
                "'-' gives standard output to a result, where --json prints, too: name a file for the result"
            )

    def say(self, text: str) -> None:
        """Print a line for a person, unless --quiet; on stderr where standard output is for a result."""
        if not self.quiet:
            echo(text, err=self.piped)

    @contextmanager
    def progress(self, total: int | None = None, unit: str = "images") -> Iterator[Any]:
        """Show a progress bar on stderr for the block inside, where that is a terminal and --quiet is not given.

        Args:
            total: how many units there are; None where that is not known.
            unit: what is counted, for the bar.

        Yields:
            tqdm's bar, whose `update()` counts one; it works also where nothing is shown.
        """
        # disable=None shows no bar where stderr is not a terminal
        with tqdm(total=total, unit=unit, disable=self.quiet or None, leave=False, file=sys.stderr) as bar:
            yield bar


reading = record("reading", Reading, GENERAL)
"""The options that every command has which reads images."""


def missing(name: str, message: str) -> click.ClickException:
    """Make the error for an argument or option that other ones make necessary: exit code 2, as for any missing one."""
    return click.BadOptionUsage(name, message)
