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
    """A job; ``begun`` are its checkpoints in the order begun, ``is_sweep`` says that it has several.

    ``deaths`` counts the workers that died at one of them since one was measured.
    """

    job: Task
    over: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    told: bool = False
    started: bool = False
    begun: list[str] = field(default_factory=list)
    deaths: int = 0
    is_sweep: bool = False

    def hear(self, event: Event) -> None:
        """Learn from an event of this job how far it is."""
        if isinstance(event, Started):
            self.started = True
        if isinstance(event, Revisions):
            self.is_sweep = len(event.revisions) > 1
        revision = event.revision if isinstance(event, PhaseProgress | Measured | CheckpointFailed) else None
        if revision is not None and revision not in self.begun:
            self.begun.append(revision)
        if isinstance(event, Measured) and not event.cached:
            self.deaths = 0

    def restart(self, *, without_last: bool) -> None:
        """Prepare the job for another worker, which leaves out what this one is done with."""
        if isinstance(self.job, Measure):
            done = self.begun if without_last else self.begun[:-1]
            self.job = replace(self.job, skip=(*self.job.skip, *done))
        self.started, self.begun = False, []


def cause_of_exit(code: int) -> str:
    """How a process ended, from its exit code."""
    if code >= 0:
        return f"exited with code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was killed by signal {-code} ({name}{', out of memory?' if name == 'SIGKILL' else ''})"
    return f"was killed by signal {-code}"
