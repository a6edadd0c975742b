"""Peak memory of a block of code, by frequent sampling."""

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
    """Memory of this process that is not backed by files (Linux), in bytes: scores in mapped files are not counted."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


class Peak:
    """Context manager; ``bytes`` is the peak memory within the context beyond that at its start."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # else reuse of freed memory goes unseen
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
