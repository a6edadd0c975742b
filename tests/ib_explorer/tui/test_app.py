from __future__ import annotations

import csv
import gc
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from estimator.measurement import WEIGHTS
from ib_explorer.drawing import plane as plane_module
from ib_explorer.drawing import trajectories as trajectories_module
from ib_explorer.drawing.plane import distance
from ib_explorer.drawing.shelf import Shelf
from ib_explorer.tui.jobs import JobKind
from ib_explorer.tui.news import CacheRead
from ib_explorer.tui.scene import TEMPERATURES
from ib_explorer.tui.screens.error_dialog import ErrorDialog
from ib_explorer.tui.screens.export_dialog import ExportDialog
from ib_explorer.tui.screens.help_screen import HelpScreen
from ib_explorer.tui.screens.log_screen import LogScreen
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.screens.quit_dialog import QuitDialog
from ib_explorer.tui.state import with_records
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.tui.widgets.notice import Notice
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.tui.widgets.readout import Readout, bound_line
from ib_explorer.tui.widgets.view_panel import ViewPanel
from ib_explorer.worker.messages import (
    CancelledJob,
    ComputeBound,
    Event,
    Failed,
    Finished,
    Measure,
    Measured,
    PhaseProgress,
    Started,
    Task,
)
from tests.ib_explorer.pilot import LARGE, SMALL, both_sizes, explorer, layers, picture, settled, step, text_of
from tests.ib_explorer.synthetic import (
    REQUEST,
    STEPS,
    MemoryCache,
    ScriptedClient,
    checkpoint,
    curve,
    failing,
    is_ahead,
    listed,
    measuring,
    trajectory,
)


class Reluctant(ScriptedClient):
    """Leaves every job that it is to cancel being cancelled."""

    async def cancel(self, job: int) -> None:
        self.cancelled.append(job)


def said(app) -> str:
    """The readout with single blanks."""
    return " ".join(text_of(app, Readout).split())


@both_sizes
async def test_what_is_cached_is_shown_at_once(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory(), [curve()]), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        drawn = picture(app)
        assert "IB curve" in drawn
        assert drawn.splitlines()[0].startswith("I(Y;Z)") and "● demo" in drawn and "◉" in drawn
        assert "step 256" in text_of(app, Headline) and "adjusted" in text_of(app, Headline)
        readout = text_of(app, Readout)
        shown = app.screen.query_one(Readout).content_size
        assert max(map(len, readout.splitlines())) <= shown.width and len(readout.splitlines()) == shown.height
        if size == SMALL:
            assert readout.count("\n") == 1
            for word in ("I(X;Z)", "I(Y;Z)", "▕", "▏", "●", "adjusted", "optimality", "IB curve gap at most", "±"):
                assert word in readout
            return
        for word in (
            "▕",
            "retained",
            "bits)",
            "●adjusted",
            "├low",
            "high┤",
            "adjusted",
            "corrected",
            "plug-in",
            "±error",
            "docs",
            "low",
            "high",
            "ceiling",
            "share",
            "H(Z)",
            "labels",
            "once",
            "resultant",
        ):
            assert word in readout
        assert "N 5,000 in 32 documents" in readout
        assert app.client.starts == 0


async def test_the_garbage_collector_is_left_as_it_was_found() -> None:
    before = gc.get_threshold()
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        assert gc.get_threshold() != before and gc.get_freeze_count() > 0
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0


async def test_with_nothing_cached_the_screen_says_what_to_do() -> None:
    async with explorer() as (app, _):
        assert "Press m to measure" in picture(app)


async def test_a_request_is_measured_drawn_and_bounded() -> None:
    cache = MemoryCache()
    client = ScriptedClient(measuring(cache))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and len(app.state.curves) == 2)
        assert [type(job) for job in client.jobs] == [Measure, ComputeBound, ComputeBound]
        assert client.jobs[0].request == REQUEST
        assert [(job.granularity, job.bound) for job in client.jobs[1:]] == [("token", "ib"), ("token", "held-out")]
        assert "IB curve" in picture(app) and "░ held-out to raw" in picture(app)
        assert step(app) == STEPS[-1]


