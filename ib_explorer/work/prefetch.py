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
    """Passes a measurement's progress on, and calls ``fetch`` in a thread when its forward pass begins.

    By then the measurement's own files have been read. What fails in the thread is left for the checkpoint's own turn.
    """

    def __init__(self, progress: Progress, fetch: Callable[[Fetching], None]) -> None:
        self._progress = progress
        self._fetch = fetch
        self._fetching = Fetching()
        self._thread: threading.Thread | None = None

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Pass it on, and begin to fetch with the forward pass."""
        if phase == "forward" and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
            self._thread.start()
        self._progress.phase(phase, done, total, unit)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._progress.note(text)

    def finish(self) -> None:
        """Wait until all is fetched, with the download's progress as that of the task."""
        while self._thread is not None and self._thread.is_alive():
            self._progress.phase(*self._fetching.latest)
            self._thread.join(0.1)

    def stop(self) -> None:
        """End what still goes on, and wait a little until it has."""
        self._fetching.is_stopped = True
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        with contextlib.suppress(InputError, Cancelled, OSError):
            self._fetch(self._fetching)


class Fetching(Progress):
    """What the thread reports to: holds the ``latest`` report, and ends the thread once it ``is_stopped``."""

    def __init__(self) -> None:
        self.latest: tuple[Phase, int, int | None, str] = ("download", 0, None, "MB")
        self.is_stopped = False

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Hold the report; raises :class:`Cancelled` once stopped."""
        self.check()
        self.latest = (phase, done, total, unit)

    def check(self) -> None:
        """Raise :class:`Cancelled` once stopped."""
        if self.is_stopped:
            raise Cancelled


def read_ahead(folder: Path, check: Callable[[], None]) -> None:
    """Read the weights in ``folder``, so that the system has them in its cache; ``check`` may raise to stop."""
    for path in weight_files(folder):
        with path.open("rb") as file:
            while file.read(_BLOCK):
                check()
