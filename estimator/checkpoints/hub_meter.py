"""Progress of downloads: the bytes that the client's threads receive, counted and watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from huggingface_hub.utils import tqdm as hub_tqdm

from estimator.checkpoints.patience import Unavailable
from estimator.errors import Cancelled
from estimator.progress import Progress

MB = 1_000_000
STALLED = 120.0
"""Seconds without a byte after which a download counts as interrupted; the client itself retries for a minute."""


class Meter:
    """Counts the bytes received by the client's threads, and ends them once ``stopped``."""

    def __init__(self) -> None:
        self.received = 0
        self.stopped = False

    def bar(self) -> type[hub_tqdm]:
        """A progress bar class for the client that draws nothing."""
        meter = self

        class Bar(silent_bar()):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                self._counts_bytes = kwargs.get("unit") == "B"
                self._bytes = 0
                super().__init__(*args, **kwargs)

            def update(self, n: float | None = 1) -> None:
                if self._counts_bytes:
                    self._bytes += int(n or 0)
                    meter.received = self._bytes
                if meter.stopped:
                    raise Cancelled

        return Bar


def silent_bar() -> type[hub_tqdm]:
    """A progress bar class for the client that draws nothing."""

    class Silent(hub_tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

    return Silent


class Watch:
    """Reports a download of ``total`` bytes; raises :class:`Unavailable` when nothing arrives for two minutes."""

    def __init__(
        self, meter: Meter, total: int, progress: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._meter, self._total, self._progress, self._clock = meter, total, progress, clock
        self._received, self._since = 0, clock()
        progress.phase("download", 0, total // MB, "MB")

    def report(self) -> None:
        """Report the bytes received so far."""
        received = self._meter.received
        if received != self._received:
            self._received, self._since = received, self._clock()
        elif self._clock() - self._since > STALLED:
            raise Unavailable(f"has sent nothing for {STALLED:.0f} s", has_answered=True)
        self._progress.phase("download", received // MB, max(self._total, received) // MB, "MB")
