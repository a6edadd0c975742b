"""The line below a table: its number of rows, its filter, and the field to type the filter in."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from estimator.safe_text import safe
from ib_explorer.tui.sheets import Sheet

_HINT = "←→ column · S sort · F filter · y u U copy"


class SheetLine(Horizontal):
    """Shown for tabs that have a sheet."""

    DEFAULT_CSS = """
    SheetLine { height: 1; display: none; padding: 0 1; }
    SheetLine > Input { width: 30; display: none; background: $panel; }
    SheetLine > #said { width: 1fr; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear", show=False)]

    class Typed(Message):
        """The filter's text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The user has finished typing."""

    def compose(self) -> ComposeResult:
        """The field and the line."""
        yield Input(id="filter", compact=True, placeholder="name, layer>3, loss<2.5")
        yield Static(id="said", markup=False)

    shown: Sheet | None = None

    def on_resize(self) -> None:
        """Fit the hint to the new width."""
        self.call_after_refresh(lambda: self.show(self.shown))

    def show(self, sheet: Sheet | None) -> None:
        """Show the rows and the filter of ``sheet``; None hides the line."""
        self.shown = sheet
        self.display = sheet is not None
        if sheet is None:
            return
        field = self.query_one(Input)
        if self.screen.focused is not field:
            with self.prevent(Input.Changed):
                field.value = sheet.arrangement.filter
            field.display = bool(field.value)
        said = safe(sheet.said)
        room = self.size.width - 4 - (30 if field.display else 0)
        hint = f" · {_HINT}" if len(said) + len(_HINT) + 3 <= room else ""
        self.query_one("#said", Static).update(said + hint, layout=False)

    def edit(self) -> None:
        """Type the filter."""
        field = self.query_one(Input)
        field.display = True
        self.screen.set_focus(field)  # at once: the next key may already be waiting

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Closed())

    def action_clear(self) -> None:
        """Clear the filter and close the field."""
        self.query_one(Input).value = ""
        self.post_message(self.Typed(""))
        self.post_message(self.Closed())
