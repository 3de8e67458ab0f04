"""Ctrl-C and SIGTERM between steps: the first waits, a second does not; what is not Python's own is left alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from grids.training.interrupts import Terminated, interrupts_wait, terminate


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, terminate)
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_waits_and_the_second_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_wait() as interrupted:
        assert not interrupted()
        interrupt()
        assert interrupted()
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_waits_too_and_a_second_one_is_the_system_s() -> None:
    with interrupts_wait() as interrupted:
        os.kill(os.getpid(), signal.SIGTERM)
        assert isinstance(interrupted(), Terminated) and str(interrupted()) == "terminated"
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, terminate)
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_one_of_another_kind_acts_at_once() -> None:
    with pytest.raises(Terminated), interrupts_wait() as interrupted:
        interrupt()
        assert type(interrupted()) is KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, terminate)
    with interrupts_wait():
        pass
    assert signal.getsignal(signal.SIGTERM) is terminate


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
    assert seen == [None]
