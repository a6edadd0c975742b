"""Made-up measurements, a cache in memory and a client that plays a script, for tests of the plane and the screen."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, replace
from hashlib import sha256

from benchmarks import made_up
from benchmarks.made_up import information
from estimator.bottleneck.bounds import BOUNDS
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve
from estimator.measurement import CheckpointMeasurements, Granularity, Information
from estimator.request import MeasurementRequest
from estimator.text.kinds import NGRAMS
from ib_explorer.worker.messages import (
    BoundReady,
    CancelledJob,
    ComputeBound,
    Event,
    Failed,
    Finished,
    Measure,
    Measured,
    PhaseProgress,
    Ready,
    Revisions,
    Started,
    Task,
)

STEPS = (0, 1, 4, 16, 64, 256)
DEPTH = 3


def checkpoint(
    step: int, *, model: str = "demo", rules: Iterable[str] = ("exact", "leading-order"), se: float = 0.002
) -> CheckpointMeasurements:
    """A checkpoint whose information grows with its step and whose expressivity grows with the layer."""
    grown = math.log1p(step) / math.log1p(STEPS[-1])

    def sides(layer: int, granularity: Granularity) -> tuple[Information, Information]:
        null = 0.02 * (1 + NGRAMS.index(granularity))
        return (
            information(0.02 + 0.16 * grown, null, 100, se),
            information(0.01 + 0.1 * grown * (1 + layer) / (1 + DEPTH), null, 101, se),
        )

    return made_up.checkpoint(
        made_up.rows(sides, DEPTH, rules=rules),
        key=f"{model}-{step}",
        model=model,
        revision=f"step{step}",
        commit=f"{model}{step}",
        step=step,
        sample="sample",
    )


def trajectory(model: str = "demo", steps: Iterable[int] = STEPS) -> list[CheckpointMeasurements]:
    """Checkpoints of one model, in training order."""
    return [checkpoint(step, model=model) for step in steps]


def curve(granularity: Granularity = "token", conditionals: str = "raw") -> BoundCurve:
    """A bound of the synthetic sample, in bits; held out, it is lower."""
    rate = tuple(0.5 * index for index in range(11))
    most = 3.0 if conditionals == "raw" else 1.5
    relevance = tuple(most * (1 - math.exp(-bits / 3)) for bits in rate)
    return made_up.curve(granularity, rate, relevance, mutual_information=most, conditionals=conditionals)


def preference(
    step: int | None, *, model: str = "demo", name: str | None = None, rules: Iterable[str] = ("exact",)
) -> CheckpointMeasurements:
    """Preference information that grows with the step and the layer, on pairs of a sample of its own."""

    def sides(layer: int, _: Granularity) -> tuple[Information, None]:
        return information(0.001 * (1 + layer) * math.log1p(step or 0), 0.004, 2), None

    like = checkpoint(step or 0, model=model)
    return replace(
        like,
        key=sha256(f"{model} {name} {step}".encode()).hexdigest(),
        corpus="pairs.jsonl",
        sample="pairs",
        step=step,
        revision=name or like.revision,
        commit=name or like.commit,
        rows=made_up.rows(sides, DEPTH, granularities=("preference",), rules=rules),
    )


class MemoryCache:
    """What the screen reads of a cache, in memory."""

    def __init__(
        self,
        records: Iterable[CheckpointMeasurements] = (),
        curves: Iterable[BoundCurve] = (),
    ) -> None:
        self.measurements = _Measurements({record.key: record for record in records})
        self.increments = _Measurements()
        self.curves = _Curves({str(index): curve for index, curve in enumerate(curves)})
        self.requests = _Requests()
        self.failures = _Failures()
        self.damage = ""

    def missing(self) -> str:
        return self.damage


class _Failures(dict):
    def of(self, model: str) -> dict[str, str]:
        return self.get(model, {})


class _Measurements(dict):
    def all(self) -> list:
        return list(self.values())

    def load(self, key: str) -> object:
        return self.get(key)


class _Requests(list):
    def all(self) -> list:
        return list(self)


class _Curves(_Measurements):
    def all(self) -> list:
        return [({}, curve) for curve in self.values()]


def is_ahead(job: Task) -> bool:
    """Whether nobody waits for a job: it is for every temperature that a key steps to."""
    return isinstance(job, Measure) and job.stored_only and len(job.request.temperatures) > 1


class ScriptedClient:
    """Answers every job by ``script``: events, or None where the worker dies; ``jobs`` and ``ahead`` were asked for."""

    def __init__(self, script: Callable[[Task], Iterable[Event | None]] = lambda job: ()) -> None:
        self.script = script
        self.jobs: list[Task] = []
        self.ahead: list[Measure] = []
        self.cancelled: list[int] = []
        self.starts = 0
        self.closed = False
        self._numbers = itertools.count(1)
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    async def start(self) -> None:
        self.starts += 1
        self.say(Ready(1, "cpu"))

    def next_job(self) -> int:
        return next(self._numbers)

    async def submit(self, request: Task) -> None:
        if is_ahead(request):
            self.ahead.append(request)
        else:
            self.jobs.append(request)
        for event in self.script(request):
            self._queue.put_nowait(event)

    async def cancel(self, job: int) -> None:
        self.cancelled.append(job)
        self.say(CancelledJob(job))

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._queue.get()) is not None:
            yield event

    async def close(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)

    def say(self, event: Event) -> None:
        self._queue.put_nowait(event)

    def die(self) -> None:
        self._queue.put_nowait(None)


def measuring(cache: MemoryCache) -> Callable[[Task], Iterable[Event | None]]:
    """A script that measures the demo's checkpoints at the temperatures asked for, and its bound."""

    def script(job: Task) -> Iterable[Event | None]:
        yield Started(job.job)
        if isinstance(job, ComputeBound):
            conditionals = BOUNDS[job.bound].curve.name
            name = f"{job.granularity} {conditionals}"
            cache.curves[name] = curve(job.granularity, conditionals)
            yield BoundReady(job.job, name)
        elif isinstance(job, Measure) and job.request.sample_kind == "pairs":
            yield listed(job.job)
            for step in STEPS:
                found = preference(step, rules=job.request.temperatures)
                cache.measurements[found.key] = found
                yield Measured(job.job, found.key, found.revision, False)
        elif isinstance(job, Measure):
            yield listed(job.job)
            asked = job.only or [f"step{step}" for step in STEPS if job.request.revision in ("all", f"step{step}")]
            for step in [step for step in STEPS if f"step{step}" in asked]:
                fresh = checkpoint(step, rules=job.request.temperatures)
                old = cache.measurements.get(fresh.key)
                rows = (
                    tuple(row for row in old.rows if row.temperature_rule not in job.request.temperatures)
                    if old
                    else ()
                )
                cache.measurements[fresh.key] = replace(fresh, rows=rows + fresh.rows)
                yield PhaseProgress(job.job, "forward", 32, 32, "documents", fresh.revision)
                yield Measured(job.job, fresh.key, fresh.revision, False)
        yield Finished(job.job)

    return script


def listed(job: int, model: str = "demo") -> Revisions:
    """The event that lists the synthetic checkpoints."""
    return Revisions(job, tuple(asdict(Revision(model, f"step{step}", step=step)) for step in STEPS))


def failing(kind: str, message: str, *, input_error: bool) -> Callable[[Task], Iterable[Event | None]]:
    """A script by which every measurement fails."""
    return lambda job: [Started(job.job), Failed(job.job, kind, message, input_error)]


REQUEST = MeasurementRequest("demo", revision="all", documents=32)
