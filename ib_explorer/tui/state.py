"""The screen's state, a frozen record from which everything shown is derived, and its changes by events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from estimator.bottleneck.bounds import BOUNDS, Curve
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve
from estimator.increments import CheckpointIncrements
from estimator.measurement import MIN_COUNT, CheckpointMeasurements, Granularity, Layer, Measurement
from estimator.request import MeasurementRequest
from estimator.safe_text import safe
from estimator.text.kinds import LABELS
from estimator.text.labels import SampleKind
from estimator.values import VALUES
from ib_explorer.config import Settings, request_from
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.shelf import shelf_of
from ib_explorer.drawing.training import OPTIMALITY, Counted
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, revision_of
from ib_explorer.drawing.view import View
from ib_explorer.tables.matching import RULES
from ib_explorer.tui.jobs import Job, JobKind, with_progress
from ib_explorer.tui.sheets import Arrangement
from ib_explorer.worker.messages import (
    CancelledJob,
    CheckpointFailed,
    Event,
    Failed,
    Finished,
    Measured,
    Note,
    PhaseProgress,
    Ready,
    Revisions,
    Started,
)

LOG_LINES = 500
DEFAULT_THEME = "dark"
LAYER_PICTURES = ("bars", "lines", "map")
"""Pictures of the Layers tab."""
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log, with the local time at which it was written."""

    text: str
    level: Level = "info"
    at: datetime = field(default_factory=datetime.now, compare=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A measurement that the user ordered, and the preset to view it by."""

    request: MeasurementRequest
    preset: str

    @classmethod
    def configured(cls, settings: Settings) -> Order:
        """The demo measured by ``settings``; raises :class:`InputError` when a value is out of range."""
        return cls(request_from(settings, "demo", "all"), settings["preset"].value)


DEFAULT_ORDER = Order(MeasurementRequest("demo", revision="all"), next(iter(VALUES)))


@dataclass(frozen=True, slots=True)
class Place:
    """The cursor: a checkpoint (with its commit) of a trajectory and, in the view of each layer, the layer."""

    trajectory: Trajectory
    checkpoint: Revision
    layer: Layer | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An order that an earlier session did not complete, with the number of checkpoints left (None: unknown)."""

    request: MeasurementRequest
    only: tuple[str, ...] = ()
    left: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The complete state of the screen.

    ``live`` means that the cursor follows the newest checkpoint of a running job; ``overlay`` that all models share the
    plane; ``limits`` are the user's zoom (None: the plane's own); ``playing`` that checkpoints advance automatically.
    ``increments`` are by the key of the corresponding measurements. ``requests`` are those of this session, by the
    resulting trajectory: the templates for further requests. ``form`` fills the form of a measurement: the latest
    order, initially the configured one. ``tab`` names the open tab. ``whole_view`` is the last view with all points,
    whose picture stays until those of the current view are there. ``listings`` are the checkpoints by model that the
    worker listed in this session; ``download_rate`` is that of the last download in bytes per second.
    ``counted`` is what the axis of training counts,
    ``quantity`` what the map of layers (and, if a ratio, the strips) show, ``layers_as`` the picture of the layers, and
    ``layer_range`` the first and last layer shown there (None: all). ``hidden`` are the models that the user hid from
    the plane; the one in view is always shown. ``arranged`` is how the user sorted and filtered each table, by tab, and
    ``matching`` names the rule of the Compare tab.
    ``worker_runs`` means that a worker process was started and has not exited. ``recalled`` are the requests of earlier
    sessions, as templates for what stored scores can answer. ``theme`` names the theme, ``speed`` multiplies that of
    playing. ``collapsed`` are the names of collapsed models in the tree. ``unfinished`` are orders of the last session
    that have not been resumed.
    """

    records: tuple[CheckpointMeasurements, ...] = ()
    curves: tuple[BoundCurve, ...] = ()
    increments: Mapping[str, CheckpointIncrements] = field(default_factory=dict)
    view: View = field(default_factory=View)
    place: Place | None = None
    live: bool = True
    overlay: bool = False
    playing: bool = False
    limits: Limits | None = None
    hidden: frozenset[Trajectory] = frozenset()
    jobs: tuple[Job, ...] = ()
    requests: Mapping[Trajectory, MeasurementRequest] = field(default_factory=dict)
    form: Order = DEFAULT_ORDER
    tab: str = "plane"
    arranged: Mapping[str, Arrangement] = field(default_factory=dict)
    matching: str = RULES[0].name
    listings: Mapping[str, tuple[Revision, ...]] = field(default_factory=dict)
    download_rate: float | None = None
    whole_view: View | None = None
    counted: Counted = "step"
    quantity: str = OPTIMALITY
    layers_as: str = LAYER_PICTURES[0]
    layer_range: tuple[int, int] | None = None
    theme: str = DEFAULT_THEME
    speed: float = 1.0
    collapsed: frozenset[str] = frozenset()
    unfinished: tuple[Unfinished, ...] = ()
    recalled: Mapping[Trajectory, MeasurementRequest] = field(default_factory=dict)
    worker_runs: bool = False
    log: tuple[LogLine, ...] = ()

    def job(self, number: int) -> Job | None:
        """The job with that number, if this screen submitted it."""
        return next((job for job in self.jobs if job.number == number), None)

    def curve(
        self, records: Sequence[CheckpointMeasurements], granularity: Granularity, wanted: Curve | None
    ) -> BoundCurve | None:
        """The ``wanted`` curve of ``records``' sample and granularity, identified by its positions and label counts."""
        found = (
            curve
            for curve in reversed(self.curves)
            if wanted is not None
            and (curve.conditionals, curve.granularity) == (wanted.name, granularity)
            and _is_of_sample(curve, records)
        )
        return next(found, None)

    def curve_of(self, record: CheckpointMeasurements, row: Measurement, wanted: Curve) -> BoundCurve | None:
        """The ``wanted`` curve of a row's sample and labels."""
        return self.curve([record], row.granularity, wanted)


