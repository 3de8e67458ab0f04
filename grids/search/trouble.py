"""What is wrong with the file of a log of trials, and what can be saved of it."""

from __future__ import annotations

import contextlib
import itertools
import re
import secrets
import shutil
import sqlite3
from pathlib import Path

from grids.errors import RunError
from grids.search import owners, trialfile
from grids.search.owners import Owner
from grids.search.trialfile import Row

_TROUBLE = (  # how SQLite's names of errors begin -> what the user can do something about
    ("SQLITE_BUSY", f"another process has kept it locked for {trialfile.PATIENCE:g} s"),
    ("SQLITE_LOCKED", "another process has kept it locked"),
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_READONLY_DBMOVED", "it was moved or deleted while it was in use"),
    ("SQLITE_READONLY", "it or its folder is read-only"),
    ("SQLITE_PERM", "it or its folder is read-only"),
    ("SQLITE_CANTOPEN", "it cannot be opened, or its folder is read-only"),
    ("SQLITE_IOERR", "the disk reports an error"),
    ("SQLITE_NOMEM", "there is not enough memory"),
)


def explain(path: Path, error: Exception, identity: str | None = None) -> RunError:
    """The error for the user."""
    text = _reason(error)
    if text is not None:
        return RunError(f"cannot use '{path}': {text} ({error})")
    answers = sum(row.number > 0 for row in salvage(path, identity)[1])
    # without the pieces of the file that the message may quote
    what = re.sub(r" with text .*|\*\*\* in database main \*\*\*|[^ -~]", "", str(error), flags=re.DOTALL)[:80].strip()
    if not answers:
        return RunError(f"'{path}' is corrupt ({what}), and none of its answers can be read: move it away")
    ways = "save them with TrialLog.recover, or move the file away"
    return RunError(f"'{path}' is corrupt ({what}); {answers} of its answers can still be read: {ways}")


def is_missing(path: Path) -> bool:
    """Whether there is nothing at `path`."""
    try:
        return not path.exists()
    except OSError:  # its folder may not be looked into: SQLite will say so
        return False


def living_owners(path: Path) -> list[Owner]:
    """The living owners of the log at `path`; none where nothing can be read that names any.

    Raises:
        RunError: the file cannot be opened.
    """
    if is_missing(path):
        return []
    try:
        with contextlib.closing(trialfile.connect(path)) as connection:
            return [owner for owner in owners.read_owners(connection) if owner.is_alive()]
    except trialfile.ERRORS as error:
        if _reason(error) is None:
            return []
        raise explain(path, error) from error


def salvage(path: Path, identity: str | None = None) -> tuple[str | None, list[Row]]:
    """The identity and the rows that can still be read of a corrupt file.

    Args:
        path: the file.
        identity: the one to go by if the file's own cannot be read.
    """
    rows: dict[str, Row] = {}
    with contextlib.suppress(*trialfile.ERRORS), contextlib.closing(trialfile.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # a wrong piece of the schema then spoils only itself
        with contextlib.suppress(*trialfile.ERRORS, RunError):
            identity = trialfile.read_identity(connection, path) or identity
        for rowid in _rowids(connection) if identity else ():
            # also what JSON and the unpacking say of a row that is not one
            with contextlib.suppress(*trialfile.ERRORS, ValueError, TypeError, AttributeError):
                row = Row(*connection.execute(f"{trialfile.SELECT} WHERE rowid = ?", (rowid,)).fetchone())
                row.record(str(identity))
                rows[row.key] = row
    return identity, sorted(rows.values(), key=lambda row: (row.number, row.asked_at))


def _rowids(connection: sqlite3.Connection) -> list[int]:
    """As many as can be found: from both ends up to a page that is unreadable, and from the index."""
    found: set[int] = set()
    for order in ("NOT INDEXED ORDER BY rowid", "NOT INDEXED ORDER BY rowid DESC", "ORDER BY key", "ORDER BY key DESC"):
        with contextlib.suppress(*trialfile.ERRORS):
            for (rowid,) in connection.execute(f"SELECT rowid FROM trials {order} LIMIT 1000000"):
                found.add(rowid)
    return sorted(found)


def recover(path: Path, identity: str | None) -> int:
    """As `TrialLog.recover`, with the identity as JSON."""
    if is_missing(path):
        raise RunError(f"cannot recover '{path}': there is no such file")
    for owner in living_owners(path):
        raise RunError(f"cannot recover '{path}': process {owner.pid} on host {owner.host} is using it")
    found, rows = salvage(path, identity)
    answers = sum(row.number > 0 for row in rows)
    if found is None or not answers:
        raise RunError(f"cannot recover '{path}': none of its answers can be read")
    _replace(path, found, rows)
    return answers


def _replace(path: Path, identity: str, rows: list[Row]) -> None:
    """Put a new log with these rows in the place of the one at `path`, which is kept."""
    fresh = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}")
    try:
        opened = contextlib.closing(trialfile.connect(fresh, "rwc"))
        with opened as connection, trialfile.transaction(connection):
            trialfile.prepare(connection, path, identity)
            for row in rows:
                (row if row.number else row._replace(state="asked", owner="")).write(connection)
        journal = path.with_name(f"{path.name}-journal")
        kept = _free_name(path)
        shutil.copyfile(path, kept)
        if journal.exists():  # left behind, it would be played back into the new file
            journal.replace(kept.with_name(f"{kept.name}-journal"))
        fresh.replace(path)
    except sqlite3.Error as error:
        raise RunError(f"cannot recover '{path}': {_reason(error) or error}") from error
    except OSError as error:
        raise RunError(f"cannot recover '{path}': {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _free_name(path: Path) -> Path:
    """A new, empty file NAME.corrupt, NAME.corrupt2, ..."""
    for n in itertools.count(1):
        kept = path.with_name(f"{path.name}.corrupt{n if n > 1 else ''}")
        with contextlib.suppress(FileExistsError):
            kept.touch(exist_ok=False)
            return kept
    raise AssertionError


def _reason(error: Exception) -> str | None:
    """What the user can do something about; None if the file is corrupt."""
    name = getattr(error, "sqlite_errorname", "")
    return next((text for start, text in _TROUBLE if name.startswith(start)), None)
