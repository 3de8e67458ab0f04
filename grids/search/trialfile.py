"""The file of a log of trials: how it is opened, its tables and rows."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from grids.errors import GridsError, RunError
from grids.search import owners

FORMAT = 1
PATIENCE = 30.0
"""Seconds to wait while another process writes."""
ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a file can end in: the second, where SQLite's own message quotes what is no text any more."""
STATES = ("asked", "running", "done", "failed")
_TABLES = (
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    owners.TABLE,
    "CREATE TABLE trials (key TEXT NOT NULL PRIMARY KEY, degradations TEXT NOT NULL, state TEXT NOT NULL,"
    " drops TEXT NOT NULL, noise TEXT NOT NULL, at_least TEXT NOT NULL, why TEXT NOT NULL, reason TEXT NOT NULL,"
    " file TEXT NOT NULL, seconds REAL, number INTEGER NOT NULL, owner TEXT NOT NULL, asked_at TEXT NOT NULL,"
    " answered_at TEXT NOT NULL, digest TEXT NOT NULL)",
)


@dataclass(frozen=True)
class Record:
    """A group that was asked for, as the log knows it.

    Args:
        group: its degradations.
        state: "asked", "running", "done" or "failed".
        drops, noise, at_least: dB, as in `grids.results.Trial`.
        why: what it was asked for.
        reason: why it failed.
        file: of its restorer.
        seconds: how long the answer took; None where that is not known.
        order: 1, 2, ... in the order in which the answers came in; 0 while there is none.
    """

    group: frozenset[str]
    state: str
    drops: dict[str, float]
    noise: dict[str, float]
    at_least: dict[str, float]
    why: str
    reason: str
    file: str
    seconds: float | None
    order: int


class Row(NamedTuple):
    """A row of the table of trials; dictionaries and lists are JSON, times UTC."""

    key: str
    degradations: str
    state: str = "asked"
    drops: str = "{}"
    noise: str = "{}"
    at_least: str = "{}"
    why: str = ""
    reason: str = ""
    file: str = ""
    seconds: float | None = None
    number: int = 0
    owner: str = ""
    asked_at: str = ""
    answered_at: str = ""
    digest: str = ""

    @classmethod
    def new(cls, identity: str, group: frozenset[str]) -> Row:
        """The row of a group that nobody asked for yet. Raises GridsError for an empty group."""
        if not group:
            raise GridsError("a group to ask for needs one degradation or more")
        return cls(_key(identity, sorted(group)), canonical(sorted(group), "a group"))

    def write(self, connection: sqlite3.Connection) -> None:
        """Put it in the place of the row with its key."""
        row = self._replace(digest=self._sum())
        changes = ", ".join(f"{name} = excluded.{name}" for name in self._fields[1:])
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO trials VALUES ({marks}) ON CONFLICT (key) DO UPDATE SET {changes}", row)

    def _sum(self) -> str:
        return _digest(json.dumps(self[:-1], default=str))

    def record(self, identity: str) -> Record:
        """What it says. Raises sqlite3.DatabaseError if that is not what was written."""
        # SQLite sees a wrong page, but not a wrong digit in a drop
        if self.digest != self._sum() or self.state not in STATES:
            raise sqlite3.DatabaseError("a row was changed")
        group = json.loads(self.degradations)
        if self.key != _key(identity, group):
            raise sqlite3.DatabaseError("a row belongs to another problem")
        drops, noise, at_least = (json.loads(text) for text in (self.drops, self.noise, self.at_least))
        texts = (self.why, self.reason, self.file)
        return Record(frozenset(group), self.state, drops, noise, at_least, *texts, self.seconds, self.number)


SELECT = f"SELECT {', '.join(Row._fields)} FROM trials"


