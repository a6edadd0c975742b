"""The application and the actions of its keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib.resources import files
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from ib_explorer.tui.actions.picking import PickingActions
from ib_explorer.tui.actions.queue import QueueActions
from ib_explorer.tui.actions.tables import TableActions
from ib_explorer.tui.actions.training import TrainingActions
from ib_explorer.tui.actions.view import ViewActions
from ib_explorer.tui.actions.work import WorkActions
from ib_explorer.tui.keymap import bindings, keys
from ib_explorer.tui.screens.help_screen import HelpScreen
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.theme import PLANE


class ExplorerApp(
    ViewActions, TrainingActions, WorkActions, PickingActions, QueueActions, TableActions, inherit_bindings=False
):
    """The full-screen explorer of the information plane."""

    TITLE = "ib-explorer"
    CSS = files("assets").joinpath("explorer.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    AUTO_FOCUS = ""

    def on_mount(self) -> None:
        """Register the theme and bind the tabs' keys."""
        for tab in TABS.values():
            self.bind(tab.key, tab.action, description=tab.text, show=False)
        self.register_theme(PLANE)
        self.theme = PLANE.name

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The commands of the palette: every command of the key map, by its text."""
        for key in keys():
            if key.action != "command_palette":
                yield SystemCommand(key.text, f"{key.group.lower()} · {key.shown}", self._runner(key.action))

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

    def action_help(self) -> None:
        """Show the keys and the meaning of the numbers."""
        self.push_screen(HelpScreen())
