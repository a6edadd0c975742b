"""The next checkpoint's files, fetched beside the forward pass of the one before."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from estimator.checkpoints.revision import Revision
from estimator.errors import Cancelled, InputError
from estimator.progress import Phase, Progress
from estimator.request import MeasurementRequest
from ib_explorer.work import runner as runner_module
from ib_explorer.work.prefetch import Fetching, Prefetch
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import Event, Measure, Measured


@pytest.fixture
def request_of_three(tiny_model: Callable[[str], Path], tmp_path: Path) -> MeasurementRequest:
    for step in (10, 20, 30):
        shutil.copytree(tiny_model("olmo2"), tmp_path / "run" / f"checkpoint-{step}")
        # Weights of their own, so that no two are the same measurement.
        config = tmp_path / "run" / f"checkpoint-{step}" / "config.json"
        config.write_text(config.read_text().replace('"rms_norm_eps": 1e-05', f'"rms_norm_eps": 1e-{step}'))
    text = tmp_path / "text.jsonl"
    lines = [f"document {n} keeps some of what it reads and forgets the rest of it" for n in range(9)]
    text.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    return MeasurementRequest(
        str(tmp_path / "run"), "all", str(text), documents=9, max_length=32, anchors=10, anchor_seeds=(0,), device="cpu"
    )


class _Listening(Progress):
    """Where the task is; the forward pass of checkpoint-10 waits until the next checkpoint is being fetched."""

    def __init__(self) -> None:
        self.at: tuple[str | None, Phase] = (None, "resolve")
        self.forward, self.began = threading.Event(), threading.Event()

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        self.at = (self.revision, phase)
        if self.at == ("checkpoint-10", "forward"):
            self.forward.set()
            assert self.began.wait(100)


def _run(runner: Runner, asked: MeasurementRequest, progress: Progress) -> list[str]:
    events: list[Event] = []
    runner.run(Measure(1, asked), events.append, progress)
    return [event.revision for event in events if isinstance(event, Measured)]


def test_the_next_one_that_is_not_measured_is_fetched_beside_the_forward_pass(
    request_of_three: MeasurementRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, progress = Runner(tmp_path / "cache", "cpu"), _Listening()
    fetched: list[tuple[str, str, tuple[str | None, str]]] = []

    def folder(revision: Revision, _: Progress, *, pickles: bool) -> Path:
        assert progress.forward.wait(100)  # the thread may begin before the report of the forward pass is heard
        fetched.append((revision.name, threading.current_thread().name, progress.at))
        progress.began.set()
        return Path(str(revision.folder))

    monkeypatch.setattr(runner_module, "model_folder", folder)
    middle = replace(request_of_three, revision="checkpoint-20")
    assert _run(runner, middle, progress) == ["checkpoint-20"]
    assert not fetched
    assert _run(runner, request_of_three, progress) == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert fetched == [("checkpoint-30", "prefetch", ("checkpoint-10", "forward"))]


def test_what_fails_ahead_is_left_for_its_turn(
    request_of_three: MeasurementRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def broken(revision: Revision, _: Progress, *, pickles: bool) -> Path:
        asked.append(revision.name)
        raise InputError("model", "The download broke off.")

    monkeypatch.setattr(runner_module, "model_folder", broken)
    measured = _run(Runner(tmp_path / "cache", "cpu"), request_of_three, Progress())
    assert measured == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert asked == ["checkpoint-20", "checkpoint-30"]


def test_waiting_shows_the_download_and_can_be_cancelled() -> None:
    released = threading.Event()
    heard: list[tuple[str, int]] = []

    def fetch(progress: Progress) -> None:
        progress.phase("download", 3, 7, "MB")
        released.wait(100)
        progress.phase("download", 7, 7, "MB")

    class Impatient(Progress):
        def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
            heard.append((phase, done))
            if (phase, done) == ("download", 3):
                raise Cancelled

    prefetch = Prefetch(Impatient(), fetch)
    prefetch.phase("download", 0, 1, "MB")
    prefetch.finish()
    assert heard == [("download", 0)]  # only the checkpoint's own files are fetched
    prefetch.phase("load", 0, 1, "models")
    with pytest.raises(Cancelled):
        prefetch.finish()
    released.set()
    prefetch.stop()
    prefetch.finish()


def test_a_thread_that_is_stopped_ends_at_its_next_report() -> None:
    fetching = Fetching()
    fetching.phase("download", 0, 1, "MB")
    fetching.is_stopped = True
    with pytest.raises(Cancelled):
        fetching.phase("download", 1, 1, "MB")


def test_what_is_said_while_fetching_ahead_is_told_when_it_is_waited_for() -> None:
    class Notes(Progress):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    notes = Notes()
    prefetch = Prefetch(notes, lambda fetching: fetching.note("The hub answers 503."))
    prefetch.phase("forward", 0, 1, "positions")
    prefetch.finish()
    assert notes.notes == ["The hub answers 503."]
