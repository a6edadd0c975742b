"""The session: what is stored when the screen is left, and what of it comes back."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from estimator.request import MeasurementRequest
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.trajectories import Trajectory, revision_of
from ib_explorer.drawing.view import View
from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.notices import notice
from ib_explorer.tui.session import FORGOTTEN, RESTORED, Configured, Session, returned, unfinished
from ib_explorer.tui.setup import Setup
from ib_explorer.tui.sheets import Arrangement
from ib_explorer.tui.state import DEFAULT_ORDER, Order, Place, State, Unfinished, with_records
from ib_explorer.tui.widgets.jobs_panel import JobsPanel
from ib_explorer.worker.messages import Measure, Revisions, Started
from tests.ib_explorer.pilot import explorer, settled, step, text_of
from tests.ib_explorer.synthetic import REQUEST, STEPS, MemoryCache, ScriptedClient, listed, measuring, trajectory

CONFIGURED = Configured(DEFAULT_ORDER, "dark")
RECORDS = trajectory()
HERE = Place(Trajectory.of(RECORDS[2]), revision_of(RECORDS[2]), 2)
LEFT = State(
    view=View(layer="each", granularity="bigram", preset="corrected", weights="uniform"),
    place=HERE,
    live=False,
    overlay=True,
    limits=Limits((0.0, 0.5), (0.1, 0.2)),
    form=Order(replace(REQUEST, anchor_seeds=(5,)), "paper"),
    counted="tokens",
    quantity="I(X;Z)",
    layers_as="map",
    layer_range=(1, 2),
    tab="table",
    theme="light",
    speed=4.0,
    collapsed=frozenset({"demo"}),
    unfinished=(Unfinished(REQUEST, ("step1",), 21),),
    hidden=frozenset({Trajectory.of(RECORDS[2])}),
    arranged={"table": Arrangement("I(Y;Z)", "I(X;Z)", False, "step>0")},
    matching="last",
)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.of(tmp_path / "state", tmp_path / "cache")


def write(session: Session, state: State, configured: Configured = CONFIGURED) -> None:
    session.write(session.document(state, configured))


def test_every_field_of_the_state_is_restored_or_forgotten() -> None:
    assert {*RESTORED}.isdisjoint(FORGOTTEN)
    assert {*RESTORED, *FORGOTTEN} == {field.name for field in fields(State)}


def test_all_restored_fields_come_back(session: Session) -> None:
    untouched = [name for name in RESTORED if getattr(LEFT, name) == getattr(State(), name)]
    assert untouched == []  # so that the next line tests each of them
    write(session, LEFT)
    assert session.restored(State(), CONFIGURED) == LEFT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 99}', b"\xff", b"[" * 99999, b'{"state": 5}'])
def test_damage_and_other_versions_are_no_session(session: Session, content: bytes) -> None:
    assert session.path is not None
    session.path.parent.mkdir(parents=True)
    session.path.write_bytes(content)
    assert session.restored(State(), CONFIGURED) == State()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("view", {"preset": "gone"}),
        ("view", {"granularity": "column:"}),
        ("view", {"bound": "gone"}),
        ("view", {"temperature_rule": "hot"}),
        ("view", {"colour": "red"}),
        ("view", 5),
        ("limits", {"x": [1.0, 0.0], "y": [0.0, 1.0]}),
        ("limits", {"x": [float("nan"), 0.0], "y": [0.0, 1.0]}),
        ("form", {"request": {"model": "m", "documents": 1}, "preset": "paper"}),
        ("tab", "gone"),
        ("theme", "gone"),
        ("speed", 0),
        ("overlay", "yes"),
        ("collapsed", [1]),
        ("place", {"trajectory": None}),
        ("unfinished", [{"left": 3}]),
    ],
)
def test_a_damaged_field_alone_is_left_out(session: Session, field: str, value: Any) -> None:
    document = session.document(LEFT, CONFIGURED)
    document["state"][field] = value
    session.write(document)
    expected = replace(LEFT, **{field: getattr(State(), field)})
    assert session.restored(State(), CONFIGURED) == expected


def test_another_cache_has_another_session_however_its_folder_is_written(tmp_path: Path, session: Session) -> None:
    write(session, LEFT)
    (tmp_path / "cache").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert Session.of(tmp_path / "state", tmp_path / "link") == session
    assert Session.of(tmp_path / "state", tmp_path / "other").restored(State(), CONFIGURED) == State()


def test_settings_changed_since_go_before_the_last_order(session: Session) -> None:
    write(session, LEFT)
    changed = Order(replace(DEFAULT_ORDER.request, documents=99), DEFAULT_ORDER.preset)
    now = session.restored(State(form=changed), Configured(changed, "16-colours"))
    assert now.form == Order(replace(LEFT.form.request, documents=99), "paper")
    assert now.theme == "dark"  # the caller's, who resolves the configured one


def test_open_orders_are_unfinished_and_given_up_ones_are_not() -> None:
    job = Job(1, JobKind.MEASURE, REQUEST, revisions=tuple(map(revision_of, RECORDS)), measured=("step0",))
    jobs = (job, replace(job, number=2, status="cancelled"), Job(3, JobKind.BOUND, REQUEST))
    state = State(jobs=jobs, unfinished=LEFT.unfinished)
    assert unfinished(state) == (*LEFT.unfinished, Unfinished(REQUEST, (), len(STEPS) - 1))


def test_a_checkpoint_that_is_gone_gives_way_to_the_last_one() -> None:
    some = with_records(State(), RECORDS[3:])
    back = returned(some, LEFT)
    assert back.place == Place(HERE.trajectory, revision_of(RECORDS[-1]), 2)
    assert (back.view, back.limits) == (LEFT.view, LEFT.limits)
    others = with_records(State(), trajectory("other"))
    gone = returned(others, LEFT)
    assert (gone.place, gone.view) == (others.place, others.view)
    assert "no more measurements of demo" in gone.log[-1].text


async def test_the_next_day_needs_no_key(session: Session) -> None:
    setup = Setup(session)
    async with explorer(MemoryCache(trajectory()), setup=setup) as (app, pilot):
        await pilot.press("k", "k", "l", "g", "plus", "Y", "ctrl+t")
        await settled(pilot)
        left = app.state
        await pilot.press("q")
    async with explorer(MemoryCache(trajectory()), setup=setup) as (app, pilot):
        await settled(pilot)
        for name in RESTORED:
            assert getattr(app.state, name) == getattr(left, name), name
        assert step(app) == 16 and app.theme == "light"
        assert app.screen.query_one("#tabs").active == "tab-layers"
    async with explorer(MemoryCache(trajectory()), setup=Setup(session, is_fresh=True)) as (app, pilot):
        assert (step(app), app.state.tab, app.theme) == (256, "plane", "dark")


async def test_a_model_on_the_command_line_goes_before_the_session(session: Session) -> None:
    write(session, replace(LEFT, unfinished=()))
    cache = MemoryCache([*trajectory("other"), *trajectory()])
    async with explorer(cache, ScriptedClient(measuring(cache)), REQUEST, setup=Setup(session)) as (app, pilot):
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs))
        assert step(app) == 256 and app.state.limits is None
        assert app.state.view.weights == "frequency" and app.state.form.request == REQUEST
        assert app.state.tab == "table"


async def test_enter_goes_on_with_what_was_left(session: Session) -> None:
    client = ScriptedClient(lambda job: [Started(job.job), Revisions(job.job, listed(job.job).revisions)])
    async with explorer(MemoryCache(), client, REQUEST, setup=Setup(session)) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.jobs and app.state.jobs[0].revisions))
        await pilot.press("q", "q")
    client = ScriptedClient()
    async with explorer(MemoryCache(), client, setup=Setup(session)) as (app, pilot):
        assert f"demo: {len(STEPS)} left · enter goes on" in text_of(app, JobsPanel)
        assert client.jobs == []
        await pilot.press("enter")
        await settled(pilot, lambda: bool(client.jobs))
        assert client.jobs == [Measure(1, REQUEST)]
        assert app.state.unfinished == ()


async def test_an_unfinished_order_can_be_forgotten(session: Session) -> None:
    write(session, LEFT)
    async with explorer(MemoryCache(), setup=Setup(session)) as (app, pilot):
        await pilot.press("c")
        assert app.state.unfinished == ()
        await pilot.press("enter")
        assert app.client.jobs == []


async def test_a_state_folder_that_cannot_be_written_is_one_line_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    async with explorer(MemoryCache(trajectory()), setup=Setup(Session.of(tmp_path / "state", tmp_path))) as (
        app,
        pilot,
    ):
        for _ in range(2):
            await app._save_soon()
            await pilot.press("k")
        assert sum("session is not kept" in line.text for line in app.state.log) == 1
        await pilot.press("q")


async def test_the_session_is_stored_while_the_screen_runs_if_it_changed(session: Session) -> None:
    async with explorer(MemoryCache(trajectory()), setup=Setup(session)) as (app, pilot):
        await app._save_soon()
        assert session.path is not None
        stamp = os.stat(session.path).st_ino
        await app._save_soon()
        assert os.stat(session.path).st_ino == stamp
        await pilot.press("k")
        await app._save_soon()
        assert json.loads(session.path.read_bytes())["state"]["place"]["checkpoint"]["step"] == 64


def request_of(record: Any) -> tuple[dict[str, Any], MeasurementRequest]:
    one = Trajectory.of(record)
    series = {name: getattr(one, name) for name in ("model", "sample", "anchors", "dtype")}
    return {**series, "anchor_seeds": list(one.anchor_seeds), "estimator": one.estimator_version}, REQUEST


async def test_keys_work_on_measurements_of_earlier_sessions_from_stored_scores_only() -> None:
    cache = MemoryCache(trajectory())
    cache.requests.append(request_of(RECORDS[0]))
    client = ScriptedClient(measuring(cache))
    form = Order(replace(DEFAULT_ORDER.request, device="cuda:1"), "adjusted")
    async with explorer(cache, client, form=form) as (app, pilot):
        await pilot.press("t", "t")
        await settled(pilot, lambda: len(app.scene.plane.points) == len(STEPS) and app._settling is None)
        views = [job for job in client.jobs if isinstance(job, Measure)]
        assert views and all(job.stored_only and job.request.temperatures == ("x0.5",) for job in views)
        assert {job.request.device for job in views} == {"cuda:1"}


async def test_evicted_scores_are_named_and_nothing_is_measured_unasked() -> None:
    cache = MemoryCache(trajectory())
    cache.requests.append(request_of(RECORDS[0]))
    client = ScriptedClient(lambda job: [Started(job.job), *_finished(job)])
    async with explorer(cache, client) as (app, pilot):
        await pilot.press("t", "t")
        await settled(pilot, lambda: f"0 of {len(STEPS)}: press E" in notice(app.scene))
        assert all(job.stored_only for job in client.jobs if isinstance(job, Measure))


def _finished(job: Any) -> list[Any]:
    from ib_explorer.worker.messages import Finished

    return [Finished(job.job)]