def _is_of_sample(curve: BoundCurve, records: Sequence[CheckpointMeasurements]) -> bool:
    labels = (curve.granularity, curve.input_labels, curve.output_labels)
    return any(record.positions == curve.positions and labels in shelf_of(record).labels for record in records)


def with_records(state: State, records: Iterable[CheckpointMeasurements]) -> State:
    """The state with ``records`` added or, if their key is known under the same name, replaced.

    While live, the cursor moves to a new checkpoint of the kind in view; with nothing in view yet, to any.
    """
    fresh = list(records)
    seen = {(Trajectory.of(record), revision_of(record)) for record in state.records}
    new = [record for record in fresh if (Trajectory.of(record), revision_of(record)) not in seen]
    in_view = [record for record in new if state.view.shows(record)]
    known = {(record.key, record.name): record for record in (*state.records, *fresh)}
    state = replace(state, records=tuple(known.values()))
    if new and state.place is None:
        return at_last_checkpoint(state, Trajectory.of((in_view or new)[-1]))
    return at_last_checkpoint(state, Trajectory.of(in_view[-1])) if in_view and state.live else state


def at_last_checkpoint(state: State, trajectory: Trajectory) -> State:
    """The state with the cursor on the last measured checkpoint of ``trajectory``, viewing labels that it has."""
    layer = state.place.layer if state.place else None
    records = by_trajectory(state.records)[trajectory]
    last = records[-1]
    if not any(map(state.view.shows, records)):
        labels = min(shelf_of(last).granularities, key=LABELS.place)
        state = replace(state, view=with_labels(state.view, labels, records), limits=None)
    return replace(state, place=Place(trajectory, revision_of(last), layer))


def with_labels(view: View, labels: Granularity, records: Iterable[CheckpointMeasurements]) -> View:
    """The same view of other labels; of raw states if ``records`` lack the current variant for these labels."""
    view = replace(view, granularity=labels)
    is_measured = any(view.variant in shelf_of(record).variants for record in records if view.shows(record))
    return view if is_measured else replace(view, variant="raw")


def with_log(state: State, line: str, level: Level = "info") -> State:
    """The state with one more line in its log, which retains the newest."""
    return replace(state, log=(*state.log, LogLine(safe(line), level))[-LOG_LINES:])


def with_job(state: State, job: Job) -> State:
    """The state with a job added or replaced."""
    others = tuple(other for other in state.jobs if other.number != job.number)
    jobs = tuple(job if other.number == job.number else other for other in state.jobs)
    return replace(state, jobs=jobs if len(others) < len(state.jobs) else (*state.jobs, job))


