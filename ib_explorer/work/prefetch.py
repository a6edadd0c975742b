"""Prefetching of the next checkpoint's files while the current one is measured."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from estimator.checkpoints.folders import weight_files
from estimator.errors import Cancelled
from estimator.progress import Phase, Progress

_BLOCK = 1 << 24
_PATIENCE = 2.0
"""Seconds to wait for a download whose server does not respond."""
_LOOK_EVERY = 0.1


class Prefetch(Progress):
    """Forwards a measurement's progress, and calls ``fetch`` in a thread once its own files have been downloaded.

    Errors in the thread are ignored: they recur when the checkpoint itself is measured.
    """

    def __init__(self, progress: Progress, fetch: Callable[[Fetching], None]) -> None:
        self._progress = progress
        self._fetch = fetch
        self._fetching = Fetching()
        self._thread: threading.Thread | None = None

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Forward the report, and start fetching with the loading of the model."""
        if phase == "forward":
            self._fetching.forward.set()
        if phase in ("load", "forward") and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
            self._thread.start()
        self._progress.phase(phase, done, total, unit)

    def note(self, text: str) -> None:
        """Forward the note."""
        self._progress.note(text)

    def finish(self) -> None:
        """Wait until fetching is finished, reporting the download's progress as that of the task."""
        self._fetching.forward.set()
        while self._thread is not None and self._thread.is_alive():
            self._forward()
            self._progress.phase(*self._fetching.latest)
            self._thread.join(_LOOK_EVERY)
        self._forward()

    def stop(self) -> None:
        """Stop fetching, and wait briefly until it has stopped."""
        self._fetching.is_stopped = True
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _forward(self) -> None:
        while self._fetching.notes:
            self._progress.note(self._fetching.notes.popleft())

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            self._fetch(self._fetching)


class Fetching(Progress):
    """The thread's progress listener: stores the ``latest`` report and ``notes``; ``is_stopped`` ends the thread.

    ``forward`` is set once the files of the checkpoint at work have been read.
    """

    def __init__(self) -> None:
        self.latest: tuple[Phase, int, int | None, str] = ("download", 0, None, "MB")
        self.notes: deque[str] = deque()
        self.is_stopped = False
        self.forward = threading.Event()

    def note(self, text: str) -> None:
        """Store the note."""
        self.notes.append(text)

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Store the report; raises :class:`Cancelled` once stopped."""
        self.check()
        self.latest = (phase, done, total, unit)

    def wait_for_forward(self) -> None:
        """Wait until the checkpoint at work has been read; raises :class:`Cancelled` once stopped."""
        while not self.forward.wait(_LOOK_EVERY):
            self.check()

    def check(self) -> None:
        """Raise :class:`Cancelled` once stopped."""
        if self.is_stopped:
            raise Cancelled


def read_ahead(folder: Path, check: Callable[[], None]) -> None:
    """Read the weights in ``folder`` into the system's page cache; ``check`` may raise to stop."""
    for path in weight_files(folder):
        with path.open("rb") as file:
            while file.read(_BLOCK):
                check()