@both_sizes
async def test_the_bound_of_the_labels_in_view_is_asked_for_once_and_stepped(size: tuple[int, int]) -> None:
    cache = MemoryCache()
    client = ScriptedClient(measuring(cache))
    async with explorer(cache, client, REQUEST, size=size) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and len(app.state.curves) == 2)
        await pilot.press("g")
        await settled(pilot, lambda: len(app.state.curves) == 4)
        await pilot.press("G", "g")
        app._complete_view()
        await settled(pilot)
        asked = [job.granularity for job in client.jobs if isinstance(job, ComputeBound)]
        assert asked == ["token", "token", "bigram", "bigram"]
        assert "IB curve" in picture(app)
        bound = bound_line(app.scene).plain
        low, high = (distance(app.scene.point, curve("bigram", name)).gap for name in ("held-out", "raw"))
        assert f"gap {low:.3f} to {high:.3f} bits" in bound and "ε " in bound and "10 % one successor" in bound
        assert len(bound) <= app.screen.query_one(Readout).content_size.width
        await pilot.press("b", "b")
        assert app.state.view.bound == "diagonal" and "IB curve" not in picture(app)
        await pilot.press("b")
        assert "data processing" in picture(app)
        await pilot.press("b", "p", "p")
        assert app.state.view.bound == "ib" and "IB curve" not in picture(app)


@both_sizes
async def test_the_bound_is_a_bracket_as_soon_as_its_estimate_is_computed(size: tuple[int, int]) -> None:
    cache = MemoryCache()
    measure = measuring(cache)
    held: list[ComputeBound] = []

    def script(job: object) -> list:
        if isinstance(job, ComputeBound) and job.bound == "held-out":
            held.append(job)
            return [Started(job.job)]
        return list(measure(job))

    client = ScriptedClient(script)
    async with explorer(cache, client, REQUEST, size=size) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and bool(app.state.curves))
        low, high = (distance(app.scene.point, curve("token", name)).gap for name in ("held-out", "raw"))
        await settled(pilot, lambda: f"IB curve gap at most {high:.3f} bits" in said(app))
        assert "░" not in picture(app)
        await pilot.press("b")
        await settled(pilot, lambda: "held-out being computed" in said(app))
        assert "IB curve" not in picture(app)
        await pilot.press("B")
        for event in measure(held[0]):
            client.say(event)
        await settled(pilot, lambda: len(app.state.curves) == 2)
        await settled(pilot, lambda: f"IB curve gap {low:.3f} to {high:.3f} bits" in said(app))
        assert "░ held-out to raw" in picture(app)
        await pilot.press("b")
        assert "held-out estimate" in picture(app) and "held-out" in text_of(app, ViewPanel)
        assert f"held-out gap {low:.3f} bits" in said(app)
        app._complete_view()
        await settled(pilot)
        assert len(held) == 1
        await pilot.press("p", "p")
        assert "IB curve gap" in said(app)


@both_sizes
async def test_a_key_puts_the_information_of_the_context_on_the_x_axis(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory(), [curve()]), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        point = app.scene.point
        await pilot.press("X")
        assert picture(app).splitlines()[-1].endswith("I(context;Z), share of log n") and "diagonal (bound)" in picture(
            app
        )
        assert "IB curve" not in picture(app) and "context" in text_of(app, ViewPanel)
        room = (point.measurement.ceiling - point.y) * math.log2(100)
        assert bound_line(app.scene).plain == f"diagonal  gap {room:.3f} bits: I(context;Z) bounds every I(Y;Z)"
        assert f"diagonal gap {room:.3f} bits" in said(app)
        await pilot.press("b")
        assert app.state.view.bound == "ib"
        await pilot.press("X")
        assert app.scene.point == point and "IB curve" in picture(app)


async def test_uniform_weights_have_no_distance_to_a_curve_of_frequent_labels() -> None:
    records = [
        replace(record, rows=tuple(replace(row, weights="uniform", min_count=5) for row in record.rows))
        for record in trajectory()
    ]
    async with explorer(MemoryCache(records, [curve()])) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.records))
        await pilot.press("w")
        assert "no distance: the bound is for labels weighted by frequency" in text_of(app, Readout)
        assert "IB curve" not in picture(app)


@pytest.mark.parametrize("ended", [lambda job: Failed(job, "memory", "No bound.", False), CancelledJob])
async def test_a_bound_that_came_to_nothing_is_asked_for_again_only_when_its_labels_are_looked_at_again(
    ended: Callable[[int], Event],
) -> None:
    cache = MemoryCache()
    measure = measuring(cache)
    client = ScriptedClient(
        lambda job: [ended(job.job)] if getattr(job, "bound", "") == "ib" and len(bounds()) == 1 else measure(job)
    )
    bounds = lambda: [job.granularity for job in client.jobs if getattr(job, "bound", "") == "ib"]  # noqa: E731
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: bounds() == ["token"] and not app.state.jobs[1].is_open)
        assert "not computed for these labels" in text_of(app, Readout)
        await pilot.press("p")
        await settled(pilot, lambda: app._settling is None)
        assert bounds() == ["token"]
        await pilot.press("g")
        await settled(pilot, lambda: bounds() == ["token", "bigram"])
        await pilot.press("G")
        await settled(pilot, lambda: bounds() == ["token", "bigram", "token"])


