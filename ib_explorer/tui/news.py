"""What the application's background tasks tell it; its handlers alone change the state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from textual.message import Message

from estimator.curve import BoundCurve
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements
from estimator.preference import CheckpointPreferences
from ib_explorer.drawing.records import Record
from ib_explorer.worker.messages import Event
from ib_explorer.worker.messages import Job as Task


class Client(Protocol):
    """Who does the work: hands jobs to workers and tells what becomes of them."""

    async def start(self) -> None:
        """Start working, or start again after the worker died."""

    def next_job(self) -> int:
        """A job number that was not used before."""

    async def submit(self, request: Task) -> None:
        """Queue a job; events tell the rest."""

    async def cancel(self, job: int) -> None:
        """Ask for a job to stop."""

    def events(self) -> AsyncIterator[Event]:
        """All that happens, until the client is closed or its worker dies."""

    async def close(self) -> None:
        """End all work."""


Kind = TypeVar("Kind", covariant=True)


class Records(Protocol[Kind]):
    """The kept records of one kind."""

    def all(self) -> Sequence[Kind]:
        """All that verify."""

    def load(self, key: str) -> Kind | None:
        """The one with that key."""


class Curves(Protocol):
    """The kept bounds."""

    def all(self) -> Sequence[tuple[Mapping[str, Any], BoundCurve]]:
        """All that verify, each with the document that identifies it."""

    def load(self, key: str) -> BoundCurve | None:
        """The curve with that key."""


class Cache(Protocol):
    """What is kept on disk, as far as the screen reads it."""

    @property
    def measurements(self) -> Records[CheckpointMeasurements]:
        """The kept measurements."""

    @property
    def preferences(self) -> Records[CheckpointPreferences]:
        """The kept preference information."""

    @property
    def curves(self) -> Curves:
        """The kept bounds."""

    @property
    def increments(self) -> Records[CheckpointIncrements]:
        """The kept increments."""


class Said(Message):
    """The worker said something."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class Gone(Message):
    """The stream of events ended, or could not begin; ``reason`` is a sentence if one is known."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__()
        self.reason = reason


class Kept(Message):
    """All that the cache held at the start."""

    def __init__(
        self,
        records: list[Record],
        curves: list[BoundCurve],
        increments: list[CheckpointIncrements],
    ) -> None:
        super().__init__()
        self.records, self.curves, self.increments = records, curves, increments


class Loaded(Message):
    """The record that a job put into the cache; None if it could not be read back."""

    def __init__(self, job: int, record: Record | None) -> None:
        super().__init__()
        self.job, self.record = job, record


class IncrementsLoaded(Message):
    """The increments that a job put into the cache beside its measurements; None if it put none there."""

    def __init__(self, increments: CheckpointIncrements | None) -> None:
        super().__init__()
        self.increments = increments


class CurveLoaded(Message):
    """The bound that a job put into the cache; None if it could not be read back."""

    def __init__(self, curve: BoundCurve | None) -> None:
        super().__init__()
        self.curve = curve


class Exported(Message):
    """The points are in a file, or are not, for the reason given."""

    def __init__(self, path: Path, rows: int, problem: str | None = None) -> None:
        super().__init__()
        self.path, self.rows, self.problem = path, rows, problem
