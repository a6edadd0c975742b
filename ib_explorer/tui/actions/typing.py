"""Keys that arrive faster than the screen changes: each waits until the one before it has had its effect."""

from __future__ import annotations

from collections import deque
from typing import Any

from textual import on
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.screen import ModalScreen, Screen

from ib_explorer.tui.core import Core

LOOK_AGAIN = 0.01
"""Seconds between looks whether a dialog has opened."""
LONGEST = 2.0
"""Seconds after which a key is passed on even if the dialog has not opened, or the widget before has not answered."""


class Typing(Core, inherit_bindings=False):
    """Passes keys on one by one, those for a dialog when it can take them.

    A line pasted over a slow connection arrives in one piece: ``m``, a model, tab and a text. Textual forwards all of
    its keys to the widget that has the focus when the first arrives; here, each finds the screen and the focus that
    those before it have left.
    """

    class Passed(Message):
        """Follows key number ``number`` through the widgets that it passed, and arrives when they are done with it."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: deque[Event] = deque()
        self._number, self._is_passing, self._looks = 0, False, 0
        self._opened: Screen[object] | None = None

    async def on_event(self, event: Event) -> None:
        """Hold keys behind those that arrived before them; pass on everything else at once."""
        is_typed = isinstance(event, Key | Paste) and not event.is_forwarded
        if is_typed and self._running and self.screen_stack:
            self._held.append(event)
            await self._pass_on()
        else:
            await super().on_event(event)

    def _redraw_after_keys(self) -> None:
        if not self._held:
            super()._redraw_after_keys()

    @on(Passed)
    async def _key_passed(self, message: Passed) -> None:
        if message.number == self._number:
            self._is_passing = False
            await self._pass_on()

    async def _pass_on(self) -> None:
        """Pass on the next key, if the one before has been dealt with and the dialog is open."""
        if self._is_passing or not self._held:
            return
        self._number += 1
        number, self._is_passing = self._number, True
        if self._is_opening():
            self._looks += 1
            self.set_timer(LOOK_AGAIN, lambda: self.post_message(self.Passed(number)))
            return
        self._looks = 0
        await super().on_event(self._held.popleft())
        target = self.screen.focused or self.screen
        target.post_message(self.Passed(number))
        # A widget that is removed meanwhile passes nothing on.
        self.set_timer(LONGEST if target.is_running else 0, lambda: self.post_message(self.Passed(number)))

    def _is_opening(self) -> bool:
        """Whether the dialog on top has not yet focused the field that takes the keys."""
        screen = self.screen
        if not isinstance(screen, ModalScreen) or screen is self._opened:
            return False
        is_ready = screen.is_mounted and (screen.focused is not None or not screen.focus_chain)
        is_open = is_ready or self._looks * LOOK_AGAIN > LONGEST
        if is_open:
            self._opened = screen
        return not is_open
