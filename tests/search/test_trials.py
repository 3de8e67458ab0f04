"""The log of trials: no answer is lost or asked for twice, whatever happens to the processes and to the file."""

from __future__ import annotations

import contextlib
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
from grids.search import owners
from grids.search.trial_log import Record, TrialLog

IDENTITY = {"table": "ab12", "steps": 350, "data": {"folder": "photos", "seed": 0}}
AB, BC, CD = frozenset("ab"), frozenset("bc"), frozenset("cd")
GROUPS = [frozenset(pair) for pair in combinations("abcdefghij", 2)][:40]
Filled = tuple[bytes, dict[frozenset[str], Record]]
HOLD = """
import sys, time
from pathlib import Path
from grids.search.trial_log import TrialLog
log = TrialLog(Path(sys.argv[1]), {identity!r})
assert log.claim(frozenset("ab"))
print("claimed", flush=True)
time.sleep(60)
"""
WORK = """
import sys, time
from pathlib import Path
from grids.search.trial_log import TrialLog
begin = int(sys.stdin.readline())
log = TrialLog(Path(sys.argv[1]), {identity!r})
for i in range(begin, 100000):
    group = frozenset(("x", str(i)))
    assert log.claim(group)
    print("claimed", i, flush=True)
    log.finish(group, {{"x": i / 7, str(i): -1.0}})
    print("finished", i, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.sqlite"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed AB, and goes on for as long as it is let."""
    code = HOLD.format(identity=IDENTITY)
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
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


