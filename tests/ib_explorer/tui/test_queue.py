from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual.widgets import Static

from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.notices import notice
from ib_explorer.tui.queue import behind, listed
from ib_explorer.tui.screens.jobs_screen import JobsScreen, about
from ib_explorer.tui.screens.log_screen import LogScreen
from ib_explorer.tui.screens.quit_dialog import QuitDialog
from ib_explorer.tui.state import State, with_event, with_job, with_log
from ib_explorer.worker.messages import CheckpointFailed, Event, Finished, Measure, Measured, Started, Task
from tests.ib_explorer.pilot import explorer, picture, settled
from tests.ib_explorer.synthetic import REQUEST, STEPS, MemoryCache, ScriptedClient, measuring, trajectory
from tests.ib_explorer.synthetic import listed as revisions


def jobs(*statuses: str) -> State:
    state = State()
    for number, status in enumerate(statuses, 1):
        request = replace(REQUEST, documents=30 + number)
        state = with_job(state, Job(number, JobKind.MEASURE, request, status=status))
    return state


def test_the_list_has_unfinished_jobs_in_order_and_then_ended_ones_newest_first() -> None:
    state = jobs("done", "running", "failed", "queued", "paused")
    state = with_job(state, Job(6, JobKind.PRECOMPUTE, REQUEST, status="running"))
    assert [job.number for job in listed(state)] == [2, 4, 5, 3, 1]


def test_a_job_that_moves_up_has_those_behind_it_submitted_again() -> None:
    state = jobs("running", "queued", "queued", "queued")
    assert behind(state, 1) is None
    assert [job.number for job in behind(state, 3) or ()] == [2, 4]
    assert [job.number for job in behind(state, 2) or ()] == [1, 3, 4]


def test_the_time_left_is_that_of_the_checkpoints_that_took_a_pass() -> None:
    state = with_event(jobs("queued"), Started(1), 100.0)
    state = with_event(state, revisions(1), 100.0)
    for second, step, cached in ((101.0, 0, True), (130.0, 1, False), (160.0, 4, False)):
        state = with_event(state, Measured(1, f"demo-{step}", f"step{step}", cached), second)
    state = with_event(state, CheckpointFailed(1, "step16", "weights", "They are damaged."), 160.0)
    job = state.jobs[0]
    assert job.seconds_per_pass == 30.0 and job.checkpoints_left == 2
    assert "3 of 6 checkpoints measured, 2 left, about 1 min" in about(job)
    assert "step16 failed: They are damaged." in about(job)


async def test_jobs_are_paused_resumed_moved_cancelled_and_retried() -> None:
    def script(job: Task) -> Iterable[Event]:
        return [Started(job.job)] if len(client.jobs) == 1 else []

    client = ScriptedClient(script)
    async with explorer(MemoryCache(), client, REQUEST) as (app, pilot):
        app.order(replace(REQUEST, documents=64))
        await settled(pilot, lambda: len(client.jobs) == 2 and app.state.jobs[0].status == "running")
        await pilot.press("J")
        await settled(pilot, lambda: isinstance(app.screen, JobsScreen))
        await pilot.press("j", "K")  # the second comes first, the first again behind it
        await settled(pilot, lambda: len(client.jobs) == 3)
        assert client.cancelled == [1]
        assert [job.request.documents for job in listed(app.state)] == [64, 32]
        await pilot.press("space")
        await settled(pilot, lambda: listed(app.state)[0].status == "paused")
        assert "Paused: press space" in str(app.screen.query_one("#job-about", Static).content)
        await pilot.press("space")
        await settled(pilot, lambda: len(client.jobs) == 4)
        assert [job.request.documents for job in listed(app.state)] == [32, 64]
        await pilot.press("c", "j")
        await settled(pilot, lambda: [job.status for job in app.state.jobs] == ["cancelled", "queued"])
        await pilot.press("r")
        await settled(pilot, lambda: len(client.jobs) == 5)
        assert [isinstance(job, Measure) and job.request.documents for job in client.jobs] == [32, 64, 32, 64, 32]


async def test_quitting_is_asked_only_while_a_measurement_is_unfinished_and_can_be_declined() -> None:
    client = ScriptedClient(lambda job: [Started(job.job)])
    async with explorer(MemoryCache(trajectory()), client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.jobs))
        await pilot.press("q")
        await settled(pilot, lambda: isinstance(app.screen, QuitDialog))
        await pilot.press("s")
        await settled(pilot, lambda: app.screen is app.screen_stack[0])
        assert not client.closed
        for job in client.jobs:
            client.say(Finished(job.job))
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs if job.kind.takes_model))
        await pilot.press("q")
        await settled(pilot, lambda: client.closed)


async def test_the_log_follows_new_lines_with_their_levels() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await pilot.press("i")
        await settled(pilot, lambda: isinstance(app.screen, LogScreen))
        app._set(with_log(app.state, "The disk is nearly full.", "warning"), at_once=True)
        lines = app.screen.query_one("#lines", Static)
        await settled(pilot, lambda: "warning The disk is nearly full." in str(lines.content))


async def test_the_last_whole_picture_stays_until_the_next_one_is_there() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    client = ScriptedClient(lambda job: answer(job) if job.job < 4 else [Started(job.job)])
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and not app.state.jobs[2].is_open)
        app._set(replace(app.state, hidden=frozenset({app.scene.trajectory})), at_once=True)  # counts in overlays only
        before = app.scene.plane
        await pilot.press("T")
        await settled(pilot, lambda: any(job.kind.fills_view for job in app.state.jobs))
        assert app.scene.stale == before and "computing" in notice(app.scene)
        assert "press m" not in picture(app).lower()
        for job in client.jobs[3:]:
            for event in answer(job):
                client.say(event)
        await settled(pilot, lambda: app.scene.point is not None and app.scene.stale is None)
        assert notice(app.scene) == ""
