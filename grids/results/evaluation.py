"""How good a restorer is on photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from grids.cells import frame_to_csv

if TYPE_CHECKING:
    import pandas as pd


class Score(NamedTuple):
    """One photograph of one task: how near it is to its target before and after restoring.

    Args:
        task: the name of the degradation.
        photograph: its name; "" for a mean over several.
        input_psnr: PSNR of the degraded photograph against its target, dB (RGB, 8 bit, the whole photograph).
        input_ssim: SSIM of the degraded photograph against its target, at most 1.
        psnr: PSNR of the restored photograph, dB, measured likewise.
        ssim: SSIM of the restored photograph.
        saved: what was done to the degraded photograph before it was restored: "" nothing, or "JPEG 90".
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
        """What the restorer adds to the PSNR.

        Returns:
            dB; negative where the restored photograph is farther from its target than the degraded one.

        >>> Score("jpeg", "a.png", 30.0, 0.9, 31.5, 0.92).gain
        1.5
        """
        return self.psnr - self.input_psnr


@dataclass(frozen=True)
class Evaluation:
    """A restorer measured on photographs.

    Args:
        model: the file of its weights.
        network: the name of its preset.
        seed: of the random numbers that the photographs were degraded by.
        scores: one for each photograph of each task (and each way of saving in between), task by task.
        pairs: the tasks whose degraded photographs were given as files; those of the others were made.
    """

    model: str
    network: str
    seed: int
    scores: tuple[Score, ...]
    pairs: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that were measured.

        Returns:
            Each name once, in the order in which the scores first name it. `Evaluation.pairs` are among them.
        """
        return tuple(dict.fromkeys(score.task for score in self.scores))

    @property
    def saved(self) -> tuple[str, ...]:
        """In which ways the photographs were measured.

        Returns:
            Each way once, in the order of the scores: "" for photographs that were restored as they were degraded,
            "JPEG 90" for those that were saved as JPEG of quality 90 in between.
        """
        return tuple(dict.fromkeys(score.saved for score in self.scores))

    def of(self, task: str, saved: str = "") -> tuple[Score, ...]:
        """The scores of one task, measured in one way.

        Args:
            task: the name of the task.
            saved: the way, see `Evaluation.saved`; "" for photographs that were not saved in between.

        Returns:
            One score for each photograph, in the order of `scores`; empty where nothing was measured so.
        """
        return tuple(score for score in self.scores if (score.task, score.saved) == (task, saved))

    def mean(self, task: str, saved: str = "") -> Score:
        """The mean score over the photographs of one task.

        Args:
            task: the name of the task.
            saved: as for `of`.

        Returns:
            The mean, see `mean_score`.

        Raises:
            ValueError: nothing was measured so.
        """
        return mean_score(task, self.of(task, saved))

    def to_json(self) -> dict[str, Any]:
        """All results as JSON can hold them.

        Returns:
            "model", "network", "seed" and "pairs"; under "tasks" for each task the number of "photographs" and the
            means of PSNR, SSIM (before and after) and gain, those after JPEG 90 in an object "saved" of their own;
            under "scores" every single score with its gain. PSNR and gain are in dB.
        """
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
        """All single scores as a table.

        Returns:
            One row for each score, in their order: the fields of `Score`, then "gain" in dB. The index counts from 0.
        """
        import pandas as pd

        frame = pd.DataFrame(self.scores, columns=list(Score._fields))
        return frame.assign(gain=frame["psnr"] - frame["input_psnr"])

    def to_csv(self) -> str:
        """All single scores as CSV, the table of `to_frame` without its index.

        Returns:
            A header and one line for each score. Texts that a spreadsheet would compute are made safe, see
            `grids.cells.to_cell`.
        """
        return frame_to_csv(self.to_frame(), index=False)


def mean_score(task: str, scores: Sequence[Score]) -> Score:
    """Average PSNR and SSIM over some scores, before and after restoring.

    Args:
        task: the name that the mean gets.
        scores: at least one.

    Returns:
        The arithmetic means (PSNR is averaged in dB), without a photograph, `saved` as in the first score. One
        photograph with a PSNR of inf makes that mean inf.

    Raises:
        ValueError: there are no scores.
    """
    if not scores:
        raise ValueError(f"there are no scores of '{task}'")
    before, before_ssim, after, after_ssim = (
        sum(column) / len(scores) for column in zip(*(score[2:6] for score in scores), strict=True)
    )
    return Score(task, "", before, before_ssim, after, after_ssim, scores[0].saved)


def _record(score: Score, without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in (score._asdict() | {"gain": score.gain}).items() if name not in without}
