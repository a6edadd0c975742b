"""What can go wrong, in words that a user can act on."""

from __future__ import annotations

_LONGEST = 300


class InputError(Exception):
    """Something the user gave cannot be used; the message is one sentence that says what, and what to do.

    ``kind`` is a short stable word (``"model"``, ``"revision"``, ``"corpus"``, ``"temperature"`` …) by which the
    screen chooses a dialog's title and tests recognise the case. The command line exits with 2.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MeasurementError(Exception):
    """A measurement failed although its input was sound (device lost, out of memory); the command line exits with 1."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Cancelled(Exception):
    """Raised out of a running task, at a safe point, once its user has asked for it to stop."""


def first_lines(error: BaseException, count: int = 1) -> str:
    """The beginning of a library's message, short enough for a dialog: its first ``count`` lines that are not blank."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = " ".join(lines[:count]).rstrip(".:!")
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "…") + "."
