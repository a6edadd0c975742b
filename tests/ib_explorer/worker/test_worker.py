from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from estimator.errors import Cancelled, InputError
from estimator.request import MeasurementRequest
from ib_explorer.worker.__main__ import LOG_LIMIT
from ib_explorer.worker.jobs import JobProgress, JobQueue
from ib_explorer.worker.messages import (
    PROTOCOL,
    Cancel,
    CancelledJob,
    Failed,
    Finished,
    ListRevisions,
    Measure,
    Measured,
    Note,
    PhaseProgress,
    Ready,
    Shutdown,
    Started,
    decode_event,
    encode,
)
from ib_explorer.worker.process import serve
from tests.ib_explorer.fake_worker import FakeRunner

FAKE = str(Path(__file__).parents[1] / "fake_worker.py")
ROOT = str(Path(__file__).parents[3])


class Conversation:
    """A worker's loop in a thread, with pipes to talk to it."""

    def __init__(self, factory=FakeRunner):
        hear, self._say = os.pipe()
        self._events, tell = os.pipe()
        self.say = os.fdopen(self._say, "wb", buffering=0)
        self.events = os.fdopen(self._events, "rb")
        self.served = threading.Event()
        stdin, stdout = os.fdopen(hear, "rb"), os.fdopen(tell, "wb")

        def work():
            with suppress(BrokenPipeError), stdin, stdout:
                serve(factory, stdin, stdout)
                self.served.set()

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def tell(self, *requests):
        for request in requests:
            self.say.write(encode(request))

    def until(self, *last):
        """Events up to and including the last of those given."""
        wanted, events = set(last), []
        while wanted:
            events.append(decode_event(self.events.readline()))
            wanted.discard(events[-1])
        return events

    def close(self):
        self.say.close()
        self.thread.join(100)
        self.events.close()
        assert not self.thread.is_alive()


@pytest.fixture
def worker():
    conversation = Conversation()
    yield conversation
    conversation.close()


def measure(job, model):
    return Measure(job, MeasurementRequest(model=model))


def small(job, model):
    return Measure(job, MeasurementRequest(model=model), stored_only=True)


def test_a_job_is_started_reported_and_finished(worker):
    worker.tell(measure(1, "quick"))
    assert worker.until(Finished(1)) == [
        Ready(PROTOCOL, "fake"),
        Started(1),
        PhaseProgress(1, "forward", 0, 2, "documents", "step1"),
        PhaseProgress(1, "forward", 2, 2, "documents", "step1"),
        Measured(1, "abc", "step1", False),
        Finished(1),
    ]


def test_jobs_run_in_the_order_given(worker):
    worker.tell(measure(5, "pid"), ListRevisions(3, "pid", None), measure(4, "pid"))
    finished = [event.job for event in worker.until(Finished(4)) if isinstance(event, Finished)]
    assert finished == [5, 3, 4]


@pytest.mark.parametrize(
    ("model", "failure"),
    [
        ("wrong-input", Failed(1, "model", "There is no model here.", True)),
        ("bad-luck", Failed(1, "memory", "The device is out of memory.", False)),
        (
            "fault",
            Failed(1, "internal", "This failed with an unexpected error: ZeroDivisionError: no such luck.", False),
        ),
    ],
)
def test_a_failed_job_says_why_and_the_worker_lives_on(worker, model, failure):
    worker.tell(measure(1, model), measure(2, "quick"))
    worker.until(failure)
    worker.until(Finished(2))


def test_cancelling_stops_the_running_job_and_forgets_waiting_ones(worker):
    worker.tell(measure(1, "endless"), measure(2, "quick"), measure(3, "pid"))
    worker.until(Started(1))
    worker.tell(Cancel(2), Cancel(1))
    events = worker.until(CancelledJob(1), CancelledJob(2), Finished(3))
    assert Started(2) not in events


