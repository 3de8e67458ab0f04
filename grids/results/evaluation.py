"""How good a restorer is on photographs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Score(NamedTuple):
    """One photograph of one task: PSNR (dB) and SSIM against the target, before and after; RGB, 8 bit, whole."""

    task: str
    photograph: str
    input_psnr: float
    input_ssim: float
    psnr: float
    ssim: float

    @property
    def gain(self) -> float:
        """What the restorer adds, dB."""
        return self.psnr - self.input_psnr


@dataclass(frozen=True)
class Evaluation:
    """A restorer measured on photographs.

    Args:
        model: its file.
        network: its preset.
        seed: of the degrading.
        scores: task by task.
        pairs: those of the tasks whose inputs were given, not made.
    """

    model: str
    network: str
    seed: int
    scores: tuple[Score, ...]
    pairs: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in the order in which they were wanted."""
        return tuple(dict.fromkeys(score.task for score in self.scores))

    def of(self, task: str) -> tuple[Score, ...]:
        """The scores of a task."""
        return tuple(score for score in self.scores if score.task == task)

    def mean(self, task: str) -> Score:
        """The mean over the photographs of a task; its photograph is empty."""
        return mean_score(task, self.of(task))

    def to_json(self) -> dict[str, Any]:
        """Means by task and all single scores."""
        tasks = {
            task: {"photographs": len(self.of(task)), **_record(self.mean(task), ("task", "photograph"))}
            for task in self.tasks
        }
        return {**asdict(self), "tasks": tasks, "scores": [_record(score) for score in self.scores]}

    def to_csv(self) -> str:
        """One line for each photograph of each task."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*Score._fields, "gain"))
        writer.writerows((*score, score.gain) for score in self.scores)
        return stream.getvalue()


def mean_score(task: str, scores: Sequence[Score]) -> Score:
    """The mean of some scores, under a name."""
    values = [sum(column) / len(scores) for column in zip(*(score[2:] for score in scores), strict=True)]
    return Score(task, "", *values)


def _record(score: Score, without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in (score._asdict() | {"gain": score.gain}).items() if name not in without}
