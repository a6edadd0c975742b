"""Jobs for values that the view lacks; they are numbered when they are submitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from estimator.bottleneck.bounds import Curve
from estimator.checkpoints.revision import Revision
from estimator.measurement import WEIGHTS, CheckpointMeasurements
from estimator.request import MeasurementRequest
from ib_explorer.drawing.trajectories import Trajectory, revision_of
from ib_explorer.tui.jobs import UNNUMBERED, Job, JobKind
from ib_explorer.tui.scene import TEMPERATURES, Scene
from ib_explorer.tui.state import State, bound_jobs

AHEAD_BYTES = 2**30
"""Size of a trajectory's scores (those of the demo are half as large) up to which all temperatures are precomputed."""


def view_request(scene: Scene) -> MeasurementRequest | None:
    """The request for the values in view, derived from the request of the trajectory; None if it is not known."""
    view, known = scene.state.view, scene.request
    if known is None:
        return None
    includes_labels = any(kind.name == view.granularity for kind in known.kinds)
    return replace(
        known,
        granularities=known.granularities if includes_labels else (view.granularity,),
        temperatures=(view.temperature_rule,),
        weights=(view.weights,),
        variants=(view.variant,),
        min_count=view.min_count,
    )


def measurements(scene: Scene) -> list[Job]:
    """The missing measurements of the view from stored scores: of the checkpoint under the cursor, then of the others.

    What stored scores cannot provide needs :func:`passes`.
    """
    return _view_jobs(scene, _unseen(scene))


def of_newcomer(scene: Scene, record: CheckpointMeasurements) -> list[Job]:
    """The missing values of a checkpoint just measured for another view, now that its scores are stored."""
    is_lacking = Trajectory.of(record) == scene.trajectory and record.revision in _unseen(scene)
    return _view_jobs(scene, [record.revision]) if is_lacking else []


def needing_passes(scene: Scene) -> tuple[str, ...]:
    """The checkpoints that the view lacks and stored scores could not provide, unless their passes are under way."""
    wanted = view_request(scene)
    if wanted is None:
        return ()
    jobs = [job for job in scene.state.jobs if _covers(job.request, wanted)]
    views = [job for job in jobs if job.kind.fills_view]
    if any(job.is_open for job in views):
        return ()
    tried = {name for job in views if job.status in ("done", "failed") for name in job.only}
    ordered = {name for job in jobs if job.kind is JobKind.VIEW_PASSES and job.is_open for name in job.only}
    return tuple(name for name in _unseen(scene) if name in tried - ordered)


def passes(scene: Scene) -> list[Job]:
    """The forward passes that the view needs, as one job."""
    wanted, names = view_request(scene), needing_passes(scene)
    return [Job(UNNUMBERED, JobKind.VIEW_PASSES, wanted, only=names)] if wanted is not None and names else []


def _view_jobs(scene: Scene, names: Sequence[str]) -> list[Job]:
    """Jobs for the view of these checkpoints: first that under the cursor, whose values the user waits for."""
    place, wanted = scene.state.place, view_request(scene)
    if place is None or wanted is None:
        return []
    current = tuple(name for name in names if name == place.checkpoint.name)
    others = tuple(name for name in names if name != place.checkpoint.name)
    parts = ((JobKind.VIEW_CURRENT, current), (JobKind.VIEW_OTHERS, others))
    return [Job(UNNUMBERED, kind, wanted, stored_only=True, only=only) for kind, only in parts if only]


def _unseen(scene: Scene) -> list[str]:
    """The measured checkpoints of the trajectory without a point in this view, excluding those being read for it."""
    mine = [series for series in scene.plane.series if series.trajectory == scene.trajectory]
    seen = {point.checkpoint.revision for series in mine for point in series.points}
    wanted = view_request(scene)
    reading = (job for job in scene.state.jobs if job.unread and wanted and _covers(job.request, wanted))
    seen.update(name for job in reading for name in job.unread)
    return [checkpoint.name for checkpoint in scene.checkpoints if checkpoint.name not in seen]