def test_a_list_of_checkpoints_does_not_wait_for_a_long_job(worker):
    worker.tell(measure(1, "endless"))
    worker.until(Started(1))
    worker.tell(ListRevisions(2, "quick", None))
    worker.until(Finished(2))
    worker.tell(Cancel(1))
    worker.until(CancelledJob(1))


def test_a_job_at_work_waits_for_small_ones_only(worker):
    worker.tell(measure(1, "endless"))
    worker.until(Started(1))
    worker.tell(measure(2, "quick"), small(3, "quick"), small(4, "fault"), small(5, "endless"))
    events = worker.until(Started(5))
    order = [event for event in events if not isinstance(event, PhaseProgress) or event.job == 3]
    assert [type(event) for event in order[:5]] == [Started, PhaseProgress, PhaseProgress, Measured, Finished]
    assert [(type(event), event.job) for event in order[4:]] == [(Finished, 3), (Started, 4), (Failed, 4), (Started, 5)]
    worker.tell(Cancel(5))
    assert not [event for event in worker.until(CancelledJob(5)) if event.job == 1]  # it waited
    worker.tell(Cancel(1))
    worker.until(CancelledJob(1), Finished(2))


def test_a_job_that_waits_for_a_small_one_is_cancelled_at_once(worker):
    worker.tell(measure(1, "endless"))
    worker.until(Started(1))
    worker.tell(small(2, "endless"), small(3, "quick"))
    worker.until(Started(2))
    worker.tell(Cancel(1))
    assert Finished(3) not in worker.until(CancelledJob(1))  # it is over although the small one goes on
    worker.tell(Cancel(2))
    worker.until(CancelledJob(2), Finished(3))


def test_a_job_cancelled_while_it_waits_does_nothing_more():
    steps, began = [], threading.Event()

    class Runner(FakeRunner):
        def endless(self, job, emit, progress):
            while True:
                steps.append(job)
                progress.phase("train", 0, None, "steps")

        def quick(self, job, emit, progress):
            began.set()
            while not cancelled.wait(0.01):
                pass
            steps.append(job)

    cancelled = threading.Event()
    conversation = Conversation(Runner)
    conversation.tell(measure(1, "endless"), small(2, "quick"))
    assert began.wait(100)
    conversation.tell(Cancel(1))
    conversation.until(CancelledJob(1))
    cancelled.set()
    conversation.until(Finished(2))
    conversation.tell(measure(3, "pid"))
    conversation.until(Finished(3))
    conversation.close()
    assert steps[-1] == 2


def test_a_small_job_is_out_of_the_modes_of_the_one_that_waits():
    seen = []

    class Runner(FakeRunner):
        def endless(self, job, emit, progress):
            with torch.inference_mode():
                super().endless(job, emit, progress)

        def quick(self, job, emit, progress):
            seen.append(torch.is_inference_mode_enabled())

    conversation = Conversation(Runner)
    conversation.tell(measure(1, "endless"), small(2, "quick"))
    conversation.until(Finished(2))
    conversation.tell(Cancel(1))
    conversation.until(CancelledJob(1))
    conversation.close()
    assert seen == [False]


def test_cancelling_what_is_over_or_unknown_is_harmless(worker):
    worker.tell(measure(1, "quick"))
    worker.until(Finished(1))
    worker.tell(Cancel(1), Cancel(77), measure(2, "quick"))
    worker.until(Finished(2))


def test_a_line_that_is_no_message_is_passed_over(worker):
    worker.say.write(b"hello\n")
    worker.tell(measure(1, "quick"))
    worker.until(Finished(1))


@pytest.mark.parametrize("end", ["shutdown", "eof"])
def test_the_worker_ends_with_its_client(end):
    worker = Conversation()
    worker.tell(measure(1, "endless"), measure(2, "quick"))
    worker.until(Started(1))
    if end == "shutdown":
        worker.tell(Shutdown())
    worker.say.close()
    rest = [decode_event(line) for line in worker.events]
    assert rest[-1] == CancelledJob(1)
    assert Started(2) not in rest
    worker.close()


