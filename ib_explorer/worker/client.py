"""The terminal process's side of the pipe: submits jobs, receives events, and terminates its workers."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import ib_explorer
from cache.locations import usable
from ib_explorer.worker.lane import Lane, Patience
from ib_explorer.worker.messages import ComputeBound, Event, Fetch, ListRevisions, Measure, PlanSweep, Ready, Task

_LANES: dict[type[Task], str] = {
    Measure: "measure",
    PlanSweep: "measure",  # whose sample the measurement uses
    Fetch: "background",
    ComputeBound: "background",
    ListRevisions: "background",
}
WORKER: Sequence[str] = (sys.executable, "-P", "-m", "ib_explorer.worker")
"""The command that starts a worker; ``-P`` excludes modules of the current folder."""


class WorkerClient:
    """Submits jobs to worker processes and merges their output into one stream of events.

    There are two workers (lanes), each started when first needed: one measures on the device, the other one computes
    bounds and lists checkpoints on the CPU at a lower priority. Within a lane, small tasks do not wait for long ones.
    ``log_dir`` holds the workers' logs (default, and where it cannot be written: ``cache_dir``/logs); ``command``
    starts a worker, without its arguments.
    """

    def __init__(
        self,
        cache_dir: Path,
        device: str = "auto",
        *,
        log_dir: Path | None = None,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._closed = False
        log_dir = cache_dir / "logs" if log_dir is None else usable(log_dir, cache_dir / "logs")
        environment = worker_environment()

        def lane(name: str) -> Lane:
            log = log_dir / f"worker-{name}.log"
            place = ["--device", device] if name == "measure" else ["--device", "cpu", "--background"]
            arguments = [*(command or WORKER), "--cache-dir", str(cache_dir), "--log", str(log), *place]
            return Lane(arguments, environment, log, partial(self._deliver, name), patience or Patience())

        self._lanes = {name: lane(name) for name in dict.fromkeys(_LANES.values())}

    async def start(self) -> None:
        """Start the measuring worker before its first job, so that torch loads while the user looks around."""
        await self._lanes["measure"].start()

    def next_job(self) -> int:
        """A job number that this client has not used."""
        return next(self._numbers)

    async def submit(self, request: Task) -> None:
        """Queue a job; its events are read from :meth:`events`, the last being Finished, CancelledJob or Failed."""
        await self._lanes[_LANES[type(request)]].submit(request)

    async def cancel(self, job: int) -> None:
        """Request that a job stop; returns at once, and CancelledJob follows. No effect on a job that has ended."""
        for lane in self._lanes.values():
            if job in lane:
                lane.cancel(job)

    async def events(self) -> AsyncIterator[Event]:
        """The events of all jobs in the order received, until :meth:`close`; for one listener.

        Ready events are those of the measuring worker only, whose device is the one of interest.
        """
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        """End all workers, whatever they are running, within about two seconds, and then the stream of events."""
        if not self._closed:
            self._closed = True
            await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
            self._events.put_nowait(None)

    def _deliver(self, lane: str, event: Event) -> None:
        if lane == "measure" or not isinstance(event, Ready):
            self._events.put_nowait(event)


_TUNING = {
    # Threads that wait for each other sleep: with OpenMP's default, many small sums were up to 50 times slower on cores
    # shared with other processes.
    "OMP_WAIT_POLICY": "PASSIVE",
    # glibc retains up to a gigabyte of freed memory: mapping and clearing each new tensor's pages took a sixth of an
    # estimate's time. Its older versions reject thresholds above 32 MB.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


def worker_environment() -> dict[str, str]:
    """Environment for a process that imports torch: the current one, with this copy of the packages first."""
    home = str(Path(ib_explorer.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    return _TUNING | os.environ | {"PYTHONPATH": path}
