"""Actions of the whole session: theme, unfinished orders, copying and quitting; and its storage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from textual.screen import ModalScreen
from textual.widgets import Input

from estimator.errors import InputError
from ib_explorer.tui import lacking, moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.screens.quit_dialog import QuitDialog
from ib_explorer.tui.state import Order, with_log
from ib_explorer.tui.theme import THEMES

SAVE_EVERY = 3.0
"""Seconds between looks whether the session has changed and is to be stored."""
QUIT_WITHIN = 3.0
"""Seconds within which a second ctrl+c quits."""


class SessionActions(Core, inherit_bindings=False):
    """Stores the session while it changes and when it ends, resumes its orders, and quits."""

    _stored: Mapping[str, Any] | None = None
    _is_ending = False
    _asked_to_quit = -QUIT_WITHIN

    def on_mount(self) -> None:
        """Register the themes, show that of the session, and store the session from now on."""
        for look in THEMES.values():
            self.register_theme(look.theme)
        self.theme = self.state.theme
        self.set_interval(SAVE_EVERY, self._save_soon)

    def on_unmount(self) -> None:
        """Store the session if a signal ended it; quitting has stored it before work was cancelled."""
        if not self._is_ending:
            self._save()

    async def _save_soon(self) -> None:
        """Store the session in a thread if it has changed."""
        if not self._is_ending and (document := self._changed()) is not None:
            self._stored = document
            self._report(await asyncio.to_thread(self._written, document))

    def _save(self) -> None:
        if (document := self._changed()) is not None:
            self._written(document)

    def _changed(self) -> Mapping[str, Any] | None:
        """The session's document, if it is not the one that was stored last; None until the cache has been read."""
        if self.leaving is not None:
            return None
        document = self.setup.session.document(self.state, self.configured)
        return None if document == self._stored else document

    def _written(self, document: Mapping[str, Any]) -> str:
        """Store a document; returns why that was not possible, or an empty text."""
        try:
            self.setup.session.write(document)
        except InputError as error:
            return str(error)
        return ""

    def _report(self, problem: str) -> None:
        sentence = f"The session is not kept: {problem}"
        if problem and sentence not in [line.text for line in self.state.log]:
            self._set(with_log(self.state, sentence, "warning"), at_once=False)

    def action_theme(self) -> None:
        """Step to the next theme."""
        names = tuple(THEMES)
        name = names[(names.index(self.state.theme) + 1) % len(names)]
        self._set(replace(self.state, theme=name), at_once=True)
        self.theme = name
        self.notify(f"Theme: {name}", timeout=1.5)

    def action_resume(self) -> None:
        """Submit what the last session left unfinished."""
        orders = self.state.unfinished
        if not orders:
            self.notify("The last session left nothing unfinished.")
            return
        self._set(replace(self.state, unfinished=()), at_once=True)
        form = self.state.form
        if all(order.request != form.request for order in orders):
            self._set(moves.to_order(self.state, Order(orders[-1].request, form.preset)), at_once=True)
        self._give([Job(lacking.UNNUMBERED, JobKind.MEASURE, order.request, only=order.only) for order in orders])

    def action_interrupt(self) -> None:
        """Copy what is selected; otherwise quit when pressed a second time.

        A field that has just been entered is selected as a whole, without the user's doing: its text is copied, and a
        second press quits all the same.
        """
        focused = self.screen.focused
        field = focused.selected_text if isinstance(focused, Input) else ""
        selected = field or self.screen.get_selected_text() or ""
        if selected:
            self.copy_to_clipboard(selected)
        if selected and not (isinstance(focused, Input) and field == focused.value):
            self.notify("Copied.")
        elif time.monotonic() - self._asked_to_quit < QUIT_WITHIN:
            self.run_worker(self._quit_twice(), group="quit")
        else:
            self._asked_to_quit = time.monotonic()
            keys = "" if isinstance(self.screen, ModalScreen) else f", or {self.key_of('quit')},"
            self.notify(f"{'Copied. ' * bool(selected)}Press ctrl+c again{keys} to quit.", timeout=QUIT_WITHIN)

    async def _quit_twice(self) -> None:
        """Quit; with unfinished jobs, ask first, once."""
        await (self.quit_now() if isinstance(self.screen, QuitDialog) else self.run_action("quit"))

    async def quit_now(self) -> None:
        """Store the session, close the worker and exit."""
        self._save()
        self._is_ending = True
        await super().quit_now()