@both_sizes
async def test_single_keys_step_everything_either_way(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory()), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("k", "k")
        assert step(app) == STEPS[-3]
        assert f"step {STEPS[-3]}" in text_of(app, Headline)
        await pilot.press("right")
        assert step(app) == STEPS[-2]
        await pilot.press("home")
        assert step(app) == STEPS[0]
        await pilot.press("end", "g", "l")
        assert (app.state.view.granularity, app.state.view.layer) == ("bigram", "each")
        assert "layer 3" in picture(app)
        await pilot.press("down")
        assert app.scene.point.measurement.layer == 2
        await pilot.press("L", "G", "t", "p", "p")
        view = app.state.view
        assert (view.layer, view.granularity, view.temperature_rule, view.preset) == (
            "mean",
            "token",
            "leading-order",
            "paper",
        )
        before = picture(app)
        await pilot.press("plus")
        assert picture(app) != before
        await pilot.press("shift+left", "0")
        assert picture(app) == before


async def test_tabs_show_layers_and_all_points() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D")
        table = app.screen.query_one(PointTable)
        assert table.row_count == len(STEPS) and table.cursor_row == len(STEPS) - 1
        await pilot.press("up", "up")
        await settled(pilot)
        assert step(app) == STEPS[-3]
        await pilot.press("Y")
        bars = layers(app)
        assert "optimality" in bars and bars.count("█") > 10
        await pilot.press("P", "k")
        assert step(app) == STEPS[-4]


async def test_a_click_on_the_tables_head_or_below_its_rows_chooses_nothing() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D")
        await pilot.click(PointTable, offset=(5, 2))
        assert step(app) == STEPS[1]
        for line in (0, len(STEPS) + 2):
            await pilot.click(PointTable, offset=(5, line))
            assert step(app) == STEPS[1]


async def test_what_came_while_the_cache_was_being_read_stays() -> None:
    async with explorer(MemoryCache()) as (app, pilot):
        mine, read = replace(checkpoint(4), anchors=7), checkpoint(4)
        held = curve("token", "held-out")
        app.post_message(CacheRead([mine], [held], []))
        app.post_message(CacheRead([read, checkpoint(16)], [curve()], []))
        await settled(pilot, lambda: len(app.state.curves) == 2)
        assert app.state.curves[-1] == held
        assert {record.key: record for record in app.state.records}[mine.key] is mine


async def test_of_a_long_name_the_tree_and_the_table_show_the_step() -> None:
    name = "stage2-ingredient1-step23852-tokens50B"
    record = replace(checkpoint(23852), revision=name, stage="stage2")
    others = [replace(checkpoint(number), stage="stage1") for number in range(60)]
    async with explorer(MemoryCache([record, *others])) as (app, pilot):
        await settled(pilot, lambda: step(app) == 23852)
        tree = app.screen.query_one(CheckpointTree)
        assert "step 23,852" in tree.render_line(tree.size.height - 1).text
        assert tree.show_vertical_scrollbar and not tree.show_horizontal_scrollbar
        await pilot.press("D")
        table = app.screen.query_one(PointTable)
        await settled(
            pilot, lambda: "step 23,852" in table.render_line(table.scrollable_content_region.height - 1).text
        )


async def test_the_tables_scrollbar_does_not_hide_the_current_point() -> None:
    async with explorer(MemoryCache(trajectory(steps=range(30))), size=(80, 24)) as (app, pilot):
        await settled(pilot, lambda: step(app) == 29)
        await pilot.press("D")
        table = app.screen.query_one(PointTable)
        await settled(pilot, lambda: table.show_horizontal_scrollbar)
        lines = range(1, table.scrollable_content_region.height)
        await settled(pilot, lambda: any("step 29" in table.render_line(line).text for line in lines))


async def test_the_tree_takes_the_cursor_along() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        tree = app.screen.query_one(CheckpointTree)
        tree.focus()
        await pilot.press("up", "up", "enter")
        await settled(pilot, lambda: step(app) == STEPS[-3])
        await pilot.press("escape")
        assert app.focused is None


async def test_at_80_columns_the_side_panel_is_a_drawer() -> None:
    async with explorer(MemoryCache(trajectory()), size=SMALL) as (app, pilot):
        side = app.screen.query_one("#side")
        assert not side.display
        await pilot.press("s")
        assert side.display and app.screen.query_one("#main").region.width == 80
        await pilot.press("s")
        assert not side.display
    async with explorer(MemoryCache(trajectory()), size=LARGE) as (app, pilot):
        side = app.screen.query_one("#side")
        assert side.display
        await pilot.press("s")
        assert not side.display and app.screen.query_one("#main").region.width == 120


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (12, 3)])
async def test_a_tiny_window_asks_for_room_and_comes_back(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory()), size=size) as (app, pilot):
        assert app.screen.query_one("#too-small").display
        assert not app.screen.query_one("#body").display
        await pilot.press("k")
        await pilot.resize_terminal(*LARGE)
        await settled(pilot)
        assert app.screen.query_one("#body").display and "◉" in picture(app)


