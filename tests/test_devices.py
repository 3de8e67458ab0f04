"""Threads: how many there are, how they wait, and how work is shared out among them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grids.devices import SMALL, for_each, usable_cpus, use_threads
from grids.errors import GridsError


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 64), ("150000 100000", 2), ("50000 100000", 1), ("nonsense", 64), ("", 64)]
)
def test_the_quota_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cpus(tmp_path) == expected
    assert usable_cpus(tmp_path / "none") == 64


def test_threads_follow_what_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    use_threads(None)
    assert torch.get_num_threads() == usable_cpus()
    use_threads(1)
    assert torch.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    use_threads(None)
    assert torch.get_num_threads() == 1
    with pytest.raises(GridsError, match="at least 1"):
        use_threads(0)


@pytest.mark.parametrize(("threads", "values"), [(1, SMALL), (3, 1), (3, SMALL)])
def test_every_number_is_worked_on_once(threads: int, values: int) -> None:
    torch.set_num_threads(threads)
    done: list[tuple[int, str]] = []
    for_each(20, lambda i: done.append((i, threading.current_thread().name)), values)
    assert sorted(number for number, _ in done) == list(range(20))
    alone = {threading.current_thread().name}
    assert ({name for _, name in done} == alone) == (threads == 1 or 20 * values < SMALL)


def test_what_goes_wrong_in_a_thread_is_raised() -> None:
    torch.set_num_threads(2)

    def work(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError):
        for_each(4, work, SMALL)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, ("1000", None)), ({"GOMP_SPINCOUNT": "5"}, ("5", None)), ({"OMP_WAIT_POLICY": "ACTIVE"}, (None, "ACTIVE"))],
)
def test_threads_hardly_spin_unless_the_user_chose(given: dict[str, str], expected: tuple[str | None, ...]) -> None:
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    code = f"import grids, os; print(tuple(map(os.environ.get, {names})))"
    found = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(expected)
