"""Start of the full-screen explorer in a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cache import Cache
from cache.locations import locations
from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.cli.crash import reported
from ib_explorer.cli.outlet import is_interactive
from ib_explorer.cli.settings import config_file
from ib_explorer.config import Settings, read_screen_settings
from ib_explorer.worker.client import WorkerClient


def open_screen(
    cache_dir: Path | None, settings: Settings, initial: MeasurementRequest | None, *, fresh: bool = False
) -> None:
    """Run the explorer until the user quits; ``settings`` fill its form, and ``fresh`` leaves out the last session.

    Raises :class:`InputError` if there is no terminal, and when a setting is out of range.
    """
    if not is_interactive():
        raise InputError(
            "terminal",
            "The explorer needs a terminal: without one, use ib-explorer measure, plot or export (see --help).",
        )
    from ib_explorer.tui.app import ExplorerApp
    from ib_explorer.tui.remap import remapped
    from ib_explorer.tui.session import Session
    from ib_explorer.tui.setup import Setup
    from ib_explorer.tui.state import Order

    form = Order.configured(settings)
    places = locations(cache_dir)
    client = WorkerClient(places.cache, settings["device"].value, log_dir=places.log)
    screen = read_screen_settings(os.environ, config_file())
    setup = Setup(
        Session.of(places.state, places.cache),
        fresh,
        fitting_theme(screen.theme.value, sys.stdout.encoding, os.environ),
        remapped(screen.keys, config_file()),
    )
    app = ExplorerApp(Cache(places.cache), client, initial, form, setup)
    app.run()
    if app.failure is not None:
        raise reported(app.failure, places)


def fitting_theme(chosen: str, encoding: str, environment: Mapping[str, str]) -> str:
    """The theme for a terminal: ``chosen``, or for ``auto`` the one that its encoding and colours allow."""
    if chosen != "auto":
        return chosen
    if encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf16", "utf32", "gb18030"):
        return "ascii"
    has_more = environment.get("COLORTERM") or "256" in environment.get("TERM", "") or environment.get("WT_SESSION")
    return "dark" if has_more or environment.get("TERM", "") not in _SIXTEEN else "16-colours"


_SIXTEEN = ("linux", "ansi", "xterm", "xterm-16color", "screen", "tmux", "vt100", "vt220", "rxvt", "konsole", "cygwin")
"""Values of TERM that promise no more than 16 colours."""
