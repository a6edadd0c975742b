"""A large cache of synthetic checkpoints, and a client whose job delivers more of them."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import made_up
from cache import Cache
from cache.keys import key
from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements, Granularity, Information
from estimator.request import MeasurementRequest
from estimator.text.kinds import NGRAMS
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


def _checkpoint(step: int) -> tuple[dict[str, object], CheckpointMeasurements]:
    """A checkpoint, and its identity."""
    noise = random.Random(step)
    document = {"kind": "measurements", "step": step}
    grown = step / (CHECKPOINTS * 100)

    def sides(layer: int, _: Granularity) -> tuple[Information, Information]:
        return (
            made_up.information(0.05 + 0.2 * grown + 0.02 * noise.random(), 0.02, 1000),
            made_up.information(0.02 + 0.1 * grown * layer / DEPTH + 0.02 * noise.random(), 0.02, 1001),
        )

    return document, made_up.checkpoint(
        made_up.rows(sides, DEPTH, rules=RULES),
        key=key(document),
        model=REQUEST.model,
        revision=f"stage1-step{step}",
        commit=f"{step:040x}",
        stage="stage1",
        step=step,
        width=4096,
        sample="0" * 64,
        documents=256,
        positions=100_000,
        anchor_seeds=(0, 1, 2, 3),
    )


def fill(folder: Path, steps: Sequence[int]) -> None:
    """Fill a cache with synthetic checkpoints and their bounds."""
    cache = Cache(folder)
    for step in steps:
        cache.measurements.merge(*_checkpoint(step))
    for granularity in NGRAMS:
        rate = tuple(0.1 * index for index in range(50))
        relevance = tuple(0.5 * bits for bits in rate)
        curve = made_up.curve(granularity, rate, relevance, positions=100_000, input_labels=1000, output_labels=1001)
        cache.curves.put({"kind": "bound", "granularity": granularity}, curve)


class Delivery:
    """A client whose only job delivers checkpoints, with progress reports at the pace of a real worker."""

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
            place = self._target.measurements.entries.path(one.key)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._source.measurements.entries.path(one.key), place)
            say(Measured(job, one.key, one.revision, False))
        say(Finished(job))

    async def cancel(self, job: int) -> None: ...

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._events.put_nowait(None)
