"""Messages between the terminal process and the worker: one JSON object per line; arrays are on disk.

Requests are read from the worker's stdin, events are written to its stdout. Every job has a number chosen by the
client.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, get_args

from estimator.errors import InputError
from estimator.measurement import CheckpointName, Granularity
from estimator.request import MeasurementRequest

PROTOCOL = 6


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure a model (its selected checkpoints one after another), reading and filling the cache.

    ``increments`` also requests the information that each further token of context adds. ``only`` restricts the
    checkpoints to those named, ``skip`` leaves those out that an earlier worker is done with. ``stored_only`` measures
    from stored scores and skips checkpoints without them, so that no model is loaded.
    """

    job: int
    request: MeasurementRequest
    increments: bool = False
    stored_only: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    type: ClassVar[str] = "measure"

    @property
    def is_small(self) -> bool:
        """Whether it is short enough to interrupt a running job."""
        return self.stored_only


@dataclass(frozen=True, slots=True)
class ComputeBound:
    """Compute the curve of the named bound, for the sample of ``request`` and one granularity."""

    job: int
    request: MeasurementRequest
    granularity: Granularity
    bound: str = "ib"
    type: ClassVar[str] = "bound"
    is_small: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ListRevisions:
    """List the checkpoints of ``model`` in training order; ``revision`` selects among them, None lists all."""

    job: int
    model: str
    revision: str | None
    sizes: bool = False
    type: ClassVar[str] = "revisions"
    is_small: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a job, queued or running."""

    job: int
    type: ClassVar[str] = "cancel"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Cancel all jobs and exit."""

    type: ClassVar[str] = "shutdown"


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is ready; ``device`` is the resolution of ``auto`` there."""

    protocol: int
    device: str
    type: ClassVar[str] = "ready"


@dataclass(frozen=True, slots=True)
class Started:
    """A job left the queue."""

    job: int
    type: ClassVar[str] = "started"


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """``done`` of ``total`` (None: unknown) ``unit`` of a phase; ``revision`` is the current checkpoint, if any."""

    job: int
    phase: str
    done: int
    total: int | None
    unit: str
    revision: str | None = None
    type: ClassVar[str] = "phase"


@dataclass(frozen=True, slots=True)
class Revisions:
    """The checkpoints of a job, in training order, each as the fields of a ``Revision``."""

    job: int
    revisions: tuple[dict[str, Any], ...]
    type: ClassVar[str] = "revisions-listed"


@dataclass(frozen=True, slots=True)
class RevisionSizes:
    """What a job's checkpoints take on disk: the fields of ``Sizes``."""

    job: int
    local: dict[str, int]
    typical: int
    typical_of: str
    type: ClassVar[str] = "revision-sizes"


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of one checkpoint are in the cache under ``key``; ``cached`` means that no model was loaded.

    ``name`` is what the job calls the checkpoint and its text, where the cached record has another name; else None.
    """

    job: int
    key: str
    revision: str
    cached: bool
    name: CheckpointName | None = None
    type: ClassVar[str] = "measured"


@dataclass(frozen=True, slots=True)
class CheckpointFailed:
    """One of a job's checkpoints failed, and the job goes on with the next; ``kind`` and ``message`` say why."""

    job: int
    revision: str
    kind: str
    message: str
    type: ClassVar[str] = "checkpoint-failed"


@dataclass(frozen=True, slots=True)
class BoundReady:
    """The curve of a bound is in the cache under ``key``."""

    job: int
    key: str
    type: ClassVar[str] = "bound-ready"


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for the log."""

    job: int
    text: str
    type: ClassVar[str] = "note"


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is done and all its measurements are in the cache."""

    job: int
    type: ClassVar[str] = "finished"


@dataclass(frozen=True, slots=True)
class CancelledJob:
    """A job was cancelled on request."""

    job: int
    type: ClassVar[str] = "cancelled"


@dataclass(frozen=True, slots=True)
class Failed:
    """A job failed: ``kind`` is a short stable word, ``message`` a sentence; ``input_error``: the user can fix it."""

    job: int
    kind: str
    message: str
    input_error: bool
    type: ClassVar[str] = "failed"


Task = Measure | ComputeBound | ListRevisions
"""A job for the worker, under its number."""
Request = Task | Cancel | Shutdown
Event = (
    Ready
    | Started
    | PhaseProgress
    | Revisions
    | RevisionSizes
    | Measured
    | CheckpointFailed
    | BoundReady
    | Note
    | Finished
    | CancelledJob
    | Failed
)
_REQUESTS = {kind.type: kind for kind in get_args(Request)}
_EVENTS = {kind.type: kind for kind in get_args(Event)}


def encode(message: Request | Event) -> bytes:
    """One line of JSON for the pipe, newline included."""
    return (json.dumps({"type": message.type, **asdict(message)}, separators=(",", ":")) + "\n").encode()


def decode_request(line: bytes) -> Request:
    """The request on a line; raises ValueError on anything else."""
    request: Request = _decode(line, _REQUESTS)
    return request


def decode_event(line: bytes) -> Event:
    """The event on a line; raises ValueError on anything else."""
    event: Event = _decode(line, _EVENTS)
    return event


def _decode(line: bytes, kinds: dict[str, Any]) -> Any:
    try:
        fields = json.loads(line)
        kind = kinds[fields.pop("type")]
        if "request" in fields:
            fields["request"] = MeasurementRequest.from_json(fields["request"])
        if "revisions" in fields:
            fields["revisions"] = tuple(fields["revisions"])
        if fields.get("name") is not None:
            fields["name"] = CheckpointName(**fields["name"])
        for name in fields.keys() & {"only", "skip"}:
            fields[name] = tuple(fields[name])
        return kind(**fields)
    except (KeyError, TypeError, AttributeError, ValueError, InputError) as error:
        raise ValueError(f"not a message of protocol {PROTOCOL}: {line[:200]!r}") from error
