"""A program for tests: FOLDER MOMENTS FILES... makes all restorers of an experiment, in processes that are killed.

A moment is STEPS:SECONDS, so many steps after a process began and a while; the last process is left alone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
from training.tiny_trainings import NAMES, small, tiny_experiment

from grids.training.callbacks import NullCallbacks
from grids.training.evaluator import TrainingEvaluator


class Steps(NullCallbacks):
    """Says every step, with a byte."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def step(self, done: int) -> None:
        os.write(self.pipe, b".")


def work(folder: Path, files: Sequence[Path], callbacks: NullCallbacks | None = None) -> TrainingEvaluator:
    """Train both single-task restorers and the one of both, with a checkpoint after every step."""
    torch.set_num_threads(1)
    experiment = tiny_experiment(files, config=small(iterations=8, batch=2))
    evaluator = TrainingEvaluator(experiment, folder, every=0.0, callbacks=callbacks)
    evaluator(frozenset(NAMES))
    return evaluator


def main(folder: str, moments: str, *files: str) -> None:
    """The program. It ends with 1 where a process ends by itself, or fails to."""
    for moment in (*moments.split(","), ""):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            work(Path(folder), [Path(file) for file in files], Steps(write))
            os._exit(0)
        os.close(write)
        if moment:
            steps, seconds = moment.split(":")
            for _ in range(int(steps)):
                os.read(read, 1)
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(read)
        if os.waitstatus_to_exitcode(status) != (-signal.SIGKILL if moment else 0):
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
