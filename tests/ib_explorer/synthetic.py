"""Made-up measurements, a cache in memory and a client that plays a script, for tests of the plane and the screen."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, fields, replace
from hashlib import sha256

from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve, Conditionals
from estimator.measurement import GRANULARITIES, CheckpointMeasurements, Granularity, Information, Measurement
from estimator.preference import CheckpointPreferences, Preference
from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import (
    Bound,
    BoundReady,
    CancelledJob,
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


def information(corrected: float, null: float, labels: int = 100, se: float = 0.002) -> Information:
    """Information with a bracket of half its null."""
    return Information(corrected + null, null, corrected + null / 2, se, 0.003, labels, 0.25)


def checkpoint(
    step: int, *, model: str = "demo", rules: Iterable[str] = ("exact", "leading-order"), se: float = 0.002
) -> CheckpointMeasurements:
    """A checkpoint whose information grows with its step and whose expressivity grows with the layer."""
    rows = []
    for layer, granularity, rule in itertools.product(range(DEPTH + 1), GRANULARITIES, rules):
        grown = math.log1p(step) / math.log1p(STEPS[-1])
        null = 0.02 * (1 + GRANULARITIES.index(granularity))
        rows.append(
            Measurement(
                layer=layer,
                site="embedding" if layer == 0 else "block",
                granularity=granularity,
                weights="frequency",
                variant="raw",
                temperature_rule=rule,
                temperature=0.01,
                entropy=0.7,
                ceiling=0.55,
                complexity=information(0.02 + 0.16 * grown, null, 100, se),
                expressivity=information(0.01 + 0.1 * grown * (1 + layer) / (1 + DEPTH), null, 101, se),
            )
        )
    return CheckpointMeasurements(
        key=f"{model}-{step}",
        model=model,
        revision=f"step{step}",
        commit=f"{model}{step}",
        stage=None,
        step=step,
        tokens=None,
        depth=DEPTH,
        width=64,
        corpus="docstrings",
        sample="sample",
        documents=32,
        positions=5000,
        anchors=100,
        anchor_seeds=(0, 1),
        dtype="float32",
        estimator_version="1",
        rows=tuple(rows),
    )


def trajectory(model: str = "demo", steps: Iterable[int] = STEPS) -> list[CheckpointMeasurements]:
    """Checkpoints of one model, in training order."""
    return [checkpoint(step, model=model) for step in steps]


def curve(granularity: Granularity = "token", conditionals: Conditionals = "raw") -> BoundCurve:
    """A bound of the synthetic sample, in bits; held out, it is lower."""
    rate = tuple(0.5 * index for index in range(11))
    most = 3.0 if conditionals == "raw" else 1.5
    relevance = tuple(most * (1 - math.exp(-bits / 3)) for bits in rate)
    return BoundCurve(granularity, rate, relevance, (None,) * 11, 5.0, most, 5000, 100, 101, 0.1, conditionals)


def preference(
    step: int | None, *, model: str = "demo", name: str | None = None, rules: Iterable[str] = ("exact",)
) -> CheckpointPreferences:
    """Preference information that grows with the step and the layer, on pairs of a sample of its own."""
    like = checkpoint(step or 0, model=model)
    rows = tuple(
        Preference(
            layer=layer,
            site="embedding" if layer == 0 else "block",
            weights="frequency",
            variant="raw",
            temperature_rule=rule,
            temperature=0.01,
            entropy=0.7,
            ceiling=0.55,
            information=information(0.001 * (1 + layer) * math.log1p(step or 0), 0.004, 2),
        )
        for layer in range(DEPTH + 1)
        for rule in rules
    )
    shared = {
        field.name: getattr(like, field.name)
        for field in fields(CheckpointPreferences)
        if field.name not in ("key", "rows", "sample", "corpus")
    }
    found = CheckpointPreferences(
        key=f"{sha256(f'{model} {name} {step}'.encode()).hexdigest()}",
        corpus="pairs.jsonl",
        sample="pairs",
        rows=rows,
        **shared,
    )
    return replace(found, step=step, revision=name or found.revision, commit=name or found.commit)


class MemoryCache:
    """What the screen reads of a cache, in memory."""

    def __init__(
        self,
        records: Iterable[CheckpointMeasurements] = (),
        curves: Iterable[BoundCurve] = (),
        preferences: Iterable[CheckpointPreferences] = (),
    ) -> None:
        self.measurements = _Measurements({record.key: record for record in records})
        self.preferences = _Measurements({record.key: record for record in preferences})
        self.increments = _Measurements()
        self.curves = _Curves({str(index): curve for index, curve in enumerate(curves)})


class _Measurements(dict):
    def all(self) -> list:
        return list(self.values())

    def load(self, key: str) -> object:
        return self.get(key)


class _Curves(_Measurements):
    def all(self) -> list:
        return [({}, curve) for curve in self.values()]


def is_ahead(job: Task) -> bool:
    """Whether nobody waits for a job: it is for every temperature that a key steps to."""
    return isinstance(job, Measure) and job.kept and len(job.request.temperatures) > 1


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
        if isinstance(job, Bound):
            name = f"{job.granularity} {job.conditionals}"
            cache.curves[name] = curve(job.granularity, job.conditionals)
            yield BoundReady(job.job, name)
        elif isinstance(job, Measure) and job.request.is_preference:
            yield listed(job.job)
            for step in STEPS:
                found = preference(step, rules=job.request.temperatures)
                cache.preferences[found.key] = found
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
