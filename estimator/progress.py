"""Progress reports and cancellation of long tasks."""

from __future__ import annotations

from typing import Literal

Phase = Literal["resolve", "download", "text", "load", "train", "moments", "forward", "estimate", "store", "bound"]


class Progress:
    """The listener of a long task. This base class ignores reports and never cancels; a worker's subclass does both."""

    revision: str | None = None
    """The current checkpoint, set by code that iterates over several, so that the listener can name it."""

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Report that ``done`` of ``total`` ``unit`` are finished; raises :class:`.Cancelled` to stop."""

    def note(self, text: str) -> None:
        """Report one sentence for the user's log (a halved batch, a skipped document)."""
