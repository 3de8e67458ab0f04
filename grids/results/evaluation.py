"""How good a restorer is on photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from grids.io import frame_to_csv

if TYPE_CHECKING:
    import pandas as pd


class Score(NamedTuple):
    """One photograph of one task: PSNR (dB) and SSIM against the target, before and after; RGB, 8 bit, whole.

    `saved`: what was done to the degraded photograph before it was restored: "" nothing, or "JPEG 90".
    """

    task: str
    photograph: str
    input_psnr: float
    input_ssim: float
    psnr: float
    ssim: float
    saved: str = ""

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

    @property
    def saved(self) -> tuple[str, ...]:
        """How photographs were measured: "" as they were degraded, "JPEG 90" saved as that in between."""
        return tuple(dict.fromkeys(score.saved for score in self.scores))

    def of(self, task: str, saved: str = "") -> tuple[Score, ...]:
        """The scores of a task."""
        return tuple(score for score in self.scores if (score.task, score.saved) == (task, saved))

    def mean(self, task: str, saved: str = "") -> Score:
        """The mean over the photographs of a task; its photograph is empty. Raises ValueError where it has none."""
        return mean_score(task, self.of(task, saved))

    def to_json(self) -> dict[str, Any]:
        """Means by task, those after JPEG 90 under "saved", and all single scores."""
        tasks: dict[str, dict[str, Any]] = {}
        for task in self.tasks:
            means = {
                saved: _record(self.mean(task, saved), ("task", "photograph", "saved"))
                for saved in self.saved
                if self.of(task, saved)
            }
            tasks[task] = {"photographs": len(self.of(task)), **means.pop("", {})} | ({"saved": means} if means else {})
        return {**asdict(self), "tasks": tasks, "scores": [_record(score) for score in self.scores]}

    def to_frame(self) -> pd.DataFrame:
        """A row for each photograph of each task: the fields of `Score`, and the gain in dB."""
        import pandas as pd

        frame = pd.DataFrame(self.scores, columns=list(Score._fields))
        return frame.assign(gain=frame["psnr"] - frame["input_psnr"])

    def to_csv(self) -> str:
        """One line for each photograph of each task."""
        return frame_to_csv(self.to_frame(), index=False)


def mean_score(task: str, scores: Sequence[Score]) -> Score:
    """The mean of some scores, under a name."""
    if not scores:
        raise ValueError(f"there are no scores of '{task}'")
    before, before_ssim, after, after_ssim = (
        sum(column) / len(scores) for column in zip(*(score[2:6] for score in scores), strict=True)
    )
    return Score(task, "", before, before_ssim, after, after_ssim, scores[0].saved)


def _record(score: Score, without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in (score._asdict() | {"gain": score.gain}).items() if name not in without}
