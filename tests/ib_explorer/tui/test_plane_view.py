from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import MouseScrollUp

from estimator.measurement import CheckpointMeasurements
from estimator.values import VALUES
from ib_explorer.tui.widgets.gauge import gauge
from ib_explorer.tui.widgets.plane_view import PlaneView
from tests.ib_explorer.pilot import explorer, picture, settled, step
from tests.ib_explorer.synthetic import STEPS, MemoryCache, curve, information, trajectory
from tests.ib_explorer.tui.goldens import assert_golden


async def test_the_mouse_zooms_chooses_and_pans() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1])
        view = app.screen.query_one(PlaneView)
        point = app.scene.plane.points[1]
        shape = view._frame
        cells = ((x, y) for y in range(view.size.height) for x in range(view.size.width))
        at = next(cell for cell in cells if shape.nearest(app.scene.plane.points, *cell) == point)
        await pilot.click(PlaneView, offset=at)
        assert app.scene.point == point and app.state.limits is None
        about = shape.place(*at)
        await pilot._post_mouse_events([MouseScrollUp], PlaneView, offset=at)
        await settled(pilot)
        window, before = app.state.limits, app.scene.plane.limits
        assert window.x[1] - window.x[0] < before.x[1] - before.x[0]
        assert view._frame.place(*at) == pytest.approx(about)
        await pilot.mouse_down(PlaneView, offset=at)
        await pilot.hover(PlaneView, offset=(at[0] + 10, at[1]))
        await pilot.mouse_up(PlaneView, offset=(at[0] + 10, at[1]))
        await settled(pilot)
        assert view._frame.place(at[0] + 10, at[1]) == pytest.approx(about)
        assert app.scene.point == point  # what was dragged is not chosen


async def test_digits_toggle_models_and_the_current_one_stays() -> None:
    async with explorer(MemoryCache(trajectory() + trajectory("other"))) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1])
        await pilot.press("1")
        assert not app.state.hidden
        await pilot.press("o", "1")
        assert "1 ● (demo)" in picture(app) and "2 ■ other" in picture(app)
        await pilot.press("2")
        assert [one.name for one in app.scene.plane.series] == ["other"]
        await pilot.press("1", "k")
        assert "◎" in picture(app)


def test_a_gauge_shows_documents_bracket_point_and_ceiling() -> None:
    side = replace(information(0.32, 0.02), within=0.12, low=0.2, high=0.5, se=0.0)
    shown = gauge(side, VALUES["corrected"], 1.0, 22).plain
    assert shown == "▕▒▒  ├─●───┤         ▏"
    assert gauge(side, VALUES["paper"], 0.3, 22).plain.endswith("▸▏")
    assert "●" not in gauge(replace(side, adjusted=None), VALUES["adjusted"], 1.0, 22).plain
    assert len(gauge(side, VALUES["paper"], 0.0, 12)) == 12


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_plane_of_two_models_as_it_looks(size: tuple[int, int]) -> None:
    records = trajectory("lab/model-1B") + spread(trajectory("lab/model-7B"))
    cache = MemoryCache(records, [curve(), curve("token", "held-out")])
    async with explorer(cache, size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1] and len(app.state.curves) == 2)
        await pilot.press("o", "k", "k", "p")
        await settled(pilot)
        assert_golden(app, f"plane-{size[0]}x{size[1]}")


def spread(records: list[CheckpointMeasurements]) -> list[CheckpointMeasurements]:
    """The records with a complexity that falls in the second half of training, and with documents."""
    found = []
    for record, x in zip(records, (0.08, 0.14, 0.2, 0.22, 0.19, 0.15), strict=True):
        sides = replace(information(x, 0.02, 100, 0.006), within=0.04, low=x - 0.035)
        found.append(replace(record, rows=tuple(replace(row, complexity=sides) for row in record.rows)))
    return found


async def test_in_the_smallest_window_the_plane_and_both_gauges_have_room() -> None:
    async with explorer(MemoryCache(trajectory(), [curve()]), size=(60, 16)) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1])
        assert "◉" in picture(app)
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        assert sum("▕" in line and "▏" in line for line in lines) == 2


async def test_a_step_sends_only_the_rows_that_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == STEPS[-1])
        sent = []
        monkeypatch.setattr(PlaneView, "refresh", lambda self, *regions, **_: sent.append(regions))
        await pilot.press("k")
        await settled(pilot)
        (regions,) = sent
        assert 0 < len(regions) < app.screen.query_one(PlaneView).size.height - 3
