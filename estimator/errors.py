"""Exceptions whose messages a user can act on."""

from __future__ import annotations

_LONGEST = 300


class InputError(Exception):
    """An input that cannot be used; the message is one sentence that says what is wrong and what to do.

    ``kind`` is a short stable word (``"model"``, ``"revision"``, ``"corpus"``, ``"temperature"`` …) from which the
    screen chooses a dialog's title and by which tests identify the case. The command line exits with 2.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MeasurementError(Exception):
    """A measurement failed despite valid input (device lost, out of memory); the command line exits with 1."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Cancelled(Exception):
    """Raised at a safe point of a running task after its user has requested cancellation."""


def first_lines(error: BaseException, count: int = 1) -> str:
    """The first ``count`` non-blank lines of an exception's message, truncated to fit a dialog."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = " ".join(lines[:count]).rstrip(".:!")
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "…") + "."
