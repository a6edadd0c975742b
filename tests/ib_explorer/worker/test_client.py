from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from estimator.request import MeasurementRequest
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.lane import NO_JOB, Patience
from ib_explorer.worker.messages import (
    CancelledJob,
    CheckpointFailed,
    ComputeBound,
    Failed,
    Finished,
    ListRevisions,
    Measure,
    Measured,
    Note,
    PhaseProgress,
    Ready,
    Started,
)

FAKE = Path(__file__).parents[1] / "fake_worker.py"
QUICK = Patience(terminate=0.2, kill=0.4, close=0.3)


class Listener:
    """A client and what it said."""

    def __init__(self, client):
        self.client = client
        self._events = client.events()

    async def submit(self, model, kind=Measure, stored_only=False):
        job = self.client.next_job()
        if kind is ListRevisions:
            await self.client.submit(ListRevisions(job, model, None))
        elif kind is ComputeBound:
            await self.client.submit(ComputeBound(job, MeasurementRequest(model=model), "token"))
        else:
            await self.client.submit(Measure(job, MeasurementRequest(model=model), stored_only=stored_only))
        return job

    async def until(self, wanted):
        """Events up to and including the first that ``wanted`` (an event or a test) fits."""
        fits = wanted if callable(wanted) else lambda event: event == wanted
        events = []
        async with asyncio.timeout(100):
            async for event in self._events:
                events.append(event)
                if fits(event):
                    return events
        raise AssertionError(f"the stream ended after {events}")


@pytest.fixture
async def listener(tmp_path):
    client = WorkerClient(tmp_path, command=(sys.executable, str(FAKE)), patience=QUICK)
    yield Listener(client)
    await client.close()


def is_note(event):
    return isinstance(event, Note)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_job_runs_and_finishes(listener):
    await listener.client.start()
    job = await listener.submit("quick")
    events = await listener.until(Finished(job))
    assert isinstance(events[0], Ready) and events[1] == Started(job)


async def test_job_numbers_differ(listener):
    assert len({listener.client.next_job() for _ in range(5)}) == 5


async def test_a_lane_does_not_wait_for_another(listener):
    measuring = await listener.submit("endless")
    bound = await listener.submit("endless", ComputeBound)
    listing = await listener.submit("quick", ListRevisions)
    await listener.until(Finished(listing))
    await listener.client.cancel(bound)
    await listener.client.cancel(measuring)
    assert await listener.until(lambda event: isinstance(event, CancelledJob))


async def test_only_the_measuring_worker_says_ready(listener):
    job = await listener.submit("quick", ListRevisions)
    assert not any(isinstance(event, Ready) for event in await listener.until(Finished(job)))


async def test_lines_longer_than_asyncio_likes(listener):
    job = await listener.submit("long-line")
    events = await listener.until(Finished(job))
    assert Note(job, "x" * 2**20) in events


async def test_cancelling_a_cooperative_job_keeps_its_worker(listener):
    first = await listener.submit("pid")
    pid = (await listener.until(is_note))[-1].text
    await listener.until(Finished(first))
    endless = await listener.submit("endless")
    last = await listener.submit("pid")
    await listener.until(lambda event: isinstance(event, PhaseProgress))
    await listener.client.cancel(endless)
    await listener.client.cancel(endless)
    events = await listener.until(Finished(last))
    assert events.count(CancelledJob(endless)) == 1
    assert Note(last, pid) in events


@pytest.mark.parametrize("how", ["stuck", "stubborn"])
async def test_cancelling_a_deaf_job_ends_its_worker_and_the_next_job_gets_another(listener, how):
    deaf = await listener.submit(how)
    after = await listener.submit("pid")
    pid = (await listener.until(is_note))[-1].text
    await listener.client.cancel(deaf)
    events = await listener.until(Finished(after))
    assert events.count(CancelledJob(deaf)) == 1
    assert not any(isinstance(event, Failed) for event in events)
    other = next(event.text for event in events if is_note(event))
    assert other != pid
    assert gone(int(pid))


async def test_a_waiting_job_is_cancelled_at_once_and_never_starts(listener):
    deaf = await listener.submit("stuck")
    waiting = await listener.submit("quick")
    await listener.until(is_note)
    await listener.client.cancel(waiting)
    events = await listener.until(CancelledJob(waiting))
    assert events == [CancelledJob(waiting)]
    await listener.client.cancel(deaf)
    await listener.until(CancelledJob(deaf))
    last = await listener.submit("quick")
    events = await listener.until(Finished(last))
    assert Started(waiting) not in events and CancelledJob(waiting) not in events


async def test_cancelling_what_is_over_is_harmless(listener):
    job = await listener.submit("quick")
    await listener.until(Finished(job))
    await listener.client.cancel(job)
    await listener.client.cancel(12345)
    again = await listener.submit("quick")
    await listener.until(Finished(again))


async def test_a_worker_that_dies_fails_the_job_that_it_ran_and_the_others_go_on(listener, tmp_path):
    dying = await listener.submit("dying")
    waiting = [await listener.submit("quick") for _ in range(2)]
    events = await listener.until(Finished(waiting[-1]))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.job, failed.kind, failed.input_error) == (dying, "worker", False)
    assert "killed by signal 9 (SIGKILL, out of memory?)" in failed.message and str(tmp_path) in failed.message
    assert Finished(waiting[0]) in events