def _covers(request: MeasurementRequest, wanted: MeasurementRequest) -> bool:
    """Whether ``request`` includes all values of ``wanted``, of whichever checkpoints."""
    fields = ("granularities", "temperatures", "weights", "variants")
    like = {name: getattr(wanted, name) for name in fields}
    has_all = all({*like[name]} <= {*getattr(request, name)} for name in fields)
    return has_all and replace(request, revision=wanted.revision, loss=wanted.loss, **like) == wanted


def is_busy(state: State) -> bool:
    """Whether the worker has work that loads models, so that a request would have to wait."""
    return any(job.is_open and job.kind.takes_model for job in state.jobs)


def unasked(state: State, jobs: Iterable[Job]) -> list[Job]:
    """Those of ``jobs`` that no job does or has done; a finished job on stored scores may have been incomplete."""

    def fits(other: Job, job: Job) -> bool:
        covers = other.request == job.request and (not other.only or {*job.only} <= {*other.only})
        return covers and (not other.stored_only or (job.stored_only and other.is_open))

    return [job for job in jobs if all(other.is_given_up for other in state.jobs if fits(other, job))]


def is_measured(scene: Scene) -> bool:
    """Whether the trajectory in view has points on the plane."""
    return any(series.trajectory == scene.trajectory for series in scene.plane.series)


def bound(scene: Scene, *, again: bool) -> list[Job]:
    """The bound of the sample and labels in view and its low estimate, unless they are available or were requested.

    ``again`` also requests those that failed or were cancelled.
    """
    view, known = scene.state.view, scene.request
    if known is None or view.is_over_training:
        return []
    request = replace(known, granularities=(view.granularity,))

    def is_due(curve: Curve) -> bool:
        jobs = bound_jobs(scene.state, request, curve)
        return not jobs or (again and all(job.is_given_up for job in jobs))

    missing = (bound for bound in scene.lacking_bounds if is_due(bound.curve))
    return [Job(UNNUMBERED, JobKind.BOUND, request, bound.name) for bound in missing]


def measured_revisions(state: State) -> tuple[Revision, ...]:
    """The checkpoints with measurements, of all models."""
    return tuple(dict.fromkeys(map(revision_of, state.records)))


def increments(scene: Scene) -> list[Job]:
    """The increments at the checkpoint under the cursor, unless they were requested."""
    place, known = scene.state.place, scene.request
    if place is None or known is None:
        return []
    rules = (scene.state.view.temperature_rule,)
    request = replace(known, revision=place.checkpoint.name, temperatures=rules)
    jobs = [job for job in scene.state.jobs if job.kind is JobKind.INCREMENTS and job.request == request]
    return [Job(UNNUMBERED, JobKind.INCREMENTS, request)] if all(job.is_given_up for job in jobs) else []


def precomputable(scene: Scene) -> list[Job]:
    """If the worker is idle, the values that the next key presses may show, as long as they are cheap.

    These are other temperatures and weights, of the checkpoint under the cursor, then of all.
    """
    state, place, known = scene.state, scene.state.place, scene.request
    if place is None or known is None or any(job.is_open for job in state.jobs):
        return []
    ordered = (job for job in state.jobs if job.kind.extends_trajectory and job.request == known)
    if not any(job.status == "done" for job in ordered):
        return []  # a cancelled measurement is not continued
    if sum(map(_score_bytes, scene.records)) > AHEAD_BYTES:
        return []
    # A loss needs the model, and the measurement itself has already computed it.
    every = replace(known, temperatures=TEMPERATURES, weights=WEIGHTS, min_count=state.view.min_count, loss=False)
    over = [job.request for job in state.jobs if job.status in ("done", "failed")]
    if every in over:
        return []
    begun = any(replace(request, revision=every.revision) == every for request in over)
    request = every if begun else replace(every, revision=place.checkpoint.name)
    return [Job(UNNUMBERED, JobKind.PRECOMPUTE, request, stored_only=True)]


def _score_bytes(record: CheckpointMeasurements) -> int:
    """Size of a checkpoint's scores on disk in bytes, as float16."""
    return 2 * record.positions * record.anchors * len(record.anchor_seeds) * record.depth