async def test_playing_goes_from_the_start_to_the_end() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("space")
        assert app.state.playing and step(app) == STEPS[0]
        seen = []
        while app.state.playing:
            app._play_on()
            seen.append(step(app))
        assert seen == list(STEPS[1:])
        await pilot.press("space", "space")
        assert not app.state.playing


async def test_a_view_that_is_not_measured_is_asked_for_once() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    client = ScriptedClient(lambda job: () if is_ahead(job) else answer(job))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and len(client.jobs) == 3)
        await pilot.press("T")
        assert app.state.view.temperature_rule == "x2"
        await settled(pilot, lambda: app.scene.point is not None)
        asked = [job.request for job in client.jobs if isinstance(job, Measure)]
        assert [request.temperatures for request in asked] == [("exact",), ("x2",), ("x2",)]
        assert app.state.place is not None
        here, *others = reversed([f"step{step}" for step in STEPS])
        assert here == app.state.place.checkpoint.name
        assert [job.only for job in client.jobs if isinstance(job, Measure)] == [(), (here,), tuple(reversed(others))]
        assert sum(isinstance(job, ComputeBound) for job in client.jobs) == 2
        assert len(app.scene.branches) == 1


async def test_a_view_asked_for_while_a_sweep_runs_does_not_wait_for_it() -> None:
    """What kept scores tell comes at once and follows the sweep; what they could not tell is asked for after it."""
    cache = MemoryCache()
    answer = measuring(cache)
    sweep = iter(answer(Measure(1, REQUEST)))
    gone = f"step{STEPS[2]}"  # its scores were let go

    def script(job: Task) -> Iterable[Event | None]:
        if job.job == 1:
            return [next(sweep) for _ in range(4)]  # up to the first measurement
        if is_ahead(job):
            return ()
        if not (isinstance(job, Measure) and job.stored_only):
            return answer(job)
        return [Started(job.job), Finished(job.job)] if job.only == (gone,) else answer(job)

    client = ScriptedClient(script)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == 1)
        await pilot.press("T")
        await settled(pilot, lambda: app.scene.point is not None)
        assert app.state.view.temperature_rule == "x2" and app.state.jobs[0].is_open

        def looked(times: int) -> bool:
            statuses = [job.status for job in app.state.jobs if job.stored_only and not job.kind.is_speculative]
            return statuses == ["done"] * times

        for times in range(2, 1 + len(STEPS)):
            for event in sweep:
                client.say(event)
                if isinstance(event, Measured):
                    break
            await settled(pilot, lambda times=times: looked(times))
        client.say(next(sweep))
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs if not job.kind.is_speculative))
        assert len(app.scene.plane.series[0].points) == len(STEPS) - 1
        assert "5 of 6: press E to run a forward pass" in str(app.screen.query_one(Notice).content)
        await pilot.press("E")
        await settled(pilot, lambda: len(app.scene.plane.series[0].points) == len(STEPS))
        assert not app.screen.query_one(Notice).display
        asked = [job for job in client.jobs if isinstance(job, Measure)][1:]
        assert {job.request.temperatures for job in asked} == {("x2",)}
        assert [job.only for job in asked if job.stored_only] == [(f"step{step}",) for step in STEPS]
        assert [job.only for job in asked if not job.stored_only] == [(gone,)]


def _sweep_that_stays(cache: MemoryCache, *, keeps: bool) -> tuple[ScriptedClient, Iterator[Event | None]]:
    """A client whose first job has measured one checkpoint and goes on when the events returned are said."""
    answer = measuring(cache)
    sweep = iter(answer(Measure(1, REQUEST)))

    def script(job: Task) -> Iterable[Event | None]:
        if job.job == 1:
            return [next(sweep) for _ in range(4)]
        passes_over = isinstance(job, Measure) and job.stored_only and not keeps
        return [Started(job.job), Finished(job.job)] if passes_over or is_ahead(job) else answer(job)

    return ScriptedClient(script), sweep


async def test_a_view_one_returns_to_during_a_sweep_is_completed() -> None:
    cache = MemoryCache()
    client, sweep = _sweep_that_stays(cache, keeps=True)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == 1)
        await pilot.press("T")
        await settled(pilot, lambda: app.scene.point is not None)
        await pilot.press("t")
        for _ in range(4):  # two more checkpoints, while another view is looked at
            client.say(next(sweep))
        await settled(pilot, lambda: len(app.state.records) == 3)
        await pilot.press("T")
        await settled(pilot, lambda: len(app.scene.plane.series[0].points) == 3)
        assert app.state.jobs[0].is_open


