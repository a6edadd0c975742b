"""What the application does in the background: each task reads or asks, and only posts messages of what came of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

from textual.message import Message

from cache.keys import key as key_of
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.increments import CheckpointIncrements
from ib_explorer.drawing.records import Record, Row
from ib_explorer.drawing.shelf import shelf_of
from ib_explorer.tui.news import (
    Cache,
    Client,
    CurveLoaded,
    Exported,
    Gone,
    IncrementsLoaded,
    Kept,
    Loaded,
    Records,
    Said,
)
from ib_explorer.work.identities import increments_document
from ib_explorer.worker.messages import Failed
from ib_explorer.worker.messages import Job as Task

Post = Callable[[Message], object]

NO_JOB = 0
"""The number of a failure that belongs to no job."""
USUAL = gc.get_threshold()
"""Collections as the process began with them."""
SELDOM = 1000
"""Collections of the middle generation between two of all that is not frozen."""


async def read_cache(cache: Cache, post: Post) -> None:
    """Post all records, bounds and increments that are kept; of a cache that cannot be read, none and why."""
    records: list[Record] = []
    curves: list[BoundCurve] = []
    increments: list[CheckpointIncrements] = []
    gc.disable()
    try:
        records += await asyncio.to_thread(cache.measurements.all)
        records += await asyncio.to_thread(cache.preferences.all)
        await asyncio.to_thread(lambda: [shelf_of(record) for record in records])
        curves = [curve for _, curve in await asyncio.to_thread(cache.curves.all)]
        increments += await asyncio.to_thread(cache.increments.all)
    except OSError as error:
        post(Said(Failed(NO_JOB, "cache", f"The cache cannot be read: {error}.", False)))
    finally:
        _spare_collection()
    post(Kept(records, curves, increments))


def _spare_collection() -> None:
    """Let the garbage collector, which would stop the screen for 0.1 s, pass by what was read: it stays.

    What is drawn of it, ten thousands of points, stays long, and is seldom walked through.
    """
    gc.set_threshold(*USUAL[:2], SELDOM)
    gc.freeze()
    gc.enable()


def spare_no_more() -> None:
    """Leave the garbage collector as it was found: the process may go on without the screen."""
    gc.unfreeze()
    gc.set_threshold(*USUAL)


async def load(store: Records[Record], job: int, key: str, post: Post) -> None:
    """Post the record that a job has put into a store of the cache."""
    try:
        post(Loaded(job, await asyncio.to_thread(store.load, key)))
    except OSError:
        post(Loaded(job, None))


async def load_increments(cache: Cache, measurements: str, post: Post) -> None:
    """Post the increments that stand beside the measurements of that key."""
    try:
        name = key_of(increments_document(measurements))
        post(IncrementsLoaded(await asyncio.to_thread(cache.increments.load, name)))
    except OSError:
        post(IncrementsLoaded(None))


async def load_curve(cache: Cache, key: str, post: Post) -> None:
    """Post the bound that a job has put into the cache."""
    try:
        post(CurveLoaded(await asyncio.to_thread(cache.curves.load, key)))
    except OSError:
        post(CurveLoaded(None))


async def listen(client: Client, post: Post) -> None:
    """Start the worker and post all it says, then that it is gone."""
    try:
        await client.start()
    except OSError as error:
        post(Gone(f"The worker could not be started: {error}."))
        return
    async for event in client.events():
        post(Said(event))
    post(Gone())


async def submit(client: Client, task: Task, post: Post) -> None:
    """Hand a job to the worker; post its failure if there is nobody to take it."""
    try:
        await client.submit(task)
    except OSError as error:
        post(Said(Failed(task.job, "worker", f"The worker could not be reached: {error}.", False)))


async def export(path: Path, points: list[tuple[Record, Row]], post: Post) -> None:
    """Write the points to a CSV file, and post whether that went well."""
    from ib_explorer.tables.measurements import write_text
    from ib_explorer.tables.points import points_text

    try:
        await asyncio.to_thread(lambda: write_text(path, points_text(points)))
    except InputError as error:
        post(Exported(path, len(points), str(error)))
    else:
        post(Exported(path, len(points)))
