"""Running the explorer without a terminal, and reading what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from ib_explorer.tui.app import ExplorerApp
from ib_explorer.tui.state import DEFAULT_ORDER
from ib_explorer.tui.widgets.plane_view import PlaneView
from tests.ib_explorer.synthetic import MemoryCache, ScriptedClient

LARGE, SMALL = (120, 40), (80, 24)
both_sizes = pytest.mark.parametrize("size", [LARGE, SMALL], ids=["120x40", "80x24"])


@asynccontextmanager
async def explorer(cache=None, client=None, initial=None, size=LARGE, form=DEFAULT_ORDER, setup=None):
    app = ExplorerApp(cache or MemoryCache(), client or ScriptedClient(), initial, form, setup)
    app.settle_after = 0.01
    app.play_every = 3600  # tests of playing take its steps themselves
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield app, pilot


async def settled(pilot: Pilot, until: Callable[[], bool] = lambda: True) -> None:
    """Wait for messages until something holds, however slow the machine is."""
    async with asyncio.timeout(100):
        await pilot.pause()
        while not until():
            await pilot.pause()
    pilot.app._redraw()
    await pilot.pause()


def text_of(app: ExplorerApp, kind: type[Static]) -> str:
    return str(app.screen_stack[0].query_one(kind).content)


def picture(app: ExplorerApp) -> str:
    return app.screen_stack[0].query_one(PlaneView).render().plain


def layers(app: ExplorerApp) -> str:
    parts = (app.screen_stack[0].query_one(name, Static) for name in ("#bars-head", "#bars", "#increments"))
    return "\n".join(text for part in parts if (text := str(part.content)))


def step(app: ExplorerApp) -> int | None:
    return app.state.place.checkpoint.step if app.state.place else None
