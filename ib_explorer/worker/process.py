"""The worker's loop: a thread reads requests, the main thread runs jobs one after another and emits events.

A long job is interrupted for small ones that have arrived meanwhile, so that a key press does not wait for a sweep.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import BinaryIO, Protocol

from estimator.errors import Cancelled, InputError, MeasurementError, foreseen
from estimator.progress import Progress
from ib_explorer.worker.jobs import JobProgress, JobQueue
from ib_explorer.worker.messages import (
    PROTOCOL,
    Cancel,
    CancelledJob,
    Event,
    Failed,
    Finished,
    Ready,
    Shutdown,
    Started,
    Task,
    decode_request,
    encode,
)


class JobRunner(Protocol):
    """Runs a job; ``device`` is the device of models (the resolution of ``auto``)."""

    device: str

    def run(self, request: Task, emit: Callable[[Event], None], progress: Progress) -> None:
        """Run a job and emit its results; raises InputError, MeasurementError or Cancelled."""


class _Unable:
    """Replaces a runner that could not be created (no such device): every job fails for the same reason."""

    device = "none"

    def __init__(self, error: InputError | MeasurementError) -> None:
        self._error = error

    def run(self, request: Task, emit: Callable[[Event], None], progress: Progress) -> None:
        raise self._error


class _Outlet:
    """Writes events as whole lines from any thread; a closed pipe ends all jobs."""

    def __init__(self, stdout: BinaryIO, jobs: JobQueue) -> None:
        self._stdout = stdout
        self._jobs = jobs
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            try:
                self._stdout.write(encode(event))
                self._stdout.flush()
            except BrokenPipeError:
                self._jobs.close()


def serve(
    runner_factory: Callable[[], JobRunner], stdin: BinaryIO, stdout: BinaryIO, grace: float | None = None
) -> None:
    """Run jobs until ``stdin`` closes or a Shutdown is received.

    The runner is created after the requests thread has started, because importing it may take seconds. With ``grace``
    the process ends that many seconds after the last request even if a job does not stop.
    """
    jobs = JobQueue()
    emit = _Outlet(stdout, jobs)
    threading.Thread(target=_listen, args=(stdin, jobs, emit, grace), name="requests", daemon=True).start()
    runner: JobRunner
    try:
        runner = runner_factory()
    except (InputError, MeasurementError) as error:
        runner = _Unable(error)
    emit(Ready(PROTOCOL, runner.device))
    # A separate thread for small jobs: thread-local modes set by the running job must not apply to them.
    with ThreadPoolExecutor(1, "small") as aside:
        while taken := jobs.take():
            _run(runner, *taken, emit, jobs, aside)


def _listen(stdin: BinaryIO, jobs: JobQueue, emit: Callable[[Event], None], grace: float | None) -> None:
    for line in stdin:
        try:
            request = decode_request(line)
        except ValueError as error:
            print(f"ignored: {error}", file=sys.stderr)
            continue
        if isinstance(request, Shutdown):
            break
        if isinstance(request, Cancel):
            if jobs.cancel(request.job):
                emit(CancelledJob(request.job))
        else:
            jobs.put(request)
    jobs.close()
    if grace is not None:
        last_resort = threading.Timer(grace, os._exit, [1])
        last_resort.daemon = True
        last_resort.start()


def _run(
    runner: JobRunner,
    job: Task,
    cancelled: threading.Event,
    emit: Callable[[Event], None],
    jobs: JobQueue,
    aside: Executor,
) -> None:
    """Run a job, and between its steps the small ones that have arrived meanwhile."""

    def small_jobs() -> None:
        while not cancelled.is_set() and (taken := jobs.take_small()):
            aside.submit(_run, runner, *taken, emit, jobs, aside).result()

    emit(Started(job.job))
    progress = JobProgress(job.job, emit, cancelled, between=None if job.is_small else small_jobs)
    try:
        runner.run(job, emit, progress)
    except Cancelled:
        emit(CancelledJob(job.job))
    except BaseException as error:  # the outermost boundary: a fault in one job must not end the others
        failure = foreseen(error)
        is_input = isinstance(failure, InputError)
        if not is_input:
            logging.getLogger(__name__).error("job %d failed", job.job, exc_info=error)
        emit(Failed(job.job, failure.kind, str(failure), is_input))
    else:
        progress.flush()
        emit(Finished(job.job))
    finally:
        jobs.end(job.job)
