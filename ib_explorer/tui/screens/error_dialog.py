"""A failure, with advice on what to do."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Button, Static

from estimator.safe_text import safe
from ib_explorer.tui.screens.dialog import Dialog

# The kinds are those of InputError, MeasurementError and the worker's client; others have the general title.
_TITLES = {
    "access": "No access to this model",
    "architecture": "This architecture is not supported",
    "cache": "The cache cannot be used",
    "column": "No such column",
    "config": "Not a model folder",
    "corpus": "The text cannot be used",
    "device": "The device cannot be used",
    "disk": "The disk is full",
    "dtype": "This data type cannot be used",
    "export": "The file was not written",
    "internal": "Internal error",
    "layers": "No such layer",
    "memory": "Out of memory",
    "model": "The model cannot be used",
    "network": "The hub cannot be reached",
    "revision": "No such checkpoint",
    "temperature": "Invalid temperature",
    "tokenizer": "The tokenizer cannot be used",
    "worker": "The worker process exited",
}
_ADVICE = {
    "cache": "Choose another folder with --cache-dir.",
    "disk": "Free some space, or choose another folder with --cache-dir; then measure again.",
    "export": "Press x to choose another file.",
    "memory": "Press M to measure fewer documents, a shorter length, or on another device.",
    "network": "Cached measurements remain available. Press M to try again.",
    "worker": "Finished measurements are cached. Press M to measure again; a new worker starts automatically.",
}


class ErrorDialog(Dialog[None]):
    """Shows a title by kind, the message, and advice; closed by enter, escape or the button."""

    def __init__(self, kind: str, message: str, *, input_error: bool) -> None:
        super().__init__(classes="error")
        self.kind, self.message, self.input_error = kind, message, input_error

    @property
    def title_text(self) -> str:
        """The title for this kind of failure."""
        return _TITLES.get(self.kind, "The request cannot be used" if self.input_error else "The measurement failed")

    @property
    def advice(self) -> str:
        """Advice on what the user can do."""
        general = "Press M to change the request." if self.input_error else "Press i for the log, M to try again."
        return _ADVICE.get(self.kind, general)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box") as box:
            box.border_title = self.title_text
            yield Static(safe(self.message), markup=False, classes="sentence")
            yield Static(self.advice, markup=False, classes="advice")
            yield Button("close", id="close", compact=True)

    def on_button_pressed(self) -> None:
        """Close."""
        self.dismiss(None)
