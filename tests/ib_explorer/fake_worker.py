"""A worker whose jobs do as their model's name says: a script for the client tests, a runner for the worker tests."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress
from ib_explorer.worker.__main__ import take_pipes
from ib_explorer.worker.messages import Event, Job, ListRevisions, Measured, Note
from ib_explorer.worker.process import serve


class FakeRunner:
    """Does what the model's name says."""

    device = "fake"

    def run(self, request: Job, emit: Callable[[Event], None], progress: Progress) -> None:
        name = request.model if isinstance(request, ListRevisions) else request.request.model
        getattr(self, name.replace("-", "_"))(request.job, emit, progress)

    def quick(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        progress.revision = "step1"
        progress.phase("forward", 0, 2, "documents")
        progress.phase("forward", 2, 2, "documents")
        emit(Measured(job, "abc", "step1", cached=False))

    def pid(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        progress.note(str(os.getpid()))

    def endless(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        done = 0
        while True:
            progress.phase("train", done, None, "steps")
            done += 1

    def stuck(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        progress.phase("load", 0, None, "bytes")
        emit(Note(job, str(os.getpid())))
        while True:  # as C code would, it never looks whether it should stop
            signal.pause() if threading.current_thread() is threading.main_thread() else threading.Event().wait()

    def stubborn(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.stuck(job, emit, progress)

    def dying(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def chatty(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        print("{not json")
        print('{"type":"finished","job":99}', file=sys.stderr)
        os.write(1, b"from C\n")
        emit(Note(job, f"{len(sys.stdin.read())} bytes on stdin"))

    def long_line(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        progress.note("x" * 2**20)

    def wrong_input(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        raise InputError("model", "There is no model here.")

    def bad_luck(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        raise MeasurementError("memory", "The device is out of memory.")

    def fault(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        raise ZeroDivisionError("no such luck")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache-dir")
    parser.add_argument("--device")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--background", action="store_true")
    stdin, stdout = take_pipes(parser.parse_args().log)
    serve(FakeRunner, stdin, stdout, grace=0.2)


if __name__ == "__main__":
    main()
