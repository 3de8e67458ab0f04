"""Ctrl-C and SIGTERM between two steps of a training rather than in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM, as schedulers and `timeout` send it: all that holds for Ctrl-C holds for it."""


def terminate(*_: Any) -> None:
    """A handler of SIGTERM: raises Terminated. A second one is left to the system, which ends the process at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated("terminated")


@contextmanager
def interrupts_wait() -> Iterator[Callable[[], KeyboardInterrupt | None]]:
    """Inside, the first Ctrl-C or SIGTERM does no more than make the given function return what is to be raised.

    A second one acts at once. Where they are handled in another way than Python's own or `terminate` (or in another
    thread) nothing is changed.
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
