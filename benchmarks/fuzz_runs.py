"""The small search with trainings that `fuzz.py kills` and `fuzz.py troubles` disturb: a run of it, and its result."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz_cases import LIMITED
from safetensors import safe_open
from safetensors.numpy import load_file

from grids.cli import main

COMMAND = (
    *("group", "photos", "--degradations", "gaussian_noise,jpeg,gaussian_blur", "--iterations", "12", "--crop", "16"),
    *("--batch", "2", "--network", "unet", "--from-scratch", "--precision", "fp32", "--device", "cpu"),
    *("--delta", "0.05", *LIMITED),
)
NOBODY = 65534


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, the lines on its stderr, and what it left that it should not, or ""."""

    code: int
    said: list[str]
    fault: str


def begin(out: Path, err: str = "err", as_nobody: bool = False) -> int:
    """Run the command in a fork, whose number is returned; `end` waits for it.

    Args:
        out: its run folder.
        err: a file for what it prints.
        as_nobody: root is stopped by no permissions.
    """
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what runs behind it
    for number in (1, 2):
        os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if as_nobody:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        main([*COMMAND, "--out", str(out)])
    except SystemExit as stop:
        os._exit(int(stop.code or 0))
    finally:
        os._exit(99)  # a traceback is an error of its own


def end(child: int, out: Path, act: Callable[[], object] | None = None, moment: float = 0.0, err: str = "err") -> Ended:
    """Wait for a run to end; after so many seconds, where it still goes on, act on it."""
    until, done, status = time.monotonic() + moment, 0, 0
    while act is not None and time.monotonic() < until and not done:
        time.sleep(0.005)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        if act is not None:
            act()
        _, status = os.waitpid(child, 0)
    said = Path(err).read_text().strip().splitlines()
    return Ended(code := os.waitstatus_to_exitcode(status), said, _fault(out, code, said))


def _fault(out: Path, code: int, said: list[str]) -> str:
    if len(said) > 1:
        return f"{len(said)} lines on stderr, the last: {said[-1]}"
    if code > 0 and not said:
        return f"exit code {code} without a word"
    for file in [*out.glob("*.json"), *out.glob("models/*.json")]:
        try:
            json.loads(file.read_text())
        except ValueError:
            return f"half of {file.name}"
    return ""


def result(folder: Path) -> dict[str, Any]:
    """What a run folder holds, without the times: records, and the weights of every restorer with their record."""
    files = [folder / name for name in ("groups.json", "training.json", "settings.json")]
    found: dict[str, Any] = {file.name: _timeless(json.loads(file.read_text())) for file in files if file.exists()}
    for file in sorted(folder.glob("models/*.safetensors")):
        with safe_open(file, "np") as content:
            record = {key: _timeless(json.loads(text)) for key, text in (content.metadata() or {}).items()}
        found[file.name] = (record, {key: value.tobytes() for key, value in load_file(file).items()})
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key != "seconds"}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def differing(whole: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The files that differ, or are only in one of the two."""
    return [f"{name} differs" for name in sorted(whole.keys() | other.keys()) if whole.get(name) != other.get(name)]
