"""What of a job a worker's successor leaves out."""

from __future__ import annotations

from estimator.request import MeasurementRequest
from ib_explorer.worker.messages import CheckpointFailed, Measure, Measured, PhaseProgress, Revisions, Started
from ib_explorer.worker.unfinished import Unfinished


def at(revision: str | None) -> PhaseProgress:
    return PhaseProgress(1, "forward", 0, 1, "documents", revision)


def skipped(*events: object, without_last: bool) -> tuple[str, ...]:
    job = Unfinished(Measure(1, MeasurementRequest("run", "all")))
    for event in (Started(1), Revisions(1, ({}, {}, {}, {})), *events):
        job.hear(event)
    job.restart(without_last=without_last)
    return job.job.skip


def test_a_checkpoint_put_off_for_another_process_is_not_left_out() -> None:
    events = (
        at("a"),
        Measured(1, "k", "a", False),
        at("b"),
        at("c"),
        CheckpointFailed(1, "c", "weights", "no"),
        at("d"),
    )
    assert skipped(*events, without_last=False) == ("a", "c")
    assert skipped(*events, without_last=True) == ("a", "c", "d")


def test_the_one_at_work_is_that_begun_last_also_if_it_was_put_off_before() -> None:
    events = (at("a"), at("b"), Measured(1, "k", "b", False), at(None), at("a"))
    assert skipped(*events, without_last=False) == ("b",)
    assert skipped(*events, without_last=True) == ("b", "a")