def canonical(value: Any, what: str) -> str:
    """The one JSON text of a value.

    Raises:
        GridsError: `what` it is cannot be written as JSON.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise GridsError(f"{what} cannot be written as JSON: {error}") from error


def decibels(group: frozenset[str], what: str, values: Mapping[str, Any] | None) -> str:
    """The JSON text of dB for each degradation.

    Raises:
        GridsError: one of them is not a finite number.
    """
    found = {str(name): finite(group, f"{what} of '{name}'", value) for name, value in (values or {}).items()}
    return canonical(found, what)


def finite(group: frozenset[str], what: str, value: Any) -> float:
    """`value` as a float, also where it is NumPy's.

    Raises:
        GridsError: it is not a finite number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise GridsError(f"{what} in the group {', '.join(sorted(group))} is {value}, but must be a finite number")
    return number


def connect(path: Path, mode: str = "rw", patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection to the file at `path`, which only the mode "rwc" creates. Raises sqlite3.Error."""
    # Left at SQLite's rollback journal: write-ahead logging corrupts files that several machines share.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of what happens in the block, or nothing of it; nobody else writes meanwhile."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def prepare(connection: sqlite3.Connection, path: Path, identity: str) -> None:
    """Make the tables of a new file, or see that an old one is sound and the log of this problem.

    Raises:
        RunError: it is the log of another problem, of another version, or no log.
        sqlite3.Error: it is corrupt.
    """
    found = read_identity(connection, path)
    if found is None:
        for statement in _TABLES:
            connection.execute(statement)
        meta = {"format": str(FORMAT), "identity": identity, "digest": _digest(identity)}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        return
    [verdict] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    for row in read_rows(connection):
        row.record(found)
    if found != identity:
        raise RunError(
            f"'{path}' is the log of another problem: {_differences(json.loads(found), json.loads(identity))}"
        )


def read_identity(connection: sqlite3.Connection, path: Path) -> str | None:
    """The identity that the file was made with, as JSON; None where nothing was written yet.

    Raises:
        RunError: it is a log of another version, or no log.
        sqlite3.Error: it is corrupt.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not tables & {"meta", "trials"}:
        raise RunError(f"'{path}' is an SQLite file, but no log of trials")
    meta = {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    if meta.get("format", "").isdecimal() and meta["format"] != str(FORMAT):
        raise RunError(f"'{path}' has format {meta['format']}, but this version of grids reads format {FORMAT}")
    identity = meta.get("identity", "")
    if meta.get("digest") != _digest(identity):
        raise sqlite3.DatabaseError("its identity was changed")
    return identity


def read_row(connection: sqlite3.Connection, key: str) -> Row | None:
    """The row with a key."""
    found = connection.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
    return None if found is None else Row(*found)


def read_rows(connection: sqlite3.Connection) -> list[Row]:
    """All rows, in the order in which they were answered; the unanswered ones first."""
    return [Row(*row) for row in connection.execute(f"{SELECT} ORDER BY number, asked_at, rowid")]


def _key(identity: str, names: list[str]) -> str:
    """What a row is found by: all that its answer depends on."""
    return _digest(canonical({"identity": json.loads(identity), "group": names}, "a group"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _differences(there: Any, here: Any) -> str:
    """What two identities differ in; `there` is the file's."""
    old, new = dict(_leaves(there)), dict(_leaves(here))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    parts = []
    for name in names[:3]:
        one, other = _shorten(old.get(name), new.get(name)), _shorten(new.get(name), old.get(name))
        parts.append(f"{'.'.join(name)} is {one} there and {other} here")
    more = [f"and {len(names) - 3} more"] if len(names) > 3 else []
    return "; ".join([*parts, *more])


def _leaves(value: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*name, key))
    else:
        yield name, f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _shorten(text: str | None, other: str | None, length: int = 32) -> str:
    """The piece of a long text around the place where it begins to differ from the other one."""
    if text is None:
        return "missing"
    if len(text) <= length:
        return text
    pairs = zip(text, other or "", strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(text), len(other or "")))
    start = min(max(0, same - length // 2), len(text) - length)
    end = start + length
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
