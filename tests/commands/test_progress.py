"""How long trainings still take, as they are told."""

from __future__ import annotations

import pytest

from grids.commands.progress import Progress
from grids.results import TrainingRun
from grids.results.training import Point


def finished(progress: Progress, tasks: int, steps: int, seconds: float) -> None:
    group = ("jpeg", "ringing", "inpainting")[:tasks]
    progress.finished(TrainingRun(group, 0, (Point(steps, 1.0, dict.fromkeys(group, 30.0)),), seconds), reused=False)


def test_the_time_left_is_that_of_the_steps_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=False)
    progress.expects(3, [3000, 1000, 1000, 1000])
    finished(progress, 3, 3000, 180.0)
    assert "all tasks: 30.00 dB on average; about 3 more, 3 min" in capsys.readouterr().err  # not three times 180 s
    for left in (2, 1):
        finished(progress, 1, 1000, 60.0)
        assert f"; about {left} more, {left} min" in capsys.readouterr().err
    finished(progress, 1, 1000, 60.0)
    assert capsys.readouterr().err.endswith(": 30.00 dB\n")
    progress.left = 6  # as a search says
    finished(progress, 2, 2000, 120.0)
    assert "; about 5 more, 10 min" in capsys.readouterr().err  # as large as that one
