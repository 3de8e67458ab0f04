"""Ctrl-C and SIGTERM between two steps of a training rather than in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """What SIGTERM raises, as schedulers and `timeout` send it.

    It derives from KeyboardInterrupt: whatever ends cleanly after Ctrl-C does after SIGTERM, too.
    """


def terminate(*_: Any) -> None:
    """A handler of SIGTERM, for `signal.signal`: it raises Terminated, so that what is under way can end cleanly.

    It works once: it sets the system's own handling, so that a second SIGTERM ends the process at once.

    Raises:
        Terminated: always.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated("terminated")


@contextmanager
def interrupts_wait() -> Iterator[Callable[[], KeyboardInterrupt | None]]:
    """A context in which the first Ctrl-C or SIGTERM only leaves a note, so that a training step is not cut in two.

    A second one acts at once. Nothing is changed in other threads than the main one, nor for a signal that is handled
    in another way than Python's own or `terminate`. At the end of the context the former handlers are back.

    Yields:
        a function that returns None as long as there was no signal, then the exception that the caller is to raise: a
        KeyboardInterrupt for Ctrl-C, Terminated for SIGTERM.
    """
    asked: KeyboardInterrupt | None = None
    usual: dict[signal.Signals, Any] = {
        number: signal.getsignal(number)
        for number, ours in (
            (signal.SIGINT, (signal.default_int_handler,)),
            (signal.SIGTERM, (signal.SIG_DFL, terminate)),
        )
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) in ours
    }

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def remember(number: int, _: Any) -> None:
        nonlocal asked
        restore()
        if number == signal.SIGTERM:
            asked = Terminated("terminated")
            usual[signal.SIGTERM] = signal.SIG_DFL
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        else:
            asked = KeyboardInterrupt()

    for number in usual:
        signal.signal(number, remember)
    try:
        yield lambda: asked
    finally:
        restore()
