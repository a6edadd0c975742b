from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

from textual.widgets import Input

from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.trajectories import Trajectory
from ib_explorer.drawing.view import View
from ib_explorer.tables.measurements import points_of, points_text
from ib_explorer.tui import moves
from ib_explorer.tui.scene import scene
from ib_explorer.tui.state import State, at_last_checkpoint, same_sample, with_records
from ib_explorer.tui.widgets.headline import Headline
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.tui.widgets.readout import Readout
from ib_explorer.worker.messages import ComputeBound
from tests.ib_explorer.pilot import SMALL, both_sizes, explorer, layers, picture, settled, step, text_of
from tests.ib_explorer.synthetic import (
    DEPTH,
    REQUEST,
    STEPS,
    MemoryCache,
    ScriptedClient,
    measuring,
    preference,
    trajectory,
)

PREFERENCE = View(granularity="preference")
ASKED = replace(REQUEST, granularities=("preference",), corpus="pairs.jsonl")


def preferred(steps: tuple[int, ...] = STEPS, model: str = "demo") -> list[CheckpointMeasurements]:
    return [preference(step, model=model) for step in steps]


def test_preference_is_drawn_over_training_where_doubled_steps_are_evenly_apart() -> None:
    drawn = plane([*trajectory(), *preferred((0, 1, 3, 7))], PREFERENCE, None)
    (series,) = drawn.series
    assert [point.x for point in series.points] == [0, 1, 2, 3]
    assert drawn.x_axis.title == "training step" and drawn.y_axis.title == "I(pref;Z)"
    assert [name for _, name in drawn.x_axis.marks] == ["0", "1", "3", "7"]
    side = series.points[-1].measurement.complexity
    assert series.points[-1].y == side.adjusted
    assert series.points[-1].y_bracket == side.bracket
    (paper,) = plane(preferred((7,)), replace(PREFERENCE, preset="paper"), None).points
    assert (paper.y, paper.null) == (side.plugin, (3, side.null))


def test_checkpoints_without_a_step_lie_at_their_ordinals() -> None:
    records = [preference(None, name=name) for name in ("b", "a", "c")]
    drawn = plane(records, PREFERENCE, None)
    assert drawn.x_axis.title == "checkpoint"
    assert [point.x for point in drawn.points] == [1, 2, 3]


def test_steps_that_start_anew_in_a_second_stage_do_not_go_back() -> None:
    names = ("stage1-step5-tokens1B", "stage1-step9-tokens2B", "stage2-ingredient1-step3-tokens1B")
    records = [
        replace(preference(step, name=name), stage=name[:6]) for step, name in zip((5, 9, 3), names, strict=True)
    ]
    assert [point.x for point in plane(records, PREFERENCE, None).points] == [1, 2, 3]


def test_each_run_on_a_shared_plane_has_its_own_ordinals() -> None:
    long, short = ([preference(None, name=name) for name in names] for names in (("a", "b", "c"), ("c",)))
    other = [replace(record, key="other", sample="other pairs") for record in short]
    drawn = plane([*long, *other], PREFERENCE, None)
    assert [[point.x for point in series.points] for series in drawn.series] == [[1, 2, 3], [1]]


def test_n_grams_and_preference_never_share_a_picture() -> None:
    records = [*trajectory(), *preferred()]
    assert plane(records, View(), None) == plane(trajectory(), View(), None)
    assert plane(records, PREFERENCE, None) == plane(preferred(), PREFERENCE, None)


def test_a_preference_on_the_default_set_is_another_sample_than_the_default_text() -> None:
    default = replace(REQUEST, corpus=None)
    assert not same_sample(default, replace(default, granularities=("preference",)))
    assert same_sample(default, replace(default, granularities=("bigram",)))


def test_new_preference_leaves_the_cursor_of_an_n_gram_view_where_it_is() -> None:
    state = with_records(State(), trajectory(steps=STEPS[:2]))
    assert with_records(state, preferred()).place == state.place
    looked = moves.to_labels(with_records(state, preferred(STEPS[:1])), "preference")
    assert looked.place.checkpoint.step == STEPS[0]
    followed = with_records(replace(looked, live=True), preferred())
    assert followed.place.checkpoint.step == STEPS[-1]


def test_the_way_back_from_preference_leads_to_the_sample_one_came_from() -> None:
    later = [replace(record, key="b" + record.key, sample="b", documents=9) for record in trajectory()]
    state = with_records(State(), [*trajectory(), *later, *preferred()])
    state = came = at_last_checkpoint(state, Trajectory.of(trajectory()[0]))
    for labels in ("preference", "token"):
        state = moves.across(scene(moves.to_labels(state, labels)), 1)
    assert scene(state).trajectory == came.place.trajectory != Trajectory.of(later[0])


