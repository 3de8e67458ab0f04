"""Known drops, from a CSV file: the evaluator that only looks up."""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from grids.errors import GridsError, RunError, unknown_name
from grids.io import read_text
from grids.results import WORST
from grids.search.problem import Answer, label

COLUMNS = ("group", "degradation", "drop")
OPTIONAL = ("noise",)
JOIN = "+"
PAPER, STUDY = "paper", "study"
SHIPPED = {PAPER: "paper_drops.csv", STUDY: "study_drops.csv"}


@dataclass(frozen=True)
class DropTable:
    """Known drops of some groups. It can be called with a group, so it is an evaluator for `search_groups`.

    >>> table = DropTable.load("paper")
    >>> len(table.names), len(table.answers) > 10
    (11, True)

    Args:
        answers: group (names) -> its drops.
        source: what the table says of itself (its first lines, if they begin with #), or its file's name.
        sha256: of its text, in hexadecimal; it tells logs which table their answers came from.
    """

    answers: Mapping[frozenset[str], Answer]
    source: str
    sha256: str

    def __call__(self, group: frozenset[str]) -> Answer | None:
        """The drops of a group; None if the table does not hold it."""
        return self.answers.get(group)

    @property
    def names(self) -> tuple[str, ...]:
        """Every degradation that the table names, in alphabetical order."""
        return tuple(sorted(set().union(*self.answers)))

    @classmethod
    def load(cls, path: str | Path) -> DropTable:
        """Read a table from a file, or one that ships with the package.

        The file is a CSV in UTF-8 whose first row names its columns, in any order: group (names joined by +),
        degradation (a name of that group, or * for its worst), drop (dB; negative is a gain) and, if wanted, noise (the
        standard error of the drop in dB, 0 or more; empty for an exact drop). A degradation of a group that has no row
        is unknown. Lines that begin with # are comments.

        Args:
            path: of the file; or the text "study" (trainings of our own) or "paper" (what GRIDS published). A file of
                one of these two names is read where it is given as a Path, or with its folder: "./study".

        Returns:
            The table, with groups in the order of their first rows.

        Raises:
            RunError: the file cannot be read.
            GridsError: a row is malformed or repeats another (the message names its line), or there are no rows.
            UnknownNameError: a row is of a degradation that is not in its group.
        """
        if isinstance(path, str) and path in SHIPPED:
            return cls.parse(resources.files("grids.search").joinpath(SHIPPED[path]).read_text("utf-8"), path)
        file = Path(path)
        if file.is_dir():
            raise RunError(f"cannot read '{file}': a table of drops is a CSV file, not a folder")
        if not file.exists():
            known = ", ".join(f"'{name}'" for name in SHIPPED)
            raise RunError(f"there is no table of drops '{file}': a CSV file, or one that ships ({known})")
        return cls.parse(read_text(file), str(file))

    @classmethod
    def parse(cls, text: str, name: str) -> DropTable:
        r"""Read a table from text, as `load` does from a file.

        Args:
            text: the CSV, with its row of column names.
            name: what to call it in messages; it is also the `source` where the text does not begin with comments.

        Returns:
            The table, with groups in the order of their first rows.

        Raises:
            GridsError: a row is malformed or repeats another (the message names its line), or there are no rows.
            UnknownNameError: a row is of a degradation that is not in its group.

        >>> table = DropTable.parse("group,degradation,drop\nhaze+rain,*,0.3", "mine.csv")
        >>> table(frozenset({"haze", "rain"})).drops
        {'*': 0.3}
        """
        lines = text.removeprefix("\ufeff").splitlines()
        head = itertools.takewhile(lambda line: line.startswith("#"), lines)
        source = " ".join(line.lstrip("# ").strip() for line in head)
        answers: dict[frozenset[str], tuple[dict[str, float], dict[str, float]]] = {}
        for where, row in _read_rows(["\n" if line.startswith("#") else f"{line}\n" for line in lines], name):
            group, degradation = _parse_group(row["group"], where), row["degradation"]
            if degradation != WORST and degradation not in group:
                raise unknown_name(f"degradation in the group of {where}", degradation, group)
            drops, noise = answers.setdefault(group, ({}, {}))
            if degradation in drops:
                raise GridsError(f"{where}: {degradation} of {label(sorted(group))} has a row already")
            drops[degradation] = _parse_number(row["drop"], "drop", where)
            if row.get("noise"):
                noise[degradation] = _parse_number(row["noise"], "noise", where, least=0.0)
        if not answers:
            raise GridsError(f"'{name}' holds no drops: it needs rows under {','.join(COLUMNS)}")
        found = {group: Answer(*known) for group, known in answers.items()}
        return cls(found, source or name, hashlib.sha256(text.encode()).hexdigest())

    def subset(self, names: Iterable[str]) -> DropTable:
        """The part of the table that is about some degradations only.

        Args:
            names: of the degradations; those that the table does not know are ignored.

        Returns:
            A table of the groups that consist of these degradations only; it may be empty. Source and digest stay those
            of the whole table.
        """
        kept = set(names)
        answers = {group: answer for group, answer in self.answers.items() if group <= kept}
        return DropTable(answers, self.source, self.sha256)

    def check_names(self, known: Iterable[str]) -> None:
        """Find out whether every degradation of the table is known, before a search uses it.

        Args:
            known: the names that may occur.

        Raises:
            UnknownNameError: for the first, in alphabetical order, that is not among them.
        """
        choices = tuple(known)
        for name in self.names:
            if name not in choices:
                raise unknown_name("degradation in the table of drops:", name, choices)


def _read_rows(lines: list[str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(where it stands, its cells by column) of every row; blank lines are passed over."""
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    number = 0
    try:
        for row in reader:
            number, cells = reader.line_num, [cell.strip() for cell in row]
            where = f"'{name}', line {number}"
            if any(cells) and header is None:
                header = _parse_header(cells, where)
            elif any(cells) and header is not None:
                if len(cells) != len(header):
                    wanted = f"{len(header)} values are needed ({','.join(header)})"
                    raise GridsError(f"{where}: {wanted}, but there are {len(cells)}")
                yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise GridsError(f"'{name}', line {number + 1}: it is not CSV ({error})") from error


def _parse_header(cells: list[str], where: str) -> list[str]:
    names = [cell.lower() for cell in cells]
    if len(set(names)) < len(names) or not set(COLUMNS) <= set(names) <= {*COLUMNS, *OPTIONAL}:
        allowed = f"{', '.join(COLUMNS)} and, if wanted, noise"
        hint = ", separated by commas" if len(cells) == 1 else ""
        raise GridsError(f"{where}: the columns must be {allowed}{hint}, not '{', '.join(cells)}'")
    return names


def _parse_group(text: str, where: str) -> frozenset[str]:
    names = [name.strip() for name in text.split(JOIN)]
    if not all(names) or len(set(names)) < len(names) or WORST in names:
        raise GridsError(f"{where}: a group is distinct names joined by {JOIN}, not '{text}'")
    return frozenset(names)


def _parse_number(text: str, what: str, where: str, least: float = -math.inf) -> float:
    try:
        value = math.nan if "_" in text else float(text)  # Python takes 1_0 for 10
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least:
        allowed = "a number of dB" if least == -math.inf else f"a number of dB, {least:g} or more"
        raise GridsError(f"{where}: the {what} must be {allowed}, not '{text[:40]}'")
    return value
