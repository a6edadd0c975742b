"""The screen's one state, a frozen record from which everything shown is derived, and how events change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve, Conditionals
from estimator.increments import CheckpointIncrements
from estimator.measurement import GRANULARITIES, MIN_COUNT, Layer
from estimator.preference import PREFERENCE, CheckpointPreferences
from estimator.request import MeasurementRequest, Preset
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.plane import Trajectory, View, by_trajectory, revision_of
from ib_explorer.drawing.records import Record
from ib_explorer.drawing.shelf import shelf_of
from ib_explorer.worker.messages import (
    Bound,
    CancelledJob,
    Event,
    Failed,
    Finished,
    Measure,
    Measured,
    Note,
    PhaseProgress,
    Ready,
    Revisions,
    Started,
    Task,
)

LOG_LINES = 500


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants measured, and by which preset it is to be looked at."""

    request: MeasurementRequest
    preset: Preset


@dataclass(frozen=True, slots=True)
class Job:
    """One task given to the worker: ``status`` is queued, running, cancelling, done, cancelled or failed.

    ``kind`` is measure, increments, bound (that of its request's first granularity, with p(y|x) from ``conditionals``),
    look or view (what the view lacks at the current checkpoint, at all of them), or ahead: work that nobody waits for,
    which gives way to all other. ``only`` narrows it to the checkpoints named, and ``kept`` is to do it from kept
    scores, between the steps of other work. ``since`` is when the phase began, and ``heard`` when it was last heard of,
    in seconds of a monotonic clock.
    """

    number: int
    kind: str
    request: MeasurementRequest
    conditionals: Conditionals = "raw"
    kept: bool = False
    only: tuple[str, ...] = ()
    status: str = "queued"
    phase: str = ""
    revision: str | None = None
    done: int = 0
    first_done: int = 0
    total: int | None = None
    unit: str = ""
    since: float = 0.0
    heard: float = 0.0
    revisions: tuple[Revision, ...] = ()
    measured: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """What the worker is told to do."""
        if self.kind == "bound":
            granularity = self.request.granularities[0]
            assert granularity != PREFERENCE
            return Bound(self.number, self.request, granularity, self.conditionals)
        return Measure(self.number, self.request, self.kind == "increments", self.kept, self.only)

    @property
    def is_open(self) -> bool:
        """Whether the worker still owes an end to this job."""
        return self.status in ("queued", "running", "cancelling")

    @property
    def share(self) -> float | None:
        """How much of the phase is done, 0 to 1; None while that is unknown."""
        return min(self.done / self.total, 1.0) if self.total else None

    @property
    def rate(self) -> float | None:
        """Units per second in this phase; None until it can be told."""
        elapsed, advanced = self.heard - self.since, self.done - self.first_done
        return advanced / elapsed if elapsed > 0.5 and advanced > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the phase ends at its present rate; None until it can be told."""
        return None if self.rate is None or self.total is None else max(self.total - self.done, 0) / self.rate


@dataclass(frozen=True, slots=True)
class Place:
    """Where the user is: a checkpoint (with its commit) of a trajectory, and in the view of each layer, which layer."""

    trajectory: Trajectory
    checkpoint: Revision
    layer: Layer | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that the screen knows.

    ``live`` says that the cursor follows the newest checkpoint of a running job; ``overlay`` that all models share the
    plane; ``limits`` are the user's zoom (None: the plane's own); ``playing`` that checkpoints step by themselves.
    ``increments`` are by the key of the measurements that they stand beside. ``requests`` are what this session asked
    for, by the trajectory that came of it: how to ask for more of the same. ``asked`` is what the user ordered last.
    """

    records: tuple[Record, ...] = ()
    curves: tuple[BoundCurve, ...] = ()
    increments: Mapping[str, CheckpointIncrements] = field(default_factory=dict)
    view: View = field(default_factory=View)
    place: Place | None = None
    live: bool = True
    overlay: bool = False
    playing: bool = False
    limits: Limits | None = None
    jobs: tuple[Job, ...] = ()
    requests: Mapping[Trajectory, MeasurementRequest] = field(default_factory=dict)
    asked: Order | None = None
    device: str | None = None
    log: tuple[str, ...] = ()

    def job(self, number: int) -> Job | None:
        """The job with that number, if the screen gave it."""
        return next((job for job in self.jobs if job.number == number), None)

    def curve(self, records: Sequence[Record]) -> BoundCurve | None:
        """The bound of ``records``' sample at the granularity in view, recognised by its positions and label counts."""
        return next((curve for curve in reversed(self.curves) if self._is_of_sample(curve, records)), None)

    def _is_of_sample(self, curve: BoundCurve, records: Sequence[Record]) -> bool:
        fits = (curve.conditionals, curve.granularity) == (self.view.conditionals, self.view.granularity)
        labels = (curve.granularity, curve.input_labels, curve.output_labels)
        return fits and any(
            record.positions == curve.positions and labels in shelf_of(record).labels for record in records
        )