def test_a_reader_that_is_gone_ends_the_worker():
    worker = Conversation()
    worker.tell(measure(1, "endless"))
    worker.until(Started(1))
    worker.events.close()
    assert worker.served.wait(100)
    worker.close()


def test_a_runner_that_cannot_be_made_fails_every_job_with_its_reason():
    def factory():
        raise InputError("device", "There is no device cuda:9.")

    worker = Conversation(factory)
    worker.tell(measure(1, "quick"), measure(2, "quick"))
    events = worker.until(Failed(2, "device", "There is no device cuda:9.", True))
    assert Failed(1, "device", "There is no device cuda:9.", True) in events
    worker.close()


def test_nothing_printed_reaches_the_pipe(tmp_path):
    log = tmp_path / "logs" / "worker.log"
    worker = subprocess.Popen(
        [sys.executable, FAKE, "--log", str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": ROOT},
    )
    worker.stdin.write(encode(measure(1, "chatty")) + encode(measure(2, "fault")))
    worker.stdin.flush()
    events = [decode_event(worker.stdout.readline()) for _ in range(6)]
    worker.communicate(timeout=100)
    failure = Failed(2, "internal", "This failed with an unexpected error: ZeroDivisionError: no such luck.", False)
    note = Note(1, "0 bytes on stdin")
    assert events == [Ready(PROTOCOL, "fake"), Started(1), note, Finished(1), Started(2), failure]
    assert worker.returncode == 0
    assert {"{not json", "from C", "ZeroDivisionError: no such luck"} <= set(log.read_text().splitlines())


def test_a_log_that_has_grown_is_set_aside(tmp_path):
    log = tmp_path / "worker.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    subprocess.run(
        [sys.executable, FAKE, "--log", str(log)],
        input=b"",
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": ROOT},
        check=True,
        timeout=100,
    )
    assert log.read_bytes() == b""
    assert log.with_suffix(".old.log").stat().st_size == LOG_LIMIT + 1


def test_a_phase_reports_first_last_and_ten_times_a_second():
    now, sent = [0.0], []
    progress = JobProgress(1, sent.append, threading.Event(), clock=lambda: now[0])
    for done in range(1001):
        progress.phase("forward", done, 1000, "documents")
        now[0] += 0.001
    assert sent[0].done == 0 and sent[-1].done == 1000
    assert 10 <= len(sent) <= 12


def test_a_phase_of_unknown_length_ends_with_its_last_value():
    sent = []
    progress = JobProgress(1, sent.append, threading.Event(), clock=lambda: 0.0)
    for done in range(5):
        progress.phase("download", done, None, "bytes")
    progress.phase("load", 0, 1, "files")
    progress.revision = "step2"
    progress.phase("load", 0, 1, "files")
    progress.phase("load", 1, 1, "files")
    progress.phase("load", 1, 1, "files")
    progress.flush()
    assert [(event.phase, event.done, event.revision) for event in sent] == [
        ("download", 0, None),
        ("download", 4, None),
        ("load", 0, None),
        ("load", 0, "step2"),
        ("load", 1, "step2"),
    ]


def test_a_cancelled_job_learns_it_at_any_report():
    cancelled = threading.Event()
    progress = JobProgress(1, lambda event: None, cancelled, clock=lambda: 0.0)
    progress.phase("forward", 0, 2, "documents")
    cancelled.set()
    with pytest.raises(Cancelled):
        progress.phase("forward", 1, 2, "documents")


def test_a_closed_queue_gives_nothing_and_stops_what_runs():
    queue = JobQueue()
    queue.put(measure(1, "a"))
    queue.put(measure(2, "b"))
    _, cancelled = queue.take()
    assert queue.cancel(2) and not queue.cancel(1) and cancelled.is_set()
    queue.put(measure(3, "c"))
    queue.close()
    assert queue.take() is None
