from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual import events
from textual.widgets import Input, Static

from ib_explorer.tui.actions import tables
from ib_explorer.tui.widgets.compare_view import CompareTable
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.tui.widgets.sheet_line import SheetLine
from tests.ib_explorer.pilot import explorer, settled, step
from tests.ib_explorer.synthetic import STEPS, MemoryCache, checkpoint, preference, trajectory
from tests.ib_explorer.tui.goldens import assert_golden

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")


def models() -> list:
    """Three models; the second has every other token count, the third another sample."""
    small = [replace(one, tokens=one.step * 10**9, loss=4 - one.step / 200) for one in trajectory("org/small-1B")]
    large = [replace(one, tokens=one.step * 2 * 10**9, loss=3.5) for one in trajectory("org/large-7B", STEPS[:-1])]
    other = [replace(one, tokens=one.step * 10**9, sample="b" * 64) for one in trajectory("else/other")]
    return [*large, *other, *small]


async def written(app, pilot, name: Path) -> str:
    """What the open tab exports to a file of that name."""
    await pilot.press("x")
    app.screen.query_one("#path", Input).value = str(name)
    await pilot.press("enter")
    await settled(pilot, name.exists)
    await app.workers.wait_for_complete([one for one in app.workers if one.group == "export"])
    return name.read_text()


def lines(grid) -> list[str]:
    return [grid.render_line(row).text for row in range(grid.row_count + 1)]