async def test_a_worker_that_ends_by_itself_is_told_with_its_exit_code(listener):
    job = await listener.submit("leaving")
    events = await listener.until(lambda event: isinstance(event, Failed))
    assert events[-1].job == job and "exited with code 70" in events[-1].message


async def test_a_sweep_loses_only_the_checkpoint_at_which_its_worker_died(listener):
    sweep = await listener.submit("sweep-with-2-deadly")
    after = await listener.submit("quick")
    events = await listener.until(Finished(after))
    mine = [event for event in events if event != after and getattr(event, "job", None) == sweep]
    measured = [event.revision for event in mine if isinstance(event, Measured)]
    lost = [event for event in mine if isinstance(event, CheckpointFailed)]
    assert measured == ["step1", "step4", "step5"]
    assert [event.revision for event in lost] == ["step2", "step3"]
    assert all("signal 9" in event.message for event in lost)
    assert [event for event in mine if isinstance(event, Finished | Failed)] == [Finished(sweep)]


async def test_a_sweep_ends_when_workers_die_at_one_checkpoint_after_another(listener):
    sweep = await listener.submit("sweep-with-4-deadly")
    events = await listener.until(lambda event: isinstance(event, Failed))
    assert events[-1].job == sweep
    assert [event.revision for event in events if isinstance(event, CheckpointFailed)] == ["step2", "step3"]


async def test_a_small_job_that_hangs_is_cancelled_and_the_long_one_goes_on(listener):
    sweep = await listener.submit("sweep-that-waits")
    await listener.until(lambda event: isinstance(event, Measured))
    small = await listener.submit("stuck", stored_only=True)
    await listener.until(is_note)
    await listener.client.cancel(small)
    events = await listener.until(Finished(sweep))
    assert CancelledJob(small) in events
    assert [event.revision for event in events if isinstance(event, Measured)] == ["step2", "step3"]
    assert not any(isinstance(event, Failed | CheckpointFailed) for event in events)


async def test_a_worker_killed_from_outside_is_noticed(listener):
    job = await listener.submit("stuck")
    pid = int((await listener.until(is_note))[-1].text)
    os.kill(pid, signal.SIGKILL)
    events = await listener.until(lambda event: isinstance(event, Failed))
    assert events[-1].job == job


async def test_a_worker_that_cannot_start_fails_the_job(tmp_path):
    client = WorkerClient(tmp_path, command=("/no/such/python",))
    listener = Listener(client)
    job = await listener.submit("quick")
    events = await listener.until(lambda event: isinstance(event, Failed))
    assert events[-1].job == job and events[-1].kind == "worker"
    await client.close()


async def test_a_worker_that_dies_while_starting_is_told_of_without_a_job(tmp_path):
    client = WorkerClient(tmp_path, command=(sys.executable, "-c", "raise SystemExit(3)"))
    await client.start()
    events = await Listener(client).until(lambda event: isinstance(event, Failed))
    assert events[-1].job == NO_JOB and "exited with code 3" in events[-1].message
    await client.close()


async def test_a_worker_that_talks_nonsense_is_stopped(tmp_path):
    client = WorkerClient(tmp_path, command=(sys.executable, "-c", "print('hello', flush=True); input(); input()"))
    listener = Listener(client)
    job = await listener.submit("quick")
    events = await listener.until(lambda event: isinstance(event, Failed))
    assert events[-1].job == job and events[-1].kind == "worker"
    await client.close()


@pytest.mark.parametrize("how", ["endless", "stuck", "stubborn"])
async def test_closing_leaves_no_worker_and_ends_the_stream(tmp_path, how):
    client = WorkerClient(tmp_path, command=(sys.executable, str(FAKE)), patience=QUICK)
    listener = Listener(client)
    await listener.submit("pid")
    pid = int((await listener.until(is_note))[-1].text)
    job = await listener.submit(how)
    await listener.until(Started(job))
    await client.close()
    await client.close()
    assert gone(pid)
    with pytest.raises(AssertionError, match="the stream ended"):
        await listener.until(lambda event: False)


async def test_closing_without_having_started_is_fine(tmp_path):
    await WorkerClient(tmp_path).close()


TERMINAL = """
import asyncio, os, sys
from pathlib import Path
from estimator.request import MeasurementRequest
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.messages import Measure, Note

async def main():
    client = WorkerClient(Path(sys.argv[1]), command=(sys.executable, sys.argv[2]))
    await client.submit(Measure(1, MeasurementRequest(model="stuck")))
    async for event in client.events():
        if isinstance(event, Note):
            print(event.text, flush=True)
            os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_a_worker_does_not_outlive_a_killed_terminal(tmp_path):
    root = str(Path(__file__).parents[3])
    terminal = subprocess.run(
        [sys.executable, "-c", TERMINAL, str(tmp_path), str(FAKE)],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        check=False,
        timeout=100,
    )
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(terminal.stdout)).wait(timeout=100)
