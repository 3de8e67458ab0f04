"""The log of a search: an answer may be a training of an hour, so none is lost, and none is asked for twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grids.errors import GridsError, RunError
from grids.io import locked, make_folder, parse_json
from grids.results.record import decode
from grids.search.identity import describe_differences
from grids.search.problem import Answer, label

FORMAT = 2
PATIENCE = 30.0
"""Seconds to wait for a program that keeps the file locked."""
TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE trials (number INTEGER PRIMARY KEY, degradations TEXT NOT NULL UNIQUE, answer TEXT NOT NULL,"
    " digest TEXT NOT NULL)",
)
"""A row of trials is an answer as JSON, in the order in which they came in."""
INSERT = "INSERT INTO trials (degradations, answer, digest) VALUES (?, ?, ?) ON CONFLICT (degradations) DO NOTHING"
TROUBLE = (  # how SQLite's names of errors begin -> what the user can do something about
    ("SQLITE_BUSY", f"another process has kept it locked for {PATIENCE:g} s"),
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_READONLY_DBMOVED", "it was moved or deleted while it was in use"),
    ("SQLITE_READONLY", "it or its folder is read-only"),
    ("SQLITE_CANTOPEN", "it cannot be opened, or its folder is read-only"),
    ("SQLITE_IOERR", "the disk reports an error"),
    ("SQLITE_NOMEM", "there is not enough memory"),
)


class TrialLog:
    """The answers of one problem, in an SQLite file that one process uses at a time.

    Its lock is .NAME.lock beside it, and ends with the process, however that ends. A log of an earlier version is taken
    over. Methods may be called from several threads, but not in a forked process. It can be used in a `with` block,
    which closes it.

    Args:
        path: the file; made with its folder if it is missing.
        identity: all that determines an answer besides the group, as JSON: table or network, steps, data, seed, ... A
            log that was made with another identity is refused.
        replace: delete the log that is there and begin anew, whatever its identity.

    Raises:
        GridsError: the identity cannot be written as JSON.
        RunError: the file is in use (the message says by whom), is the log of another problem or of another version,
            is corrupt, or cannot be written.
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any], *, replace: bool = False) -> None:
        self.path = Path(path)
        try:
            text = _to_json(dict(identity))
        except (TypeError, ValueError, RecursionError) as error:
            raise GridsError(f"the identity of a log of trials cannot be written as JSON: {error}") from error
        make_folder(self.path.parent)
        if self.path.is_dir():
            raise RunError(f"cannot write '{self.path}': it is a folder")
        self._process = os.getpid()
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self.path, self.path.with_name(f".{self.path.name}.lock")))
            with _explained(self.path):
                if replace:  # the journal second: alone, it is not played back
                    self.path.unlink(missing_ok=True)
                    self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
                self._connection = stack.enter_context(contextlib.closing(_connect(self.path, "rwc")))
                _prepare(self._connection, self.path, text)
            self._end = weakref.finalize(self, stack.pop_all().close)
            self._end.atexit = False  # a fork ends too

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answers(self) -> dict[frozenset[str], Answer]:
        """Read all answers from the file.

        Returns:
            Group (names) -> its answer, in the order in which they came in.

        Raises:
            RunError: the log is closed, was opened before a fork, is corrupt, or cannot be read.
        """
        with self._opened() as connection:
            return _read_answers(connection)

    def add(self, group: frozenset[str], answer: Answer) -> None:
        """Keep the answer of a group; it is on the disk when this returns. If there is one already, that one stays.

        Args:
            group: its degradations, at least one. Names are not compared with any list.
            answer: its numbers must be finite; they are kept as floats.

        Raises:
            GridsError: a number is not finite, or the group is empty.
            RunError: the log is closed, was opened before a fork, or cannot be written.
        """
        row = _row(group, answer)
        with self._opened() as connection:
            connection.execute(INSERT, row)

    def close(self) -> None:
        """Close the file and give back its lock; again is no error. In a fork the file is left to the parent."""
        if self._process == os.getpid():
            self._end()

    @staticmethod
    def identity_of(path: str | Path) -> dict[str, Any] | None:
        """The identity that a log was made with, to see whether it fits before it is opened.

        The log is not locked for this.

        Args:
            path: of the log.

        Returns:
            The identity; None where there is no file, or nothing was written to it yet.

        Raises:
            RunError: the file is no log, one of another version, corrupt, or cannot be opened.
        """
        path = Path(path)
        if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a folder may not be looked into
            return None
        with _explained(path), contextlib.closing(_connect(path, "rw")) as connection:
            meta = _read_meta(connection, path)
            return None if meta is None else dict(_decode(dict[str, Any], meta["identity"]))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if self._process != os.getpid():  # SQLite's connections do not survive a fork
            raise RunError(f"'{self.path}' was opened by another process: open it anew in this one")
        if not self._end.alive:
            raise RunError(f"'{self.path}' is closed")
        with _explained(self.path):
            yield self._connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection to the file at `path`, which only the mode "rwc" creates. Every statement is a transaction."""
    # left at SQLite's rollback journal: write-ahead logging corrupts files on shared file systems
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def _prepare(connection: sqlite3.Connection, path: Path, identity: str) -> None:
    """Make the tables of a new file, or see that an old one is sound and the log of this problem."""
    # FULL can lose the last commit in a power cut, as the journal's end is not flushed
    connection.execute("PRAGMA synchronous = EXTRA")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        meta = _read_meta(connection, path)
        if meta is None:
            meta = {"format": str(FORMAT), "identity": identity, "digest": _digest(identity)}
            _make_tables(connection, meta)
        [verdict] = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        if meta["identity"] != identity:
            different = describe_differences(*(_decode(dict[str, Any], text) for text in (meta["identity"], identity)))
            raise RunError(f"'{path}' is the log of another problem: {different}")
        if meta["format"] == "1":
            _take_over(connection)
        _read_answers(connection)  # fails now if a row was changed


def _read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, str] | None:
    """The "format", "identity" (JSON) and its "digest" of a log; None where nothing was written yet."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not tables & {"meta", "trials"}:
        raise RunError(f"'{path}' is an SQLite file, but no log of trials")
    meta = {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    version = meta.get("format", "")
    if version.isdecimal() and version not in map(str, range(1, FORMAT + 1)):
        raise RunError(f"'{path}' has format {version[:9]}, but this version of grids reads formats 1 to {FORMAT}")
    if not version.isdecimal() or meta.get("digest") != _digest(meta.get("identity", "")):
        raise sqlite3.DatabaseError("its identity was changed")
    return meta


def _make_tables(connection: sqlite3.Connection, meta: Mapping[str, str]) -> None:
    for statement in TABLES:
        connection.execute(statement)
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())


