from __future__ import annotations

from ib_explorer.tui.widgets.training_view import TrainingView
from tests.ib_explorer.pilot import LARGE, both_sizes, explorer, layers, settled, step
from tests.ib_explorer.synthetic import MemoryCache, trajectory


def drawn(app) -> str:
    return app.screen_stack[0].query_one(TrainingView).render().plain


@both_sizes
async def test_strips_follow_the_cursor_and_the_ratio(size: tuple[int, int]) -> None:
    async with explorer(MemoryCache(trajectory()), size=size) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("R")
        await settled(pilot)
        assert "I(X;Z), share of log n  0.1800 [" in drawn(app) and "training step" in drawn(app)
        await pilot.press("home")
        await settled(pilot)
        assert "I(X;Z), share of log n  0.0200 [" in drawn(app)
        assert "optimality" in drawn(app)
        await pilot.press("r")
        await settled(pilot)
        assert "predictive share" in drawn(app)
        await pilot.press("a")
        assert app.state.counted == "step"  # the tokens are unknown


async def test_layers_as_lines_and_as_a_map_with_the_value_under_the_cursor() -> None:
    async with explorer(MemoryCache(trajectory()), size=LARGE) as (app, pilot):
        await settled(pilot, lambda: step(app) == 256)
        await pilot.press("Y", "H")
        await settled(pilot)
        assert "step 256 · mean of layers" in layers(app) and "I(X;Z), share of log n" in layers(app)
        await pilot.press("H", "r", "r")
        await settled(pilot)
        assert "I(X;Z) · step 256 · mean of layers: 0.1800" in layers(app)
        await pilot.press("l", "l", "k")
        await settled(pilot)
        assert "I(X;Z) · step 64 · layer 0:" in layers(app) and "▸   0" in layers(app)
        await pilot.press("l", "left_parenthesis", "l", "right_parenthesis", "L", "L", "L", "L")
        await settled(pilot)
        assert app.state.layer_range == (1, 2) and "I(X;Z) · step 64 · mean of layers 1 to 2:" in layers(app)