def fill(path: Path, answers: int) -> dict[frozenset[str], Record]:
    with TrialLog(path, IDENTITY) as log:
        for i in range(answers):
            group = frozenset(("jpeg", f"kind{i}"))
            log.finish(group, {"jpeg": i / 3, f"kind{i}": -i / 7}, file=f"weights/{i}.safetensors", seconds=i)
        return log.records()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A log of 60 answers: the file, and what it says."""
    path = tmp_path_factory.mktemp("filled") / "trials.sqlite"
    records = fill(path, 60)
    return path.read_bytes(), records


def one_line(caught: pytest.ExceptionInfo[GridsError], path: Path) -> str:
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


def test_round_trip(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        assert log.records() == {}
        assert log.claim(AB, why="a pair") and log.claim(BC, why="another") and log.claim(CD)
        log.finish(
            BC,
            {"b": np.float32(0.5), "c": np.float64(1 / 3)},
            noise={"b": 0.1},
            at_least={"c": -2},
            file="weights/x.safetensors",
            seconds=np.float64(3.5),
        )
        log.fail(AB, "out of memory", seconds=2)
        log.release(CD)
        seen = log.records()
    assert list(seen) == [CD, BC, AB]
    drops = {"b": 0.5, "c": 1 / 3}
    assert seen[BC] == Record(
        BC, "done", drops, {"b": 0.1}, {"c": -2.0}, "another", "", "weights/x.safetensors", 3.5, 1
    )
    assert all(type(drop) is float for drop in seen[BC].drops.values())
    assert seen[AB] == Record(AB, "failed", {}, {}, {}, "a pair", "out of memory", "", 2.0, 2)
    assert seen[CD] == Record(CD, "asked", {}, {}, {}, "", "", "", None, 0)
    with TrialLog(path, dict(reversed(IDENTITY.items()))) as log:
        assert list(log.records().items()) == list(seen.items())
    assert TrialLog.identity_of(path) == IDENTITY


def test_texts_that_are_no_text_are_kept_as_far_as_can_be(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.fail(frozenset(["ü\udc80"]), "cannot read 'a\udc80.png'\nat all")
    with TrialLog(path, IDENTITY) as log:
        assert log.records()[frozenset(["ü\udc80"])].reason == "cannot read 'a\\udc80.png'\nat all"


def test_what_can_be_claimed(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log, TrialLog(path, IDENTITY) as other:
        assert log.claim(AB)
        assert log.claim(AB)  # it is this thread's
        assert not other.claim(AB)
        assert other.running_elsewhere() == {AB} and log.running_elsewhere() == set()
        other.release(AB)  # not its own
        other.fail(AB, "not its own")
        assert log.records()[AB].state == "running"
        log.fail(AB, "no memory")
        assert other.claim(AB, why="again")
        assert log.records()[AB] == Record(AB, "running", {}, {}, {}, "again", "", "", None, 0)
        other.release(AB)
        assert log.claim(AB)
        assert log.records()[AB].why == "again"
        log.finish(AB, {"a": 1.0})
        assert not log.claim(AB) and not other.claim(AB)
        with pytest.raises(GridsError, match="one degradation or more"):
            log.claim(frozenset())


def test_the_first_answer_stays(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log, TrialLog(path, IDENTITY) as other:
        log.finish(AB, {"a": 1.0})
        other.finish(AB, {"a": 2.0})
        other.fail(AB, "too late")
        other.release(AB)
        assert log.records()[AB] == Record(AB, "done", {"a": 1.0}, {}, {}, "", "", "", None, 1)


def test_closing_gives_back_what_runs(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        first = TrialLog(path, IDENTITY)
        assert first.claim(AB) and not log.claim(AB)
        first.close()
        first.close()
        assert log.records()[AB].state == "asked" and log.claim(AB)
        for use in (first.records, first.running_elsewhere, lambda: first.claim(BC), lambda: first.release(BC)):
            with pytest.raises(RunError, match=r"trials.sqlite' is closed"):
                use()
    assert files(path) == ["trials.sqlite"]
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("(_beat)")]


def test_a_log_that_was_dropped_unclosed_is_dead(path: Path) -> None:
    lost = TrialLog(path, IDENTITY)
    assert lost.claim(AB)
    del lost
    with TrialLog(path, IDENTITY) as log:
        assert log.running_elsewhere() == set() and log.claim(AB)


def test_threads_of_one_log_never_get_the_same_group(path: Path) -> None:
    won: list[frozenset[str]] = []
    end = threading.Barrier(6)

    def work() -> None:
        mine = [group for group in GROUPS if log.claim(group)]
        end.wait(20)  # a thread that has ended no longer holds what it claimed
        for group in mine:
            log.finish(group, dict.fromkeys(group, 0.0))
        won.extend(mine)

    with TrialLog(path, IDENTITY) as log:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(sorted, won)) == sorted(map(sorted, GROUPS))
        assert sorted(record.order for record in log.records().values()) == list(range(1, 41))


RACE = """
import json, random, sys, time
from pathlib import Path
from grids.search.trial_log import TrialLog
path, seed, groups = sys.argv[1], int(sys.argv[2]), [frozenset(group) for group in json.loads(sys.argv[3])]
print("ready", flush=True)
sys.stdin.readline()
mine = []
with TrialLog(Path(path), {identity}) as log:
    for group in random.Random(seed).sample(groups, len(groups)):
        if log.claim(group):
            time.sleep(0.002)
            log.finish(group, dict.fromkeys(group, float(seed)))
            mine.append(sorted(group))
