"""Ctrl-C between steps: the first waits, the second does not, and what is not Python's own is left alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from grids.training.interrupts import interrupts_wait


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_waits_and_the_second_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_wait() as interrupted:
        assert not interrupted()
        interrupt()
        assert interrupted()
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_afterwards_all_is_as_before() -> None:
    with interrupts_wait():
        interrupt()
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_another_handler_and_another_thread_are_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts_wait() as interrupted:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert not interrupted()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seen = []

    def elsewhere() -> None:
        with interrupts_wait() as asked:
            seen.append(asked())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [False]