@both_sizes
async def test_preference_comes_after_the_n_grams_and_steps_like_them(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache([*trajectory(), *preferred()]), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("G")
        assert app.state.view.granularity == "preference"
        drawn = picture(app)
        assert drawn.startswith("I(pref;Z)") and "training step" in drawn and "◉" in drawn
        assert "diagonal" not in drawn and "256" in drawn.splitlines()[-2]
        assert "preference" in text_of(app, Headline) and f"6 of {len(STEPS)}" in text_of(app, Headline)
        said = text_of(app, Readout)
        for word in (
            ("I(pref;Z)", "adjusted")
            if size == SMALL
            else (
                "I(pref;Z)",
                "adjusted",
                "corrected",
                "high",
                "plug-in",
                "±error",
                "length",
                "labels",
                "ceiling",
                "ε",
            )
        ):
            assert word in said
        assert size == SMALL or ("N 5,000 in 16 pairs" in said and "H(Z)" in said)
        assert "optimality" not in said and "IB curve" not in said
        await pilot.press("k", "k")
        assert step(app) == STEPS[-3]
        before = picture(app)
        await pilot.press("plus", "p", "p")
        assert picture(app) != before and "×" in picture(app)
        await pilot.press("p", "0", "l")
        assert len(app.scene.plane.series) == DEPTH and "layer 3" in picture(app)
        await pilot.press("down", "down")
        assert app.scene.point.measurement.layer == 3
        await pilot.press("L", "g")
        assert app.state.view.granularity == "token" and step(app) == STEPS[-3]
        assert picture(app).startswith("I(Y;Z)")


async def test_without_measured_preference_labels_are_n_grams_only() -> None:
    async with explorer(MemoryCache([*trajectory(), *preferred(model="other")])) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("G")
        assert app.state.view.granularity == "quadgram"


async def test_a_model_of_which_only_preference_is_measured_is_shown_by_it() -> None:
    async with explorer(MemoryCache(preferred())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        assert picture(app).startswith("I(pref;Z)")
        assert [branch.name for branch in app.scene.branches] == ["demo · preference"]


async def test_layers_and_table_show_the_one_side() -> None:
    async with explorer(MemoryCache([*trajectory(), *preferred()])) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("G", "Y")
        await settled(pilot)
        head, *bars = layers(app).splitlines()
        assert "I(pref;Z)" in head and "optimality" not in head and len(bars) == 1 + DEPTH
        await pilot.press("D")
        await settled(pilot)
        table = app.screen.query_one(PointTable)
        titles = [column.title for column in table.columns]
        assert titles[:3] == ["model", "checkpoint", "layer"] and titles[5:9] == ["I(pref;Z)", "low", "high", "±error"]
        assert not {"optimality", "share", "I(Y;Z)"}.intersection(titles)
        assert table.row_count == len(STEPS) and table.cursor_row == len(STEPS) - 1
        await pilot.press("g")
        await settled(pilot)
        assert "optimality" in [column.title for column in table.columns]


async def test_bounds_and_increments_say_that_they_do_not_apply() -> None:
    cache = MemoryCache()
    client = ScriptedClient(measuring(cache))
    async with explorer(cache, client, ASKED) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1])
        said = []
        app.notify = lambda message, **_: said.append(message)
        asked, view = len(client.jobs), app.state.view
        await pilot.press("A", "b", "B")
        assert ["Increments" in said[0], "bound" in said[1]] == [True, True] and len(said) == 3
        assert len(client.jobs) == asked and app.state.view == view
        assert not any(isinstance(job, ComputeBound) for job in client.jobs)


async def test_preference_that_is_asked_for_is_looked_at_and_followed() -> None:
    cache = MemoryCache(trajectory(steps=STEPS[:2]))
    client = ScriptedClient(measuring(cache))
    async with explorer(cache, client) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[1])
        await pilot.press("M")
        app.screen.query_one("#granularity").value = "preference"
        app.screen.query_one("#corpus").value = "pairs.jsonl"
        await pilot.press("enter")
        await settled(pilot, lambda: step(app) == STEPS[-1])
        assert picture(app).startswith("I(pref;Z)") and "◉" in picture(app)
        await pilot.press("t")
        await settled(pilot, lambda: app.scene.point is not None)
        assert app.scene.point.measurement.temperature_rule == "leading-order"
        assert {job.request.granularities for job in client.jobs} == {("preference",)}


async def test_the_export_has_the_rows_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "preference.csv"
    async with explorer(MemoryCache([*trajectory(), *preferred()])) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("G", "x")
        assert app.screen.suggestion == "demo-preference.csv"
        app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await settled(pilot, path.exists)
        await app.workers.wait_for_complete([w for w in app.workers if w.group == "export"])
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:2] == ["model", "revision"] and len(rows) == len(STEPS)
    wanted = csv.reader(points_text(points_of(preference(STEPS[-1]), "mean")).splitlines())
    assert [header, rows[-1]] == list(wanted)
    exported = dict(zip(header, rows[-1], strict=True))
    assert exported["granularity"] == "preference" and exported["expressivity"] == ""


def test_points_of_both_kinds_have_the_same_columns() -> None:
    drawn = [plane([*trajectory(), *preferred()], view, None).points for view in (View(), PREFERENCE)]
    texts = [points_text([(point.checkpoint, point.measurement) for point in points]) for points in drawn]
    heads = [text.splitlines()[0] for text in texts]
    assert heads[0] == heads[1] and math.isfinite(float(texts[1].splitlines()[1].split('"')[0].split(",")[4]))
