"""The files of the next checkpoint, fetched while the one before it is measured."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from estimator.checkpoints.folders import weight_files
from estimator.errors import Cancelled, InputError
from estimator.progress import Phase, Progress

_BLOCK = 1 << 24
_PATIENCE = 2.0
"""Seconds that a download whose server says nothing is waited for."""


class Prefetch(Progress):
    """Calls ``fetch`` in a thread once, and listens to it; what fails there is left for the checkpoint's own turn."""

    def __init__(self, fetch: Callable[[Prefetch], None] = lambda _: None) -> None:
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
        """End what still goes on, and wait a little until it has."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Keep what was said last; raises :class:`Cancelled` once stopped."""
        self.check()
        self._said = (phase, done, total, unit)

    def check(self) -> None:
        """Raise :class:`Cancelled` once stopped."""
        if self._stopped:
            raise Cancelled

    def _run(self) -> None:
        with contextlib.suppress(InputError, Cancelled, OSError):
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


def read_ahead(folder: Path, check: Callable[[], None]) -> None:
    """Read the weights in ``folder``, so that the system has them in its cache; ``check`` may raise to stop."""
    for path in weight_files(folder):
        with path.open("rb") as file:
            while file.read(_BLOCK):
                check()
