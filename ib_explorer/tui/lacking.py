"""What the view lacks, as jobs that the worker could do; their numbers are given when they are handed over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from estimator.measurement import WEIGHTS
from estimator.request import MeasurementRequest
from ib_explorer.measured import Record
from ib_explorer.plane import Trajectory
from ib_explorer.tui.scene import TEMPERATURES, Scene
from ib_explorer.tui.state import Job, State, bound_jobs

UNNUMBERED = 0
AHEAD_BYTES = 2**30
"""Scores of a trajectory (those of the demo are half as many) up to which all its temperatures are measured ahead."""


def measurements(scene: Scene) -> list[Job]:
    """The measurements that the view lacks, asked for or not: of the checkpoint under the cursor, then of all.

    Only what this session measured can be asked for: a kept measurement does not say where its text came from. While
    other work goes on, what kept scores tell has to do: the rest is asked for when that is over.
    """
    place, known = scene.state.place, scene.request
    if place is None or known is None or _is_complete(scene):
        return []
    every = _as_viewed(scene, known)
    # The checkpoint under the cursor first: its answer is what the user waits for.
    here = replace(every, revision=place.checkpoint.name)
    kept = is_busy(scene.state)
    first, others = Job(UNNUMBERED, "look", here, kept=kept), Job(UNNUMBERED, "view", every, kept=kept)
    return [first] if here == every else [first, others]


def of_newcomer(scene: Scene, record: Record) -> list[Job]:
    """What the view lacks of a checkpoint that has just been measured, for another view: its scores are kept now."""
    known = scene.request
    if known is None or Trajectory.of(record) != scene.trajectory or _is_complete(scene):
        return []
    return [Job(UNNUMBERED, "look", replace(_as_viewed(scene, known), revision=record.revision), kept=True)]


def _as_viewed(scene: Scene, known: MeasurementRequest) -> MeasurementRequest:
    """The request that was made for the trajectory in view, for what the view shows."""
    view = scene.state.view
    return replace(
        known,
        temperatures=(view.temperature_rule,),
        weights=(view.weights,),
        variants=(view.variant,),
        min_count=view.min_count,
    )


def is_busy(state: State) -> bool:
    """Whether the worker has work that takes models, so that what is asked for would have to wait."""
    return any(job.is_open and job.kind in ("measure", "increments") for job in state.jobs)


def unasked(state: State, jobs: Iterable[Job]) -> list[Job]:
    """Those of ``jobs`` whose request nobody works on or has answered; kept scores alone may have left gaps."""

    def fit(other: Job, job: Job) -> bool:
        return other.request == job.request and (job.kept or not other.kept)

    return [job for job in jobs if _is_given_up(other for other in state.jobs if fit(other, job))]


def is_measured(scene: Scene) -> bool:
    """Whether anything of the trajectory in view is on the plane."""
    return any(series.trajectory == scene.trajectory for series in scene.plane.series)


def _is_complete(scene: Scene) -> bool:
    """Whether all its measured checkpoints are."""
    mine = [series for series in scene.plane.series if series.trajectory == scene.trajectory]
    return bool(mine) and len(mine[0].points) == len(scene.checkpoints)


def bound(scene: Scene, *, again: bool) -> list[Job]:
    """The bound of the sample and labels in view, unless it is there or was asked for.

    ``again``: also if it was asked for, but failed or was cancelled.
    """
    view, known = scene.state.view, scene.request
    if known is None or view.is_preference or scene.curve is not None:
        return []
    request = replace(known, granularities=(view.granularity,))
    jobs = bound_jobs(scene.state, request, view.conditionals)
    if jobs and not (again and _is_given_up(jobs)):
        return []
    return [Job(UNNUMBERED, "bound", request, view.conditionals)]


def increments(scene: Scene) -> list[Job]:
    """What each further token of context adds at the checkpoint under the cursor, unless it was asked for."""
    place, known = scene.state.place, scene.request
    if place is None or known is None:
        return []
    rules = (scene.state.view.temperature_rule,)
    request = replace(known, revision=place.checkpoint.name, temperatures=rules)
    jobs = [job for job in scene.state.jobs if job.kind == "increments" and job.request == request]
    return [Job(UNNUMBERED, "increments", request)] if _is_given_up(jobs) else []


def ahead(scene: Scene) -> list[Job]:
    """With nothing else to do, what the next keys may show, as long as that is little work.

    That is other temperatures and weights, of the checkpoint under the cursor, then of all.
    """
    state, place, known = scene.state, scene.state.place, scene.request
    if place is None or known is None or known.is_preference or any(job.is_open for job in state.jobs):
        return []
    if not any(job.request == known and job.kind == "measure" and job.status == "done" for job in state.jobs):
        return []  # what was cancelled is not gone on with
    if sum(map(_score_bytes, scene.records)) > AHEAD_BYTES:
        return []
    # A loss takes the model: what it is of a checkpoint the measurement itself has found already.
    every = replace(known, temperatures=TEMPERATURES, weights=WEIGHTS, min_count=state.view.min_count, loss=False)
    over = [job.request for job in state.jobs if job.status in ("done", "failed")]
    if every in over:
        return []
    begun = any(replace(request, revision=every.revision) == every for request in over)
    request = every if begun else replace(every, revision=place.checkpoint.name)
    return [Job(UNNUMBERED, "ahead", request, kept=True)]


def _score_bytes(record: Record) -> int:
    """Bytes that the scores of a checkpoint take on disk, as float16."""
    return 2 * record.positions * record.anchors * len(record.anchor_seeds) * record.depth


def _is_given_up(jobs: Iterable[Job]) -> bool:
    """Whether none of ``jobs`` did its work, or will."""
    return all(job.status in ("failed", "cancelling", "cancelled") for job in jobs)
