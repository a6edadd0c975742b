"""A large cache of checkpoints that were never measured, and a client whose job delivers more of them."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cache import Cache
from cache.keys import key
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve
from estimator.measurement import GRANULARITIES, CheckpointMeasurements, Information, Measurement
from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import (
    Event,
    Finished,
    Measure,
    Measured,
    PhaseProgress,
    Ready,
    Revisions,
    Started,
    Task,
)

CHECKPOINTS, DEPTH, ARRIVING = 500, 32, 60
"""Checkpoints in the cache; decoder blocks of each; further checkpoints that a job delivers."""
RULES = ("exact", "leading-order")
REQUEST = MeasurementRequest("some/model", revision="all")


def made_up(step: int) -> tuple[dict[str, object], CheckpointMeasurements]:
    """A checkpoint that was never measured, and the document that identifies it."""
    noise = random.Random(step)
    document = {"kind": "measurements", "step": step}
    grown = step / (CHECKPOINTS * 100)
    rows = tuple(
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
            complexity=_information(0.05 + 0.2 * grown + 0.02 * noise.random(), 1000),
            expressivity=_information(0.02 + 0.1 * grown * layer / DEPTH + 0.02 * noise.random(), 1001),
        )
        for layer, granularity, rule in itertools.product(range(DEPTH + 1), GRANULARITIES, RULES)
    )
    return document, CheckpointMeasurements(
        key=key(document),
        model=REQUEST.model,
        revision=f"stage1-step{step}",
        commit=f"{step:040x}",
        stage="stage1",
        step=step,
        tokens=None,
        depth=DEPTH,
        width=4096,
        corpus="docstrings",
        sample="0" * 64,
        documents=256,
        positions=100_000,
        anchors=100,
        anchor_seeds=(0, 1, 2, 3),
        dtype="float32",
        estimator_version="1",
        rows=rows,
    )


def _information(corrected: float, labels: int) -> Information:
    return Information(corrected + 0.02, 0.02, corrected + 0.01, 0.002, 0.003, labels, 0.25)


def fill(folder: Path, steps: Sequence[int]) -> None:
    """A cache with made-up checkpoints and their bounds."""
    cache = Cache(folder)
    for step in steps:
        cache.measurements.merge(*made_up(step))
    for granularity in GRANULARITIES:
        rate = tuple(0.1 * index for index in range(50))
        relevance = tuple(0.5 * bits for bits in rate)
        curve = BoundCurve(granularity, rate, relevance, (None,) * 50, 5.0, 3.0, 100_000, 1000, 1001, 0.1)
        cache.curves.put({"kind": "bound", "granularity": granularity}, curve)


class Delivery:
    """A client whose only job delivers checkpoints, with reports of progress at the pace of a real worker."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = Cache(source), Cache(target)
        self._numbers = itertools.count(1)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._events.put_nowait(Ready(1, "cpu"))

    def next_job(self) -> int:
        return next(self._numbers)

    async def submit(self, request: Task) -> None:
        if isinstance(request, Measure):
            self._tasks.append(asyncio.create_task(self._deliver(request.job)))

    async def _deliver(self, job: int) -> None:
        records = self._source.measurements.all()
        say = self._events.put_nowait
        say(Started(job))
        say(Revisions(job, tuple(asdict(Revision(one.model, one.revision, one.commit)) for one in records)))
        for one in records:
            for done in range(4):
                say(PhaseProgress(job, "forward", done, 4, "documents", one.revision))
                await asyncio.sleep(0.02)
            place = self._target.measurements.documents.path(one.key)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._source.measurements.documents.path(one.key), place)
            say(Measured(job, one.key, one.revision, False))
        say(Finished(job))

    async def cancel(self, job: int) -> None: ...

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._events.put_nowait(None)
