"""`grids group`: what it prints and writes, and one clear line for everything that can be wrong."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from pathlib import Path
from platform import node

import numpy as np
import pytest
from command_line import Call

from grids import Grouping, SimilarityMatrix, builtin_similarity
from grids.cli import run
from grids.search import METHODS, Answer, TrialLog
from grids.search.answers import Answers
from grids.search.methods.base import Ask, Done, SearchMethod

PAPER_GROUPS = (
    ("gaussian_blur", "motion_blur", "richardson_lucy"),
    ("super_resolution", "ringing", "defocus_blur"),
    ("jpeg", "poisson_noise", "inpainting"),
    ("gaussian_noise", "salt_pepper"),
)
FILES = {"groups.json", "trials.sqlite", "report.html"} | {
    f"{name}.{kind}" for name in ("partition", "drops", "delta") for kind in ("png", "svg")
}


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `grids group` in an empty folder, by the paper's drops if none are named: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    return lambda *given: call("group", *(() if "--drops" in given else ("--drops", "paper")), *given)


@pytest.mark.slow
def test_without_a_table_our_own_study_answers(call: Call) -> None:
    code, out, err = call("--drops", "study", "--delta", 0.7, "--out", "named")
    assert (code, err) == (0, "") and out.startswith("trainings of the grids study: unet")
    assert run(["group", "--delta", "0.7", "--quiet"]) == 0
    named, plain = (Grouping.load(Path(folder)) for folder in ("named", "runs/group"))
    assert named.partition == plain.partition
    assert run(["group", "--delta", "0.3", "--degradations", "jpeg,ringing,gaussian_noise", "--quiet"]) == 0


def test_the_published_drops_give_the_published_groups(call: Call, tmp_path: Path) -> None:
    code, out, err = call("--delta", 0.7)
    assert (code, err) == (0, "")
    assert "published for Restormer by GRIDS" in out
    assert "no partition of the known groups has fewer" in out
    assert "1993 groups" in out  # parts of published groups that are within delta are known
    there = {file.name for file in (tmp_path / "runs" / "group").iterdir()}
    assert {name for name in there if not name.startswith(".")} == FILES  # the lock of the log is hidden
    found = Grouping.load(tmp_path / "runs" / "group")
    assert found.partition == PAPER_GROUPS
    assert (found.certificate, found.lower_bound, found.unknown) == ("heuristic", 2, 1993)
    assert found.group_of("richardson_lucy").max_drop == 0.68
    assert len(found.hangs_on) > 0
    page = (tmp_path / "runs" / "group" / "report.html").read_text()
    assert "published for Restormer" in page
    assert "would break" in page


@pytest.mark.parametrize(("method", "as_few"), [("paper", 1), ("exact", 3)])
def test_every_method_prints_json(call: Call, method: str, as_few: int) -> None:
    code, out, err = call("--method", method, "--json", "--all-solutions", "--out", "o")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert tuple(tuple(group["degradations"]) for group in found["groups"]) == PAPER_GROUPS
    assert found["method"] == method
    assert len(found["alternatives"]) == as_few  # JPEG loses little in parts of larger groups, too
    assert {"delta", "upper_bounds", "trainings", "settings", "descriptor_sha256", "grids_version"} <= found.keys()


def test_the_same_call_writes_the_same_bytes(call: Call, tmp_path: Path) -> None:
    assert call("--quiet", "--out", "a") == call("--quiet", "--out", "b") == (0, "", "")
    for name in FILES - {"trials.sqlite"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_dry_run_writes_nothing(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("--dry-run", "--method", "paper")
    assert code == 0
    assert "its closest group" in out
    assert "beyond?" in out  # not in the table
    assert list(tmp_path.iterdir()) == []
    planned = json.loads(call("--dry-run", "--json")[1])
    assert planned
    assert {"group", "distance", "verdict", "known", "why"} == planned[0].keys()
    assert {step["known"] for step in planned} == {True, False}
    assert len({tuple(step["group"]) for step in planned}) == len(planned)


def test_own_drops_with_a_delta_of_their_own(call: Call, tmp_path: Path) -> None:
    rows = [("jpeg+ringing", "jpeg", 0.4), ("jpeg+ringing", "ringing", 0.1)]
    (tmp_path / "d.csv").write_text("group,degradation,drop\n" + "\n".join(f"{g},{d},{x}" for g, d, x in rows))
    common = ("--drops", "d.csv", "--degradations", "jpeg,ringing", "--json", "--delta", 0.5)
    assert len(json.loads(call(*common)[1])["groups"]) == 1
    found = json.loads(call(*common, "--delta-for", "jpeg=0.3")[1])
    assert (len(found["groups"]), found["delta_for"], found["certificate"]) == (2, {"jpeg": 0.3}, "proved")


def test_a_larger_group_within_delta_serves_its_parts(call: Call, tmp_path: Path) -> None:
    """A restorer of three degradations restores two of them as well; what it loses too much of says nothing of them."""
    rows = ["group,degradation,drop,noise"]
    for group, lost in (("jpeg+ringing+inpainting", 0.4), ("jpeg+ringing+motion_blur", 0.3), ("jpeg+inpainting", 0.9)):
        rows += [f"{group},{name},{lost + number / 100:.2f},0.05" for number, name in enumerate(group.split("+"))]
    (tmp_path / "drops.csv").write_text("\n".join([*rows, "ringing+poisson_noise+inpainting,ringing,0.8,0.05"]))

    said: dict[str, str] = {}

    def groups(*names: str) -> tuple[tuple[str, ...], ...]:
        given = ("--delta", 0.5, "--degradations", ",".join(names), "--out", names[-1])
        code, printed, _ = call("--drops", tmp_path / "drops.csv", *given)
        assert code == 0
        said["last"] = printed
        return Grouping.load(tmp_path / names[-1]).partition

    assert groups("jpeg", "ringing") == (("jpeg", "ringing"),)
    found = Grouping.load(tmp_path / "ringing")
    assert found.groups[0].max_drop == 0.31 and found.certificate == "proved"
    assert "C1: the drops are those of the restorer of motion_blur + ringing + jpeg" in said["last"]
    assert "of the restorer of motion blur + ringing + jpeg." in (tmp_path / "ringing" / "report.html").read_text()
    assert groups("jpeg", "inpainting") == (("jpeg",), ("inpainting",))  # its own drops outweigh the larger group's
    assert "drops are those" not in said["last"]
    assert groups("ringing", "poisson_noise") == (("ringing",), ("poisson_noise",))
    with (tmp_path / "drops.csv").open("a") as file:  # a group beyond delta serves the part that is within
        file.write("\njpeg+poisson_noise+salt_pepper,jpeg,0.9,0.05\n")
        file.writelines(
            f"jpeg+poisson_noise+salt_pepper,{name},0.2,0.05\n" for name in ("poisson_noise", "salt_pepper")
        )
    assert groups("poisson_noise", "salt_pepper") == (("poisson_noise", "salt_pepper"),)
    assert groups("jpeg", "poisson_noise", "salt_pepper") == (("jpeg",), ("poisson_noise", "salt_pepper"))
    assert "C2: the drops are those of the restorer of jpeg + poisson_noise + salt_pepper" in said["last"]


def test_noise_that_straddles_delta_is_undecided(call: Call, tmp_path: Path) -> None:
    text = "group,degradation,drop,noise\njpeg+ringing,jpeg,0.6,0.1\njpeg+ringing,ringing,0.1,\n"
    (tmp_path / "d.csv").write_text(text)
    found = json.loads(call("--drops", "d.csv", "--degradations", "jpeg,ringing", "--json")[1])
    assert found["undecided"] == [["jpeg", "ringing"]]
    assert (len(found["groups"]), found["certificate"], found["lower_bound"]) == (2, "heuristic", 1)
    assert found["hangs_on"] == [["jpeg", "ringing"]]


def test_another_matrix_is_searched(call: Call, tmp_path: Path) -> None:
    SimilarityMatrix(("a", "b"), np.array([[0.0, 1.0], [1.0, 0.0]])).save(tmp_path / "similarity.json")
    (tmp_path / "d.csv").write_text("group,degradation,drop\na+b,*,0.2\n")
    code, out, _ = call("--similarity", ".", "--drops", "d.csv", "--json", "--out", "o")
    assert code == 0
    assert json.loads(out)["groups"][0]["degradations"] == ["a", "b"]


def test_the_page_of_a_similarity_run_stays(call: Call, tmp_path: Path) -> None:
    builtin_similarity().save(tmp_path / "run" / "similarity.json")
    (tmp_path / "run" / "report.html").write_text("of the matrix")
    code, out, _ = call("--similarity", "run", "--out", "run")
    assert code == 0
    assert f"report   {Path('run/groups.html')}" in out
    assert (tmp_path / "run" / "report.html").read_text() == "of the matrix"
    assert "4 groups" in (tmp_path / "run" / "groups.html").read_text()


def test_a_given_partition_is_trained_whatever_it_loses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["group", "builtin", "--from", "groups.json", "--allow-below-input"]) == 1
    assert "--allow-below-input has no use with --from" in capsys.readouterr().err


BAD = [
    (["--delta", "-1"], 1, "delta must be a number of dB, 0 or more, but is -1"),
    (["--delta", "nan"], 1, "but is nan"),
    (["--delta", "inf"], 1, "but is inf"),
    (["--delta", "much"], 1, "not a valid float"),
    (["--delta"], 2, "requires an argument"),
    (["--detla", "1"], 2, "No such option"),
    (["photos"], 1, "exclude each other"),
    (["--method", "exakt"], 1, "did you mean 'exact'?"),
    (["--delta-for", "jpg=0.3"], 1, "did you mean 'jpeg'?"),
    (["--delta-for", "jpeg"], 1, "NAME=DB"),
    (["--delta-for", "jpeg=x"], 1, "'x'"),
    (["--delta-for", "jpeg=-2"], 1, "the delta for jpeg"),
    (["--delta-for", "jpeg=1", "--delta-for", "jpeg=2"], 1, "twice"),
    (["--degradations", "jpeg,fog"], 1, "unknown degradation 'fog'"),
    (["--degradations", "jpeg,jpeg"], 1, "distinct"),
    (["--degradations", ","], 1, "separated by commas"),
    (["--max-groups", "0"], 1, "x>=1"),
    (["--max-groups", "3"], 1, "takes 4; delta 2.58 dB would do"),
    (["--seed", "-1"], 1, "seed must be"),
    (["--resume"], 1, "nothing to resume"),
    (["--drops", "none.csv"], 1, "none.csv"),
    (["--similarity", "none"], 1, "none"),
]


@pytest.mark.parametrize(("arguments", "expected_code", "expected"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_is_one_line(
    call: Call, tmp_path: Path, arguments: list[str], expected_code: int, expected: str
) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (expected_code, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert [file.name for file in tmp_path.rglob("*") if file.name == "groups.json"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("group,degradation,drop\njpeg+ringing,jpeg,0.1\njpeg+ringing,jpeg,0.2\n", "line 3"),
        ("group,degradation,drop\njpeg+ringing,jpeg\n", "line 2"),
        ("group,degradation,drop\n\n# a comment\njpeg+ringing,jpeg,nan\n", "line 4"),
        ("group,degradation,drop\njpeg+ringig,jpeg,0.1\n", "did you mean 'ringing'?"),
        ("group,task,drop\njpeg+ringing,jpeg,0.1\n", "line 1"),
        ("group,degradation,drop\njpeg,jpeg,0.9\n", "no group within delta covers 'jpeg'"),
        ("", "holds no drops"),
    ],
)
def test_a_bad_table_is_one_line(call: Call, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "d.csv").write_text(text)
    code, out, err = call("--drops", "d.csv")
    assert (code, out) == (1, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_groups_of_other_settings_are_not_replaced_in_silence(call: Call) -> None:
    assert call("--delta", 0.7)[2] == call("--delta", 0.7)[2] == ""
    code, _, err = call("--delta", 0.5, "--drops", "study", "--json")
    assert code == 0
    assert err.startswith("runs/group/groups.json replaces groups of other settings: delta 0.7 dB, now 0.5 dB; drops")
    assert err.endswith("(--out keeps both)\n") and len(err) < 300
    assert call("--delta", 0.7, "--quiet") == (0, "", "")


def test_logs_that_do_not_belong_here(call: Call, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("group,degradation,drop\njpeg+ringing,*,0.2\n")
    assert call("--out", "o", "--quiet")[0] == 0
    code, _, err = call("--out", "o", "--drops", "d.csv", "--resume")
    assert code == 1
    assert "another problem: drops_sha256" in err
    assert call("--out", "o", "--drops", "d.csv", "--quiet")[0] == 0  # what can be looked up again is replaced
    log = tmp_path / "o" / "trials.sqlite"
    log.write_bytes(b"garbage" * 1000)
    for more in ((), ("--resume",)):
        code, _, err = call("--out", "o", *more)
        assert code == 1
        assert "trials.sqlite' is corrupt" in err
    assert log.read_bytes() == b"garbage" * 1000


def test_answers_of_trainings_are_never_replaced(call: Call, tmp_path: Path) -> None:
    with TrialLog(tmp_path / "o" / "trials.sqlite", {"evaluator": "training", "steps": 5}) as log:
        log.add(frozenset(("jpeg", "ringing")), Answer({"jpeg": 0.1, "ringing": 0.2}))
    code, _, err = call("--out", "o")
    assert code == 1
    assert "holds answers of trainings" in err


def test_a_log_in_use_is_one_line(call: Call, tmp_path: Path) -> None:
    assert call("--out", "o", "--quiet")[0] == 0
    before = (tmp_path / "o" / "groups.json").read_bytes()
    identity = TrialLog.identity_of(tmp_path / "o" / "trials.sqlite")
    assert identity is not None
    with TrialLog(tmp_path / "o" / "trials.sqlite", identity):
        for more in ((), ("--resume",)):
            code, out, err = call("--out", "o", *more)
            assert (code, out) == (1, "")
            who = f"process {os.getpid()} on host {node()}, since "
            assert err.startswith(f"grids: '{Path('o/trials.sqlite')}' is in use by {who}") and err.count("\n") == 1
    assert (tmp_path / "o" / "groups.json").read_bytes() == before
    assert call("--out", "o", "--resume", "--quiet")[0] == 0


def test_a_method_of_ones_own(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    class Alone(SearchMethod):
        def next(self, answers: Answers) -> Ask | Done:
            return Done(tuple(1 << i for i in range(self.problem.n)))

    monkeypatch.setitem(METHODS, "alone", Alone)
    found = json.loads(call("--method", "alone", "--json")[1])
    assert (found["method"], len(found["groups"])) == ("alone", 11)
    assert json.loads(call("--method", "alone", "--dry-run", "--json")[1]) == []


def whole_table(path: Path) -> Path:
    """Drops for every group of the built-in matrix's first eight degradations."""
    names = builtin_similarity().degradations[:8]
    rng = np.random.default_rng(4)
    harm = rng.uniform(0, 0.35, (8, 8))
    lines = ["group,degradation,drop"]
    for size in range(2, 9):
        for rows in itertools.combinations(range(8), size):
            joined = "+".join(names[i] for i in rows)
            lines += [f"{joined},{names[i]},{sum(harm[i, j] for j in rows if j != i):.4f}" for i in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_whole_table_is_proved_and_resumed(call: Call, tmp_path: Path) -> None:
    names = ",".join(builtin_similarity().degradations[:8])
    given = ("--drops", whole_table(tmp_path / "d.csv"), "--degradations", names, "--out", "o", "--json")
    first = json.loads(call(*given)[1])
    assert first["certificate"] == "proved"  # the table answers for every group
    assert first["unknown"] == 0
    rows = sqlite3.connect(tmp_path / "o" / "trials.sqlite").execute("select count(*) from trials").fetchone()[0]
    assert rows == first["trainings"]
    again = json.loads(call(*given, "--resume")[1])
    assert again == first
