"""Jobs run by workers for one command, until they end or the user presses Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from cache.locations import locations
from ib_explorer.cli import DONE, FAILED, WRONG
from ib_explorer.cli.narration import Narration
from ib_explorer.cli.outlet import complain
from ib_explorer.plan import SweepPlan
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.messages import (
    BoundReady,
    CancelledJob,
    CheckpointFailed,
    Event,
    Failed,
    Finished,
    Measured,
    PhaseProgress,
    Planned,
    Revisions,
    Task,
)

PendingJob = Callable[[int], Task]
"""A job without its number."""


Answer = TypeVar("Answer", Measured, BoundReady)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Planning:
    """The jobs that plan others, by the place of those in their list, and whether the user ``accepts`` the plans."""

    jobs: Mapping[int, PendingJob]
    accepts: Callable[[Sequence[SweepPlan]], bool]


@dataclass(frozen=True, slots=True)
class Session:
    """The results of a command's jobs: their events without progress, the failures among them, and the jobs' names."""

    events: tuple[Event, ...]
    failures: tuple[Failed, ...]
    labels: Mapping[int, str] = field(default_factory=dict)

    @property
    def lost(self) -> tuple[CheckpointFailed, ...]:
        """The checkpoints that failed while their jobs went on."""
        return tuple(event for event in self.events if isinstance(event, CheckpointFailed))

    @property
    def exit_code(self) -> int:
        """0 if all jobs succeeded, 1 if a measurement failed, 2 if all failures are input errors of whole jobs."""
        if not self.failures and not self.lost:
            return DONE
        return WRONG if not self.lost and all(failure.input_error for failure in self.failures) else FAILED

    @property
    def summary(self) -> tuple[str, ...]:
        """Lines: what failed in jobs of several checkpoints, and what to do; empty if nothing did."""
        if not self.lost:
            return ()
        listed = {event.job: len(event.revisions) for event in self.events if isinstance(event, Revisions)}
        lines = [f"  {self.labels[one.job]} {one.revision}: {one.message}" for one in self.lost]
        count = f"{len(self.lost)} of {sum(listed.values())} checkpoints"
        again = "What was measured is cached: run the same command again to retry only these."
        return f"ib-explorer: {count} failed:", *lines, again

    def read(self, events: Iterable[Answer], load: Callable[[Answer], Result | None]) -> tuple[Session, list[Result]]:
        """The results of ``events`` in the cache, and the session with a failure for each result that is not there."""
        found = [(event, load(event)) for event in events]
        lost = tuple(_lost(event) for event, result in found if result is None)
        for failure in lost:
            complain(failure.message)
        return replace(self, failures=self.failures + lost), [result for _, result in found if result is not None]


def _lost(event: Measured | BoundReady) -> Failed:
    name = event.revision if isinstance(event, Measured) else "a bound"
    sentence = (
        f"The result of {name} could not be read from the cache after it was stored: run ib-explorer cache verify, "
        "then measure again."
    )
    return Failed(event.job, "cache", sentence, input_error=False)


def run_jobs(
    jobs: Sequence[tuple[str, PendingJob]], cache_dir: Path | None, device: str, planning: Planning | None = None
) -> Session:
    """Run named jobs with progress on stderr; a failure is one sentence there, and the other jobs continue.

    With ``planning``, jobs are planned first; one whose plan fails is not run, and none is if the plans are rejected.
    Raises KeyboardInterrupt after Ctrl-C, once the jobs have been cancelled and the workers have ended.
    """
    return asyncio.run(_run(jobs, cache_dir, device, planning))


async def _run(
    jobs: Sequence[tuple[str, PendingJob]], cache_dir: Path | None, device: str, planning: Planning | None
) -> Session:
    places = locations(cache_dir)
    client = WorkerClient(places.cache, device, log_dir=places.log)
    labels: dict[int, str] = {}
    narration = Narration(labels)

    async def submit(named: Sequence[tuple[str, PendingJob]]) -> list[int]:
        numbers = []
        for label, job in named:
            number = client.next_job()
            numbers.append(number)
            labels[number] = label
            await client.submit(job(number))
        return numbers

    try:
        planned = Session((), (), labels)
        if planning is not None and planning.jobs:
            numbers = await submit([(jobs[place][0], job) for place, job in planning.jobs.items()])
            planned = await _follow(client, set(numbers), narration)
            failed = {failure.job for failure in planned.failures}
            left_out = {place for place, number in zip(planning.jobs, numbers, strict=True) if number in failed}
            jobs = [job for place, job in enumerate(jobs) if place not in left_out]
            narration.close()
            if not jobs or not planning.accepts([event.plan for event in planned.events if isinstance(event, Planned)]):
                return planned
        session = await _follow(client, set(await submit(jobs)), narration)
        if session.summary:
            narration.say(*session.summary)
        return replace(session, failures=planned.failures + session.failures)
    except asyncio.CancelledError:
        narration.say("cancelling …")
        for number in labels:
            await client.cancel(number)
        raise
    finally:
        narration.close()
        await client.close()


async def _follow(client: WorkerClient, unfinished: set[int], narration: Narration) -> Session:
    events: list[Event] = []
    failures: list[Failed] = []
    async for event in client.events():
        narration.hear(event)
        if not isinstance(event, PhaseProgress):
            events.append(event)
        if isinstance(event, Failed):
            narration.say(f"ib-explorer: {event.message}")
            failures.append(event)
        if isinstance(event, Finished | CancelledJob | Failed):
            unfinished.discard(event.job)
            if not unfinished:
                break
    return Session(tuple(events), tuple(failures), narration.labels)
