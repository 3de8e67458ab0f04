"""The log of the groups that a search asked for: an answer may be a training of an hour, so none is lost or redone."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grids.errors import RunError
from grids.io import make_folder
from grids.search import owners, trialfile, trouble
from grids.search.owners import Owner
from grids.search.trialfile import Record, Row

__all__ = ["Record", "TrialLog"]

_SHORT_PATIENCE = 5.0  # seconds that a sign of life waits while another process writes


class TrialLog:
    """Groups of degradations and their answers, in an SQLite file that several searches may share.

    Whoever claims a group owns it until it finishes, fails or releases it, or dies: then the next one may claim it.
    Searches on other machines are taken for dead after 60 s without a sign of life, so clocks must agree to seconds.
    All methods may be called from several threads, and raise RunError where the file cannot be used.

    Args:
        path: the file; made with its folder if it is missing.
        identity: all that determines an answer besides the group, as JSON: table or network, steps, data, seed, ...

    Raises:
        GridsError: the identity cannot be written as JSON.
        RunError: the file is the log of another problem or of another version, is corrupt, or cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self._identity = trialfile.canonical(dict(identity), "the identity of a log of trials")
        self._lock = threading.RLock()
        self._claims: dict[str, int] = {}  # key -> the thread that claimed it
        make_folder(self.path.parent)
        if self.path.is_dir():
            raise RunError(f"cannot write '{self.path}': it is a folder")
        self._owner = Owner.new()
        stop = threading.Event()
        self._retire = weakref.finalize(self, _retire, self._owner.token, stop)
        try:
            self._connection = self._open()
        except BaseException:
            self._retire()
            raise
        self._pulse = threading.Thread(target=_beat, args=(self.path.absolute(), self._owner, stop), daemon=True)
        self._pulse.start()

    def _open(self) -> sqlite3.Connection:
        connection = None
        try:
            connection = trialfile.connect(self.path, "rwc")
            # FULL can lose the last commit in a power cut, as the journal's end is not flushed
            connection.execute("PRAGMA synchronous = EXTRA")
            with trialfile.transaction(connection):
                trialfile.prepare(connection, self.path, self._identity)
                owners.bury(connection)
                self._owner.sign(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, trialfile.ERRORS):
                raise trouble.explain(self.path, error, self._identity) from error
            raise
        return connection

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self) -> dict[frozenset[str], Record]:
        """All groups: the unanswered ones as they were asked for, then the others as their answers came in."""
        with self._transaction() as connection:
            found = [row.record(self._identity) for row in trialfile.read_rows(connection)]
        return {record.group: record for record in found}

    def claim(self, group: frozenset[str], why: str = "") -> bool:
        """Ask to evaluate a group.

        Args:
            group: its degradations.
            why: what it is asked for; if empty, what it was asked for before stays.

        Returns:
            Whether the group is this log's to evaluate now. Not if it is done, or while another living owner or
            another living thread of this one evaluates it.
        """
        with self._transaction() as connection:
            row = self._row(connection, group)
            if row.state == "done" or self._is_taken(connection, row) or self._is_in_another_thread(row):
                return False
            Row.new(self._identity, group)._replace(
                state="running", why=_text(why) or row.why, owner=self._owner.token, asked_at=row.asked_at
            ).write(connection)
            self._claims[row.key] = threading.get_ident()
        return True

    def finish(
        self,
        group: frozenset[str],
        drops: Mapping[str, float],
        *,
        noise: Mapping[str, float] | None = None,
        at_least: Mapping[str, float] | None = None,
        file: str = "",
        seconds: float | None = None,
    ) -> None:
        """Keep the answer of a group; if there is one already, that one stays.

        Args:
            group: its degradations.
            drops, noise, at_least: dB for each degradation, as in `grids.results.Trial`.
            file: of its restorer.
            seconds: how long the answer took.

        Raises:
            GridsError: a number is not finite.
        """
        answer = Row.new(self._identity, group)._replace(
            state="done",
            drops=trialfile.decibels(group, "the drop", drops),
            noise=trialfile.decibels(group, "the noise", noise),
            at_least=trialfile.decibels(group, "the lower bound", at_least),
            file=_text(file),
            seconds=None if seconds is None else trialfile.finite(group, "the time", seconds),
        )
        with self._transaction() as connection:
            row = self._row(connection, group)
            if row.state != "done":
                self._answer(connection, answer._replace(why=row.why, asked_at=row.asked_at))
            self._claims.pop(row.key, None)

    def fail(self, group: frozenset[str], reason: str, seconds: float | None = None) -> None:
        """Keep why a group has no answer; it may be claimed again. An answer, or another living owner, stays.

        Raises:
            GridsError: `seconds` is not finite.
        """
        seconds = None if seconds is None else trialfile.finite(group, "the time", seconds)
        with self._transaction() as connection:
            row = self._row(connection, group)
            if row.state != "done" and not self._is_taken(connection, row):
                self._answer(connection, row._replace(state="failed", reason=_text(reason), seconds=seconds))
            self._claims.pop(row.key, None)

    def release(self, group: frozenset[str]) -> None:
        """Give a claimed group back unanswered, as on Ctrl-C."""
        with self._transaction() as connection:
            row = self._row(connection, group)
            if row.state == "running" and row.owner == self._owner.token:
                row._replace(state="asked", owner="").write(connection)
            self._claims.pop(row.key, None)

    def running_elsewhere(self) -> set[frozenset[str]]:
        """The groups that other living owners evaluate now."""
        with self._transaction() as connection:
            living = owners.living_tokens(connection) - {self._owner.token}
            rows = [row for row in trialfile.read_rows(connection) if row.state == "running" and row.owner in living]
            return {row.record(self._identity).group for row in rows}

    def close(self) -> None:
        """Give back what this log still evaluates, and close the file; again is no error."""
        if self._owner.pid != os.getpid():  # a fork: the file is the parent's
            return
        with self._lock:
            if not self._retire.alive:
                return
            self._retire()  # first: whatever goes wrong below, this owner is dead
            self._pulse.join(2 * _SHORT_PATIENCE)
            with contextlib.suppress(*trialfile.ERRORS), trialfile.transaction(self._connection) as connection:
                for row in trialfile.read_rows(connection):
                    if row.state == "running" and row.owner == self._owner.token:
                        row._replace(state="asked", owner="").write(connection)
                connection.execute("DELETE FROM workers WHERE token = ?", (self._owner.token,))
            self._connection.close()

    @staticmethod
    def in_use(path: Path) -> str | None:
        """Which other process has the log at `path` open, as "process 123 on host x"; None if none has.

        Raises:
            RunError: the file cannot be opened.
        """
        living = [owner for owner in trouble.living_owners(Path(path)) if not owner.is_here]
        return f"process {living[0].pid} on host {living[0].host}" if living else None

    @staticmethod
    def identity_of(path: Path) -> dict[str, Any] | None:
        """The identity that the log at `path` was made with; None where there is none yet.

        Raises:
            RunError: it is no log, one of another version, corrupt, or cannot be opened.
        """
        path = Path(path)
        if trouble.is_missing(path):
            return None
        try:
            with contextlib.closing(trialfile.connect(path)) as connection:
                text = trialfile.read_identity(connection, path)
        except trialfile.ERRORS as error:
            raise trouble.explain(path, error) from error
        return None if text is None else dict(json.loads(text))

    @staticmethod
    def recover(path: Path, identity: Mapping[str, Any] | None = None) -> int:
        """Write what can still be read of a corrupt log into a new one in its place.

        The corrupt one stays beside it as NAME.corrupt, NAME.corrupt2, ...

        Args:
            path: the log.
            identity: the problem's, to go by if the one in the file cannot be read.

        Returns:
            How many answers were saved.

        Raises:
            RunError: the log is in use, nothing can be read, or the new one cannot be written; it is left as it is.
        """
        given = None if identity is None else trialfile.canonical(dict(identity), "the identity of a log of trials")
        return trouble.recover(Path(path), given)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._owner.pid != os.getpid():  # a fork: SQLite's connections do not survive it
            raise RunError(f"'{self.path}' was opened by another process: open it anew in this one")
        with self._lock:
            if not self._retire.alive:
                raise RunError(f"'{self.path}' is closed")
            try:
                with trialfile.transaction(self._connection) as connection:
                    yield connection
            except trialfile.ERRORS as error:
                raise trouble.explain(self.path, error, self._identity) from error

    def _row(self, connection: sqlite3.Connection, group: frozenset[str]) -> Row:
        """The row of a group, as it is in the file or new."""
        new = Row.new(self._identity, group)._replace(asked_at=_now())
        row = trialfile.read_row(connection, new.key) or new
        if row is not new:
            row.record(self._identity)
        return row

    def _is_taken(self, connection: sqlite3.Connection, row: Row) -> bool:
        if row.state != "running" or row.owner == self._owner.token:
            return False
        return row.owner in owners.living_tokens(connection)

    def _is_in_another_thread(self, row: Row) -> bool:
        if row.state != "running" or row.owner != self._owner.token:
            return False
        claimed = self._claims.get(row.key)
        return claimed != threading.get_ident() and claimed in {thread.ident for thread in threading.enumerate()}

    def _answer(self, connection: sqlite3.Connection, row: Row) -> None:
        [last] = connection.execute("SELECT COALESCE(MAX(number), 0) FROM trials").fetchone()
        row._replace(number=last + 1, owner="", answered_at=_now()).write(connection)


def _retire(token: str, stop: threading.Event) -> None:
    stop.set()
    owners.retire(token)


def _beat(path: Path, owner: Owner, stop: threading.Event) -> None:
    """Sign until told to stop. A sign that fails is left out: the next one is soon enough."""
    while not stop.wait(owners.BEAT):
        with (
            contextlib.suppress(Exception),
            contextlib.closing(trialfile.connect(path, patience=_SHORT_PATIENCE)) as connection,
        ):
            if not stop.is_set():
                owner.sign(connection)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _text(text: str) -> str:
    """Text that SQLite takes: the parts of file names that are no text are escaped."""
    return str(text).encode("utf-8", "backslashreplace").decode()
