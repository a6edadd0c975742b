"""The jobs as a queue that the user can reorder, and what the list of jobs shows."""

from __future__ import annotations

from collections.abc import Sequence

from ib_explorer.tui.jobs import Job
from ib_explorer.tui.state import State


def listed(state: State) -> tuple[Job, ...]:
    """The jobs that the user ordered: unfinished ones in the order of work, then ended ones, the newest first."""
    ordered = [job for job in state.jobs if not (job.kind.is_speculative or job.kind.fills_view)]
    unfinished = [job for job in ordered if job.is_open or job.is_paused]
    ended = [job for job in reversed(ordered) if not (job.is_open or job.is_paused)]
    return (*unfinished, *ended)


def unfinished(state: State) -> tuple[Job, ...]:
    """The jobs that the user ordered and that are running, waiting or paused, in the order of work."""
    return tuple(job for job in listed(state) if job.is_paused or (job.is_open and not job.is_given_up))


def behind(state: State, number: int) -> Sequence[Job] | None:
    """The jobs to submit anew so that the job ``number`` comes one place earlier; None if it is the first.

    The worker takes jobs in the order in which they were submitted: those that come later now are submitted again. Only
    jobs that load models wait for each other.
    """
    queue = [job for job in unfinished(state) if job.kind.takes_model and not job.is_paused]
    place = next((place for place, job in enumerate(queue) if job.number == number), 0)
    if not place:
        return None
    return [queue[place - 1], *queue[place + 1 :]]
