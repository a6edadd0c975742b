"""Start of the full-screen explorer in a terminal."""

from __future__ import annotations

from pathlib import Path

from cache import Cache
from cache.locations import locations
from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.cli.crash import reported
from ib_explorer.cli.outlet import is_interactive
from ib_explorer.config import Settings
from ib_explorer.worker.client import WorkerClient


def open_screen(cache_dir: Path | None, settings: Settings, initial: MeasurementRequest | None) -> None:
    """Run the explorer until the user quits; ``settings`` fill its form.

    Raises :class:`InputError` if there is no terminal, and when a setting is out of range.
    """
    if not is_interactive():
        raise InputError(
            "terminal",
            "The explorer needs a terminal: without one, use ib-explorer measure, plot or export (see --help).",
        )
    from ib_explorer.tui.app import ExplorerApp
    from ib_explorer.tui.state import Order

    form = Order.configured(settings)
    places = locations(cache_dir)
    client = WorkerClient(places.cache, settings["device"].value, log_dir=places.log)
    app = ExplorerApp(Cache(places.cache), client, initial, form)
    app.run()
    if app.failure is not None:
        raise reported(app.failure, places)
