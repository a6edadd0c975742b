"""The jobs of a worker process: queued and running ones, and their progress and cancellation."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from estimator.errors import Cancelled
from estimator.progress import Phase, Progress
from ib_explorer.worker.messages import Event, Note, PhaseProgress, Task

REPORT_EVERY = 0.1
"""Seconds between two reports of one phase."""


class JobQueue:
    """Jobs in order of arrival; every method may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._changed = threading.Condition()
        self._running: dict[int, threading.Event] = {}
        self._closed = False

    def put(self, job: Task) -> None:
        """Add a job at the end."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def take(self) -> tuple[Task, threading.Event] | None:
        """Wait for the next job; its event is set when it should stop. None when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._start(self._waiting[0])

    def take_small(self) -> tuple[Task, threading.Event] | None:
        """The first queued job that may interrupt the running one, with its event; None without such a job."""
        with self._changed:
            small = next((job for job in self._waiting if job.is_small), None)
            return None if small is None else self._start(small)

    def end(self, number: int) -> None:
        """Mark a taken job as ended."""
        with self._changed:
            del self._running[number]

    def _start(self, job: Task) -> tuple[Task, threading.Event]:
        self._waiting.remove(job)
        self._running[job.job] = threading.Event()
        return job, self._running[job.job]

    def cancel(self, number: int) -> bool:
        """Remove a queued job, or request that a running one stop; returns whether the caller reports the cancellation.

        False if the running job reports it itself. A job that waits for a small job to end counts as cancelled at once.
        """
        with self._changed:
            for job in self._waiting:
                if job.job == number:
                    self._waiting.remove(job)
                    return True
            if number not in self._running:
                return False
            self._running[number].set()
            return number != next(reversed(self._running))

    def close(self) -> None:
        """Discard the queued jobs, request that the running ones stop, and let :meth:`take` return None."""
        with self._changed:
            self._waiting.clear()
            for cancelled in self._running.values():
                cancelled.set()
            self._closed = True
            self._changed.notify()


class JobProgress(Progress):
    """Reports the phases of one job, each at most ten times a second but always its first and last value.

    Raises :class:`estimator.errors.Cancelled` out of :meth:`phase` once ``cancelled`` is set. ``between`` is called
    after each report from the job's own thread, to run other work.
    """

    def __init__(
        self,
        job: int,
        emit: Callable[[Event], None],
        cancelled: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        between: Callable[[], None] | None = None,
    ) -> None:
        self._job = job
        self._emit = emit
        self._cancelled = cancelled
        self._clock = clock
        self._between = between
        self._thread = threading.get_ident()
        self._sent: PhaseProgress | None = None
        self._sent_at = 0.0
        self._held: PhaseProgress | None = None

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        """Report, unless this phase was reported a moment ago; raises Cancelled once a stop is requested."""
        if self._cancelled.is_set():
            raise Cancelled
        event = PhaseProgress(self._job, phase, done, total, unit, self.revision)
        before = self._held or self._sent
        is_first = before is None or (before.phase, before.revision) != (event.phase, event.revision)
        if is_first:
            self.flush()
        if is_first or done == total or self._clock() - self._sent_at >= REPORT_EVERY:
            self._send(event)
        else:
            self._held = event
        if self._between is not None and threading.get_ident() == self._thread:
            self._between()
            if self._cancelled.is_set():
                raise Cancelled

    def note(self, text: str) -> None:
        """Forward a sentence to the user's log."""
        self._emit(Note(self._job, text))

    def flush(self) -> None:
        """Send the report held back, so that a phase ends with its last value."""
        if self._held is not None:
            self._send(self._held)

    def _send(self, event: PhaseProgress) -> None:
        self._held = None
        if event != self._sent:
            self._sent, self._sent_at = event, self._clock()
            self._emit(event)
