"""The log of the session with times and levels, newest line last."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ib_explorer.tui.screens.dialog import LiveDialog
from ib_explorer.tui.state import LogLine

_STYLES = {"info": "", "warning": "rgb(230,159,0)", "error": "rgb(213,94,0)"}


class LogScreen(LiveDialog[None]):
    """The log of this session, which follows new lines unless the user has scrolled up."""

    BINDINGS: ClassVar[list[BindingType]] = [("i,q", "leave", "close")]

    def compose(self) -> ComposeResult:
        """The box."""
        with VerticalScroll(classes="box wide") as box:
            box.border_title = "log"
            yield Static(id="lines")

    def on_mount(self) -> None:
        """Write the log, and scroll to its newest lines."""
        self.update()

    def update(self) -> None:
        """Write the lines; at the end of the log, stay there."""
        scroll = self.query_one(VerticalScroll)
        at_end = scroll.scroll_offset.y >= scroll.max_scroll_y
        lines = self.scene.state.log
        text = Text("\n").join(map(_written, lines)) if lines else Text("The log is empty.")
        self.query_one("#lines", Static).update(text)
        if at_end:
            self.call_after_refresh(scroll.scroll_end, animate=False)


def _written(line: LogLine) -> Text:
    text = Text(f"{line.at:%H:%M:%S} ", style="dim")
    return text.append(f"{line.level:<8}", style=_STYLES[line.level] or "not dim").append(line.text, style="not dim")
