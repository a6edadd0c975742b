"""The base class of dialogs: a box over the main screen, closed by escape; ctrl+c copies, or quits if pressed twice."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from ib_explorer.tui.scene import Scene

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


class LiveDialog(Dialog[Answer]):
    """A dialog that follows the scene while it is open; ``scene`` is the one it opens with."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene

    def show(self, scene: Scene) -> None:
        """Show a new scene."""
        self.scene = scene
        if self.is_mounted:
            self.update()

    def update(self) -> None:
        """Bring the dialog up to date with its scene."""
        raise NotImplementedError
