"""The picker: a model by typing, then its checkpoints, with the plan of measuring those selected."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from estimator.safe_text import safe
from ib_explorer.plan import SweepPlan
from ib_explorer.tui import picker
from ib_explorer.tui.models import Choice, is_path, matching
from ib_explorer.tui.picker import Listing, Picker
from ib_explorer.tui.screens.dialog import Dialog
from ib_explorer.tui.screens.picker_words import (
    CHECKPOINT_KEYS,
    MODEL_KEYS,
    Progress,
    model_line,
    picker_foot,
    row_line,
    status,
)
from ib_explorer.tui.state import Order
from ib_explorer.tui.widgets.pick_list import PickList
from ib_explorer.tui.widgets.picker_input import COMMANDS, PickerInput

PLAN_AFTER = 0.4
"""Seconds that a selection must remain unchanged before the worker is asked for its plan."""


class PickerScreen(Dialog[Order]):
    """Returns the order of the selected checkpoints, with the settings of the last order.

    The application answers :class:`Wanted`, :class:`Planning` and :class:`FoldersWanted` with the methods ``listed``,
    ``planned`` and ``completed``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("shift+up", "extend(-1)", show=False),
        Binding("shift+down", "extend(1)", show=False),
        Binding("tab", "complete", show=False, priority=True),
        Binding("O", "options", show=False, priority=True),
        *(Binding(key, f"pick('{name}')", show=False, priority=True) for key, name in COMMANDS.items()),
    ]

    class Wanted(Message):
        """The checkpoints of a model are to be listed."""

        def __init__(self, model: str) -> None:
            super().__init__()
            self.model = model

    class Planning(Message):
        """The plan of a request is wanted; of None, a plan asked for before is not wanted any more."""

        def __init__(self, request: MeasurementRequest | None) -> None:
            super().__init__()
            self.request = request

    class FoldersWanted(Message):
        """The folders that a path begins are wanted."""

        def __init__(self, typed: str) -> None:
            super().__init__()
            self.typed = typed

    class FormWanted(Message):
        """All options are wanted for an order."""

        def __init__(self, order: Order) -> None:
            super().__init__()
            self.order = order

    def __init__(self, known: tuple[Choice, ...], latest: Order, rate: float | None = None) -> None:
        super().__init__()
        self.known, self.latest, self.rate = known, latest, rate
        self.offered: tuple[Choice, ...] = matching(known, "")
        self.cursor = 0
        self.folders: tuple[str, ...] = ()
        self.picker: Picker | None = None
        self.progress = Progress()
        self.plan: SweepPlan | None = None
        self._planned: MeasurementRequest | None = None
        self._settling: Timer | None = None
        self.plan_after = PLAN_AFTER

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box pick") as box:
            box.border_title = "measure: choose a model"
            yield PickerInput(id="typed", compact=True, placeholder="part of a name, a hub id, or a folder")
            yield PickList(id="picks")
            yield Static("", id="said", markup=False)
            yield Static("", id="plan", markup=False)
            yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        """Show the models."""
        self._show()

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        self.call_after_refresh(self._show)

    # Answers

    def listed(self, found: Listing) -> None:
        """Show a model's checkpoints, in place of an earlier list."""
        if self.picker is not None and self.picker.listing.model == found.model:
            self._set(picker.with_listing(self.picker, found))

    def told(self, progress: Progress) -> None:
        """Show how far the list is."""
        self.progress = progress
        self._show()

    def planned(self, request: MeasurementRequest, plan: SweepPlan | None) -> None:
        """Show the plan of a request, unless another one is selected by now."""
        if request == self._planned:
            self.plan = plan
            self._show()

    def completed(self, typed: str, folders: tuple[str, ...]) -> None:
        """Offer the folders that a path begins, unless another one is typed by now."""
        if self.picker is None and typed == self._typed.value:
            self.folders = folders
            self._offer()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters and space are keys while checkpoints are chosen, and text while a model is."""
        return self.picker is not None if action in ("pick", "extend", "options") else True

    @on(Input.Changed)
    def _typing(self, event: Input.Changed) -> None:
        if self.picker is not None:
            if event.value != self.picker.typed:
                self._set(picker.typed(self.picker, event.value))
            return
        self.folders = ()
        if is_path(event.value):
            self.post_message(self.FoldersWanted(event.value))
        self._offer()

    def _offer(self) -> None:
        self.offered, self.cursor = matching(self.known, self._typed.value, self.folders), 0
        self._show()

    @on(Input.Submitted)
    def _entered(self) -> None:
        if self.picker is not None:
            self._order()
        elif self.offered:
            self._open(self.offered[self.cursor])

    @on(PickList.Clicked)
    def _clicked(self, message: PickList.Clicked) -> None:
        if self.picker is not None:
            self._set(picker.toggled(picker.at(self.picker, message.line)))
        else:
            self._open(self.offered[message.line])

    def action_move(self, steps: int) -> None:
        """Move the cursor."""
        if self.picker is not None:
            self._set(picker.moved(self.picker, steps))
        elif self.offered:
            self.cursor = min(max(self.cursor + steps, 0), len(self.offered) - 1)
            self._show()

    def action_page(self, pages: int) -> None:
        """Move the cursor by a page."""
        self.action_move(pages * self.query_one(PickList).page)

    def action_extend(self, steps: int) -> None:
        """Move the cursor and select the checkpoints that it passes."""
        assert self.picker is not None
        self._set(picker.extended(self.picker, steps))

    def action_pick(self, name: str) -> None:
        """Select: toggled, toggled_group, ranged or spaced (see :mod:`ib_explorer.tui.picker`)."""
        assert self.picker is not None
        change = {
            "toggled": picker.toggled,
            "toggled_group": picker.toggled_group,
            "ranged": picker.ranged,
            "spaced": picker.spaced,
        }[name]
        self._set(change(self.picker if name != "spaced" else replace(self.picker, count="")))

    @on(PickerInput.Digit)
    def _digit(self, message: PickerInput.Digit) -> None:
        assert self.picker is not None
        change = picker.spaced(self.picker, message.digit) if message.digit else picker.unspaced(self.picker)
        self._set(change)

    def action_complete(self) -> None:
        """Complete the path or the name of the model under the cursor."""
        if self.picker is None and self.offered:
            chosen = self.offered[self.cursor].model
            self._typed.value = f"{chosen}/" if is_path(chosen) else chosen
            self._typed.cursor_position = len(self._typed.value)

    def action_options(self) -> None:
        """Open the form with all options for what is selected."""
        self.post_message(self.FormWanted(Order(self._request, self.latest.preset)))

    def action_leave(self) -> None:
        """Go back to the models; from there, close."""
        if self.picker is None:
            self.dismiss(None)
            return
        model, self.picker, self.progress = self.picker.listing.model, None, Progress()
        self._plan_later()
        self._typed.value = model
        self._offer()

    # Changes

    @property
    def _typed(self) -> PickerInput:
        return self.query_one(PickerInput)

    @property
    def _request(self) -> MeasurementRequest:
        """The request of the selection, with the settings of the last order."""
        assert self.picker is not None
        # Until the list has come, a selection is what was typed.
        selection = self.picker.selection or self.picker.written or self.picker.typed.strip()
        return replace(self.latest.request, model=self.picker.listing.model, revision=selection or None)

    def _open(self, choice: Choice) -> None:
        """List a model's checkpoints; the selection of an earlier order is selected again."""
        chosen = picker.Picker(Listing(choice.model, ()))
        if choice.selection:
            chosen = replace(chosen, written=choice.selection)
        self.picker, self.progress = chosen, Progress("Listing checkpoints …")
        self._typed.value = ""
        self.post_message(self.Wanted(choice.model))
        self._show()

    def _order(self) -> None:
        assert self.picker is not None
        if self.picker.problem and not self.picker.chosen and self.picker.listing.items:
            return
        if self.picker.listing.items and not self.picker.effective:
            return
        try:
            self.dismiss(Order(self._request, self.latest.preset))
        except InputError as error:
            self.told(replace(self.progress, problem=str(error)))

    def _set(self, changed: Picker) -> None:
        before, self.picker = self.picker, changed
        if before is None or changed.effective != before.effective:
            self._plan_later()
        if self._typed.value != changed.typed:
            self._typed.value = changed.typed
        self._show()

    def _plan_later(self) -> None:
        """Withdraw the plan, and ask for that of the selection once it stays as it is for a moment."""
        self.plan = self._planned = None
        self.post_message(self.Planning(None))
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(self.plan_after, self._plan_now)

    def _plan_now(self) -> None:
        if self.picker is not None and self.picker.effective:
            self._planned = self._request
            self.post_message(self.Planning(self._planned))

    # What is shown

    def _show(self) -> None:
        box, lines = self.query_one(".box"), self.query_one(PickList)
        self._typed.takes_commands = self.picker is not None
        self._typed.takes_digits = self.picker is not None and self.picker.count is not None
        if self.picker is None:
            box.border_title = "measure: choose a model"
            self._typed.placeholder = "part of a name, a hub id, or a folder"
            lines.show(len(self.offered), self.cursor, self._model_line)
            self._say("", "", MODEL_KEYS)
            return
        now = self.picker
        box.border_title = safe(f"{now.listing.model}: {len(now.chosen)} of {len(now.listing.items)} selected")
        self._typed.placeholder = "filter, or a selection such as stage1:log:16, 1000..50000 or 10B..1T"
        lines.show(len(now.rows), min(now.cursor, max(len(now.rows) - 1, 0)), self._checkpoint_line)
        foot = picker_foot(now, self._request, self.plan, self.rate)
        self._say(status(now, self.progress), foot, CHECKPOINT_KEYS)

    def _say(self, said: str, plan: str, keys: str) -> None:
        for name, text in (("#said", said), ("#plan", plan), ("#keys", keys)):
            self.query_one(name, Static).update("\n".join(map(safe, text.split("\n"))))

    def _model_line(self, number: int, width: int) -> Text:
        return model_line(self.offered[number], width)

    def _checkpoint_line(self, number: int, width: int) -> Text:
        assert self.picker is not None
        return row_line(self.picker, self.picker.rows[number], width)
