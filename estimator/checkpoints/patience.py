"""Repeated attempts at what fails for a reason that may pass, such as a server that is busy for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

WAITS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds before each further attempt."""
LONGEST_WAIT = 600.0
"""Seconds: a server that asks for a longer wait has refused."""

_REPORT_EVERY = 0.1

Result = TypeVar("Result")


class Unavailable(Exception):
    """A server failed for a reason that may pass; ``reason`` continues a sentence that begins with its name.

    ``has_answered`` says whether it could be reached at all, ``wait`` how many seconds it asked to wait.
    """

    def __init__(self, reason: str, *, has_answered: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.has_answered, self.wait = reason, has_answered, wait


class Patience:
    """Tries again after growing waits, for as long as a server was available lately.

    Once all attempts have failed, the server counts as out of reach and later calls are tried once, until one succeeds
    or :meth:`renew` is called: a sweep does not wait minutes at each of its checkpoints.
    """

    def __init__(self, waits: Sequence[float] = WAITS, sleep: Callable[[float], None] = time.sleep) -> None:
        self.waits, self.sleep = waits, sleep
        self._is_spent = False

    def renew(self) -> None:
        """Wait for the server again, at the beginning of a job."""
        self._is_spent = False

    def persist(
        self,
        call: Callable[[], Result],
        report: Callable[[], None],
        note: Callable[[str], None],
        gives_up: Callable[[Unavailable], bool] = lambda _: False,
    ) -> Result:
        """The result of ``call``, repeated while it raises :class:`Unavailable`; raises the last one.

        ``report`` is called during the waits and may raise to stop, ``note`` with a sentence about each;
        ``gives_up`` says that there is no need to wait.
        """
        for number, seconds in enumerate(self.waits, 1):
            try:
                result = call()
            except Unavailable as failure:
                seconds = seconds if failure.wait is None else failure.wait
                if self._is_spent or seconds > LONGEST_WAIT or gives_up(failure):
                    raise
                note(f"The hub {failure.reason}; trying again in {seconds:.0f} s ({number} of {len(self.waits)}).")
                self._pause(seconds, report)
            else:
                self._is_spent = False
                return result
        try:
            return call()
        except Unavailable:
            self._is_spent = True
            raise

    def _pause(self, seconds: float, report: Callable[[], None]) -> None:
        for _ in range(round(seconds / _REPORT_EVERY)):
            self.sleep(_REPORT_EVERY)
            report()


def attended(call: Callable[[], Result], report: Callable[[], None]) -> Result:
    """The result of ``call``, which runs in a thread while ``report`` is called; an exception from that ends the wait.

    The thread is not waited for then: a call that hangs does not hold up a cancellation.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="hub", daemon=True).start()
    while not wait([future], _REPORT_EVERY).done:
        report()
    return future.result()