def _take_over(connection: sqlite3.Connection) -> None:
    """Turn a log of format 1 into one of this format; what was not answered may be asked again."""
    rows = connection.execute("SELECT * FROM trials ORDER BY number").fetchall()
    connection.execute("DROP TABLE trials")
    connection.execute("DROP TABLE workers")
    _make_tables(connection, {"format": str(FORMAT)})
    for row in rows:
        if row[-1] != _digest(json.dumps(row[:-1], default=str)):
            raise sqlite3.DatabaseError("a row was changed")
        _, names, state, drops, noise, at_least, why, _, file, seconds, *_ = row
        if state == "done":
            drops, noise, at_least = (_decode(dict[str, float], part) for part in (drops, noise, at_least))
            answer = Answer(drops, noise, at_least, why, seconds, file)
            connection.execute(INSERT, _row(frozenset(_decode(tuple[str, ...], names)), answer))


def _read_answers(connection: sqlite3.Connection) -> dict[frozenset[str], Answer]:
    """Raises sqlite3.DatabaseError for a row that was changed: SQLite sees a wrong page, but no wrong digit."""
    found = {}
    for names, answer, digest in connection.execute("SELECT degradations, answer, digest FROM trials ORDER BY number"):
        if digest != _digest(f"{names} {answer}"):
            raise sqlite3.DatabaseError("a row was changed")
        group = frozenset(_decode(tuple[str, ...], names))
        found[group] = _decode(Answer, answer)
        try:
            _row(group, found[group])  # refuses what is not finite
        except GridsError as error:
            raise sqlite3.DatabaseError(str(error)) from error
    return found


def _decode(kind: Any, text: Any) -> Any:
    """A value of JSON; raises sqlite3.DatabaseError for a text whose digest is right, but not its content."""
    try:
        return decode(kind, parse_json(str(text)), "row")
    except (KeyError, TypeError, OverflowError, GridsError) as error:
        raise sqlite3.DatabaseError(f"a row of another form: {error}") from error


def _row(group: frozenset[str], answer: Answer) -> tuple[str, str, str]:
    """The row of an answer. Raises GridsError for an empty group, or a number that is not finite."""
    if not group:
        raise GridsError("a group needs one degradation or more")
    parts = {"drops": answer.drops, "noise": answer.noise, "at_least": answer.at_least}
    try:
        floats = {name: {str(key): float(value) for key, value in part.items()} for name, part in parts.items()}
        seconds = None if answer.seconds is None else float(answer.seconds)
        text = _to_json({**floats, "why": answer.why, "seconds": seconds, "file": answer.file})
    except (TypeError, ValueError, OverflowError) as error:
        raise GridsError(f"the answer for {label(sorted(group))} must be of finite numbers: {error}") from error
    names = _to_json(sorted(group))
    return names, text, _digest(f"{names} {text}")


def _to_json(value: Any) -> str:
    """The one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the file into one line that says what can be done."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot use '{path}': {error.strerror or error}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the second: SQLite's message quotes what is no text any more
        name = getattr(error, "sqlite_errorname", "")
        if (reason := next((text for start, text in TROUBLE if name.startswith(start)), None)) is not None:
            raise RunError(f"cannot use '{path}': {reason} ({error})") from error
        # without the pieces of the file that the message may quote
        what = re.sub(r" with text .*|\*\*\* in database main \*\*\*|[^ -~]", "", str(error), flags=re.DOTALL)
        what = what[:80].strip()
        ways = "move it away and begin anew (what was trained lies in models/, and is not trained again)"
        raise RunError(f"'{path}' is corrupt ({what}): {ways}") from error