def with_records(state: State, records: Iterable[Record]) -> State:
    """The state with ``records`` added or, where their key is known, replaced.

    While live, it goes to a new checkpoint of the kind in view; with nothing in view yet, to any.
    """
    fresh = list(records)
    seen = {(Trajectory.of(record), revision_of(record)) for record in state.records}
    new = [record for record in fresh if (Trajectory.of(record), revision_of(record)) not in seen]
    in_view = [record for record in new if state.view.shows(record)]
    known = {record.key: record for record in (*state.records, *fresh)}
    state = replace(state, records=tuple(known.values()))
    if new and state.place is None:
        return at_last_checkpoint(state, Trajectory.of((in_view or new)[-1]))
    return at_last_checkpoint(state, Trajectory.of(in_view[-1])) if in_view and state.live else state


def at_last_checkpoint(state: State, trajectory: Trajectory) -> State:
    """The state with the cursor on the last measured checkpoint of ``trajectory``, and labels of its kind in view."""
    layer = state.place.layer if state.place else None
    last = by_trajectory(state.records)[trajectory][-1]
    if not state.view.shows(last):
        labels = PREFERENCE if isinstance(last, CheckpointPreferences) else GRANULARITIES[0]
        state = replace(state, view=state.view.with_labels(labels), limits=None)
    return replace(state, place=Place(trajectory, revision_of(last), layer))


def with_log(state: State, line: str) -> State:
    """The state with one more line in its log, which keeps the newest."""
    return replace(state, log=(*state.log, line)[-LOG_LINES:])


def with_job(state: State, job: Job) -> State:
    """The state with a job added or replaced."""
    others = tuple(other for other in state.jobs if other.number != job.number)
    jobs = tuple(job if other.number == job.number else other for other in state.jobs)
    return replace(state, jobs=jobs if len(others) < len(state.jobs) else (*state.jobs, job))


def with_event(state: State, event: Event, now: float) -> State:
    """The state after the worker has said ``event`` at second ``now`` of a monotonic clock."""
    if isinstance(event, Ready):
        where = "" if event.device == "auto" else f" on {event.device}"
        return with_log(replace(state, device=event.device), f"The worker is ready{where}.")
    job = state.job(event.job)
    if job is None:
        return state
    if isinstance(event, PhaseProgress):
        return with_job(state, _with_progress(job, event, now))
    if isinstance(event, Note):
        return with_log(state, event.text)
    if isinstance(event, Revisions):
        revisions = tuple(Revision(**fields) for fields in event.revisions)
        return with_job(state, replace(job, revisions=revisions))
    if isinstance(event, Measured):
        said = "is in the cache" if event.cached else "is measured"
        state = with_job(state, replace(job, measured=(*job.measured, event.revision)))
        if job.kept:  # the plane says so
            return state
        return with_log(state, f"{job.request.model} {event.revision} {said}.")
    if isinstance(event, Started):
        return with_job(state, replace(job, status="running", since=now, heard=now))
    if isinstance(event, Finished):
        state = with_job(state, replace(job, status="done"))
        if job.kind == "ahead" and job.measured:
            return with_log(state, f"Measured {describe(job)}: every temperature and weighting that a key steps to.")
        return state
    if isinstance(event, CancelledJob):
        state = with_job(state, replace(job, status="cancelled"))
        return state if job.kind == "ahead" else with_log(state, f"Cancelled: {describe(job)}.")
    if isinstance(event, Failed):
        return with_log(with_job(state, replace(job, status="failed")), f"Failed: {describe(job)}: {event.message}")
    return state


def same_sample(one: MeasurementRequest, other: MeasurementRequest) -> bool:
    """Whether two requests differ at most in checkpoints and in what is computed from scores."""

    def blind(request: MeasurementRequest) -> MeasurementRequest:
        return replace(
            request,
            revision=None,
            layers="all",
            granularities=(PREFERENCE,) if request.is_preference else GRANULARITIES,
            temperatures=("exact",),
            weights=("frequency",),
            min_count=MIN_COUNT,
            variants=("raw",),
            loss=False,
        )

    return blind(one) == blind(other)


def bound_jobs(state: State, request: MeasurementRequest, conditionals: Conditionals) -> list[Job]:
    """The jobs for the bound of a request's sample and granularity, whatever became of them."""
    asked = ("bound", request.granularities, conditionals)
    bounds = [job for job in state.jobs if (job.kind, job.request.granularities, job.conditionals) == asked]
    return [job for job in bounds if same_sample(job.request, request)]


def describe(job: Job) -> str:
    """What a job does, in a few words."""
    revision = job.only[0] if len(job.only) == 1 else job.request.revision
    target = job.request.model + (f"@{revision}" if revision else "")
    return f"{job.conditionals} {job.kind} {target}" if job.kind == "bound" else f"{job.kind} {target}"


def _with_progress(job: Job, event: PhaseProgress, now: float) -> Job:
    same = (job.phase, job.revision, job.unit) == (event.phase, event.revision, event.unit) and event.done >= job.done
    return replace(
        job,
        status="cancelling" if job.status == "cancelling" else "running",
        phase=event.phase,
        revision=event.revision,
        done=event.done,
        first_done=job.first_done if same else event.done,
        total=event.total,
        unit=event.unit,
        since=job.since if same else now,
        heard=now,
    )
