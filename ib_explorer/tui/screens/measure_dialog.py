"""A new measurement: the form that makes a MeasurementRequest."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static

from estimator.errors import InputError
from estimator.request import PRESETS, MeasurementRequest, Preset
from ib_explorer.tui.screens.dialog import Dialog

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants measured, and by which preset it is to be looked at."""

    request: MeasurementRequest
    preset: Preset


class MeasureDialog(Dialog[Order]):
    """One line a setting; wrong input is said in the dialog, which stays open."""

    def __init__(self, models: list[str], latest: MeasurementRequest | None) -> None:
        super().__init__()
        self.models = list(dict.fromkeys(["demo", *models]))
        self.latest = latest or MeasurementRequest("demo", revision="all")

    def compose(self) -> ComposeResult:
        """The form, filled with what was asked for last."""
        latest = self.latest
        with Vertical(classes="box form") as box:
            box.border_title = "measure"
            yield self._line("model", latest.model, "hub id, folder or demo", SuggestFromList(self.models))
            yield self._line("checkpoints", latest.revision or "", "main; or all, log:16, stage1, step*")
            yield self._line("text", latest.corpus or "", "default; or docstrings, a file, name:config:split")
            yield self._line("documents", str(latest.documents), "at least 2")
            yield self._line("max length", str(latest.max_length), "tokens, at least 8")
            yield self._choice("preset", PRESETS, "corrected")
            yield self._choice("device", DEVICES, latest.device if latest.device in DEVICES else "auto")
            yield Static(f"known models: {', '.join(self.models)}", id="known", markup=False)
            yield Static("", id="problem", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("measure", id="go", variant="primary", compact=True)
                yield Button("cancel", id="leave", compact=True)

    def on_input_submitted(self) -> None:
        """Enter anywhere in the form means go."""
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go, or leave."""
        if event.button.id == "go":
            self._answer()
        else:
            self.dismiss(None)

    def _answer(self) -> None:
        try:
            order = self._order()
        except InputError as error:
            self.query_one("#problem", Static).update(str(error))
        else:
            self.dismiss(order)

    def _order(self) -> Order:
        preset: Preset = "paper" if self._chosen("preset") == "paper" else "corrected"
        request = MeasurementRequest(
            model=self._written("model"),
            revision=self._written("checkpoints") or None,
            corpus=self._written("text") or None,
            documents=self._number("documents"),
            max_length=self._number("max length"),
            temperatures=("leading-order",) if preset == "paper" else ("exact",),
            device=self._chosen("device"),
        )
        return Order(request, preset)

    def _written(self, name: str) -> str:
        return self.query_one(f"#{_id(name)}", Input).value.strip()

    def _chosen(self, name: str) -> str:
        return str(self.query_one(f"#{_id(name)}", Select).value)

    def _number(self, name: str) -> int:
        written = self._written(name)
        if not written.isdecimal():
            raise InputError(_id(name), f"{name.capitalize()} must be a whole number, not {written!r}.")
        return int(written)

    def _line(self, name: str, text: str, hint: str, suggester: SuggestFromList | None = None) -> Horizontal:
        entry = Input(text, placeholder=hint, suggester=suggester, id=_id(name), compact=True)
        return Horizontal(Label(name), entry, classes="line")

    def _choice(self, name: str, choices: tuple[str, ...], chosen: str) -> Horizontal:
        options = [(choice, choice) for choice in choices]
        entry: Select[str] = Select(options, value=chosen, allow_blank=False, id=_id(name), compact=True)
        return Horizontal(Label(name), entry, classes="line")


def _id(name: str) -> str:
    return name.replace(" ", "-")
