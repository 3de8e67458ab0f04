"""Names of files that command a terminal or a spreadsheet: written out in lines and pages, harmless in tables."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import grids
from grids.cli import run
from grids.commands import options
from grids.reports.html import restoring_page
from grids.results import Evaluation, Score, Selection, selections_csv

FORMULAS = ("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", "\tx", "\rx")
EVIL = "a\x1b[31mred\x07\x9b2J\u202egnp.exe"
WRITTEN = r"a\x1b[31mred\x07\x9b2J\u202egnp.exe"


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", FORMULAS)
def test_no_table_holds_a_formula(name: str) -> None:
    scores = (Score("jpeg", name, 30.0, 0.9, 29.5, 0.95),)
    header, row = cells(Evaluation("m", "unet", 0, scores).to_csv())
    assert row[header.index("photograph")] == f"'{name}"
    assert float(row[header.index("gain")]) == -0.5  # numbers stay numbers
    header, row = cells(selections_csv([Selection(image=name, verdict="clean", ranking=())]))
    assert row[header.index("image")] == f"'{name}"
    matrix = grids.SimilarityMatrix((name, "b"), np.array([[0.0, 1.0], [1.0, 0.0]]))
    header, first, second = cells(matrix.to_csv())
    assert (header[1], first[0], second[0]) == (f"'{name}", f"'{name}", "b")


def test_pairs_of_such_names_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("=cmd.png", "'=cmd.png", "@b.png", "c\r=x.png"):
        Image.new("RGB", (16, 16), (90, 120, 30)).save(Path("in") / name)
    assert run(["degrade", "in", "--kind", "jpeg", "-o", "pairs", "-q"]) == 0
    header, *rows = cells(Path("pairs/params.csv").read_bytes().decode())
    assert {row[header.index("file")] for row in rows} == {"'=cmd.png", "''=cmd.png", "'@b.png", "c\r=x.png"}
    assert run(["degrade", "in", "--params", "pairs/params.csv", "-o", "again", "-q"]) == 0
    assert Path("again/params.csv").read_bytes() == Path("pairs/params.csv").read_bytes()


def test_no_name_reaches_the_terminal_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Image.new("RGB", (16, 16)).save("in/good.png")
    (Path("in") / f"{EVIL}\n.png").write_bytes(b"no image")
    Path(EVIL).mkdir()
    assert run(["degrade", "in", "--kind", "jpeg", "-o", f"{EVIL}/out"]) == 0
    out, err = capsys.readouterr()
    assert f"1 pair in {WRITTEN}/out" in out and rf"skipped in/{WRITTEN}\n.png: " in err
    assert run(["degrade", f"in/{EVIL}\n.png", "--kind", "jpeg", "-o", "o.png"]) == 1
    err += capsys.readouterr().err
    assert run([EVIL]) == 1
    err += capsys.readouterr().err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + err)


def test_all_lines_are_printed_in_one_place() -> None:
    package = Path(grids.__file__).parent
    printing = re.compile(r"click\.echo\(|click\.secho\(|tqdm\.write\(|(?<![\w.])print\(|std(out|err)\.write\(")
    example = re.compile(r"^ *(>>>|\.\.\.) .*$", re.MULTILINE)
    texts = {file.relative_to(package).as_posix(): example.sub("", file.read_text()) for file in package.rglob("*.py")}
    found = {name for name, text in texts.items() if printing.search(text)}
    assert found == {"cli.py", "commands/options.py"}
    assert Path(options.__file__).read_text().count("click.echo(") == 1


def test_pages_hold_no_control_characters() -> None:
    page = restoring_page([], title=EVIL, skipped=[(f"<b>{EVIL}", "it is\x1b[0m damaged")])
    assert WRITTEN in page and "<b>a" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
