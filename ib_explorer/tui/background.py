"""Background tasks of the application: each reads or submits something, and posts a message with the outcome."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.message import Message

from cache.keys import key as key_of
from estimator.checkpoints.folders import model_name
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements
from estimator.request import MeasurementRequest
from ib_explorer.cached import as_asked
from ib_explorer.drawing.shelf import shelf_of
from ib_explorer.tui.news import (
    CacheRead,
    CacheReader,
    Client,
    CurveRead,
    Exported,
    FailuresRead,
    FoldersFound,
    IncrementsRead,
    RecordRead,
    RecordsMissing,
    WorkerEvent,
    WorkerExited,
)
from ib_explorer.work.identities import increments_identity
from ib_explorer.worker.messages import Failed, Measured, Task

Post = Callable[[Message], object]

USUAL = gc.get_threshold()
"""The thresholds of the garbage collector at the start of the process."""
FOLDERS = 500
"""Folders that complete a path."""
SELDOM = 1000
"""Collections of the middle generation per full collection."""


async def read_cache(cache: CacheReader, post: Post) -> None:
    """Post all cached records, bounds and increments; if the cache cannot be read, the reason."""
    records: list[CheckpointMeasurements] = []
    curves: list[BoundCurve] = []
    increments: list[CheckpointIncrements] = []
    requests: Sequence[tuple[Mapping[str, Any], MeasurementRequest]] = ()
    problem = None
    gc.disable()
    try:
        records += await asyncio.to_thread(cache.measurements.all)
        await asyncio.to_thread(lambda: [shelf_of(record) for record in records])
        curves = [curve for _, curve in await asyncio.to_thread(cache.curves.all)]
        increments += await asyncio.to_thread(cache.increments.all)
        requests = await asyncio.to_thread(cache.requests.all)
    except InputError as error:
        problem = str(error)
    except OSError as error:
        problem = f"The cache could not be read: {error}."
    finally:
        _spare_collection()
    post(CacheRead(records, curves, increments, problem, requests))
    await report_missing(cache, post)


async def report_missing(cache: CacheReader, post: Post) -> None:
    """Post what is missing from the cache because it was damaged, if anything is."""
    try:
        missing = await asyncio.to_thread(cache.missing)
    except InputError as error:
        missing = str(error)
    if missing:
        post(RecordsMissing(missing))


def _spare_collection() -> None:
    """Exempt the loaded objects from garbage collection, which would block the screen for 0.1 s.

    Points drawn from them, tens of thousands, are long-lived, so full collections are made rare.
    """
    gc.set_threshold(*USUAL[:2], SELDOM)
    gc.freeze()
    gc.enable()


def spare_no_more() -> None:
    """Restore the garbage collector's settings: the process may continue without the screen."""
    gc.unfreeze()
    gc.set_threshold(*USUAL)


async def read_record(cache: CacheReader, measured: Measured, post: Post) -> None:
    """Post the record that a job has stored in the cache."""
    try:
        record = await asyncio.to_thread(as_asked, cache.measurements.load, measured)
    except OSError:
        record = None
    post(RecordRead(measured.job, measured.revision, record))
    if record is None:
        await report_missing(cache, post)


async def read_increments(cache: CacheReader, measurements: str, post: Post) -> None:
    """Post the increments of the measurements with that key."""
    try:
        name = key_of(increments_identity(measurements))
        post(IncrementsRead(await asyncio.to_thread(cache.increments.load, name)))
    except OSError:
        post(IncrementsRead(None))


async def read_curve(cache: CacheReader, key: str, post: Post) -> None:
    """Post the bound that a job has stored in the cache."""
    try:
        post(CurveRead(await asyncio.to_thread(cache.curves.load, key)))
    except OSError:
        post(CurveRead(None))


async def read_failures(cache: CacheReader, model: str, post: Post) -> None:
    """Post why checkpoints of a model failed."""
    listed_as = model_name(model)
    try:
        post(FailuresRead(model, listed_as, await asyncio.to_thread(cache.failures.of, listed_as)))
    except OSError:
        post(FailuresRead(model, listed_as, {}))


async def find_folders(typed: str, post: Post) -> None:
    """Post the folders that a typed path begins, at most :data:`FOLDERS` of them."""
    post(FoldersFound(typed, await asyncio.to_thread(_folders, typed)))


def _folders(typed: str) -> tuple[str, ...]:
    parent, _, start = typed.rpartition("/")
    if not parent and not typed.startswith("/"):
        parent, start = typed, ""
    place = Path(parent + "/").expanduser()
    try:
        names = sorted(path.name for path in place.iterdir() if path.name.startswith(start) and path.is_dir())
    except OSError:
        return ()
    visible = [name for name in names if start.startswith(".") or not name.startswith(".")]
    return tuple(f"{parent}/{name}" for name in visible[:FOLDERS])


async def listen(client: Client, post: Post) -> None:
    """Start the worker and post its events, then that it exited."""
    try:
        await client.start()
    except OSError as error:
        post(WorkerExited(f"The worker could not be started: {error}."))
        return
    async for event in client.events():
        post(WorkerEvent(event))
    post(WorkerExited())


async def submit(client: Client, task: Task, post: Post) -> None:
    """Submit a task to the worker; post its failure if the worker cannot be reached."""
    try:
        await client.submit(task)
    except OSError as error:
        post(WorkerEvent(Failed(task.job, "worker", f"The worker could not be reached: {error}.", False)))


async def export(path: Path, text: Callable[[], str], said: str, post: Post) -> None:
    """Write ``text`` to a file in a thread, and post the outcome; ``said`` names what was written."""
    from ib_explorer.tables.csv import write_text

    try:
        await asyncio.to_thread(lambda: write_text(path, text()))
    except InputError as error:
        post(Exported(path, said, str(error)))
    else:
        post(Exported(path, said))
