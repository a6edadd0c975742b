"""Progress reports and cancellation of long tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Phase = Literal[
    "resolve", "download", "text", "load", "train", "moments", "forward", "estimate", "store", "bound", "wait"
]
PHASE_NAMES: Mapping[str, str] = {
    "resolve": "resolving",
    "download": "downloading",
    "text": "reading text",
    "load": "loading",
    "train": "training",
    "moments": "moments of hidden states",
    "forward": "forward pass",
    "estimate": "estimating",
    "store": "storing scores",
    "bound": "computing the bound",
    "wait": "waiting for other processes",
}
"""What a progress line calls each phase."""


class Progress:
    """The listener of a long task. This base class ignores reports and never cancels; a worker's subclass does both."""

    revision: str | None = None
    """The current checkpoint, set by code that iterates over several, so that the listener can name it."""

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Report that ``done`` of ``total`` ``unit`` are finished; raises :class:`.Cancelled` to stop."""

    def note(self, text: str) -> None:
        """Report one sentence for the user's log (a halved batch, a skipped document)."""
