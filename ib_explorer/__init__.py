"""The application: command line, screen, worker process; and :func:`measure` for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from cache import Cache
    from estimator.measurement import CheckpointMeasurements
    from estimator.progress import Progress
    from estimator.request import MeasurementRequest

__version__ = "0.1.0"


def measure(
    request: MeasurementRequest,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> list[CheckpointMeasurements]:
    """Measure in this process, using the same cache as the command line, and return the records.

    There is one record per checkpoint, and one more for each kind of labels with a record of its own. Writes nothing to
    stdout or stderr: ``progress`` receives reports, and other libraries are silenced. ``cache_dir`` None is the default
    folder. Raises InputError, MeasurementError, or whatever ``progress`` raises to stop.
    """
    cache, keys = _run(request, cache_dir, progress)
    found = [cache.measurements.load(key) for key in keys]
    return [measurements for measurements in found if measurements is not None]


def _run(
    request: MeasurementRequest, cache_dir: str | os.PathLike[str] | None, progress: Progress | None
) -> tuple[Cache, list[str]]:
    """The cache, and the keys of the measured records in it."""
    from pathlib import Path

    from cache import Cache
    from cache.locations import locations
    from estimator.progress import Progress
    from estimator.quiet import quiet_libraries
    from ib_explorer.work.runner import Runner
    from ib_explorer.worker.messages import Event, Measure, Measured

    keys: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Measured):
            keys.append(event.key)

    folder = locations(None if cache_dir is None else Path(cache_dir)).cache
    with quiet_libraries():
        Runner(folder, request.device).run(Measure(0, request), hear, progress or Progress())
    return Cache(folder), keys
