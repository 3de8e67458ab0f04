"""Files: written so that a crash, a full disk or Ctrl-C leaves the old or the new one, and locked by a process."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grids.errors import GridsError, InUseError, RunError

STDIO = Path("-")
"""Standard input or output, in place of a file."""
DEPTH = 64
"""Objects and lists within one another that JSON may hold; what walks through them later would end at some hundreds."""
_TOO_DEEP = f"its objects and lists lie more than {DEPTH} deep in one another"


def make_folder(folder: Path) -> Path:
    """Make a folder, with its parents, and see that files can be written into it.

    Whether they can is tried with a temporary file, which is gone afterwards.

    Args:
        folder: it may exist already, with files in it.

    Returns:
        The folder, as it was given.

    Raises:
        RunError: it is a file, or it cannot be made or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"cannot write to the folder '{folder}': it is a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunError(f"cannot write to the folder '{folder}': {error.strerror or error}") from error
    return folder


def find_target(path: Path) -> Path:
    """The file that writing to a path makes or replaces: where links lead. Nothing is made or changed.

    Args:
        path: of a regular file, a link to one, or something that does not exist yet.

    Returns:
        The absolute path without links.

    Raises:
        RunError: what is there is no regular file (a folder, a pipe, a device, ...), or its links go in a circle.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG
    except (OSError, ValueError) as error:
        raise RunError(f"cannot write '{path}': {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise RunError(f"cannot write '{path}': it is {what}; results are written to a regular file, or a new one")
    return Path(os.path.realpath(path))


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_writable(path: Path) -> Path:
    """Find out whether a result can be written, before hours of work are spent on it. Nothing is made yet.

    The nearest folder above that exists is tried with a temporary file, which is gone afterwards.

    Args:
        path: the file to write later; "-" for standard output, of which nothing is checked.

    Returns:
        `find_target` of the path; "-" as it is.

    Raises:
        RunError: as `find_target`, or the folder is a file or cannot be written to.
    """
    if path == STDIO:
        return path
    target = find_target(path)
    folder = next(one for one in target.parents if os.path.lexists(one))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except NotADirectoryError as error:
        raise RunError(f"cannot write '{path}': '{folder}' is a file, not a folder") from error
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"cannot write '{path}': nothing can be written to the folder '{folder}' ({reason})") from error
    return target


def write_bytes(path: Path, data: bytes | memoryview, *, parents: bool = True) -> Path:
    """Write a file in one step: into a temporary file beside it, which then takes its place.

    A reader, a crash or a full disk meets the old content or the new one, never a part. Links are followed: they stay,
    and what they lead to is replaced.

    Args:
        path: a regular file, or a new one; "-" for standard output, to which the bytes go directly.
        data: its content.
        parents: make its folder where that is missing; without, that is an error.

    Returns:
        The path, as it was given.

    Raises:
        RunError: the file cannot be written (full disk, read-only folder, a pipe, ...); what was there stays.
        BrokenPipeError: nobody reads standard output any more.
    """
    if path == STDIO:
        if sys.stdout is None:
            raise RunError("cannot write to standard output: it is closed")
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has gone, which the command line knows how to end with
            raise
        except OSError as error:
            raise RunError(f"cannot write to standard output: {error.strerror or error}") from error
        return path
    target = find_target(path)
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}")
    try:
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            stream.write(data)
        temporary.replace(target)
    except OSError as error:
        raise RunError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text file in one step, as `write_bytes` does.

    Args:
        path: as for `write_bytes`.
        text: written as UTF-8, its line ends as they are on every system. Parts of file names that are no text (lone
            surrogates) are written as backslash escapes.

    Returns:
        The path, as it was given.

    Raises:
        RunError, BrokenPipeError: as for `write_bytes`.
    """
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. All kinds of line ends become line feeds.

    Args:
        path: the file.

    Returns:
        Its whole content.

    Raises:
        RunError: it is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RunError(f"cannot read '{path}': {reason}") from error


def parse_json(text: str) -> Any:
    """What a JSON text holds, as dicts, lists, texts, numbers, bools and None.

    Args:
        text: the JSON, of whatever source: what would break later work is refused here.

    Returns:
        The value, its dicts and lists at most `DEPTH` (64) deep in one another.

    Raises:
        GridsError: it is not JSON, is nested deeper than `DEPTH`, or has a whole number of thousands of digits.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise GridsError(f"it is not JSON ({error})") from error
    except ValueError as error:  # Python's limit of 4,300 digits
        raise GridsError("a whole number in it has too many digits") from error
    except RecursionError as error:
        raise GridsError(_TOO_DEEP) from error
    level = [value]
    for _ in range(DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [part for parts in inner for part in parts]
    if any(isinstance(one, dict | list) for one in level):
        raise GridsError(_TOO_DEEP)
    return value


@contextlib.contextmanager
def locked(what: Path, file: Path) -> Iterator[Callable[[], bool]]:
    """Hold a lock: inside the `with` block no other process has it. It ends with the process, however that ends.

    Nobody waits for a lock: where it is taken, that is an error at once.

    Args:
        what: the folder or file that is to be used by one process alone, for messages.
        file: the lock; who holds it since when is written beside it, in NAME.holder. Both stay behind only where the
            process is killed.

    Yields:
        A function without arguments that tells whether the lock is still there: where its folder was deleted, another
            process may have made another one of that name.

    Raises:
        InUseError: another process, or another part of this one, holds it; the message says which.
        RunError: it cannot be made.
    """
    from filelock import FileLock, Timeout  # a tenth of a second, for those who lock

    holder = file.with_name(f"{file.name}.holder")
    lock = FileLock(file, thread_local=False)  # the thread that ends the work may be another one
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            raise InUseError(f"'{what}' is in use by {holder.read_text(encoding='utf-8')}") from error
        raise InUseError(f"'{what}' is in use by another process") from error
    except (OSError, NotImplementedError) as error:  # the latter of file systems without locks
        raise RunError(f"cannot lock '{what}': {getattr(error, 'strerror', None) or error}") from error
    place = _place(file)

    def is_there() -> bool:
        return place is not None and _place(file) == place

    try:
        since = datetime.datetime.now().astimezone()
        with contextlib.suppress(RunError):  # it is for messages alone
            write_text(holder, f"process {os.getpid()} on host {platform.node()}, since {since:%Y-%m-%d %H:%M:%S}")
        yield is_there
    finally:
        # the lock while it is held, by its place: filelock sees when one that it took is gone
        for mark in (holder, file) if is_there() else ():
            with contextlib.suppress(OSError):
                mark.unlink()
        lock.release()


def _place(file: Path) -> tuple[int, int] | None:
    """What tells a file from others of its name; None where it is gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
