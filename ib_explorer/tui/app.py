"""The application and the actions of its keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib.resources import files
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ib_explorer.tui.actions.picking import PickingActions
from ib_explorer.tui.actions.plane import PlaneActions
from ib_explorer.tui.actions.queue import QueueActions
from ib_explorer.tui.actions.session import SessionActions
from ib_explorer.tui.actions.tables import TableActions
from ib_explorer.tui.actions.training import TrainingActions
from ib_explorer.tui.actions.typing import Typing
from ib_explorer.tui.actions.view import ViewActions
from ib_explorer.tui.possible import impossible
from ib_explorer.tui.screens.help_screen import HelpScreen


class ExplorerApp(
    Typing,
    SessionActions,
    ViewActions,
    PlaneActions,
    TrainingActions,
    PickingActions,
    QueueActions,
    TableActions,
    inherit_bindings=False,
):
    """The full-screen explorer of the information plane."""

    TITLE = "ib-explorer"
    CSS = files("assets").joinpath("explorer.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "interrupt", "copy, or quit", show=False)]
    AUTO_FOCUS = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for key in self.setup.keys:
            for one in key.bindings:
                self.bind(one.key, one.action, description=one.description, show=one.show, key_display=one.key_display)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The commands of the palette: every command of the key map that has an effect now, by its text."""
        for key in self.setup.keys:
            for shown, action, text in key.commands:
                if action != "command_palette" and not impossible(self.scene, action):
                    yield SystemCommand(text, f"{key.group.lower()} · {shown}", self._runner(action))

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

    def action_help(self) -> None:
        """Show the keys and the meaning of the numbers."""
        self.push_screen(HelpScreen(self.setup.keys, self.focused))
