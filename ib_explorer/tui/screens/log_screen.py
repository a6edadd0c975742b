"""The log of the session, newest line last."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ib_explorer.tui.screens.dialog import Dialog


class LogScreen(Dialog[None]):
    """The log of this session at the time it was opened."""

    BINDINGS: ClassVar[list[BindingType]] = [("i,q", "leave", "close")]

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        """The box."""
        with VerticalScroll(classes="box wide") as box:
            box.border_title = "log"
            yield Static("\n".join(self.lines) or "The log is empty.", markup=False)

    def on_mount(self) -> None:
        """Scroll to the newest lines."""
        self.query_one(VerticalScroll).scroll_end(animate=False)
