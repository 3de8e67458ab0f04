"""Who works on a log of trials, and whether they still do."""

from __future__ import annotations

import os
import platform
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BEAT = 10.0
"""Seconds between two signs of life of an owner."""
SILENCE = 60.0
"""An owner that cannot be looked up here is taken for dead after so many seconds without a sign of life."""
TABLE = (
    "CREATE TABLE workers (token TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, place TEXT NOT NULL,"
    " pid INTEGER NOT NULL, started TEXT NOT NULL, heartbeat REAL NOT NULL)"
)
_OPEN: set[str] = set()  # the tokens of this process that are in use


class Owner(NamedTuple):
    """One open log in one process.

    Args:
        token: its own, also where a process has opened the log twice.
        host: name of the machine.
        place: which boot of it, and which container: only there does `pid` mean anything. Empty where not known.
        pid: of the process.
        started: when the process started, so that another one with its pid is told apart. Empty where not known.
        heartbeat: the last sign of life, seconds since 1970.
    """

    token: str
    host: str
    place: str
    pid: int
    started: str
    heartbeat: float

    @classmethod
    def new(cls) -> Owner:
        """An owner in this process, alive until `retire`."""
        token = secrets.token_hex(8)
        _OPEN.add(token)
        return cls(token, platform.node(), _place(), os.getpid(), _started(os.getpid()), time.time())

    @property
    def is_here(self) -> bool:
        """Whether this process is its process."""
        return self._is_near and self.pid == os.getpid() and self.started == _started(self.pid)

    @property
    def _is_near(self) -> bool:
        return (self.host, self.place) == (platform.node(), _place())

    def is_alive(self) -> bool:
        """Whether it may still answer: looked up where that is possible, else by its last sign of life."""
        if self.is_here:
            return self.token in _OPEN
        if self._is_near and os.name != "nt":  # on Windows, signal 0 is not a question
            return _runs(self.pid, self.started)
        return time.time() - self.heartbeat < SILENCE

    def sign(self, connection: sqlite3.Connection) -> None:
        """Write that it is alive now."""
        row = self._replace(heartbeat=time.time())
        connection.execute("INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?, ?, ?)", row)


def retire(token: str) -> None:
    """From now on this owner, of this process, is dead."""
    _OPEN.discard(token)


def read_owners(connection: sqlite3.Connection) -> Iterator[Owner]:
    """All owners that a log knows of, dead ones too."""
    for row in connection.execute("SELECT token, host, place, pid, started, heartbeat FROM workers ORDER BY rowid"):
        owner = Owner(*row)
        if isinstance(owner.pid, int) and isinstance(owner.heartbeat, float):  # else the file is corrupt here
            yield owner


def living_tokens(connection: sqlite3.Connection) -> set[str]:
    """The tokens of the owners that are alive."""
    return {owner.token for owner in read_owners(connection) if owner.is_alive()}


def bury(connection: sqlite3.Connection) -> None:
    """Forget the owners that are dead."""
    for owner in list(read_owners(connection)):
        if not owner.is_alive():
            connection.execute("DELETE FROM workers WHERE token = ?", (owner.token,))


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none where it cannot be read."""
    try:
        # the second field is the program's name, which may hold anything but ends with the last parenthesis
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _runs(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is someone else's
        pass
    fields = _stat(pid)
    if len(fields) <= 19:  # there is no /proc, or it hides other users' processes
        return True
    return fields[0] not in "ZX" and started in ("", fields[19])  # Z: killed, but its parent has not looked yet
