"""A failure, with advice on what to do."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Button, Static

from ib_explorer.tui.screens.dialog import Dialog

# The kinds are those of InputError, MeasurementError and the worker's client; others have the general title.
_TITLES = {
    "access": "No access to this model",
    "architecture": "This kind of model cannot be measured",
    "cache": "The cache cannot be used",
    "column": "No such column",
    "config": "This is not a model folder",
    "corpus": "This text cannot be used",
    "device": "The device cannot be used",
    "disk": "The disk is full",
    "dtype": "This number format cannot be used",
    "export": "The file was not written",
    "internal": "Something broke",
    "layers": "No such layer",
    "memory": "Out of memory",
    "model": "This model cannot be used",
    "network": "The hub cannot be reached",
    "revision": "No such checkpoint",
    "temperature": "This temperature cannot be used",
    "tokenizer": "This tokenizer cannot be used",
    "worker": "The worker stopped",
}
_ADVICE = {
    "cache": "Give another folder with --cache-dir.",
    "disk": "Free some space, or give another folder with --cache-dir, and measure again.",
    "export": "Press x to choose another file.",
    "memory": "Press m and try fewer documents, a shorter length, or another device.",
    "network": "What is cached can still be looked at; press m to try again.",
    "worker": "What was measured is safe in the cache. Press m to measure again: a new worker starts by itself.",
}


class ErrorDialog(Dialog[None]):
    """Shows a title by kind, the message, and advice; closed by enter, escape or the button."""

    def __init__(self, kind: str, message: str, *, input_error: bool) -> None:
        super().__init__(classes="error")
        self.kind, self.message, self.input_error = kind, message, input_error

    @property
    def title_text(self) -> str:
        """The title for this kind of failure."""
        return _TITLES.get(self.kind, "This cannot be measured" if self.input_error else "The measurement failed")

    @property
    def advice(self) -> str:
        """Advice on what the user can do."""
        general = "Press m to change the request." if self.input_error else "Press i for the log, m to try again."
        return _ADVICE.get(self.kind, general)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box") as box:
            box.border_title = self.title_text
            yield Static(self.message, markup=False, classes="sentence")
            yield Static(self.advice, markup=False, classes="advice")
            yield Button("close", id="close", compact=True)

    def on_button_pressed(self) -> None:
        """Close."""
        self.dismiss(None)
