"""The log of trials: no answer is lost or asked for twice, whatever happens to the process and to the file."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import platform
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grids.errors import GridsError, RunError
from grids.search import Answer, TrialLog

IDENTITY = {"table": "ab12", "steps": 350, "data": {"folder": "photos", "seed": 0}}
AB, BC, CD = frozenset("ab"), frozenset("bc"), frozenset("cd")
GROUPS = [frozenset(pair) for pair in combinations("abcdefghij", 2)][:40]
Answers = dict[frozenset[str], Answer]
FILES = ["trials.sqlite"]
HOLD = """
import sys, time
from pathlib import Path
from grids.search import Answer, TrialLog
log = TrialLog(Path(sys.argv[1]), {identity!r})
log.add(frozenset("ab"), Answer({{"a": 1.0}}))
print("open", flush=True)
time.sleep(60)
"""
WORK = """
import sys
from pathlib import Path
from grids.search import Answer, TrialLog
begin = int(sys.stdin.readline())
log = TrialLog(Path(sys.argv[1]), {identity!r})
for i in range(begin, 100000):
    print("begin", i, flush=True)
    log.add(frozenset(("x", str(i))), Answer({{"x": i / 7, str(i): -1.0}}))
    print("kept", i, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.sqlite"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the log open, and goes on for as long as it is let."""
    code = HOLD.format(identity=IDENTITY)
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def files(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def edit(path: Path, statement: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def check_integrity(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill(path: Path, count: int) -> Answers:
    with TrialLog(path, IDENTITY) as log:
        for i in range(count):
            answer = Answer({"jpeg": i / 3, f"kind{i}": -i / 7}, seconds=i, file=f"weights/{i}.safetensors")
            log.add(frozenset(("jpeg", f"kind{i}")), answer)
        return log.answers()


def one_line(caught: pytest.ExceptionInfo[GridsError], path: Path) -> str:
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


def test_round_trip(path: Path) -> None:
    drops = {"b": np.float32(0.5), "c": np.float64(1 / 3)}
    with TrialLog(path, IDENTITY) as log:
        assert log.answers() == {}
        log.add(BC, Answer(drops, {"b": 0.1}, {"c": -2}, "a pair", np.float64(3.5), "weights/x.safetensors"))
        log.add(AB, Answer(at_least={"*": 2}))
        seen = log.answers()
    assert list(seen) == [BC, AB]
    assert seen[BC] == Answer({"b": 0.5, "c": 1 / 3}, {"b": 0.1}, {"c": -2.0}, "a pair", 3.5, "weights/x.safetensors")
    assert seen[AB] == Answer(at_least={"*": 2.0})
    assert all(type(drop) is float for drop in (*seen[BC].drops.values(), *seen[BC].at_least.values()))
    with TrialLog(path, dict(reversed(IDENTITY.items()))) as log:
        assert list(log.answers().items()) == list(seen.items())
    assert TrialLog.identity_of(path) == IDENTITY
    assert files(path) == FILES


def test_texts_that_are_no_text_are_kept(path: Path) -> None:
    group, answer = frozenset(["ü\udc80"]), Answer({"*": 1.0}, why="'a\udc80.png'\nat all", file="b\udc80")
    with TrialLog(path, IDENTITY) as log:
        log.add(group, answer)
    with TrialLog(path, IDENTITY) as log:
        assert log.answers() == {group: answer}


def test_the_first_answer_stays(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.add(AB, Answer({"a": 1.0}))
        log.add(AB, Answer({"a": 2.0}))
        assert log.answers() == {AB: Answer({"a": 1.0})}
        with pytest.raises(GridsError, match="one degradation or more"):
            log.add(frozenset(), Answer({"*": 1.0}))


def test_a_log_begun_anew(path: Path) -> None:
    fill(path, 3)
    other = {"another": "problem"}
    with TrialLog(path, other, replace=True) as log:
        assert log.answers() == {}
    assert TrialLog.identity_of(path) == other
    with TrialLog(path, IDENTITY, replace=True), pytest.raises(RunError, match="is in use by process"):
        TrialLog(path, other, replace=True)
    assert TrialLog.identity_of(path) == IDENTITY


def test_a_journal_left_behind_does_not_come_back(path: Path) -> None:
    fill(path, 3)
    path.with_name("trials.sqlite-journal").write_bytes(b"left behind" * 1000)
    with TrialLog(path, IDENTITY, replace=True) as log:
        assert log.answers() == {}
    assert files(path) == FILES


def test_a_closed_log(path: Path) -> None:
    log = TrialLog(path, IDENTITY)
    log.close()
    log.close()
    for use in (log.answers, lambda: log.add(AB, Answer({"a": 1.0}))):
        with pytest.raises(RunError, match=r"trials.sqlite' is closed"):
            use()


def test_a_log_that_was_dropped_unclosed_is_closed(path: Path) -> None:
    lost = TrialLog(path, IDENTITY)
    lost.add(AB, Answer({"a": 1.0}))
    del lost
    gc.collect()
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers()) == [AB]


def test_threads_may_share_a_log(path: Path) -> None:
    def work(groups: list[frozenset[str]]) -> None:
        for group in groups:
            log.add(group, Answer(dict.fromkeys(group, 0.0)))
            assert group in log.answers()

    with TrialLog(path, IDENTITY) as log:
        threads = [threading.Thread(target=work, args=(GROUPS[at::4],)) for at in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(log.answers()) == set(GROUPS)


def test_a_second_log_of_the_same_file_is_told_who_has_it(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        for identity in (IDENTITY, {"another": "problem"}):
            with pytest.raises(RunError) as caught:
                TrialLog(path, identity)
            here = f"process {os.getpid()} on host {platform.node()}"
            assert one_line(caught, path).startswith(f"'{path}' is in use by {here}, since 20")
        log.add(AB, Answer({"a": 1.0}))
        assert TrialLog.identity_of(path) == IDENTITY  # which may be asked for meanwhile
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers()) == [AB]


def test_another_process_has_the_log_until_it_is_killed(path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(RunError) as caught:
        TrialLog(path, IDENTITY)
    assert f"is in use by process {holder.pid} on host {platform.node()}, since " in one_line(caught, path)
    holder.kill()
    with contextlib.suppress(ChildProcessError):  # wait for its end, but leave the zombie
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers()) == [AB]


@pytest.mark.slow
def test_nothing_is_lost_when_a_process_is_killed(path: Path) -> None:
    random_times, kept, begin = random.Random(0), set(), 0
    command = [sys.executable, "-c", WORK.format(identity=IDENTITY), str(path)]
    with contextlib.ExitStack() as stack:
        processes = [  # all at once, as an interpreter takes a while to start
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{begin}\n")
            process.stdin.flush()
            lines = [process.stdout.readline()]
            time.sleep(random_times.uniform(0, 0.15))
            process.kill()
            # not yet waited for: what was killed is dead nevertheless
            lines += process.stdout.read().splitlines()
            states = [line.split() for line in lines]
            begun = {int(state[1]) for state in states if state[0] == "begin" and len(state) == 2}
            kept |= {int(state[1]) for state in states if state[0] == "kept" and len(state) == 2}
            begin = max(begun) + 2  # the one after the last may have been kept, but not said so
            with TrialLog(path, IDENTITY) as log:
                seen = log.answers()
            for i in kept:
                assert seen[frozenset(("x", str(i)))].drops == {"x": i / 7, str(i): -1.0}
            assert len(seen) <= len(kept) + len(processes)
            check_integrity(path)
    assert len(kept) >= 4


def test_an_open_log_does_not_keep_the_interpreter_alive(path: Path) -> None:
    code = HOLD.format(identity=IDENTITY).replace("time.sleep(60)", "")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "open\n", "")
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers()) == [AB]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_leaves_the_log_alone(path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom grids.search import Answer, TrialLog\n"
        f"log = TrialLog(Path(sys.argv[1]), {IDENTITY!r})\n"
        "if os.fork() == 0:\n"
        "    log.close()\n"
        "    try:\n        log.answers()\n    except Exception as error:\n        print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        f"try:\n    TrialLog(Path(sys.argv[1]), {IDENTITY!r})\nexcept Exception as error:\n    print(error)\n"
        "log.add(frozenset('ab'), Answer({'a': 1.0}))\nprint(len(log.answers()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    first, second, count = done.stdout.splitlines()
    assert "was opened by another process" in first and "is in use by process" in second and count == "1"


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({**IDENTITY, "table": "cd34"}, "table is 'ab12' there and 'cd34' here"),
        ({"table": "ab12", "data": IDENTITY["data"]}, "steps is 350 there and missing here"),
        (
            {**IDENTITY, "data": {"folder": "photos", "seed": 0, "size": [1, 2]}},
            "data.size is missing there and [1, 2] here",
        ),
        ({**IDENTITY, "steps": 350.0}, "steps is 350 there and 350.0 here"),
        (
            {"table": "x", "steps": 1, "data": {"folder": "y", "seed": 1}},
            "table is 'ab12' there and 'x' here; steps is 350 there and 1 here;"
            " data.folder is 'photos' there and 'y' here; and 1 more",
        ),
    ],
)
def test_a_log_of_another_problem(path: Path, identity: dict[str, Any], said: str) -> None:
    fill(path, 1)
    with pytest.raises(RunError) as caught:
        TrialLog(path, identity)
    start, _, differences = one_line(caught, path).partition(": ")
    assert start == f"'{path}' is the log of another problem"
    if "more" not in said:
        assert differences == said
    else:
        assert differences.count(";") == 3 and differences.endswith("; and 1 more")
    assert TrialLog.identity_of(path) == IDENTITY
    with TrialLog(path, IDENTITY) as log:
        assert len(log.answers()) == 1


def test_long_differences_are_shortened_to_where_they_differ(path: Path) -> None:
    TrialLog(path, {"files": "a" * 500 + "X" + "b" * 500}).close()
    with pytest.raises(RunError) as caught:
        TrialLog(path, {"files": "a" * 500 + "Y" + "b" * 500})
    assert "aX" in str(caught.value) and "aY" in str(caught.value) and len(str(caught.value)) < 200 + len(str(path))


@pytest.mark.parametrize("identity", [{"x": float("nan")}, {"x": object()}, {"x": {1, 2}}])
def test_an_identity_that_is_not_json(path: Path, identity: dict[str, Any]) -> None:
    with pytest.raises(GridsError, match="the identity of a log of trials cannot be written as JSON"):
        TrialLog(path, identity)
    assert not path.exists()


def test_a_log_of_another_version(path: Path) -> None:
    fill(path, 1)
    edit(path, "UPDATE meta SET value = '7' WHERE key = 'format'")
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog.identity_of(path)):
        with pytest.raises(RunError) as caught:
            use()
        assert one_line(caught, path).endswith("has format 7, but this version of grids reads formats 1 to 2")


def test_a_database_that_is_no_log(path: Path) -> None:
    path.parent.mkdir()
    edit(path, "CREATE TABLE addresses (name)")
    with pytest.raises(RunError) as caught:
        TrialLog(path, IDENTITY)
    assert one_line(caught, path).endswith("is an SQLite file, but no log of trials")


# ---------------------------------------------------------------- logs of format 1, which processes shared

FORMAT_1 = (
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE workers (token TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, place TEXT NOT NULL,"
    " pid INTEGER NOT NULL, started TEXT NOT NULL, heartbeat REAL NOT NULL)",
    "CREATE TABLE trials (key TEXT NOT NULL PRIMARY KEY, degradations TEXT NOT NULL, state TEXT NOT NULL,"
    " drops TEXT NOT NULL, noise TEXT NOT NULL, at_least TEXT NOT NULL, why TEXT NOT NULL, reason TEXT NOT NULL,"
    " file TEXT NOT NULL, seconds REAL, number INTEGER NOT NULL, owner TEXT NOT NULL, asked_at TEXT NOT NULL,"
    " answered_at TEXT NOT NULL, digest TEXT NOT NULL)",
)
ROWS_1: tuple[tuple[Any, ...], ...] = (
    ("cd", "done", '{"c":0.25,"d":-1.5}', '{"c":0.1}', '{"d":-2.0}', "a pair", "", "models/c+d.safetensors", 3.5, 2),
    ("ab", "done", "{}", "{}", '{"*":0.9}', "told without being asked for", "", "", None, 1),
    ("bc", "failed", "{}", "{}", "{}", "another", "ValueError: no space left", "", 2.0, 3),
    ("ad", "running", "{}", "{}", "{}", "verify", "", "", None, 0),
    ("ac", "asked", "{}", "{}", "{}", "", "", "", None, 0),
)
ANSWERS_1 = {
    AB: Answer(at_least={"*": 0.9}, why="told without being asked for"),
    CD: Answer({"c": 0.25, "d": -1.5}, {"c": 0.1}, {"d": -2.0}, "a pair", 3.5, "models/c+d.safetensors"),
}


def write_format_1(path: Path) -> None:
    """What the code before wrote for these rows, byte for byte but for the times and the owner."""

    def text(value: Any) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def digest(value: str) -> str:
        return hashlib.sha256(value.encode()).hexdigest()

    path.parent.mkdir(exist_ok=True)
    identity = text(IDENTITY)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in FORMAT_1:
            connection.execute(statement)
        meta = {"format": "1", "identity": identity, "digest": digest(identity)}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("INSERT INTO workers VALUES ('9f', 'far', 'boot', 1, '17', 0.0)")
        for group, *values, number in ROWS_1:
            names = sorted(group)
            owner = "9f" if values[0] == "running" else ""
            times = ("2025-01-31T12:00:00.000000+00:00", "2025-01-31T12:00:01.000000+00:00" if number else "")
            key = digest(text({"identity": IDENTITY, "group": names}))
            row = (key, text(names), *values, number, owner, *times)
            marks = ", ".join("?" * (len(row) + 1))
            connection.execute(f"INSERT INTO trials VALUES ({marks})", (*row, digest(json.dumps(row))))


def test_answers_of_format_1_are_taken_over(path: Path) -> None:
    write_format_1(path)
    assert TrialLog.identity_of(path) == IDENTITY
    for _ in range(2):
        with TrialLog(path, IDENTITY) as log:
            assert list(log.answers().items()) == list(ANSWERS_1.items())
    with TrialLog(path, IDENTITY) as log:
        log.add(BC, Answer({"b": 0.5}))
        assert list(log.answers()) == [AB, CD, BC]
    check_integrity(path)


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE trials SET drops = '{"c":0.26,"d":-1.5}' WHERE number = 2""",
        "UPDATE meta SET value = replace(value, '350', '351') WHERE key = 'identity'",
    ],
)
def test_a_changed_log_of_format_1_stays_as_it_is(path: Path, change: str) -> None:
    write_format_1(path)
    edit(path, change)
    before = path.read_bytes()
    with pytest.raises(RunError, match="is corrupt"):
        TrialLog(path, IDENTITY)
    assert path.read_bytes() == before
    write_format_1(path.with_name("other.sqlite"))
    with pytest.raises(RunError, match="another problem: steps is 350 there and 7 here"):
        TrialLog(path.with_name("other.sqlite"), {**IDENTITY, "steps": 7})


def test_a_process_killed_while_it_takes_over_leaves_format_1(path: Path) -> None:
    write_format_1(path)
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom grids.search import trial_log\n"
        "make = trial_log._row\n"
        "def die(group, answer):\n    if 'c' in group: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return make(group, answer)\n"
        f"trial_log._row = die\ntrial_log.TrialLog(Path(sys.argv[1]), {IDENTITY!r})"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], timeout=20).returncode < 0
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers().items()) == list(ANSWERS_1.items())


# ---------------------------------------------------------------- what can be wrong with the file


@pytest.mark.parametrize("content", [b"garbage", b"garbage" * 5000, b"SQLite format 3\0", b"SQLite format 3\0" * 300])
def test_garbage(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog.identity_of(path)):
        with pytest.raises(RunError) as caught:
            use()
        text = one_line(caught, path)
        assert "is corrupt (" in text and "move it away" in text and "is not trained again" in text
    assert path.read_bytes() == content
    with TrialLog(path, IDENTITY, replace=True) as log:
        assert log.answers() == {}


@pytest.mark.parametrize("kept", [0.9, 0.7, 0.3])
def test_a_truncated_log(path: Path, kept: float) -> None:
    fill(path, 60)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(RunError, match=r"is corrupt \(.*\): move it away"):
        TrialLog(path, IDENTITY)


@pytest.mark.parametrize("length", [1, 1500])
def test_flipped_bytes_are_noticed_and_never_become_answers(path: Path, length: int) -> None:
    before = fill(path, 60)
    whole, dice, noticed = path.read_bytes(), random.Random(length), 0
    for _ in range(40):
        start = dice.randrange(len(whole) - length)
        broken = bytearray(whole)
        broken[start : start + length] = bytes(byte ^ dice.randrange(1, 256) for byte in broken[start : start + length])
        path.write_bytes(broken)
        try:
            with TrialLog(path, IDENTITY) as log:
                assert list(log.answers().items()) == list(before.items())  # it hit a byte that nothing depends on
        except RunError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            noticed += 1
    assert noticed > 8


def test_a_changed_answer_is_noticed_while_the_log_is_open(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.add(AB, Answer({"a": 1.0}))
        edit(path, "UPDATE trials SET answer = replace(answer, '1.0', '9.0')")
        with pytest.raises(RunError, match="is corrupt \\(a row was changed\\)"):
            log.answers()
    with pytest.raises(RunError, match="is corrupt"):
        TrialLog(path, IDENTITY)


@pytest.mark.parametrize(
    ("names", "answer"),
    [
        ('["a","b"]', '{"drops":null}'),
        ('["a","b"]', '{"drops":{"a":NaN}}'),
        ('["a","b"]', '{"drops":{"a":' + "9" * 5000 + "}}"),
        ('["a","b"]', "[" * 100_000),
        ('["a","b"]', "[]"),
        ('["a","b"]', '{"drops":{"a":"1"}}'),
        ("[]", '{"drops":{"a":1}}'),
        ("3", '{"drops":{"a":1}}'),
        ('["a",3]', '{"drops":{"a":1}}'),
    ],
    ids=lambda text: text[:30],
)
def test_rows_of_another_form_under_their_right_digest(path: Path, names: str, answer: str) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.add(AB, Answer({"a": 1.0}))
    digest = hashlib.sha256(f"{names} {answer}".encode()).hexdigest()
    edit(path, f"UPDATE trials SET degradations = '{names}', answer = '{answer}', digest = '{digest}'")
    with pytest.raises(RunError, match="is corrupt") as caught:
        TrialLog(path, IDENTITY)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_identity_of_another_form_or_version(path: Path) -> None:
    fill(path, 1)
    text = "[" * 100_000
    digest = hashlib.sha256(text.encode()).hexdigest()
    edit(path, f"UPDATE meta SET value = '{text}' WHERE key = 'identity'")
    edit(path, f"UPDATE meta SET value = '{digest}' WHERE key = 'digest'")
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog.identity_of(path)):
        with pytest.raises(RunError, match="is corrupt"):
            use()
    edit(path, f"UPDATE meta SET value = '{'9' * 5000}' WHERE key = 'format'")
    with pytest.raises(RunError, match="has format 999999999, but"):
        TrialLog.identity_of(path)


def test_a_changed_identity_is_noticed(path: Path) -> None:
    fill(path, 5)
    edit(path, "UPDATE meta SET value = 'x' WHERE key = 'identity'")
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog.identity_of(path)):
        with pytest.raises(RunError, match="is corrupt \\(its identity was changed\\)"):
            use()


def test_no_log_at_all(tmp_path: Path, path: Path) -> None:
    assert TrialLog.identity_of(path) is None and not path.parent.exists()
    (tmp_path / "empty").touch()
    assert TrialLog.identity_of(tmp_path / "empty") is None
    with TrialLog(tmp_path / "empty", IDENTITY) as log:
        assert log.answers() == {}


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog(path, IDENTITY, replace=True)):
        with pytest.raises(RunError) as caught:
            use()
        assert one_line(caught, path).endswith("it is a folder")
    path.with_name("file").touch()
    for use in (
        lambda: TrialLog(path.with_name("file") / "trials.sqlite", IDENTITY),
        lambda: TrialLog.identity_of(path),
    ):
        with pytest.raises(RunError, match="cannot"):
            use()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to root")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_read_only(path: Path, what: str) -> None:
    fill(path, 1)
    target, mode = (path, 0o444) if what == "file" else (path.parent, 0o555)
    target.chmod(mode)
    try:
        with pytest.raises(RunError, match=r"read-only|cannot write"):
            TrialLog(path, IDENTITY)
        assert TrialLog.identity_of(path) == IDENTITY
    finally:
        target.chmod(0o755)


def test_a_full_disk(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.add(AB, Answer({"a": 1.0}))
        [pages] = log._connection.execute("PRAGMA page_count").fetchone()
        log._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RunError) as caught:
            log.add(BC, Answer({"b": 1.0}, why="x" * 100_000))
        assert "the disk is full" in one_line(caught, path)
        assert list(log.answers()) == [AB]
        log.add(CD, Answer({"c": 2.0}))  # there is space for a small one
    with TrialLog(path, IDENTITY) as log:
        assert list(log.answers()) == [AB, CD]


def test_a_locked_or_moved_file(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log._connection.execute("PRAGMA busy_timeout = 50")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RunError, match="another process has kept it locked"):
                log.add(AB, Answer({"a": 1.0}))
        log.add(AB, Answer({"a": 1.0}))
        path.rename(path.with_name("moved"))
        with pytest.raises(RunError, match="moved or deleted"):
            log.add(BC, Answer({"b": 1.0}))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -np.inf, np.float32("nan"), "much", None])
@pytest.mark.parametrize("part", ["drops", "noise", "at_least", "seconds"])
def test_numbers_that_are_not_finite_are_refused(path: Path, wrong: Any, part: str) -> None:
    if part == "seconds" and wrong is None:
        return
    with TrialLog(path, IDENTITY) as log:
        with pytest.raises(GridsError, match=r"the answer for \{a, b\} must be of finite numbers"):
            log.add(AB, Answer(**{"drops": {"a": 0.0}, part: wrong if part == "seconds" else {"b": wrong}}))
        assert log.answers() == {}