def with_event(state: State, event: Event, now: float) -> State:
    """The state after ``event`` of the worker at second ``now`` of a monotonic clock."""
    if isinstance(event, Ready):
        where = "" if event.device == "auto" else f" on {event.device}"
        return with_log(state, f"The worker is ready{where}.")
    job = state.job(event.job)
    if job is None:
        return state
    if isinstance(event, PhaseProgress):
        job = with_progress(job, event, now)
        is_download = (job.phase, job.unit) == ("download", "bytes")
        rate = (job.rate if is_download else None) or state.download_rate
        return with_job(replace(state, download_rate=rate), job)
    if isinstance(event, Note):
        return with_log(state, event.text)
    if isinstance(event, Revisions):
        revisions = tuple(Revision(**fields) for fields in event.revisions)
        return with_job(state, replace(job, revisions=revisions))
    if isinstance(event, Measured):
        said = "is in the cache" if event.cached else "is measured"
        measured, unread = (*job.measured, event.revision), (*job.unread, event.revision)
        job = replace(job, measured=measured, unread=unread)
        if not (event.cached or job.stored_only):
            job = replace(job, passes=job.passes + 1, passed=now)
        state = with_job(state, job)
        if job.stored_only:  # the plane already shows it
            return state
        return with_log(state, f"{job.request.model} {event.revision} {said}.")
    if isinstance(event, CheckpointFailed):
        state = with_job(state, replace(job, lost={**job.lost, event.revision: (event.kind, event.message)}))
        return with_log(state, f"Failed: {job.request.model} {event.revision}: {event.message}", "error")
    if isinstance(event, Started):
        return with_job(state, replace(job, status="running", began=now, since=now, heard=now))
    if isinstance(event, Finished):
        state = with_job(state, replace(job, status="done"))
        if job.kind.is_speculative and job.measured:
            return with_log(state, f"Precomputed {job.target} at all temperatures and weightings.")
        if job.lost:
            return with_log(
                state,
                f"{len(job.lost)} of {len(job.revisions)} checkpoints of {job.target} failed: press f to retry them.",
                "warning",
            )
        return state
    if isinstance(event, CancelledJob):
        status, said = ("paused", "Paused") if job.status == "pausing" else ("cancelled", "Cancelled")
        state = with_job(state, replace(job, status=status))
        return state if job.kind.is_speculative else with_log(state, f"{said}: {job.description}.")
    if isinstance(event, Failed):
        state = with_job(state, replace(job, status="failed", why=(event.kind, event.message)))
        return with_log(state, f"Failed: {job.description}: {event.message}", "error")
    return state


def with_record_read(state: State, job: Job, revision: str, record: CheckpointMeasurements | None) -> State:
    """The state after the record of a job's checkpoint was read from the cache; None if it could not be read."""
    state = with_job(state, replace(job, unread=tuple(name for name in job.unread if name != revision)))
    if record is None:
        return with_log(
            state,
            f"The measurement of {revision} could not be read from the cache: press m to measure it again.",
            "warning",
        )
    if job.kind.extends_trajectory:
        state = replace(state, requests={**state.requests, Trajectory.of(record): job.request})
    return with_records(state, [record])


def same_sample(one: MeasurementRequest, other: MeasurementRequest) -> bool:
    """Whether two requests differ at most in checkpoints and in options that apply to scores only."""

    def blind(request: MeasurementRequest) -> MeasurementRequest:
        return replace(
            request,
            revision=None,
            layers="all",
            granularities=_first_labels(request.sample_kind),
            temperatures=("exact",),
            weights=("frequency",),
            min_count=MIN_COUNT,
            variants=("raw",),
            loss=False,
        )

    return blind(one) == blind(other)


def _first_labels(sample: SampleKind) -> tuple[Granularity, ...]:
    """One kind of labels for samples of this kind."""
    return (next(kind.name for kind in LABELS.values() if kind.sample == sample and kind.parameter is None),)


def bound_jobs(state: State, request: MeasurementRequest, curve: Curve) -> list[Job]:
    """The jobs for that curve of a request's sample and granularity, whatever their status."""
    bounds = [job for job in state.jobs if job.kind is JobKind.BOUND and BOUNDS[job.bound].curve == curve]
    mine = [job for job in bounds if job.request.granularities == request.granularities]
    return [job for job in mine if same_sample(job.request, request)]
