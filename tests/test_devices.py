"""Threads: how many there are, how they wait, and how work is shared out among them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import pytest
import torch

from grids import devices
from grids.devices import computes_in_bf16, exact_float32, for_each, placement, spread, usable_cpus, use_threads
from grids.devices.threads import SMALL, SharedChange
from grids.errors import GridsError


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(
    ("files", "groups", "expected"),
    [
        ({"cpu.max": "max 100000"}, "0::/", 64),
        ({"cpu.max": "150000 100000"}, "0::/", 2),
        ({"cpu.max": "50000 100000"}, None, 1),
        ({"cpu.max": "nonsense"}, "0::/", 64),
        ({"job/cpu.max": "300000 100000", "job/step/cpu.max": "max 100000"}, "0::/job/step", 3),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, "4:memory:/a\n3:cpuacct,cpu:/", 4),
        ({"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, "3:cpu:/a", 64),
        ({}, "0::/", 64),
    ],
)
def test_the_quotas_of_control_groups_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], groups: str | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if groups is not None:
        (tmp_path / "groups").write_text(groups)
    assert usable_cpus(tmp_path, tmp_path / "groups") == expected


@pytest.mark.parametrize(
    ("files", "group", "expected"),
    [
        ({"memory.max": "max"}, "0::/", None),
        ({"memory.max": "1000000"}, "0::/", 1_000_000),
        ({"job/memory.max": "3000000", "job/step/memory.max": "max"}, "0::/job/step", 3_000_000),
        ({"memory/a/memory.limit_in_bytes": "2000000"}, "4:memory:/a\n3:cpu:/", 2_000_000),
    ],
)
def test_free_memory_follows_the_limits_of_control_groups(
    files: dict[str, str], group: str, expected: int | None, tmp_path: Path
) -> None:
    (tmp_path / "group").write_text(group + "\n")
    unlimited = devices.free_memory("cpu", tmp_path / "none", tmp_path / "group")
    assert unlimited > 2**24
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = devices.free_memory("cpu", tmp_path, tmp_path / "group")
    assert found == expected if expected else found > 2**24


def test_threads_follow_what_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(usable_cpus() + 3)
    use_threads(None)
    assert torch.get_num_threads() == usable_cpus()
    use_threads(1)
    assert cv2.getNumThreads() == 1
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


def test_the_modes_of_the_caller_hold_in_every_thread() -> None:
    torch.set_num_threads(2)
    found: list[tuple[bool, bool]] = []
    for mode in (torch.inference_mode, torch.no_grad, torch.enable_grad):
        with mode():
            for_each(4, lambda i: found.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled())), SMALL)
    assert found == [(True, False)] * 4 + [(False, False)] * 4 + [(False, True)] * 4


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


def never(_: object) -> float:
    return 0.0


@pytest.mark.parametrize("threads", [1, 3])
def test_spread_keeps_the_order(threads: int) -> None:
    torch.set_num_threads(threads)
    seen: set[tuple[str, int]] = set()

    def work(number: int) -> int:
        time.sleep(0.001 * (number % 3))
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        return number * number

    assert list(spread(range(30), work, never, 1)) == [number * number for number in range(30)]
    assert (len(seen) > 1) == (threads > 1) and {count for _, count in seen} == {1}
    assert torch.get_num_threads() == threads
    assert list(spread([], work, never, 1)) == []


def test_spread_keeps_to_the_budget() -> None:
    torch.set_num_threads(4)
    lock, at_once, most = threading.Lock(), 0, 0

    def work(price: int) -> None:
        nonlocal at_once, most
        with lock:
            at_once += price
            most = max(most, at_once)
        time.sleep(0.002)
        with lock:
            at_once -= price

    list(spread([3, 3, 3, 50, 1, 1, 1, 1, 9, 2, 50], work, float, 10))
    assert most == 50


def test_spread_stops_at_the_first_error() -> None:
    torch.set_num_threads(2)
    done: list[int] = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        done.append(number)
        return number

    made = spread(range(1000), work, never, 1)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(made)
    assert len(done) < 20 and torch.get_num_threads() == 2


def test_switches_are_as_before_whoever_leaves_last() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    try:
        matmul.allow_tf32 = True
        first, second = exact_float32(), exact_float32()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not matmul.allow_tf32
        second.__exit__(None, None, None)
        assert matmul.allow_tf32
    finally:
        matmul.allow_tf32 = before


def test_a_shared_change_that_fails_half_way_is_undone() -> None:
    state: list[str] = []
    fails = [True]

    def change(undo: ExitStack) -> None:
        state.append("changed")
        undo.callback(state.clear)
        if fails.pop():
            raise KeyboardInterrupt

    shared = SharedChange(change)
    with pytest.raises(KeyboardInterrupt), shared.inside():
        pass
    assert state == []
    fails.append(False)
    with shared.inside():
        assert state == ["changed"]
    assert state == []


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GridsError, match=r"no device 'cuda' on this machine \(usable: cpu"):
        devices.resolve("cuda")
    with pytest.raises(GridsError, match="must be at least 1, but is 0"):
        use_threads(0)


@pytest.mark.parametrize(
    ("instructions", "intel", "expected"),
    [
        ((), True, False),
        (("avx512_bf16",), True, False),  # slower there than float32
        (("avx512_bf16",), False, True),
        (("avx512_bf16", "amx_tile"), True, True),
    ],
)
def test_cpus_compute_in_bf16_where_that_is_faster(
    instructions: tuple[str, ...], intel: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda name=name: name in instructions, raising=False)
    monkeypatch.setattr(placement, "_is_by_intel", lambda: intel)
    assert computes_in_bf16(torch.device("cpu")) == expected
    assert not computes_in_bf16(torch.device("mps"))


@pytest.mark.parametrize(("vendor", "intel"), [("GenuineIntel", True), ("AuthenticAMD", False)])
def test_who_made_the_processor(tmp_path: Path, vendor: str, intel: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 6\n")
    assert placement._is_by_intel(tmp_path / "cpuinfo") == intel
