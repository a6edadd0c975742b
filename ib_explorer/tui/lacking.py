"""What the view lacks, as jobs that the worker could do; their numbers are given when they are handed over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from estimator.measurement import WEIGHTS
from estimator.request import MeasurementRequest
from ib_explorer.drawing.plane import Trajectory
from ib_explorer.drawing.records import Record
from ib_explorer.tui.scene import TEMPERATURES, Scene
from ib_explorer.tui.state import Job, State, bound_jobs

UNNUMBERED = 0
TAKE_MODELS = ("measure", "increments")
"""Kinds of jobs that load models, and so are long."""
AHEAD_BYTES = 2**30
"""Scores of a trajectory (those of the demo are half as many) up to which all its temperatures are measured ahead."""


def measurements(scene: Scene) -> list[Job]:
    """The measurements that the view lacks, asked for or not: of the checkpoint under the cursor, then of the others.

    That is of checkpoints that were measured for another view, by this session: a kept measurement does not say where
    its text came from. While other work goes on, what kept scores tell has to do; the rest is asked for after it.
    """
    place, known, names = scene.state.place, scene.request, _unseen(scene)
    if place is None or known is None or not names:
        return []
    kept = is_busy(scene.state)
    # The checkpoint under the cursor first: its answer is what the user waits for.
    here = [name for name in names if name == place.checkpoint.name]
    others = [name for name in names if name != place.checkpoint.name]
    return [
        Job(UNNUMBERED, kind, _as_viewed(scene, known), kept=kept, only=tuple(only))
        for kind, only in (("look", here), ("view", others))
        if only
    ]


def of_newcomer(scene: Scene, record: Record) -> list[Job]:
    """What the view lacks of a checkpoint that has just been measured, for another view: its scores are kept now."""
    known = scene.request
    if known is None or Trajectory.of(record) != scene.trajectory or record.revision not in _unseen(scene):
        return []
    return [Job(UNNUMBERED, "look", _as_viewed(scene, known), kept=True, only=(record.revision,))]


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


def _unseen(scene: Scene) -> list[str]:
    """The measured checkpoints of the trajectory in view that have no point in this view."""
    mine = [series for series in scene.plane.series if series.trajectory == scene.trajectory]
    seen = {point.checkpoint.revision for series in mine for point in series.points}
    return [checkpoint.name for checkpoint in scene.checkpoints if checkpoint.name not in seen]


def is_busy(state: State) -> bool:
    """Whether the worker has work that takes models, so that what is asked for would have to wait."""
    return any(job.is_open and job.kind in TAKE_MODELS for job in state.jobs)


def unasked(state: State, jobs: Iterable[Job]) -> list[Job]:
    """Those of ``jobs`` that nobody works on or has answered; from kept scores, an answer is one of its time only."""

    def fits(other: Job, job: Job) -> bool:
        covers = other.request == job.request and (not other.only or {*job.only} <= {*other.only})
        return covers and (not other.kept or (job.kept and other.is_open))

    return [job for job in jobs if _is_given_up(other for other in state.jobs if fits(other, job))]


def is_measured(scene: Scene) -> bool:
    """Whether anything of the trajectory in view is on the plane."""
    return any(series.trajectory == scene.trajectory for series in scene.plane.series)


def bound(scene: Scene, *, again: bool) -> list[Job]:
    """The bound of the sample and labels in view, unless it is there or was asked for.

    ``again``: also if it was asked for, but failed or was cancelled.
    """
    view, known = scene.state.view, scene.request
    if known is None or view.is_preference or scene.curve is not None:
        return []
    request = replace(known, granularities=(view.granularity,))
    jobs = bound_jobs(scene.state, request, view.drawn_bound.curve)
    if jobs and not (again and _is_given_up(jobs)):
        return []
    return [Job(UNNUMBERED, "bound", request, view.drawn_bound.name)]


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