async def test_nothing_that_arrives_with_the_end_of_a_sweep_is_asked_for_twice() -> None:
    cache = MemoryCache()
    client, sweep = _sweep_that_stays(cache, keeps=True)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == 1)
        await pilot.press("T")
        await settled(pilot, lambda: app._settling is None and app.scene.point is not None)
        for event in sweep:
            client.say(event)
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs if not job.kind.is_speculative))
        assert len(app.scene.plane.series[0].points) == len(STEPS)
        asked = [job.only for job in client.jobs if isinstance(job, Measure)][1:]
        assert len(asked) == len(set(asked))


async def test_a_checkpoint_whose_record_is_being_read_is_not_asked_for_again() -> None:
    cache = MemoryCache()
    client, _ = _sweep_that_stays(cache, keeps=True)
    may_read, load = threading.Event(), cache.measurements.load
    may_read.set()
    cache.measurements.load = lambda key: may_read.wait() and load(key)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        asked = lambda: [job for job in app.state.jobs if job.kind.fills_view]  # noqa: E731
        await settled(pilot, lambda: len(app.state.records) == 1)
        may_read.clear()
        try:
            await pilot.press("T")
            await settled(pilot, lambda: [job.status for job in asked()] == ["done"])
            assert asked()[0].unread == (f"step{STEPS[0]}",) and app.scene.point is None
            app._complete_view()  # during the sweep, and after it
            client.say(Finished(1))
            await settled(pilot, lambda: not app.state.jobs[0].is_open)
            app._complete_view()
            await settled(pilot)
            assert len(asked()) == 1
        finally:
            may_read.set()
        await settled(pilot, lambda: app.scene.point is not None)
        assert len(asked()) == 1 and not asked()[0].unread


async def test_a_job_of_the_view_is_not_withdrawn_when_only_its_end_is_missing() -> None:
    cache = MemoryCache()
    answer = measuring(cache)

    def script(job: Task) -> Iterable[Event | None]:
        if is_ahead(job):
            return ()
        events = list(answer(job))
        return events if job.job < 4 else events[:-1]

    client = ScriptedClient(script)
    async with explorer(cache, client, replace(REQUEST, revision=f"step{STEPS[-1]}")) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 3 and not app.state.jobs[2].is_open)
        await pilot.press("T")
        await settled(pilot, lambda: app._settling is None and app.scene.point is not None)
        app._complete_view()
        (job,) = [job for job in app.state.jobs if job.kind.fills_view]
        assert job.status == "running" and job.number not in client.cancelled


async def test_a_record_that_cannot_be_read_is_asked_for_once_more() -> None:
    cache = MemoryCache()
    client, _ = _sweep_that_stays(cache, keeps=True)
    load = cache.measurements.load
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == 1)
        cache.measurements.load = lambda key: None
        await pilot.press("T")
        await settled(pilot, lambda: app._settling is None)
        await settled(pilot, lambda: not any(job.is_open or job.unread for job in app.state.jobs[1:]))
        assert "could not be read" in app.state.log[-1].text and app.scene.point is None
        cache.measurements.load = load
        client.say(Finished(1))
        await settled(pilot, lambda: not app.state.jobs[0].is_open)
        await pilot.press("E")
        await settled(pilot, lambda: app.scene.point is not None)
        last = [job for job in app.state.jobs if job.kind.is_of_view][-1]
        assert not last.stored_only and last.status == "done"


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_passes_that_a_view_lacked_during_a_sweep_are_run_after_it_by_a_key_however_it_ends(end: str) -> None:
    cache = MemoryCache()
    client, _ = _sweep_that_stays(cache, keeps=False)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == 1)
        await pilot.press("T")
        await settled(pilot, lambda: app._settling is None)
        await settled(pilot, lambda: {job.status for job in app.state.jobs if job.kind.fills_view} == {"done"})
        assert app.scene.point is None
        if end == "cancelled":
            await pilot.press("c")
        else:
            client.say(Failed(1, "memory", "The device is out of memory.", False))
        await settled(pilot, lambda: not app.state.jobs[0].is_open)
        assert app.scene.point is None  # a forward pass is not run unasked
        await pilot.press(*(["escape"] if end == "failed" else []))
        await pilot.press("E")
        await settled(pilot, lambda: app.scene.point is not None)
        last = [job for job in client.jobs if isinstance(job, Measure)][-1]
        assert not last.stored_only and last.only == (f"step{STEPS[0]}",)  # and what the sweep had not come to is left


