"""How names, numbers and times are written."""

from __future__ import annotations

import math

import pytest

from grids.reports.text import percent, time_text, visible


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 %"), (0.009, "<1 %"), (0.71, "71 %"), (0.999, ">99 %"), (1, "100 %"), (math.nan, "-")],
)
def test_shares_are_written_in_percent(value: float, expected: str) -> None:
    assert percent(value) == expected


@pytest.mark.parametrize(
    "seconds, expected",
    [(0, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_times_are_written_in_their_unit(seconds: float, expected: str) -> None:
    assert time_text(seconds) == expected


EVIL = "a\x1b[31mred\x07\x9b2J\u202egnp.exe"
WRITTEN = r"a\x1b[31mred\x07\x9b2J\u202egnp.exe"


def test_control_characters_are_written_out() -> None:
    assert visible(EVIL) == WRITTEN
    assert visible("one\n\ttwo é 写 \N{NO-BREAK SPACE}x") == "one\n\ttwo é 写 \N{NO-BREAK SPACE}x"
    assert visible("a\nb\udce9", keep="") == r"a\nb\udce9"
