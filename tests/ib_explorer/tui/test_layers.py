from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Static

from cache.keys import key
from estimator.increments import CheckpointIncrements, Increment
from estimator.measurement import CheckpointMeasurements
from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.scene import scene
from ib_explorer.tui.state import State, with_job, with_records
from ib_explorer.tui.widgets.increments_chart import increments_hint, increments_text
from ib_explorer.tui.widgets.layers_view import LayersView
from ib_explorer.work.identities import increments_identity
from ib_explorer.worker.messages import Event, Measure, Measured, Started
from tests.ib_explorer.pilot import SMALL, both_sizes, explorer, layers, settled
from tests.ib_explorer.synthetic import (
    DEPTH,
    REQUEST,
    STEPS,
    MemoryCache,
    ScriptedClient,
    checkpoint,
    measuring,
    trajectory,
)

WIDTH = 78


def increments(rule: str = "exact", depth: int = DEPTH, se: float = 0.01) -> tuple[Increment, ...]:
    return tuple(
        Increment(layer, "block", side, order, rule, 0.03, 0.1 / order**2, se / 2, 0.0, 1.0, 0.2 / order**2, se)
        for layer in range(1, depth + 1)
        for side in ("input", "output")
        for order in range(1, 5)
    )


def keeping(cache: MemoryCache) -> Callable[[Measure], Iterable[Event | None]]:
    """A script that measures, and leaves increments in the cache when asked for them."""
    answer = measuring(cache)

    def script(job: Measure) -> list[Event | None]:
        events = list(answer(job))
        if isinstance(job, Measure) and job.increments:
            for found in (event for event in events if isinstance(event, Measured)):
                kept = CheckpointIncrements(found.key, increments())
                cache.increments[key(increments_identity(found.key))] = kept
        return events

    return script


def state_with(*found: CheckpointIncrements, layers: str | None = "all") -> State:
    """The demo measured, at its last checkpoint, by a request for ``layers`` (None: by another session)."""
    state = with_records(State(), trajectory())
    requests = {} if layers is None else {state.place.trajectory: replace(REQUEST, layers=layers)}
    return replace(state, requests=requests, increments={one.measurements: one for one in found})


def deep(depth: int) -> CheckpointMeasurements:
    """A checkpoint of a model of that many layers."""
    record = checkpoint(64)
    like = [row for row in record.rows if row.layer == 1]
    rows = tuple(replace(row, layer=layer) for layer in range(1, depth + 1) for row in like)
    return replace(record, depth=depth, rows=rows)


async def test_increments_are_asked_for_and_drawn_with_the_layers() -> None:
    cache = MemoryCache()
    client = ScriptedClient(keeping(cache))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS))
        await pilot.press("Y")
        await settled(pilot)
        assert "Press A to measure" in layers(app)
        await pilot.press("A", "A")
        await settled(pilot, lambda: bool(app.scene.increments))
        (asked,) = [job for job in client.jobs if isinstance(job, Measure) and job.increments]
        assert app.state.place is not None
        assert asked.request.revision == app.state.place.checkpoint.name
        drawn = layers(app)
        assert "adds in the mean of layers" in drawn and "0.2000" in drawn and "0.0125" in drawn
        await pilot.press("T")
        await settled(pilot)
        assert app.state.requests[app.state.place.trajectory].revision == REQUEST.revision


async def test_while_increments_are_measured_the_screen_says_so() -> None:
    cache = MemoryCache()
    answer = keeping(cache)
    client = ScriptedClient(lambda job: [Started(job.job)] if getattr(job, "increments", False) else answer(job))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS))
        await pilot.press("Y", "A")
        await settled(pilot, lambda: "Measuring what each further token" in layers(app))
        assert "Press A" not in layers(app)
        await pilot.press("k")
        assert "Press A" in layers(app)
        await pilot.press("j")
        (asked,) = [job for job in client.jobs if isinstance(job, Measure) and job.increments]
        for event in answer(asked):
            client.say(event)
        await settled(pilot, lambda: "0.2000" in layers(app))


