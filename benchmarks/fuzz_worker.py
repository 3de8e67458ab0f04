"""One process that runs cases of `fuzz.py` one after another, and what is watched from outside: its time and memory."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import re
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz_cases import Case
from fuzz_values import MARKER

from grids.cli import run
from grids.errors import GridsError
from grids.images import IMAGE_SUFFIXES, read_photo

SECONDS, GIB = 10.0, 2.0
"""A case that takes more is a finding."""
FRAMES = 3
"""So many of a traceback's last frames tell one finding from another."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    code: the command's; None where it ended otherwise.
    error: what it printed on file descriptor 2, or the traceback.
    complaint: what is wrong, in a few words that are the same for the same fault; "" where nothing is.
    seconds, gib: what it took, at its peak.
    """

    code: int | None
    error: str = ""
    complaint: str = ""
    seconds: float = 0.0
    gib: float = 0.0


class Worker:
    """A forked process that gets cases by their numbers.

    Args:
        make: the case of a number.
        here: the folder of the sound files.
        folder: a folder of its own to work in.
    """

    def __init__(self, make: Callable[[int], Case], here: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        context = get_context("fork")  # the libraries are imported once
        self.connection, other = context.Pipe()
        self.folder, self.number, self.begun, self.cases = folder, -1, 0.0, 0
        self._process = context.Process(target=_serve, args=(other, make, here, folder), daemon=True)
        sys.stdout.flush()
        self._process.start()
        other.close()

    def begin(self, number: int) -> None:
        """Hand it a case."""
        self.number, self.begun = number, time.monotonic()
        self.cases += 1
        self.connection.send(number)

    def outcome(self) -> Outcome | None:
        """What came of its case: None while it runs. A process that is dead, too slow or too large is ended."""
        with contextlib.suppress(EOFError, ConnectionError):
            if self.connection.poll():
                found: Outcome = self.connection.recv()
                return found
            seconds, gib = time.monotonic() - self.begun, self._gib()
            if seconds < SECONDS and gib < GIB:
                return None
            what = f"more than {GIB:g} GiB" if gib >= GIB else f"more than {SECONDS:g} s"
            self.close()
            return Outcome(None, self._stack(), f"{what} {self._where()}", seconds, gib)
        self._process.join()
        what = f"the process died with {self._process.exitcode}"
        return Outcome(None, self._stack(), f"{what} {self._where()}", time.monotonic() - self.begun)

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return not self._process.is_alive()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()

    def _gib(self) -> float:
        with contextlib.suppress(OSError, IndexError):
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 2**30
        return 0.0

    def _stack(self) -> str:
        return (self.folder / "stack").read_text(errors="replace")[-4000:]

    def _where(self) -> str:
        found = re.findall(r'File ".*?([^/"]+)", line \d+ in (\S+)', self._stack())
        return "in " + " < ".join(f"{file}:{name}" for file, name in found[:FRAMES]) if found else ""


def _serve(connection: Connection, make: Callable[[int], Case], here: Path, folder: Path) -> None:
    """The process: until the pipe is closed."""
    streams = [os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC) for name in ("out", "err")]
    for number, stream in enumerate(streams, 1):  # the descriptors: C libraries write there, too
        os.dup2(stream, number)
    stack = (folder / "stack").open("w")
    faulthandler.enable(stack)
    warnings.simplefilter("always", UserWarning)  # Python shows a warning once a place, which is once a command
    warnings.simplefilter("always", RuntimeWarning)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            case = make(connection.recv())
            stack.truncate(0)
            stack.seek(0)
            faulthandler.dump_traceback_later(SECONDS * 0.95, file=stack)
            found = run_case(case, here, folder / "case", streams)
            faulthandler.cancel_dump_traceback_later()
            connection.send(found)


def lay_out(case: Case, here: Path, place: Path) -> None:
    """Put the damaged file and what belongs beside it into an empty folder."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for one in case.beside:
        name, _, target = one.partition("=")
        copy: Callable[..., Any] = shutil.copytree if (here / name).is_dir() else shutil.copyfile
        copy(here / name, place / (target or name))
    (place / case.place).write_bytes(case.data)


def run_case(case: Case, here: Path, place: Path, streams: list[int]) -> Outcome:
    """Run a case in this process, whose descriptors 1 and 2 are files."""
    lay_out(case, here, place)
    os.chdir(place)
    for stream in streams:
        os.truncate(stream, 0)
    _forget_peak()
    start, code, complaint, trace = time.monotonic(), None, "", ""
    try:
        code = run([word.replace("HERE", str(here)) for word in case.command])
    except BaseException as error:  # all of them are findings
        trace = traceback.format_exc()
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        complaint = f"{type(error).__name__} in " + " < ".join(
            f"{Path(f.filename).name}:{f.name}" for f in frames[::-1]
        )
    seconds = time.monotonic() - start
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = (_content(stream) for stream in streams)
    gib = _peak()
    if seconds >= SECONDS or gib >= GIB:
        complaint = complaint or f"more than {SECONDS:g} s or {GIB:g} GiB"
    complaint = complaint or _complaint(case, code, out, err, place)
    return Outcome(code, trace or err[-4000:], complaint, seconds, gib)


def _complaint(case: Case, code: int | None, out: str, err: str, place: Path) -> str:
    lines = err.strip().splitlines()
    if (place / MARKER).exists():
        return "a pickle was run"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if len(lines) > 1 or "Traceback" in err:
        return f"{len(lines)} lines on stderr: " + re.sub(r"'.*?'|0x\w+|[\d.]+", "#", lines[0])[:80]
    if code and not lines:
        return f"exit code {code} without a word"
    if not code and "--json" in case.command and (wrong := _json_error(out)):
        return f"{wrong} on stdout of {case.command[0]} --json"
    return _wrong_file(place, code)


def _wrong_file(place: Path, code: int | None) -> str:
    """What is wrong with the files that a command left, in a few words."""
    for file in sorted(place.rglob("*")):
        if _TEMPORARY.fullmatch(file.name):
            return "a temporary file is left"
        if not file.is_relative_to(place / "out") or file.is_dir():
            continue
        if file.suffix in IMAGE_SUFFIXES:
            if code:
                return f"a {file.suffix} of a command that failed"
            try:
                read_photo(file)
            except GridsError as error:
                return f"a {file.suffix} that cannot be read: " + re.sub(r"'.*?'", "", str(error))
        elif file.suffix == ".json" and (wrong := _json_error(file.read_text())):
            return f"{wrong} in {file.name}"
    return ""


def _json_error(text: str) -> str:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return f"no JSON ({error})"[:60]
    return ""


def _content(stream: int) -> str:
    os.lseek(stream, 0, os.SEEK_SET)
    return os.read(stream, 10_000_000).decode("utf-8", "replace")


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # where it may not be forgotten, the peak of earlier cases counts, too
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """GiB of memory at most since `_forget_peak`."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
        return int(found[1]) / 2**20 if found else 0.0
    return 0.0