@SIZES
async def test_compare_looks_as_it_should(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(models()), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("C")
        await settled(pilot, lambda: "0.1404" in str(app.screen.query_one("#dots", Static).content))
        assert_golden(app, f"compare-{size[0]}x{size[1]}")


@SIZES
async def test_the_table_looks_as_it_should(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(models()), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("o", "D", "right", "right", "S", "F", *"step>0", "enter")
        await settled(pilot, lambda: app.screen.query_one(PointTable).row_count == 14)
        assert_golden(app, f"table-{size[0]}x{size[1]}")


async def test_the_cursor_of_the_comparison_is_the_model_that_differences_are_from() -> None:
    async with explorer(MemoryCache(models())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("C")
        grid = app.screen.query_one(CompareTable)
        await settled(pilot, lambda: grid.row_count == 3)
        assert app.focused is grid and grid.cursor_row == 2
        assert "other sample" in lines(grid)[2] and "±" in lines(grid)[1]
        await pilot.press("up", "up")
        await settled(pilot, lambda: grid.cursor_row == 0)
        assert app.scene.trajectory.model == "org/large-7B" and step(app) == 64
        assert "±" in lines(grid)[3]
        await pilot.press("e")
        title = app.screen.query_one("#compare-title", Static)
        await settled(pilot, lambda: "training length of the cursor: 128B tokens" in str(title.content))
        await pilot.press("e", "e", "e", "e")
        assert app.state.matching == "tokens"


async def test_a_table_sorts_by_the_cursors_column_and_a_click_on_a_title() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D", "right", "right", "enter")
        grid = app.screen.query_one(PointTable)
        assert "I(X;Z)▼" in lines(grid)[0] and grid.cursor_row == 0
        await pilot.press("S")
        assert "I(X;Z)▲" in lines(grid)[0] and grid.cursor_row == len(STEPS) - 1
        await pilot.press("S")
        assert "I(X;Z) " in lines(grid)[0]
        await pilot.click(PointTable, offset=(45, 0))
        assert app.state.arranged["table"].by == "step"


async def test_a_filter_is_typed_and_cleared_and_leaves_the_keys_alone() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        grid = app.screen.query_one(PointTable)
        await pilot.press("D", "slash", *"step<16", "enter")
        await settled(pilot, lambda: grid.row_count == 3)
        assert app.focused is grid and grid.cursor_row == -1 and step(app) == 256
        assert "3 of 6 rows" in str(app.screen.query_one("#said", Static).content)
        await pilot.press("y")
        assert "No row is selected" in [one.message for one in app._notifications][-1]
        await pilot.press("down")
        await settled(pilot, lambda: step(app) == 0)
        await pilot.press("F", "escape")
        await settled(pilot, lambda: grid.row_count == 6)
        await settled(pilot, lambda: not app.screen.query_one(SheetLine).query_one(Input).display)
        assert app.focused is grid
        await pilot.press("P", "F")
        assert "The Plane tab has no table" in [one.message for one in app._notifications][-1]


async def test_a_filter_typed_in_a_burst_lands_in_its_field() -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D")
        preset = app.state.view.preset
        for key in ("up", "up", "right", "right", "enter", "slash", *"step 16 p"):
            app.post_message(events.Key({" ": "space"}.get(key, key), key if len(key) == 1 else None))
        field = app.screen.query_one("#filter", Input)
        await settled(pilot, lambda: field.value == "step 16 p")
        assert app.state.view.preset == preset and not app.state.playing
        assert step(app) == STEPS[-3] and app.state.arranged["table"].by == "I(X;Z)"


async def test_cell_row_and_all_rows_are_copied_at_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    async with explorer(MemoryCache(trajectory())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D", "right", "right", "y")
        assert float(app.clipboard) == app.scene.point.x
        assert f"Copied I(X;Z) {app.scene.point.x!r}" in [one.message for one in app._notifications][-1]
        await pilot.press("u")
        header, row = app.clipboard.splitlines()
        assert row.split("\t")[header.split("\t").index("I(X;Z)")] == repr(app.scene.point.x)
        await pilot.press("U")
        assert len(app.clipboard.splitlines()) == 1 + len(STEPS)
        copied = app.clipboard
        monkeypatch.setattr(tables, "CLIPBOARD_SURE", 10)
        await pilot.press("U")
        assert "many terminals take only 74 KB" in [one.message for one in app._notifications][-1]
        monkeypatch.setattr(tables, "CLIPBOARD_MOST", 20)
        await pilot.press("y", "U")
        assert app.clipboard != copied and "too much" in [one.message for one in app._notifications][-1]


async def test_the_export_is_of_the_open_tab(tmp_path: Path) -> None:
    def rows(text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(text.splitlines()))

    async with explorer(MemoryCache(models())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("D", "right", "right", "S", "F", *"step>0", "enter")
        table = rows(await written(app, pilot, tmp_path / "table.csv"))
        assert [row["step"] for row in table] == [str(one) for one in reversed(STEPS[1:])]
        await pilot.press("P")
        assert len(rows(await written(app, pilot, tmp_path / "plane.csv"))) == len(STEPS)
        await pilot.press("Y")
        layers = rows(await written(app, pilot, tmp_path / "layers.csv"))
        assert [(row["step"], row["layer"]) for row in layers] == [("256", str(layer)) for layer in range(4)]
        assert list(layers[0]) == list(table[0])
        await pilot.press("C")
        compared = rows(await written(app, pilot, tmp_path / "compare.csv"))
        assert [row["model"] for row in compared] == ["org/large-7B", "else/other", "org/small-1B"]
        assert compared[1]["not_compared"] == "other sample" and compared[1]["complexity_difference"] == ""


async def test_the_picture_of_the_open_tab_is_text_or_svg(tmp_path: Path) -> None:
    async with explorer(MemoryCache(models())) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        text = await written(app, pilot, tmp_path / "plane.txt")
        assert "I(Y;Z)" in text and "▲" not in text and "models & checkpoints" not in text and "export" not in text
        root = ElementTree.fromstring(await written(app, pilot, tmp_path / "plane.SVG"))
        words = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "I(Y;Z)," in words and "font-face" not in (tmp_path / "plane.SVG").read_text()
        await pilot.press("x")
        app.screen.query_one("#path", Input).value = str(tmp_path / "plane.png")
        await pilot.press("enter")
        assert ".csv, .svg or .txt" in str(app.screen.query_one("#problem", Static).content)


async def test_a_comparison_of_nothing_says_so() -> None:
    async with explorer(MemoryCache()) as (app, pilot):
        await pilot.press("C")
        await settled(pilot)
        assert "No model is measured" in str(app.screen.query_one("#compare-title", Static).content)
        await pilot.press("S", "e", "y", "U", "x", "right", "down")
        assert [one.message for one in app._notifications][-1] == "This view has no rows to export."


async def test_labels_with_one_side_have_a_table_and_a_comparison() -> None:
    records = [preference(one, model=model) for model in "ab" for one in STEPS]
    async with explorer(MemoryCache([*records, checkpoint(1, model="a")])) as (app, pilot):
        await settled(pilot, lambda: app.state.place is not None)
        app._set(replace(app.state, view=replace(app.state.view, granularity="preference")), at_once=True)
        await pilot.press("C")
        grid = app.screen.query_one(CompareTable)
        await settled(pilot, lambda: grid.row_count == 2)
        assert "I(pref;Z)" in lines(grid)[0] and "optimality" not in lines(grid)[0]
