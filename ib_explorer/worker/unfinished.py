"""A job that a worker has not ended yet: how far it is, and how it goes on in another worker."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ib_explorer.worker.messages import (
    CheckpointFailed,
    Event,
    Measure,
    Measured,
    PhaseProgress,
    Revisions,
    Started,
    Task,
)


@dataclass(slots=True)
class Unfinished:
    """A job; ``begun`` are its checkpoints in the order begun last, ``ended`` those measured or failed.

    A checkpoint that another process is measuring is begun, put off, and begun again. ``is_sweep`` says that there are
    several; ``deaths`` counts the workers that died at one of them since one was measured.
    """

    job: Task
    over: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    told: bool = False
    started: bool = False
    begun: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    deaths: int = 0
    is_sweep: bool = False

    def hear(self, event: Event) -> None:
        """Learn from an event of this job how far it is."""
        if isinstance(event, Started):
            self.started = True
        if isinstance(event, Revisions):
            self.is_sweep = len(event.revisions) > 1
        revision = event.revision if isinstance(event, PhaseProgress | Measured | CheckpointFailed) else None
        if revision is not None and [revision] != self.begun[-1:]:
            self.begun = [*(other for other in self.begun if other != revision), revision]
        if revision is not None and isinstance(event, Measured | CheckpointFailed):
            self.ended.add(revision)
        if isinstance(event, Measured) and not event.cached:
            self.deaths = 0

    def restart(self, *, without_last: bool) -> None:
        """Prepare the job for another worker, which leaves out what this one is done with."""
        if isinstance(self.job, Measure):
            last = self.begun[-1:]
            done = [revision for revision in self.begun if revision in self.ended and [revision] != last]
            self.job = replace(self.job, skip=(*self.job.skip, *done, *(last if without_last else ())))
        self.started, self.begun, self.ended = False, [], set()


def cause_of_exit(code: int) -> str:
    """How a process ended, from its exit code."""
    if code >= 0:
        return f"exited with code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was killed by signal {-code} ({name}{', out of memory?' if name == 'SIGKILL' else ''})"
    return f"was killed by signal {-code}"
