"""Ctrl-C between two steps of a training rather than in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_wait() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C does no more than make the given function return True; a second one acts at once.

    Where Ctrl-C is not Python's own (another thread, another handler) nothing is changed.
    """
    asked = False
    usual = signal.default_int_handler

    def remember(*_: Any) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, usual)

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is usual
    if ours:
        signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, usual)