async def test_with_nothing_else_to_do_the_next_temperatures_are_measured_ahead() -> None:
    cache = MemoryCache()
    client = ScriptedClient(measuring(cache))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(client.ahead) == 2 and not any(job.is_open for job in app.state.jobs))
        asked = [job.request for job in client.ahead]
        assert asked[0].revision in {f"step{step}" for step in STEPS} and asked[1].revision == "all"
        assert {(request.temperatures, request.weights) for request in asked} == {(TEMPERATURES, WEIGHTS)}
        before = len(client.jobs)
        await pilot.press("T")
        assert app.scene.point is not None and app.state.view.temperature_rule == "x2"
        await settled(pilot)
        assert len(client.jobs) == before


async def test_work_ahead_gives_way_and_goes_on_afterwards() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    client = ScriptedClient(lambda job: [Started(job.job)] if is_ahead(job) else answer(job))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(client.ahead) == 1)
        await settled(pilot, lambda: app.state.jobs[-1].status == "running")
        assert "starting" not in str(app.screen.query_one("#jobs", Static).content)
        app.order(replace(REQUEST, documents=64))
        await settled(pilot, lambda: len(client.ahead) == 2)
        assert client.cancelled == [client.ahead[0].job]


async def test_a_measurement_that_was_cancelled_is_not_gone_on_with() -> None:
    cache = MemoryCache()
    measure = measuring(cache)

    def one_checkpoint(job: Task) -> list[Event | None]:
        return [event for event in measure(job) if not isinstance(event, Finished)][:4]

    client = ScriptedClient(lambda job: one_checkpoint(job) if isinstance(job, Measure) else measure(job))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.requests) and len(app.state.curves) == 2)
        await pilot.press("c")
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs))
        assert app.state.jobs[0].status == "cancelled" and app.scene.request == REQUEST
        assert not client.ahead


async def test_work_ahead_asks_for_no_loss_and_says_only_what_it_did() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    ended = lambda job: [Started(job.job), Finished(job.job)]  # noqa: E731
    client = ScriptedClient(lambda job: ended(job) if is_ahead(job) else answer(job))
    async with explorer(cache, client, replace(REQUEST, loss=True)) as (app, pilot):
        await settled(pilot, lambda: len(client.ahead) == 2 and not any(job.is_open for job in app.state.jobs))
        assert not any(job.request.loss for job in client.ahead)
        assert not any("every temperature" in line.text for line in app.state.log)


async def test_a_view_one_returns_to_is_measured_though_its_job_is_still_being_cancelled() -> None:
    cache = MemoryCache()
    client = Reluctant(lambda job: answer(job) if job.job < 4 else [Started(job.job)])
    answer = measuring(cache)
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 3 and not app.state.jobs[2].is_open)
        await pilot.press("T")
        await settled(pilot, lambda: len(client.jobs) == 5)
        left = client.jobs[-1].request
        await pilot.press("t")
        await settled(pilot, lambda: app._settling is None)
        assert [job.status for job in app.state.jobs if job.request == left] == ["cancelling"] * 2
        await pilot.press("T")
        await settled(pilot, lambda: len(client.jobs) == 7)
        assert next(job.status for job in app.state.jobs if job.request == left) == "cancelling"
        assert client.jobs[-1].request == left


async def test_the_only_checkpoint_there_is_to_measure_is_asked_for_once() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    client = ScriptedClient(lambda job: answer(job) if job.job < 4 else [Started(job.job)])
    async with explorer(cache, client, replace(REQUEST, revision=f"step{STEPS[-1]}")) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 3 and not app.state.jobs[2].is_open)
        await pilot.press("T")
        await settled(pilot, lambda: app._settling is None)
        assert [job.kind for job in app.state.jobs[3:] if not job.kind.is_speculative] == [JobKind.VIEW_CURRENT]


async def test_what_a_view_lacked_is_not_waited_for_once_it_is_left() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    asked = lambda job: isinstance(job, Measure) and job.request.temperatures == ("exact",)  # noqa: E731
    client = ScriptedClient(lambda job: answer(job) if asked(job) else [Started(job.job)])
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS))
        await pilot.press("T")
        await settled(pilot, lambda: sum(job.kind.fills_view for job in app.state.jobs) == 2)
        left = [job.number for job in app.state.jobs if job.kind.fills_view]
        await pilot.press("T")
        await settled(pilot, lambda: sum(job.kind.fills_view for job in app.state.jobs) == 4)
        assert client.cancelled[-2:] == left


async def test_a_view_that_lacks_nothing_does_not_keep_the_one_before_it_being_measured() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    client = ScriptedClient(lambda job: answer(job) if job.job < 4 else [Started(job.job)])
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(app.state.records) == len(STEPS) and len(client.jobs) == 3)
        await pilot.press("T")
        await settled(pilot, lambda: len(client.jobs) == 5)
        await pilot.press("t")
        await settled(pilot, lambda: not any(job.is_open for job in app.state.jobs if job.kind.fills_view))
        assert app.scene.point is not None and client.cancelled[-2:] == [job.job for job in client.jobs[3:]]


