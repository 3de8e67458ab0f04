"""Tables of drops: what is read, what is refused and how, and the published one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grids.errors import GridsError, RunError, UnknownNameError
from grids.search import Answer, DropTable

HEADER = "group,degradation,drop\n"
GOOD = HEADER + "jpeg+noise,jpeg,0.5\njpeg+noise,noise,-1e-1\nblur+jpeg+noise,*,2\n"
PAIR, TRIPLE = frozenset({"jpeg", "noise"}), frozenset({"jpeg", "noise", "blur"})
ANSWERS = {PAIR: Answer({"jpeg": 0.5, "noise": -0.1}), TRIPLE: Answer({"*": 2.0})}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\n\n  \n,,\n"),
        GOOD.replace("\n", "\n# a comment, with + and *\n"),
        GOOD.replace(",", " ,\t").replace("+", " + "),
        GOOD.replace("group,degradation,drop", "Group,DEGRADATION,Drop"),
        GOOD.replace("jpeg+noise,", "noise+jpeg,", 1),
        GOOD.replace("\njpeg+noise,", '\n"jpeg+noise",'),
        "degradation,drop,group\njpeg,0.5,jpeg+noise\n*,2.0,jpeg+noise+blur\nnoise,-0.1,jpeg+noise\n",
        "group,noise,degradation,drop\njpeg+noise,,jpeg,0.5\njpeg+noise,,noise,-0.1\njpeg+noise+blur,,*,2.0\n",
    ],
)
def test_files_that_say_the_same(text: str) -> None:
    table = DropTable.parse(text, "t.csv")
    assert table.answers == ANSWERS
    assert table.names == ("blur", "jpeg", "noise")
    assert table.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert table(PAIR) == ANSWERS[PAIR]
    assert table(frozenset({"jpeg", "blur"})) is None


def test_noise_is_read_where_it_is_given() -> None:
    text = "group,degradation,drop,noise\na+b,a,0.5,0.25\na+b,b,0.1,\na+c,*,1,0\n"
    assert DropTable.parse(text, "t.csv").answers == {
        frozenset("ab"): Answer({"a": 0.5, "b": 0.1}, {"a": 0.25}),
        frozenset("ac"): Answer({"*": 1.0}, {"*": 0.0}),
    }


def test_its_source_is_its_first_comment_or_its_name() -> None:
    assert DropTable.parse("# Measured\n#   by us.\n" + GOOD + "# later\n", "t.csv").source == "Measured by us."
    assert DropTable.parse(GOOD, "t.csv").source == "t.csv"


def test_a_group_of_one() -> None:
    assert DropTable.parse(HEADER + "a,a,0.5\n", "t.csv").answers == {frozenset("a"): Answer({"a": 0.5})}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a+b,a", "3 values are needed (group,degradation,drop), but there are 2"),
        ("a+b", "but there are 1"),
        ("a+b,a,0.5,0.1", "but there are 4"),
        ("a+b,a,", "the drop must be a number of dB, not ''"),
        ("a+b,a," + "9" * 5000, "the drop must be a number of dB, not '" + "9" * 40 + "'"),
        ("a+b,a,nan", "the drop must be a number of dB, not 'nan'"),
        ("a+b,a,inf", "not 'inf'"),
        ("a+b,a,-inf", "not '-inf'"),
        ("a+b,a,1e999", "not '1e999'"),
        ("a+b,a,much", "not 'much'"),
        ("a+b,a,0.5 dB", "not '0.5 dB'"),
        ('a+b,a,"0,5"', "not '0,5'"),
        ("x+y,x,0.7", "x of {x, y} has a row already"),
        ("y+x,x,0.1", "x of {x, y} has a row already"),
        (",a,0.5", "a group is distinct names joined by +, not ''"),
        ("a++b,a,0.5", "distinct names joined by +, not 'a++b'"),
        ("a+,a,0.5", "not 'a+'"),
        ("a+b+a,a,0.5", "not 'a+b+a'"),
        ("a+b,,0.5", "unknown degradation in the group of 't.csv', line 5 ''"),
        ("jpeg+noise,nois,0.5", "'nois'; did you mean 'noise'? (known: jpeg, noise)"),
        ("a+b,x,0.5", "'x' (known: a, b)"),
        ('"a"+b,a,0.5', "it is not CSV"),
        ('"a+b,a,0.5', "it is not CSV"),
    ],
)
def test_a_malformed_row_is_named(row: str, said: str) -> None:
    text = f"# a comment\n{HEADER}x+y,x,0.5\n\n{row}\nx+y,y,0.5\n"
    with pytest.raises(GridsError, match=re.escape(said)) as caught:
        DropTable.parse(text, "t.csv")
    # a quote that nothing closes is noticed where the file ends
    assert "'t.csv', line 5" in str(caught.value) or row.startswith('"a+b')
    assert "'t.csv', line " in str(caught.value)


@pytest.mark.parametrize("noise", ["-0.1", "nan", "inf", "little"])
def test_wrong_noise_is_refused(noise: str) -> None:
    with pytest.raises(GridsError, match=f"line 2: the noise must be a number of dB, 0 or more, not '{noise}'"):
        DropTable.parse(f"group,degradation,drop,noise\na+b,a,0.5,{noise}\n", "t.csv")


@pytest.mark.parametrize(
    "header",
    [
        *("group,degradation", "group,degradation,drops", "group,degradation,drop,drop", "a+b,a,0.5", "group;drop"),
        *("group,degradation,drop,delta", "group,degradation,drop,"),
    ],
)
def test_a_wrong_header_is_refused(header: str) -> None:
    with pytest.raises(GridsError, match=r"'t.csv', line 2: the columns must be group, degradation, drop"):
        DropTable.parse(f"# comment\n{header}\na+b,a,0.5\n", "t.csv")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", HEADER, "\ufeff", HEADER + "# a+b,a,0.5\n"])
def test_an_empty_table_is_refused(text: str) -> None:
    with pytest.raises(GridsError, match=r"'t.csv' holds no drops"):
        DropTable.parse(text, "t.csv")


def test_only_files_in_utf_8_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert DropTable.load(path).answers == DropTable.load(str(path)).answers == ANSWERS
    assert DropTable.load(path).source == str(path)
    for content, said in ((b"\xff\xfe" + GOOD.encode("utf-16-le"), "not UTF-8"), (GOOD.encode() + b"\xe4", "not UTF")):
        path.write_bytes(content)
        with pytest.raises(RunError, match=said):
            DropTable.load(path)
    path.write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    path.rename("study")
    assert DropTable.load(Path("study")).answers == DropTable.load("./study").answers == ANSWERS
    assert DropTable.load("study").answers != ANSWERS
    with pytest.raises(RunError, match="there is no table of drops"):
        DropTable.load(tmp_path / "missing.csv")
    with pytest.raises(RunError, match="not a folder"):
        DropTable.load(tmp_path)


cells = st.sampled_from(
    ["a", "b", "a+b", "b+a", "a+b+c", "*", "0.5", "-1", "nan", "1e400", "", " ", '"', "#", "+", "ä"]
)
lines = st.lists(cells, max_size=5).map(",".join) | st.text(max_size=12)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\x0b", "\u2028", "\x00"])
headers = st.sampled_from([HEADER, "group,degradation,drop,noise\n", "\ufeffgroup,drop,degradation\n", ""])


@given(headers, st.lists(st.tuples(lines, ends), max_size=6))
@example(HEADER, [("a+b,a," + "9" * 200_000, "\n")])
@example(HEADER, [("a+b,a,1_0", "\n")])
@settings(max_examples=300)
def test_any_text_is_read_or_refused(header: str, rest: list[tuple[str, str]]) -> None:
    text = header + "".join(line + end for line, end in rest)
    try:
        table = DropTable.parse(text, "t.csv")
    except GridsError as error:
        assert "t.csv" in str(error)
        assert "\n" not in str(error)
    else:
        assert table.answers
        for group, answer in table.answers.items():
            assert group and answer.drops
            assert set(answer.drops) <= {*group, "*"}
            assert all(abs(drop) < float("inf") for drop in answer.drops.values())


def test_the_groups_of_some_degradations() -> None:
    table = DropTable.parse(GOOD, "t.csv")
    few = table.subset(["noise", "jpeg", "fog"])
    assert few.answers == {PAIR: ANSWERS[PAIR]}
    assert (few.sha256, few.source) == (table.sha256, table.source)
    assert table.subset([]).answers == {}


def test_names_must_be_known() -> None:
    table = DropTable.parse(GOOD, "t.csv")
    table.check_names(["blur", "jpeg", "noise", "fog"])
    with pytest.raises(UnknownNameError, match="'noise'; did you mean 'noises'"):
        table.check_names(["blur", "jpeg", "noises"])


SHORT = {
    "GB": "gaussian_blur",
    "MB": "motion_blur",
    "RL": "richardson_lucy",
    "SR": "super_resolution",
    "Ring": "ringing",
    "DB": "defocus_blur",
    "JPEG": "jpeg",
    "PN": "poisson_noise",
    "Inp": "inpainting",
    "GN": "gaussian_noise",
    "SP": "salt_pepper",
}
ROW = "GB MB RL SR Ring DB JPEG PN Inp GN SP"
# PSNR in dB as printed for Restormer in Table 1
SINGLE = "27.99 31.80 37.92 37.42 34.17 41.81 32.14 33.83 32.55 30.64 46.12"
MIXED_ALL = "27.39 26.48 35.36 34.10 32.29 38.91 31.30 32.96 31.56 29.77 42.71"
GROUPED = "28.22 31.71 37.24 38.68 34.03 41.30 32.23 33.88 32.86 30.71 46.57"
PUBLISHED = ("GB MB RL", "SR Ring DB", "JPEG PN Inp", "GN SP")
# PSNR in dB after training on the mix, as printed in Table 2; None where it cannot be read for certain
TABLE_2 = [
    ("SR DB", [39.22, 41.38]),
    ("Ring RL DB", [34.10, 37.66, 41.25]),
    ("GB JPEG SP", [27.95, 31.77, 44.40]),
    ("Ring RL DB MB", [33.37, 36.74, None, 29.66]),
    ("GB GN SP MB", [27.89, 30.28, None, 26.66]),
    ("SR JPEG Ring RL DB", [38.55, 31.56, 33.96, 36.51, 41.18]),
    ("GB Inp SP PN MB", [27.77, 32.23, 45.20, 33.47, 29.22]),
    ("SR JPEG PN", [34.89, 31.82, 33.50]),
    ("GB Inp PN", [27.64, 31.96, 33.32]),
    ("SR JPEG Inp", [34.84, 31.37, 31.84]),
    ("GB Ring DB", [27.80, 33.94, 41.15]),
    ("JPEG PN GN", [32.24, 33.88, 30.65]),
]


def published() -> dict[frozenset[str], dict[str, float]]:
    """The drops, recomputed from the printed values."""
    single = dict(zip(ROW.split(), map(float, SINGLE.split()), strict=True))
    grouped = dict(zip(ROW.split(), map(float, GROUPED.split()), strict=True))
    mixed = list(map(float, MIXED_ALL.split()))
    rows = [(group, [grouped[name] for name in group.split()]) for group in PUBLISHED]
    found = {}
    for group, values in [*rows, (ROW, mixed), *TABLE_2]:
        pairs = zip(group.split(), values, strict=True)
        found[frozenset(SHORT[name] for name in group.split())] = {
            SHORT[name]: round(single[name] - value, 2) for name, value in pairs if value is not None
        }
    found[frozenset(SHORT[name] for name in ("GB", "MB", "SR"))] = {"*": 2.54}  # the text on Figure 2
    return found


def test_the_published_table_is_what_the_printed_values_give() -> None:
    table, expected = DropTable.load("paper"), published()
    assert len(expected) == 18
    assert table.answers.keys() == expected.keys()
    for group, drops in expected.items():
        answer = table.answers[group]
        assert not answer.noise and not answer.at_least
        assert answer.drops == pytest.approx(drops, abs=1e-9), sorted(group)
    assert table.names == tuple(sorted(SHORT.values()))
    assert "GRIDS" in table.source


def test_the_largest_drops_of_the_published_table() -> None:
    table = DropTable.load("paper")
    worst = {
        " ".join(sorted(name for name in SHORT if SHORT[name] in group)): max(answer.drops.values())
        for group, answer in table.answers.items()
    }
    expected = {
        "SR DB": 0.43,
        "GN SP": -0.07,
        "Ring RL DB": 0.56,
        "GB JPEG SP": 1.72,
        "Ring RL DB MB": 2.14,
        "GB GN SP MB": 5.14,
        "SR JPEG Ring RL DB": 1.41,
        "GB Inp SP PN MB": 2.58,
        "SR JPEG PN": 2.53,
        "GB Inp PN": 0.59,
        "SR JPEG Inp": 2.58,
        "GB Ring DB": 0.66,
        "JPEG PN GN": -0.01,
        "JPEG PN Inp": -0.05,
        "GB MB RL": 0.68,
        "SR Ring DB": 0.51,
        "GB MB SR": 2.54,
        ROW: 5.32,
    }
    assert worst == {" ".join(sorted(group.split())): drop for group, drop in expected.items()}
