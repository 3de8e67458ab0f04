"""`fuzz.py kills`: a small search with trainings is killed at random and resumed; its result must be the same."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from functools import partial
from pathlib import Path
from random import Random

from common import table
from fuzz_fixtures import grids, make_photographs, shrink_networks
from fuzz_runs import COMMAND, begin, differing, end, result

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
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
        again = end(begin(Path("again")), Path("again"))
        whole, seconds = result(Path("whole")), time.monotonic() - start
        faults += [again.fault or str(again.said)] if again.code else differing(whole, result(Path("again")))
        while kills < count and runs < MOST * count:
            runs += 1
            broken, code = Path(f"broken-{runs}"), -1
            while code != 0:
                sent = SIGNALS[kills % len(SIGNALS)] if kills < count else None
                moment = rng.uniform(0, seconds)
                child = begin(broken)
                found = end(child, broken, partial(os.kill, child, sent) if sent else None, moment)
                code, hit = found.code, sent is not None and found.code in (-sent, 128 + sent)
                kills += hit
                if code and not hit:
                    faults.append(f"run {runs} ends by itself: exit code {code}: {found.said}")
                    break
                faults += [found.fault] if found.fault else []
                rows.append(
                    (runs, sent.name if sent and hit else "-", f"{moment:.2f}" if hit else "", code, found.fault)
                )
            faults += (differs := differing(whole, result(broken)))
            if differs:
                shutil.copytree(broken, keep / f"kills-{seed}-{runs}", dirs_exist_ok=True)
            shutil.rmtree(broken)
    if kills < count:
        faults.append(f"only {kills} of {count} kills hit a run")
    print(table(("run", "signal", "after s", "exit code", "fault"), rows))
    print(f"\nseed {seed}, the unbroken run takes {seconds:.1f} s; {kills} kills, {runs} results, {len(faults)} faults")
    print("\n".join(faults))
    return len(faults)