async def test_a_bound_being_computed_is_no_measurement() -> None:
    cache = MemoryCache()
    answer = measuring(cache)
    silent = lambda job: isinstance(job, ComputeBound) or job.request.temperatures != ("exact",)  # noqa: E731
    failed = lambda job: [] if isinstance(job, ComputeBound) else [Finished(job.job)]  # noqa: E731
    client = ScriptedClient(lambda job: failed(job) if silent(job) else answer(job))
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 3 and len(app.state.records) == len(STEPS))
        await pilot.press("T")
        await settled(pilot, lambda: "not measured" in picture(app))
        assert any(job.is_open for job in app.state.jobs)


async def test_a_step_of_the_cursor_derives_and_rebuilds_nothing_but_what_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def count(owner: object, name: str) -> None:
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, **named: made.append(name) or real(*given, **named))

    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        count(Shelf, "__init__")
        count(trajectories_module, "in_training_order")
        count(plane_module, "_point")
        count(CheckpointTree, "_rebuild")
        count(CheckpointTree, "_build")
        before, nodes = app.scene, list(app.screen.query_one(CheckpointTree).root.children)
        await pilot.press("k", "k", "j")
        await settled(pilot)
        assert step(app) == STEPS[-2]
        assert app.scene.plane is before.plane and app.scene.branches is before.branches
        assert list(app.screen.query_one(CheckpointTree).root.children) == nodes
        assert made == []
        await pilot.press("g")
        assert made == ["in_training_order", *["_point"] * len(STEPS)]
        made.clear()
        await pilot.press("G", "g")
        assert made == []


async def test_keys_that_come_in_one_go_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        shown: list[int | None] = []
        real = MainScreen.show
        monkeypatch.setattr(MainScreen, "show", lambda self: shown.append(self.scene.at) or real(self))
        for _ in range(4):
            app.action_checkpoint(-1)
        await settled(pilot)
        assert shown == [len(STEPS) - 5]


async def test_a_checkpoint_that_arrives_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = MemoryCache(trajectory()[:-1])
    async with explorer(cache) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-2])
        points = app.scene.plane.points
        shelved: list[str] = []
        real = Shelf.__init__
        monkeypatch.setattr(Shelf, "__init__", lambda self, record: shelved.append(record.key) or real(self, record))
        app._set(with_records(app.state, [checkpoint(STEPS[-1])]), at_once=True)
        await settled(pilot)
        assert step(app) == STEPS[-1] and shelved == [f"demo-{STEPS[-1]}"]
        assert all(one is other for one, other in zip(app.scene.plane.points, points, strict=False))


async def test_variants_that_were_measured_can_be_stepped_through() -> None:
    records = [
        replace(record, rows=record.rows + tuple(replace(row, variant="standardised") for row in record.rows))
        for record in trajectory()
    ]
    async with explorer(MemoryCache(records), ScriptedClient()) as (app, pilot):
        seen = [app.state.view.variant]
        for _ in range(2):
            await pilot.press("n")
            assert app.scene.point is not None and app.scene.point.measurement.variant == app.state.view.variant
            seen.append(app.state.view.variant)
        assert seen == ["raw", "standardised", "raw"]


async def test_a_running_job_is_shown_and_cancelled() -> None:
    client = ScriptedClient(
        lambda job: [Started(job.job), listed(job.job), PhaseProgress(job.job, "forward", 3, 12, "documents", "step0")]
    )
    async with explorer(client=client, initial=REQUEST) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.jobs) and app.state.jobs[0].phase == "forward")
        jobs = str(app.screen.query_one("#jobs", Static).content)
        assert "forward" in jobs and "25 %" in jobs
        await pilot.press("c")
        await settled(pilot, lambda: app.state.jobs[0].status == "cancelled")
        assert client.cancelled == [1]
        await pilot.press("c")
        assert client.cancelled == [1]


async def test_where_there_is_one_line_it_is_for_the_job_at_work() -> None:
    client = ScriptedClient(lambda job: [Started(job.job), PhaseProgress(job.job, "forward", 3, 12, "documents")])
    async with explorer(client=client, initial=REQUEST, size=SMALL) as (app, pilot):
        app.order(replace(REQUEST, documents=64))
        await settled(pilot, lambda: [job.phase for job in app.state.jobs] == ["forward"] * 2)
        jobs = app.screen.query_one("#jobs", Static)
        assert jobs.content_size.height == 1 and "forward" in str(jobs.content)


