"""Writing files so that a crash, a full disk or Ctrl-C leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from grids.errors import RunError


def make_folder(folder: Path) -> Path:
    """Make `folder` (with its parents) and see that it can be written to.

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


def write_bytes(path: Path, data: bytes | memoryview) -> Path:
    """Write `data` to `path` in one step: into a temporary file beside it, which then takes its place.

    Raises:
        RunError: the file cannot be written (full disk, read-only folder, ...); what was there stays.
    """
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            stream.write(data)
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


def write_text(path: Path, text: str) -> Path:
    """`write_bytes` for text, as UTF-8 with line feeds; parts of file names that are no text are escaped."""
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
        RunError: it is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RunError(f"cannot read '{path}': {reason}") from error