def test_an_increment_that_may_be_0_is_said_to_be_so_in_words() -> None:
    sure = increments_text(scene(state_with(CheckpointIncrements("demo-256", increments()))), WIDTH).plain
    assert sure.count("may be 0") == 4  # the third and fourth token add 0.022 and 0.0125 ± 0.01, on both sides
    unsure = increments_text(scene(state_with(CheckpointIncrements("demo-256", increments(se=1.0)))), WIDTH).plain
    assert unsure.count("may be 0") == 8 and "█" not in unsure
    assert max(map(len, sure.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("layer", "asked", "measured", "said"),
    [
        ("mean", "all", (), "Press A to measure"),
        (2, "all", (), "Press A to measure"),
        (0, "all", (), "Increments in layer 0 need layers that were not measured: press m"),
        ("mean", "0,3", (), "Increments in the mean of layers need layers that were not measured: press m"),
        (0, "all", increments(), "measured in layers 1 to 3, not in layer 0: press l"),
        ("mean", "1", increments(depth=1), "measured in layer 1, not in the mean of layers: press l"),
        ("mean", None, (), "Press m to measure this model, then A"),
    ],
)
def test_the_hint_says_what_helps(layer: object, asked: str | None, measured: tuple[Increment, ...], said: str) -> None:
    found = [CheckpointIncrements("demo-256", measured)] if measured else []
    state = state_with(*found, layers=asked)
    shown = scene(replace(state, view=replace(state.view, layer=layer)))
    assert shown.increments == ()
    assert said in increments_hint(shown)


def test_only_the_job_for_what_is_in_view_counts_as_measuring() -> None:
    state = state_with()
    for name, rule, expected in (("step256", "exact", True), ("step64", "exact", False), ("step256", "x2", False)):
        job = Job(1, JobKind.INCREMENTS, replace(REQUEST, revision=name, temperatures=(rule,)))
        assert scene(with_job(state, job)).is_incrementing is expected
        assert not scene(with_job(state, replace(job, status="done"))).is_incrementing


def test_only_the_bound_of_the_sample_in_view_counts_as_being_computed() -> None:
    state, request = state_with(), replace(REQUEST, granularities=("token",))
    for asked, expected in ((request, True), (replace(request, documents=64), False)):
        assert scene(with_job(state, Job(1, JobKind.BOUND, asked))).is_bounding is expected


def test_increments_of_another_temperature_hide_none_of_the_temperature_in_view() -> None:
    first, second = checkpoint(64, rules=["x2"]), replace(checkpoint(64, rules=["exact"]), key="second")
    state = with_records(State(), [first, second])
    kept = [CheckpointIncrements(first.key, increments("x2")), CheckpointIncrements("second", increments("exact"))]
    state = replace(state, increments={one.measurements: one for one in kept})
    for rule in ("exact", "x2"):
        rows = scene(replace(state, view=replace(state.view, temperature_rule=rule))).increments
        assert {row.temperature_rule for row in rows} == {rule}


@both_sizes
async def test_with_many_layers_the_increments_and_the_layer_in_view_stay_in_sight(size: tuple[int, int]) -> None:
    cache = MemoryCache([deep(33)])
    cache.increments["one"] = CheckpointIncrements("demo-64", increments(depth=33))
    async with explorer(cache, size=size) as (app, pilot):
        await settled(pilot, lambda: app.state.place is not None)
        await pilot.press("Y", "l")
        await settled(pilot)
        tab = app.screen.query_one(LayersView).content_region
        scroll = app.screen.query_one("#bars-scroll", VerticalScroll)
        chart = app.screen.query_one("#increments", Static)
        assert tab.contains_region(chart.region) and chart.size.height == 6
        assert scroll.size.height >= 3
        await pilot.click("#bars-scroll")
        assert app.focused is None  # or up and down would scroll, not step
        await pilot.press(*["down"] * 32)
        await settled(pilot, lambda: scroll.scroll_offset.y + scroll.size.height == 33)
        assert "adds in layer 33" in str(chart.content)
        await pilot.press("pageup")
        await settled(pilot, lambda: scroll.scroll_offset.y == 33 - 2 * scroll.size.height)
        await pilot.press("pagedown")
        await settled(pilot, lambda: scroll.scroll_offset.y == 33 - scroll.size.height)


async def test_few_layers_have_their_increments_right_below() -> None:
    async with explorer(MemoryCache(trajectory()), size=SMALL) as (app, pilot):
        await settled(pilot, lambda: app.state.place is not None)
        await pilot.press("Y")
        await settled(pilot)
        bars, chart = app.screen.query_one("#bars-scroll"), app.screen.query_one("#increments")
        assert bars.size.height == DEPTH + 1 and chart.region.y == bars.region.bottom + 1
