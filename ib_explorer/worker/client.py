"""The terminal process's end of the pipe: jobs out, events in, and no worker left behind."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import ib_explorer
from ib_explorer.worker.lane import Lane, Patience
from ib_explorer.worker.messages import ComputeBound, Event, ListRevisions, Measure, Ready, Task

_LANES: dict[type[Task], str] = {Measure: "measure", ComputeBound: "background", ListRevisions: "background"}
WORKER: Sequence[str] = (sys.executable, "-P", "-m", "ib_explorer.worker")
"""How a worker is started; ``-P`` keeps modules of the folder where the user happens to be out of it."""


class WorkerClient:
    """Hands jobs to worker processes and merges what they say into one stream of events.

    There are two workers (lanes), each started when first needed: one measures on the device, the other one computes
    bounds and lists checkpoints on the CPU and gives way to it. Within a lane, small tasks do not wait for long ones.
    ``log_dir`` holds the
    workers' logs (default: ``cache_dir``/logs); ``command`` is how a worker is started, less its arguments.
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
        log_dir = log_dir or cache_dir / "logs"
        environment = worker_environment()

        def lane(name: str) -> Lane:
            log = log_dir / f"worker-{name}.log"
            place = ["--device", device] if name == "measure" else ["--device", "cpu", "--background"]
            arguments = [*(command or WORKER), "--cache-dir", str(cache_dir), "--log", str(log), *place]
            return Lane(arguments, environment, log, partial(self._deliver, name), patience or Patience())

        self._lanes = {name: lane(name) for name in dict.fromkeys(_LANES.values())}

    async def start(self) -> None:
        """Start the measuring worker ahead of its first job, so that torch loads while the user looks around."""
        await self._lanes["measure"].start()

    def next_job(self) -> int:
        """A job number that this client has not used."""
        return next(self._numbers)

    async def submit(self, request: Task) -> None:
        """Queue a job; what becomes of it comes out of :meth:`events`, ending in Finished, CancelledJob or Failed."""
        await self._lanes[_LANES[type(request)]].submit(request)

    async def cancel(self, job: int) -> None:
        """Ask for a job to stop; returns at once, and CancelledJob follows. A job that is over stays over."""
        for lane in self._lanes.values():
            if job in lane:
                lane.cancel(job)

    async def events(self) -> AsyncIterator[Event]:
        """The events of all jobs in the order they came, until :meth:`close`; for one listener.

        Ready comes from the measuring worker only, whose device is the one of interest.
        """
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        """End all workers, whatever they do, within about two seconds, and then the stream of events."""
        if not self._closed:
            self._closed = True
            await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
            self._events.put_nowait(None)

    def _deliver(self, lane: str, event: Event) -> None:
        if lane == "measure" or not isinstance(event, Ready):
            self._events.put_nowait(event)


_TUNING = {
    # Threads that wait for each other sleep: with OpenMP's default, many small sums were at times 50 times slower on
    # cores that other processes share.
    "OMP_WAIT_POLICY": "PASSIVE",
    # glibc keeps up to a gigabyte of what was freed: to fetch and clear each new tensor's pages took a sixth of an
    # estimate's time. Larger thresholds than 32 MB its older versions refuse.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


def worker_environment() -> dict[str, str]:
    """What a process that holds torch is started with: our environment, with this very copy of the packages first."""
    home = str(Path(ib_explorer.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    return _TUNING | os.environ | {"PYTHONPATH": path}
