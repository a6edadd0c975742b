"""The base class of dialogs: a box over the main screen, closed by escape; ctrl+c copies, or quits if pressed twice."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """A modal screen that returns None when it is closed without an answer."""

    AUTO_FOCUS = "*"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close"),
        Binding("ctrl+c", "app.interrupt", "copy, or quit", show=False, priority=True),
    ]

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