@both_sizes
async def test_a_failure_is_a_dialog_that_says_what_to_do(size: tuple[int, int]) -> None:
    client = ScriptedClient(failing("corpus", "There is no text in [notes].txt.", input_error=True))
    async with explorer(client=client, initial=REQUEST, size=size) as (app, pilot):
        await settled(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert app.screen.title_text == "The text cannot be used"
        assert str(app.screen.query_one(".sentence", Static).content) == "There is no text in [notes].txt."
        assert "Press M" in app.screen.advice
        await pilot.press("escape")
        assert not isinstance(app.screen, ErrorDialog)


async def test_a_worker_that_dies_leaves_a_working_screen_and_the_next_job_starts_another() -> None:
    client = ScriptedClient(lambda job: [Started(job.job)])
    async with explorer(MemoryCache(trajectory()), client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: bool(app.state.jobs) and app.state.jobs[0].status == "running")
        client.die()
        await settled(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert app.screen.title_text == "The worker process exited"
        await pilot.press("escape", "k")
        assert step(app) == STEPS[-2]
        assert not any(job.is_open for job in app.state.jobs)
        app.order(replace(REQUEST, documents=64))
        await settled(pilot, lambda: client.starts == 2 and len(client.jobs) == 2)


async def test_a_worker_that_cannot_start_is_said_so() -> None:
    class Broken(ScriptedClient):
        async def start(self) -> None:
            raise OSError("no more processes")

    async with explorer(client=Broken(), initial=REQUEST) as (app, pilot):
        await settled(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert "no more processes" in app.screen.message


async def test_damaged_records_that_are_missing_are_said_and_logged() -> None:
    cache = MemoryCache(trajectory())
    cache.damage = "1 record (measurements) of the cache was damaged."
    async with explorer(cache) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1] and cache.damage in [line.text for line in app.state.log])
        assert [notice.message for notice in app._notifications] == [cache.damage]


async def test_a_cache_that_cannot_be_read_is_said_so() -> None:
    cache = MemoryCache(trajectory())

    def unreadable() -> list:
        raise OSError("stale file handle")

    cache.curves.all = unreadable
    async with explorer(cache) as (app, pilot):
        await settled(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert app.screen.title_text == "The cache cannot be used" and "stale file handle" in app.screen.message
        await settled(pilot, lambda: step(app) == STEPS[-1])  # what could be read is shown


async def test_a_missing_bound_does_not_get_in_the_way() -> None:
    cache = MemoryCache()
    measure = measuring(cache)
    client = ScriptedClient(
        lambda job: [Failed(job.job, "corpus", "No bound.", False)] if isinstance(job, ComputeBound) else measure(job)
    )
    async with explorer(cache, client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: len(client.jobs) == 3 and app.state.jobs[2].status == "failed")
        assert not isinstance(app.screen, ErrorDialog)


async def test_export_writes_what_is_on_the_screen(tmp_path: Path) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("l", "x")
        assert isinstance(app.screen, ExportDialog)
        path = tmp_path / "points.csv"
        app.screen.query_one("#path", Input).value = str(tmp_path / "nowhere" / "points.csv")
        await pilot.press("enter")
        assert "There is no folder" in str(app.screen.query_one("#problem", Static).content)
        app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await settled(pilot, path.exists)
        await app.workers.wait_for_complete([w for w in app.workers if w.group == "export"])
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["step"], row["layer"]) for row in rows] == [
            (str(step), str(layer)) for layer in (1, 2, 3) for step in STEPS
        ]


async def test_an_existing_file_is_overwritten_only_when_told_twice(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("mine")
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("x")
        app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        assert path.read_text() == "mine" and isinstance(app.screen, ExportDialog)
        await pilot.press("enter")
        await settled(pilot, lambda: path.read_text() != "mine")


async def test_withheld_optimality_says_why() -> None:
    async with explorer(MemoryCache([checkpoint(4, se=1.0)])) as (app, pilot):
        await settled(pilot, lambda: step(app) == 4)
        assert "–" in text_of(app, Readout) and "at most 3 errors" in text_of(app, Readout)


async def test_help_and_log_open_and_close() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "i")
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")
        assert app.screen is app.screen_stack[0]


@pytest.mark.parametrize("last", ["q", "ctrl+c"])
@pytest.mark.parametrize("first", [["q"], ["ctrl+c"] * 2, ["m", "ctrl+c", "ctrl+c"], ["x", "ctrl+c", "ctrl+c"]])
async def test_one_can_quit_at_any_time_and_is_asked_while_a_job_runs(first: list[str], last: str) -> None:
    client = ScriptedClient(lambda job: [Started(job.job)])
    async with explorer(MemoryCache(trajectory()), client, REQUEST) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press(*first)
        await settled(pilot, lambda: isinstance(app.screen, QuitDialog))
        assert not client.closed
        await pilot.press(*[last] * (2 if first == ["q"] and last == "ctrl+c" else 1))
        await settled(pilot, lambda: client.closed)
    assert not app.is_running
