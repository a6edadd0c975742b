"""Make the README's pictures from the real screen, on the demo that the cache holds: ``python docs/pictures.py``.

Measures the demo first if it has not been measured.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cache import Cache
from cache.locations import locations
from ib_explorer.options import demo_request
from ib_explorer.tui.app import ExplorerApp
from ib_explorer.tui.pictures import screen_svg
from ib_explorer.tui.tabs import TABS
from ib_explorer.worker.client import WorkerClient

FOLDER = Path(__file__).parent / "pictures"
SIZE = (120, 36)
SHOWN = ("plane", "training", "layers", "table")
"""The tabs that one model fills."""


async def take_pictures() -> None:
    """Open the explorer on the demo, wait until its jobs are done, and save the tabs as SVG."""
    places = locations()
    client = WorkerClient(places.cache, log_dir=places.log)
    app = ExplorerApp(Cache(places.cache), client, demo_request())
    FOLDER.mkdir(exist_ok=True)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1)
        while not app.state.jobs or any(job.is_open for job in app.state.jobs):
            await pilot.pause(0.5)
        for tab in (TABS[name] for name in SHOWN):
            await pilot.press("end", tab.key)
            await pilot.pause(1)
            (FOLDER / f"{tab.name}.svg").write_text(screen_svg(app.screen, app.theme_variables, "ib-explorer demo"))
        await pilot.press("q")


if __name__ == "__main__":
    asyncio.run(take_pictures())