print(json.dumps(mine), flush=True)
"""
"""Claim and finish all groups that can be had, in an order of its own."""


def test_processes_never_get_the_same_group(path: Path) -> None:
    groups = json.dumps([sorted(group) for group in GROUPS])
    code = RACE.replace("{identity}", repr(IDENTITY))
    won = {}
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code, str(path), str(seed), groups],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for seed in range(3)
        ]
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for seed, process in enumerate(processes):
            out, _ = process.communicate(timeout=60)
            won[seed] = [frozenset(group) for group in json.loads(out)]
    assert sorted(sorted(group) for mine in won.values() for group in mine) == sorted(map(sorted, GROUPS))
    with TrialLog(path, IDENTITY) as log:
        seen = log.records()
    for seed, mine in won.items():
        assert all(seen[group].drops == dict.fromkeys(group, float(seed)) for group in mine)
    assert [record.order for record in seen.values()] == list(range(1, 41))
    assert files(path) == ["trials.sqlite"]


def test_nothing_is_lost_when_a_process_is_killed(path: Path) -> None:
    random_times, finished, begin = random.Random(0), set(), 0
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
            claimed = {int(state[1]) for state in states if state[0] == "claimed" and len(state) == 2}
            finished |= {int(state[1]) for state in states if state[0] == "finished" and len(state) == 2}
            begin = max(claimed) + 2  # the one after the last may have been finished, but not said so
            with TrialLog(path, IDENTITY) as log:
                seen = log.records()
                assert finished <= {int(min(group - {"x"})) for group in seen}
                for i in finished:
                    assert seen[frozenset(("x", str(i)))].drops == {"x": i / 7, str(i): -1.0}
                assert log.running_elsewhere() == set()
                running = [group for group, record in seen.items() if record.state == "running"]
                assert len(running) <= 1
                for group in running:
                    assert log.claim(group)
                    log.finish(group, dict.fromkeys(group, 0.0))
            check_integrity(path)
    assert len(finished) >= 4


def test_another_process_holds_its_group_until_it_is_killed(path: Path, holder: subprocess.Popen[str]) -> None:
    assert TrialLog.in_use(path) == f"process {holder.pid} on host {platform.node()}"
    with TrialLog(path, IDENTITY) as log:
        assert not log.claim(AB) and log.running_elsewhere() == {AB}
        with pytest.raises(RunError, match=rf"process {holder.pid} .* is using it"):
            TrialLog.recover(path)
        holder.kill()
        with contextlib.suppress(ChildProcessError):  # wait for its end, but leave the zombie
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert TrialLog.in_use(path) is None
        assert log.claim(AB)


def test_in_use_of_what_is_not_there_or_no_log(tmp_path: Path, path: Path) -> None:
    assert TrialLog.in_use(path) is None and TrialLog.identity_of(path) is None
    assert not path.parent.exists()
    (tmp_path / "notes.txt").write_text("no log")
    (tmp_path / "empty").touch()
    assert TrialLog.in_use(tmp_path / "notes.txt") is None
    assert TrialLog.in_use(tmp_path / "empty") is None and TrialLog.identity_of(tmp_path / "empty") is None
    with TrialLog(path, IDENTITY):
        assert TrialLog.in_use(path) is None  # by another process, that is


@pytest.mark.parametrize(("age", "alive"), [(0, True), (50, True), (70, False), (1e6, False)])
@pytest.mark.parametrize("elsewhere", [{"host": "far-away"}, {"place": "another container"}])
def test_an_owner_elsewhere_lives_by_its_signs(path: Path, age: float, alive: bool, elsewhere: dict[str, str]) -> None:
    with TrialLog(path, IDENTITY) as log, TrialLog(path, IDENTITY) as far:
        assert far.claim(AB)
        far_away = far._owner._replace(**elsewhere)
        edit(
            path,
            "UPDATE workers SET host = ?, place = ?, heartbeat = ? WHERE token = ?",
            *(far_away.host, far_away.place, time.time() - age, far_away.token),
        )
        assert log.running_elsewhere() == ({AB} if alive else set())
        assert TrialLog.in_use(path) == (f"process {os.getpid()} on host {far_away.host}" if alive else None)
        assert log.claim(AB) is not alive


def test_an_owner_whose_number_another_process_has_now_is_dead(path: Path, holder: subprocess.Popen[str]) -> None:
    edit(path, "UPDATE workers SET started = '1'")
    with TrialLog(path, IDENTITY) as log:
        assert log.claim(AB)


def test_the_pulse_is_seen_and_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "BEAT", 0.02)
    with TrialLog(path, IDENTITY) as log:
        edit(path, "UPDATE workers SET heartbeat = 0")
        deadline = time.time() + 10
        with contextlib.closing(sqlite3.connect(path)) as connection:
            while connection.execute("SELECT heartbeat FROM workers").fetchone() == (0.0,):
                assert time.time() < deadline
                time.sleep(0.01)
        assert log._pulse.daemon
        path.rename(path.with_name("moved"))
        time.sleep(0.1)
        assert log._pulse.is_alive() and files(path) == ["moved"]  # it neither ends nor makes a new file
    assert not log._pulse.is_alive()


def test_an_open_log_does_not_keep_the_interpreter_alive(path: Path) -> None:
    code = HOLD.format(identity=IDENTITY).replace("time.sleep(60)", "")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "claimed\n", "")
    with TrialLog(path, IDENTITY) as log:
        assert log.claim(AB)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_leaves_the_log_alone(path: Path) -> None:
    code = (
        f"import os, sys\nfrom pathlib import Path\nfrom grids.search.trial_log import TrialLog\n"
        f"log = TrialLog(Path(sys.argv[1]), {IDENTITY!r}); log.claim(frozenset('ab'))\n"
        "if os.fork() == 0:\n"
        "    log.close()\n"
        "    try:\n        log.records()\n    except Exception as error:\n        print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\nprint(log.records()[frozenset('ab')].state)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    said = done.stdout.splitlines()
    assert "was opened by another process" in said[0] and said[1:] == ["running"]


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
    def parts(text: str) -> list[str]:
        return sorted(text.split("; "))

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
        assert len(log.records()) == 1


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
        assert one_line(caught, path).endswith("has format 7, but this version of grids reads format 1")


def test_a_database_that_is_no_log(path: Path) -> None:
    path.parent.mkdir()
    edit(path, "CREATE TABLE addresses (name)")
    with pytest.raises(RunError) as caught:
        TrialLog(path, IDENTITY)
    assert one_line(caught, path).endswith("is an SQLite file, but no log of trials")


@pytest.mark.parametrize("content", [b"garbage", b"garbage" * 5000, b"SQLite format 3\0", b"SQLite format 3\0" * 300])
def test_garbage(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for use in (lambda: TrialLog(path, IDENTITY), lambda: TrialLog.identity_of(path)):
        with pytest.raises(RunError) as caught:
            use()
        text = one_line(caught, path)
        assert "is corrupt" in text and text.endswith("none of its answers can be read: move it away")
    with pytest.raises(RunError) as caught:
        TrialLog.recover(path, IDENTITY)
    assert one_line(caught, path).endswith("none of its answers can be read")
    assert path.read_bytes() == content and files(path) == ["trials.sqlite"]


def test_recovering_a_truncated_log(path: Path, filled: Filled) -> None:
    whole, before = filled
    path.parent.mkdir()
    for kept in (0.9, 0.7):
        path.write_bytes(whole[: int(len(whole) * kept)])
        broken = path.read_bytes()
        with pytest.raises(
            RunError, match=r"is corrupt \(.*\); [0-9]+ of its answers can still be read: save"
        ) as caught:
            TrialLog(path, IDENTITY)
        saved = TrialLog.recover(path)
        assert f"; {saved} of its answers" in one_line(caught, path)
        assert 20 <= saved <= 60 and (saved < 60 or kept == 0.9)  # the end holds the index, of which the rows are free
        assert path.with_name("trials.sqlite.corrupt" + ("" if kept == 0.9 else "2")).read_bytes() == broken
        with TrialLog(path, IDENTITY) as log:
            after = log.records()
            assert all(before[group] == record for group, record in after.items()) and len(after) == saved
            assert not any(log.claim(group) for group in after)
            assert all(log.claim(group) for group in list(before.keys() - after.keys())[:3])
    assert files(path) == ["trials.sqlite", "trials.sqlite.corrupt", "trials.sqlite.corrupt2"]


@pytest.mark.parametrize("length", [1, 1500])
def test_flipped_bytes_are_noticed_and_never_become_answers(path: Path, length: int, filled: Filled) -> None:
    whole, before = filled
    dice, results = random.Random(length), []
    path.parent.mkdir()
    for _ in range(40):
        path.write_bytes(whole)
        start = dice.randrange(len(whole) - length)
        broken = bytearray(whole)
        broken[start : start + length] = bytes(byte ^ dice.randrange(1, 256) for byte in broken[start : start + length])
        path.write_bytes(broken)
        try:
            with TrialLog(path, IDENTITY) as log:
                assert log.records() == before  # it hit a byte that nothing depends on
                continue
        except RunError as error:
            assert str(path) in str(error)
        try:
            saved = TrialLog.recover(path, IDENTITY)
        except RunError as error:
            assert "none of its answers can be read" in str(error)
            results.append(0)
            continue
        with TrialLog(path, IDENTITY) as log:
            after = log.records()
        assert all(before[group] == record for group, record in after.items()) and len(after) == saved
        results.append(saved)
    assert len(results) > 8 and np.median(results) > 30


def test_a_changed_answer_is_noticed_while_the_log_is_open(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.finish(AB, {"a": 1.0})
        log.finish(BC, {"b": 1.0})
        edit(path, """UPDATE trials SET drops = '{"a":9.0}' WHERE number = 1""")
        for use in (log.records, lambda: log.claim(AB)):
            with pytest.raises(RunError, match=r"is corrupt .*; 1 of its answers can still be read"):
                use()
        assert not log.claim(BC)
    assert TrialLog.recover(path) == 1
    with TrialLog(path, IDENTITY) as log:
        assert list(log.records()) == [BC]


def test_recover_goes_by_the_identity_it_is_given(path: Path) -> None:
    fill(path, 5)
    edit(path, "UPDATE meta SET value = 'x' WHERE key = 'identity'")
    with pytest.raises(RunError, match="none of its answers"):
        TrialLog.recover(path)
    with pytest.raises(RunError, match="none of its answers"):
        TrialLog.recover(path, {"another": "problem"})
    assert TrialLog.recover(path, IDENTITY) == 5
    assert TrialLog.identity_of(path) == IDENTITY


def test_what_ran_can_be_claimed_after_a_recovery(path: Path) -> None:
    log = TrialLog(path, IDENTITY)
    log.finish(AB, {"a": 1.0})
    assert log.claim(BC)
    with pytest.raises(RunError, match="is using it"):
        TrialLog.recover(path)
    del log
    assert TrialLog.recover(path) == 1
    with TrialLog(path, IDENTITY) as log:
        assert log.records()[BC].state == "asked"
    with pytest.raises(RunError, match="there is no such file"):
        TrialLog.recover(path.with_name("nothing"))


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(RunError) as caught:
        TrialLog(path, IDENTITY)
    assert one_line(caught, path).endswith("it is a folder")
    path.with_name("file").touch()
    for use in (lambda: TrialLog(path.with_name("file") / "trials.sqlite", IDENTITY), lambda: TrialLog.in_use(path)):
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
        assert TrialLog.identity_of(path) == IDENTITY and TrialLog.in_use(path) is None
    finally:
        target.chmod(0o755)


def test_a_full_disk(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log.finish(AB, {"a": 1.0})
        [pages] = log._connection.execute("PRAGMA page_count").fetchone()
        log._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RunError) as caught:
            log.fail(BC, "x" * 100_000)
        assert "the disk is full" in one_line(caught, path)
        assert list(log.records()) == [AB]
        log.finish(CD, {"c": 2.0})  # there is space for a small one
    with TrialLog(path, IDENTITY) as log:
        assert list(log.records()) == [AB, CD]


def test_a_locked_or_moved_file(path: Path) -> None:
    with TrialLog(path, IDENTITY) as log:
        log._connection.execute("PRAGMA busy_timeout = 50")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RunError, match="another process has kept it locked"):
                log.claim(AB)
        assert log.claim(AB)
        path.rename(path.with_name("moved"))
        with pytest.raises(RunError, match="moved or deleted"):
            log.finish(AB, {"a": 1.0})


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -np.inf, np.float32("nan"), "much", None])
@pytest.mark.parametrize("part", ["drops", "noise", "at_least"])
def test_numbers_that_are_not_finite_are_refused(path: Path, wrong: Any, part: str) -> None:
    with TrialLog(path, IDENTITY) as log:
        assert log.claim(AB)
        with pytest.raises(GridsError, match=r"of 'b' in the group a, b is .*, but must be a finite number"):
            log.finish(AB, **{"drops": {"a": 0.0}, part: {"b": wrong}})
        assert log.records()[AB].state == "running"
        log.finish(AB, {"a": 0.0})
        with pytest.raises(GridsError, match=r"the time in the group b, c is nan"):
            log.fail(BC, "too slow", seconds=float("nan"))
