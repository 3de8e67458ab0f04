"""`grids compare`: what it prints and writes, and one line for what is no run."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import KINDS, Call, check_one_line, files_under


def test_runs_are_compared(measure: Call, call: Call, here: Path) -> None:
    measure("--out", "run", "--quiet")
    code, out, err = call("compare", "builtin", "run", "--out", "comparison")
    assert (code, err) == (0, "")
    assert out.startswith("builtin -> run: 3 common degradations, 3 pairs")
    assert "report   comparison/report.html" in out
    assert files_under(here / "comparison") == {"comparison.json", "heatmaps.png", "heatmaps.svg", "report.html"}
    code, out, _ = call("compare", "builtin", "run", "run/similarity.json", "--json")
    assert [record["common"] for record in json.loads(out)] == [KINDS.split(",")] * 2
    assert call("compare", "builtin", "run", "--quiet") == (0, "", "")


def test_what_is_no_run_is_refused(call: Call, here: Path) -> None:
    (here / "words.json").write_text("words")
    (here / "list.json").write_text("[1]")
    check_one_line(call("compare", "builtin", "words.json"), "words.json")
    check_one_line(call("compare", "builtin", "list.json"), "no similarity matrix")
    check_one_line(call("compare", "builtin", "."), "similarity.json")
