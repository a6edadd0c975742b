"""The interfaces of client and cache for background tasks, and the messages that these post to the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from textual.message import Message

from estimator.curve import BoundCurve
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements
from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import Event, Task


class Client(Protocol):
    """Submits tasks to worker processes and reports their events."""

    async def start(self) -> None:
        """Start the worker, or restart it after it exited."""

    def next_job(self) -> int:
        """An unused job number."""

    async def submit(self, request: Task) -> None:
        """Queue a task; its events follow."""

    async def cancel(self, job: int) -> None:
        """Request that a job stop."""

    def events(self) -> AsyncIterator[Event]:
        """The events of all jobs, until the client is closed or its worker exits."""

    async def close(self) -> None:
        """End all work."""


Kind = TypeVar("Kind", covariant=True)


class Records(Protocol[Kind]):
    """The cached records of one kind."""

    def all(self) -> Sequence[Kind]:
        """All valid records."""

    def load(self, key: str) -> Kind | None:
        """The record with that key."""


class Curves(Protocol):
    """The cached bounds."""

    def all(self) -> Sequence[tuple[Mapping[str, Any], BoundCurve]]:
        """All valid curves, each with its identity."""

    def load(self, key: str) -> BoundCurve | None:
        """The curve with that key."""


class Requests(Protocol):
    """The cached requests."""

    def all(self) -> Sequence[tuple[Mapping[str, Any], MeasurementRequest]]:
        """All valid requests, each with the description of its checkpoints."""


class Failures(Protocol):
    """Why checkpoints were not measured when they were last tried."""

    def of(self, model: str) -> Mapping[str, str]:
        """A sentence for each checkpoint of a model that failed."""


class CacheReader(Protocol):
    """The part of :class:`cache.Cache` that the screen reads."""

    @property
    def measurements(self) -> Records[CheckpointMeasurements]:
        """The cached measurements."""

    @property
    def curves(self) -> Curves:
        """The cached bounds."""

    @property
    def increments(self) -> Records[CheckpointIncrements]:
        """The cached increments."""

    @property
    def requests(self) -> Requests:
        """The requests that measured what is cached."""

    @property
    def failures(self) -> Failures:
        """Why checkpoints were not measured."""

    def missing(self) -> str:
        """A sentence about damaged records that are missing; empty if none are."""


class WorkerEvent(Message):
    """An event of the worker."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class WorkerExited(Message):
    """The worker process exited or could not be started; ``reason`` is a sentence if one is known."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__()
        self.reason = reason


class CacheRead(Message):
    """The initial contents of the cache have been read; ``problem`` is the reason if they could not be."""

    def __init__(
        self,
        records: list[CheckpointMeasurements],
        curves: list[BoundCurve],
        increments: list[CheckpointIncrements],
        problem: str | None = None,
        requests: Sequence[tuple[Mapping[str, Any], MeasurementRequest]] = (),
    ) -> None:
        super().__init__()
        self.records, self.curves, self.increments, self.problem = records, curves, increments, problem
        self.requests = requests


class RecordsMissing(Message):
    """Damaged records are missing from what was read; ``sentence`` says what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class RecordRead(Message):
    """The record of a job's checkpoint has been read from the cache; None if it could not be."""

    def __init__(self, job: int, revision: str, record: CheckpointMeasurements | None) -> None:
        super().__init__()
        self.job, self.revision, self.record = job, revision, record


class IncrementsRead(Message):
    """Increments that a job cached with its measurements have been read; None if it cached none."""

    def __init__(self, increments: CheckpointIncrements | None) -> None:
        super().__init__()
        self.increments = increments


class CurveRead(Message):
    """The bound that a job stored in the cache has been read; None if it could not be."""

    def __init__(self, curve: BoundCurve | None) -> None:
        super().__init__()
        self.curve = curve


class FailuresRead(Message):
    """Why checkpoints of ``model`` failed has been read; ``listed_as`` is the name that their list has."""

    def __init__(self, model: str, listed_as: str, failures: Mapping[str, str]) -> None:
        super().__init__()
        self.model, self.listed_as, self.failures = model, listed_as, failures


class FoldersFound(Message):
    """The folders that a typed path begins."""

    def __init__(self, typed: str, folders: tuple[str, ...]) -> None:
        super().__init__()
        self.typed, self.folders = typed, folders


class Exported(Message):
    """What ``said`` names was written to a file, or was not, because of ``problem``."""

    def __init__(self, path: Path, said: str, problem: str | None = None) -> None:
        super().__init__()
        self.path, self.said, self.problem = path, said, problem
