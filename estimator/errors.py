"""Exceptions whose messages a user can act on."""

from __future__ import annotations

import errno

from estimator.safe_text import safe

_LONGEST = 300
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class InputError(Exception):
    """An input that cannot be used; the message is one sentence that says what is wrong and what to do.

    ``kind`` is a short stable word (``"model"``, ``"revision"``, ``"corpus"``, ``"temperature"`` …) from which the
    screen chooses a dialog's title and by which tests identify the case. The command line exits with 2.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(safe(message))
        self.kind = kind


class MeasurementError(Exception):
    """A measurement failed despite valid input (device lost, out of memory); the command line exits with 1."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(safe(message))
        self.kind = kind


class Cancelled(Exception):
    """Raised at a safe point of a running task after its user has requested cancellation."""


def foreseen(error: BaseException) -> InputError | MeasurementError:
    """``error`` as one whose message is for users: itself, or a :class:`MeasurementError` (``"internal"``) around it.

    A full disk becomes an :class:`InputError` (``"disk"``), a lack of memory a :class:`MeasurementError`
    (``"memory"``). Raises ``error`` again if it is :class:`Cancelled`, or an exception that ends the process. Panics of
    Rust libraries are no ``Exception``, so that callers catch ``BaseException``.
    """
    if isinstance(error, Cancelled | KeyboardInterrupt | SystemExit | GeneratorExit):
        raise error
    if isinstance(error, InputError | MeasurementError):
        return error
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return InputError("disk", f"There is no space left ({error.filename or 'disk full'}): free some and try again.")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without importing it
        return MeasurementError("memory", f"There is too little memory: {first_lines(error)}")
    return MeasurementError(
        "internal", f"This failed with an unexpected error: {type(error).__name__}: {first_lines(error)}"
    )


def first_lines(error: BaseException, count: int = 1) -> str:
    """The first ``count`` non-blank lines of an exception's message, truncated to fit a dialog."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = " ".join(lines[:count]).rstrip(".:!")
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "…") + "."
