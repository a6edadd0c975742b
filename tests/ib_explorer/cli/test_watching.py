"""``measure --watch``: what is measured, what is said, and what is refused."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.cli import watching
from ib_explorer.cli.narration import Narration
from ib_explorer.worker.messages import Event, Failed, Finished, Measure, Measured
from tests.estimator.checkpoints.test_growing import save


class Client:
    """Answers each job with what ``answer`` makes of it."""

    def __init__(self, answer: Callable[[Measure], list[Event]]) -> None:
        self.jobs: list[Measure] = []
        self._answer = answer

    def next_job(self) -> int:
        return len(self.jobs) + 1

    async def submit(self, job: Measure) -> None:
        self.jobs.append(job)

    async def events(self) -> AsyncIterator[Event]:
        for event in self._answer(self.jobs[-1]):
            yield event

    async def cancel(self, job: int) -> None:
        pass

    async def close(self) -> None:
        self.is_closed = True


def measured(job: Measure) -> list[Event]:
    return [Measured(job.job, "abc", str(job.request.revision), cached=False), Finished(job.job)]


def follow(
    folder: Path, steps: list[Callable[[], Any]], answer: Callable[[Measure], list[Event]] = measured
) -> tuple[watching._Watcher, list[str], str]:
    """Watch a folder in which ``steps`` happen one after another; the watcher, the jobs' checkpoints, what was said."""
    client, stream, labels = Client(answer), io.StringIO(), {}
    watcher = watching._Watcher(client, Narration(labels, stream), labels, MeasurementRequest(str(folder)), False)
    left = list(steps)

    async def pause() -> None:
        if not left:
            raise asyncio.CancelledError
        left.pop(0)()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watcher.run(pause))
    return watcher, [str(job.request.revision) for job in client.jobs], stream.getvalue()


def test_each_checkpoint_is_measured_once_it_is_there(tmp_path: Path) -> None:
    run = tmp_path / "run"
    steps = [
        lambda: run.mkdir(),
        lambda: save(run, 10, is_done=True),
        lambda: save(run, 20, None),
        lambda: save(run, 20, is_done=True),
        lambda: shutil.rmtree(run / "checkpoint-10"),
    ]
    watcher, jobs, said = follow(run, steps)
    assert jobs == ["checkpoint-10", "checkpoint-20"]
    assert [event.revision for event in watcher.events if isinstance(event, Measured)] == jobs
    assert said.index(f"There is no folder {run} yet; waiting for it.") < said.index("checkpoint-10: measured")
    assert said.count("checkpoint-20: still being written; waiting.") == 1
    assert watcher.failures == []


def test_a_checkpoint_that_is_removed_or_rewritten_meanwhile_is_no_failure(tmp_path: Path) -> None:
    save(tmp_path, 10, is_done=True)
    save(tmp_path, 20, is_done=True)
    seen: list[str] = []

    def answer(job: Measure) -> list[Event]:
        name = str(job.request.revision)
        seen.append(name)
        if name == "checkpoint-10":
            shutil.rmtree(tmp_path / name)
            return [Failed(job.job, "revision", "There is no checkpoint-10.", input_error=True)]
        if seen.count(name) == 1:
            return [Failed(job.job, "files", "The files changed.", input_error=False)]
        return measured(job)

    watcher, jobs, said = follow(tmp_path, [lambda: None], answer)
    assert jobs == ["checkpoint-10", "checkpoint-20", "checkpoint-20"] and watcher.failures == []
    assert "checkpoint-10 was removed before it was measured" in said and "checkpoint-20 is being rewritten" in said


def test_a_damaged_checkpoint_is_reported_once_and_the_next_one_is_measured(tmp_path: Path) -> None:
    save(tmp_path, 10, is_done=True)

    def answer(job: Measure) -> list[Event]:
        if job.request.revision == "checkpoint-10":
            return [Failed(job.job, "non-finite", "Hidden states are not finite.", input_error=True)]
        return measured(job)

    watcher, jobs, said = follow(tmp_path, [lambda: save(tmp_path, 20, is_done=True), lambda: None], answer)
    assert jobs == ["checkpoint-10", "checkpoint-20"] and len(watcher.failures) == 1
    assert said.count("ib-explorer: checkpoint-10: Hidden states are not finite.") == 1


@pytest.mark.parametrize("interruption", [asyncio.CancelledError, KeyboardInterrupt])
def test_what_was_measured_is_returned_however_the_watch_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    save(tmp_path / "run", 10, is_done=True)
    client = Client(measured)
    monkeypatch.setattr(watching, "WorkerClient", lambda *_, **__: client)

    async def pause() -> None:
        raise interruption

    session = watching.watch(MeasurementRequest(str(tmp_path / "run")), tmp_path / "cache", pause=pause)
    assert [event.revision for event in session.events if isinstance(event, Measured)] == ["checkpoint-10"]
    assert session.failures == () and client.is_closed


@pytest.mark.parametrize(
    ("model", "revision", "part"),
    [
        ("demo", "all", "the demo"),
        ("owner/model", "all", "no folder owner/model"),
        ("gpt2", None, "write ./gpt2"),
        ("./run", "log:16", "write ./run@all"),
        ("single", None, "a single model"),
    ],
)
def test_what_cannot_grow_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, revision: str | None, part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, 10).rename(tmp_path / "single")
    with pytest.raises(InputError, match=part) as refusal:
        watching.check_watched([MeasurementRequest(model, revision)])
    assert refusal.value.kind == "watch"


def test_one_run_is_watched_at_a_time(tmp_path: Path) -> None:
    runs = [MeasurementRequest(str(tmp_path / name), "all") for name in ("a", "b")]
    watching.check_watched(runs[:1])
    with pytest.raises(InputError, match="one training run"):
        watching.check_watched(runs)
