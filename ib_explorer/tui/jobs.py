"""The jobs of the screen: their purpose and progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from estimator.bottleneck.bounds import BOUNDS, IB
from estimator.checkpoints.revision import Revision
from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import ComputeBound, Measure, PhaseProgress, Task

UNNUMBERED = 0
"""The number of a job that has not been submitted."""


class JobKind(Enum):
    """The purpose of a job, by its name in the log. Its properties define everything that differs between kinds."""

    MEASURE = "measure"
    """The checkpoints that the user ordered."""
    INCREMENTS = "increments"
    """Increments of each further token of context at one checkpoint."""
    BOUND = "bound"
    """The bound of the request's first granularity."""
    VIEW_CURRENT = "view"
    """Values that the view lacks at the checkpoint under the cursor, from stored scores."""
    VIEW_OTHERS = "rest of the view"
    """Values that the view lacks at the other checkpoints, from stored scores."""
    VIEW_PASSES = "passes for the view"
    """Values that the view lacks and stored scores cannot provide, which the user ordered."""
    PRECOMPUTE = "precompute"
    """Values that the next key presses may show."""

    @property
    def takes_model(self) -> bool:
        """Whether it loads models and is therefore long, so that other measurements have to wait."""
        return self in (JobKind.MEASURE, JobKind.INCREMENTS, JobKind.VIEW_PASSES)

    @property
    def extends_trajectory(self) -> bool:
        """Whether it adds checkpoints, so that its request is the template for further requests of them."""
        return self is JobKind.MEASURE

    @property
    def fills_view(self) -> bool:
        """Whether it is cancelled when another view is chosen."""
        return self in (JobKind.VIEW_CURRENT, JobKind.VIEW_OTHERS)

    @property
    def is_of_view(self) -> bool:
        """Whether it computes values that the current view lacks."""
        return self.fills_view or self is JobKind.VIEW_PASSES

    @property
    def is_awaited(self) -> bool:
        """Whether a key press waits for its values, so that they are shown at once."""
        return self is JobKind.VIEW_CURRENT

    @property
    def is_speculative(self) -> bool:
        """Whether no key press requested it: all other work has priority, and it is not shown."""
        return self is JobKind.PRECOMPUTE

    @property
    def is_optional(self) -> bool:
        """Whether its failure is a notification instead of a dialog."""
        return self is JobKind.BOUND


@dataclass(frozen=True, slots=True)
class Job:
    """One task submitted to the worker: ``status`` is queued, running, cancelling, done, cancelled or failed.

    One that the user pauses is pausing until the worker has stopped, then paused. A job for a bound computes the curve
    of ``bound``. ``only`` restricts the job to the named checkpoints, and ``stored_only`` to those whose scores are
    stored: it loads no model and does not wait for other work. ``measured`` are the checkpoints that the worker has
    measured, ``lost`` those that failed, each with the kind of its failure and a sentence, ``unread`` those whose
    records are still being read from the cache. ``why`` is the kind of the job's failure and a sentence. ``began`` is
    the job's start, ``since`` that of the phase, ``heard`` its last report and ``passed`` the end of the last of
    ``passes`` forward passes, in seconds of a monotonic clock.
    """

    number: int
    kind: JobKind
    request: MeasurementRequest
    bound: str = IB.name
    stored_only: bool = False
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
    lost: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    why: tuple[str, str] | None = None
    began: float = 0.0
    passed: float = 0.0
    passes: int = 0

    @property
    def task(self) -> Task:
        """The worker's task."""
        if self.kind is JobKind.BOUND:
            return ComputeBound(self.number, self.request, self.request.granularities[0], self.bound)
        return Measure(self.number, self.request, self.kind is JobKind.INCREMENTS, self.stored_only, self.only)

    @property
    def description(self) -> str:
        """A short description of the job."""
        words = f"{self.kind.value} {self.target}"
        return f"{BOUNDS[self.bound].curve.name} {words}" if self.kind is JobKind.BOUND else words

    @property
    def target(self) -> str:
        """The model and its checkpoints, as on the command line."""
        revision = self.only[0] if len(self.only) == 1 else self.request.revision
        return self.request.model + (f"@{revision}" if revision else "")

    @property
    def is_open(self) -> bool:
        """Whether the worker has not reported its end."""
        return self.status in ("queued", "running", "pausing", "cancelling")

    @property
    def is_paused(self) -> bool:
        """Whether the user has paused it."""
        return self.status in ("pausing", "paused")

    @property
    def again(self) -> Job:
        """The same job, not yet submitted; the worker takes what was measured from the cache."""
        return Job(
            UNNUMBERED, self.kind, self.request, self.bound, self.stored_only, self.only, revisions=self.revisions
        )

    @property
    def is_given_up(self) -> bool:
        """Whether it did not complete, and will not."""
        return self.status in ("failed", "cancelling", "cancelled", "pausing", "paused")

    @property
    def seconds_per_pass(self) -> float | None:
        """Mean seconds per checkpoint that took a forward pass; None until one did."""
        return (self.passed - self.began) / self.passes if self.passes else None

    @property
    def checkpoints_left(self) -> int:
        """The number of its checkpoints that are neither measured nor failed; 0 until they are listed."""
        return sum(one.name not in self.measured and one.name not in self.lost for one in self.revisions)

    @property
    def share(self) -> float | None:
        """Share of the phase that is done, 0 to 1; None if unknown."""
        return min(self.done / self.total, 1.0) if self.total else None

    @property
    def rate(self) -> float | None:
        """Units per second in this phase; None until it can be estimated."""
        elapsed, advanced = self.heard - self.since, self.done - self.first_done
        return advanced / elapsed if elapsed > 0.5 and advanced > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the phase ends at its current rate; None until they can be estimated."""
        return None if self.rate is None or self.total is None else max(self.total - self.done, 0) / self.rate


def with_progress(job: Job, event: PhaseProgress, now: float) -> Job:
    """The job after a report of progress at second ``now``."""
    same = (job.phase, job.revision, job.unit) == (event.phase, event.revision, event.unit) and event.done >= job.done
    return replace(
        job,
        status=job.status if job.status in ("pausing", "cancelling") else "running",
        phase=event.phase,
        revision=event.revision,
        done=event.done,
        first_done=job.first_done if same else event.done,
        total=event.total,
        unit=event.unit,
        since=job.since if same else now,
        heard=now,
    )
