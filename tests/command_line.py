"""What the tests of commands share: how a command is run in a process of its own, and how an error must look."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A shell that runs pytest in the background has its children ignore Ctrl-C: undo that.
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from grids.cli import main; main()"
KINDS = "gaussian_blur,jpeg,salt_pepper"

Output = tuple[int, str, str]
"""Exit code, stdout, stderr."""
Call = Callable[..., Output]


def typed(value: object) -> str:
    """The name of a case: its arguments as they are typed."""
    return " ".join(value) if isinstance(value, list) else "-"


def check_one_line(output: Output, reason: str, code: int = 1) -> None:
    """An error is one line on stderr that holds the reason, and nothing on stdout."""
    found, out, err = output
    assert (found, out) == (code, "")
    assert err.startswith("grids: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert reason.lower() in err.lower()


def files_under(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def command_of(*arguments: object) -> list[str]:
    """What runs a command in a process of its own."""
    return [sys.executable, "-c", MAIN, *map(str, arguments)]


def run_apart(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_of(*arguments), **{"capture_output": True, "text": True, "check": False, **options})
