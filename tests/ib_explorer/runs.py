"""Asking a runner for measurements, and hearing what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from estimator.measurement import CheckpointMeasurements
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from ib_explorer.work import scorer as scoring
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import Event, Measure, Measured

SENTENCE = "the model keeps some of what it reads and forgets the rest so that little is left of any one word"
WORDS = SENTENCE.split()


def request(model: Path | str, corpus: Path, **changes: Any) -> MeasurementRequest:
    settings: dict[str, Any] = {"documents": 12, "max_length": 48, "anchors": 20, "anchor_seeds": (0, 1)}
    return MeasurementRequest(model=str(model), corpus=str(corpus), **(settings | changes))


def run(runner: Runner, job: Any, progress: Progress | None = None) -> list[Event]:
    events: list[Event] = []
    runner.run(job, events.append, progress or Progress())
    return events


def measure(
    runner: Runner, asked: MeasurementRequest, progress: Progress | None = None
) -> list[tuple[Measured, CheckpointMeasurements]]:
    found = []
    for event in run(runner, Measure(1, asked), progress):
        if isinstance(event, Measured):
            kept = runner._cache.measurements.load(event.key)
            assert kept is not None
            found.append((event, kept))
    return found


class Notes(Progress):
    """What was said for the log."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, loading a model is an error."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(scoring, "load_model", refuse)
