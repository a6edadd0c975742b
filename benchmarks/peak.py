"""The most memory that a stretch of work takes, by asking often."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")


def anonymous_bytes() -> int:
    """What this process holds of memory that no file backs (Linux): scores in mapped files are not counted."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


class Peak:
    """``bytes`` is the most that was held within the context beyond what was held at its start."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # what was freed before must not be taken again unseen
            ctypes.CDLL(None).malloc_trim(0)
        self._before = anonymous_bytes()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            self.bytes = max(self.bytes, anonymous_bytes() - self._before)
