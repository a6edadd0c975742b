"""A worker whose jobs do as their model's name says: a script for the client tests, a runner for the worker tests."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import made_up
from benchmarks.made_up import information
from estimator.bottleneck.bounds import BOUNDS
from estimator.curve import BoundCurve
from estimator.errors import InputError, MeasurementError
from estimator.measurement import CheckpointMeasurements, Granularity
from estimator.progress import Progress
from ib_explorer.worker.__main__ import take_pipes
from ib_explorer.worker.messages import (
    BoundReady,
    ComputeBound,
    Event,
    ListRevisions,
    Measure,
    Measured,
    Note,
    Revisions,
    RevisionSizes,
    Task,
)
from ib_explorer.worker.process import serve


def fabricated_checkpoint(key: str, model: str, revision: str, *, noise: bool = False) -> CheckpointMeasurements:
    """Two layers and two granularities of a checkpoint that was never measured."""
    side = information(corrected=0.2, null=0.1, labels=50, se=0.01)
    complexity = replace(side, plugin=0.1, se=0.02, adjusted=0.0, adjusted_se=0.02) if noise else side
    rows = made_up.rows(
        lambda *_: (complexity, replace(side, plugin=0.2, adjusted=0.1)),
        depth=2,
        first=1,
        granularities=("token", "bigram"),
        resultant_length=0.4,
    )
    step = int(revision.removeprefix("step"))
    return made_up.checkpoint(rows, key=key, model=model, revision=revision, step=step, loss=2.5)


def fabricated_curve(granularity: Granularity, conditionals: str) -> BoundCurve:
    """A bound that was never computed."""
    return made_up.curve(
        granularity,
        (0.0, 1.0, 2.0),
        (0.0, 0.75, 1.0),
        beta=(None, 4.0, None),
        positions=100,
        input_labels=50,
        output_labels=50,
        one_successor=0.25,
        conditionals=conditionals,
    )


class FakeRunner:
    """Does what the model's name says."""

    device = "fake"

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._cache_dir = cache_dir

    def run(self, request: Task, emit: Callable[[Event], None], progress: Progress) -> None:
        name = request.model if isinstance(request, ListRevisions) else request.request.model
        if isinstance(request, ComputeBound) and name == "kept":
            self.curve(request, emit)
        elif isinstance(request, ListRevisions) and name == "kept":
            emit(Revisions(request.job, ({"model": name, "name": "step1", "step": 1, "folder": "/x"},)))
            emit(RevisionSizes(request.job, {}, 0, ""))
        elif name == "kept":
            self.measurements(request, emit)
        elif name.startswith("sweep-"):
            self.sweep(request, name, emit, progress)
        else:
            getattr(self, name.replace("-", "_"))(request.job, emit, progress)

    def measurements(self, request: Measure, emit: Callable[[Event], None]) -> None:
        from cache import Cache
        from cache.keys import key

        for name in ("step1", "step2"):
            document = {"schema": 1, "kind": "measurements", "revision": name}
            made = fabricated_checkpoint(key(document), request.request.model, name)
            Cache(self._cache_dir).measurements.merge(document, made)
            emit(Measured(request.job, made.key, name, cached=False))

    def curve(self, request: ComputeBound, emit: Callable[[Event], None]) -> None:
        from cache import Cache
        from cache.keys import key
        from ib_explorer.work.identities import bound_identity

        curve = BOUNDS[request.bound].curve.name
        document = bound_identity("a" * 64, request.granularity, curve)
        Cache(self._cache_dir).curves.put(document, fabricated_curve(request.granularity, curve))
        emit(BoundReady(request.job, key(document)))

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

    def leaving(self, job: int, emit: Callable[[Event], None], progress: Progress) -> None:
        os._exit(70)

    def sweep(self, request: Measure, name: str, emit: Callable[[Event], None], progress: Progress) -> None:
        """Five checkpoints: those from the second on are deadly, or wait for small jobs, as the name says."""
        deadly = {f"step{2 + number}" for number in range(int(name[11]) if name.endswith("deadly") else 0)}
        names = [f"step{number + 1}" for number in range(5 if deadly else 3)]
        emit(Revisions(request.job, tuple({"model": name, "name": one} for one in names)))
        for one in (one for one in names if one not in request.skip):
            progress.revision = one
            progress.phase("forward", 0, 2, "documents")
            if one in deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "sweep-that-waits" and one == "step2" and not request.skip:
                while True:  # small jobs run meanwhile
                    progress.phase("forward", 1, 2, "documents")
            emit(Measured(request.job, one.encode().hex().zfill(64), one, cached=False))

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
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--device")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--background", action="store_true")
    arguments = parser.parse_args()
    stdin, stdout = take_pipes(arguments.log)
    serve(partial(FakeRunner, arguments.cache_dir), stdin, stdout, grace=0.2)


if __name__ == "__main__":
    main()
