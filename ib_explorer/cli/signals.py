"""Signals that end a command: SIGTERM and SIGHUP do what Ctrl-C does, so that there is one way to clean up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Handles :data:`ENDING`; ``number`` is the signal received, None before."""

    def __init__(self) -> None:
        self.number: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that shells give to a command ended by this signal, or else by Ctrl-C."""
        return 128 + (self.number or signal.SIGINT)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal as the handler of Ctrl-C does, which is asyncio's while jobs or the screen run."""
        self.number = signal.Signals(number)
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:  # a command in the background ignores Ctrl-C
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let :data:`ENDING` raise KeyboardInterrupt in the block, except those that are ignored (``nohup``)."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # signals are handled in the main thread only
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interruption)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
