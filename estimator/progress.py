"""How a long task says how far it is, and learns that it should stop."""

from __future__ import annotations

from typing import Literal

Phase = Literal["resolve", "download", "text", "load", "train", "moments", "forward", "estimate", "store", "bound"]


class Progress:
    """The listener of a long task. This base class hears nothing and never cancels; a worker's subclass does both."""

    revision: str | None = None
    """The checkpoint at work, set by whoever steps through several, so that the listener can name it."""

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Hear that ``done`` of ``total`` ``unit`` are finished; raises :class:`estimator.errors.Cancelled` to stop."""

    def note(self, text: str) -> None:
        """Hear one sentence for the user's log (a halved batch, a skipped document)."""
