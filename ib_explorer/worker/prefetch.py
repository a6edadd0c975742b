"""The files of the next checkpoint, fetched while the one before it is measured."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from estimator.errors import Cancelled
from estimator.folders import weight_files
from estimator.progress import Phase, Progress


class Prefetch(Progress):
    """Calls ``fetch`` in a thread once, and listens to it; what fails there is left for the checkpoint's own turn."""

    def __init__(self, fetch: Callable[[Progress], None] = lambda _: None) -> None:
        self._fetch = fetch
        self._said: tuple[Phase, int, int | None, str] = ("download", 0, None, "MB")
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
            self._thread.start()

    def finish(self, progress: Progress) -> None:
        """Wait for the end, with the download's progress as that of the task."""
        while self._thread is not None and self._thread.is_alive():
            progress.phase(*self._said)
            self._thread.join(0.1)

    def stop(self) -> None:
        """Have a download that still goes on end soon."""
        self._stopped = True

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Keep what was said last; raises :class:`Cancelled` once stopped."""
        if self._stopped:
            raise Cancelled
        self._said = (phase, done, total, unit)

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            self._fetch(self)


class StartsPrefetch(Progress):
    """Passes on what a measurement says, and starts a prefetch when its forward pass begins: its own files are here."""

    def __init__(self, progress: Progress, prefetch: Prefetch) -> None:
        self._progress = progress
        self._prefetch = prefetch

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Pass it on."""
        if phase == "forward":
            self._prefetch.start()
        self._progress.phase(phase, done, total, unit)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._progress.note(text)


def read_ahead(folder: Path) -> None:
    """Have the system read the weights in ``folder`` into its cache, where it can do so by itself."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in weight_files(folder):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
