"""`fuzz.py kills`: a small search with trainings is killed at random and resumed; its result must be the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from common import table
from fuzz_cases import LIMITED
from fuzz_fixtures import grids, make_photographs, shrink_networks
from safetensors import safe_open
from safetensors.numpy import load_file

from grids.cli import main

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
COMMAND = (
    *("group", "photos", "--degradations", "gaussian_noise,jpeg,gaussian_blur", "--iterations", "12", "--crop", "16"),
    *("--batch", "2", "--network", "unet", "--from-scratch", "--precision", "fp32", "--device", "cpu"),
    *("--delta", "0.05", *LIMITED),
)


MOST = 5
"""Runs for a kill, at most: some end before their moment comes."""


def kill_and_resume(count: int, seed: int, keep: Path) -> int:
    """Kill so many runs, print what came of each, and return in how many ways a result differs from the unbroken one.

    Args:
        count: kills, each signal a third of them.
        seed: of the moments.
        keep: runs that end otherwise are copied there.
    """
    rng, kills, runs = Random(seed), 0, 0
    rows: list[tuple[object, ...]] = []
    faults: list[str] = []
    shrink_networks()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_photographs(Path(folder))
        grids(*COMMAND, "--out", "whole", here=Path(folder))  # in this process, whose forks need to import nothing
        start = time.monotonic()
        code, fault = _run(Path("again"), None, 0.0)
        whole, seconds = result(Path("whole")), time.monotonic() - start
        faults += [fault] if code else differing(whole, result(Path("again")))
        while kills < count and runs < MOST * count:
            runs += 1
            broken, code = Path(f"broken-{runs}"), -1
            while code != 0:
                sent = SIGNALS[kills % len(SIGNALS)] if kills < count else None
                moment = rng.uniform(0, seconds)
                code, fault = _run(broken, sent, moment)
                kills += sent is not None and code != 0
                faults += [fault] if fault else []
                rows.append((runs, sent.name if sent and code else "-", f"{moment:.2f}" if code else "", code, fault))
                if sent is None and code:
                    break
            faults += (found := differing(whole, result(broken)))
            if found:
                shutil.copytree(broken, keep / f"kills-{seed}-{runs}", dirs_exist_ok=True)
    if kills < count:
        faults.append(f"only {kills} of {count} kills hit a run")
    print(table(("run", "signal", "after s", "exit code", "fault"), rows))
    print(f"\nseed {seed}, the unbroken run takes {seconds:.1f} s; {kills} kills, {runs} results, {len(faults)} faults")
    print("\n".join(faults))
    return len(faults)


def _run(out: Path, sent: signal.Signals | None, moment: float) -> tuple[int, str]:
    """The exit code of the command in a fork, to which a signal is sent after so many seconds; and a fault, or ""."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what runs behind it
        for number in (1, 2):
            os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        try:
            main([*COMMAND, "--out", str(out)])
        except SystemExit as end:
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)  # a traceback is an error of its own
    until = time.monotonic() + moment
    done, status = 0, 0
    while sent is not None and time.monotonic() < until and not done:
        time.sleep(0.005)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        if sent is not None:
            os.kill(child, sent)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), _fault(out, os.waitstatus_to_exitcode(status), sent)


def _fault(out: Path, code: int, sent: signal.Signals | None) -> str:
    """What a run that was broken off should not have left, or said."""
    said = Path("err").read_text().strip().splitlines()
    if len(said) > 1:
        return f"{len(said)} lines on stderr after {sent.name if sent else 'no signal'}, the last: {said[-1]}"
    if code > 0 and sent is None:
        return f"exit code {code}: {said}"
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
