"""The form for a new measurement, with a field for every option of a MeasurementRequest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.layers import check_layers
from estimator.text.kinds import LABELS
from estimator.values import VALUES
from ib_explorer.options import NOT_OF_PAIRS, ONLY_OF_PAIRS, OPTIONS, PREFERENCE_SET, Option, option
from ib_explorer.tui.screens.dialog import Dialog
from ib_explorer.tui.state import Order

MODEL, CHECKPOINTS, PRESET, GRANULARITY, CORPUS = "model", "checkpoints", "preset", "granularity", "corpus"
WIDE = (MODEL, CORPUS, GRANULARITY, "variant")
"""Fields that occupy a whole line of the form."""


class MeasureDialog(Dialog[Order]):
    """A field for the model, its checkpoints and each option, above the help of the focused field.

    Invalid input is reported in the dialog, which stays open.
    """

    def __init__(self, models: Sequence[str], latest: Order) -> None:
        super().__init__()
        self.models = list(dict.fromkeys(["demo", *models]))
        self.latest = latest
        self._preset: str = latest.preset

    def compose(self) -> ComposeResult:
        """The form, filled with the latest order."""
        request = self.latest.request
        with VerticalScroll(classes="box form", can_focus=False) as box:
            box.border_title = "measure"
            with Grid(classes="fields"):
                yield _line(MODEL, _entry(MODEL, request.model, "MODEL", SuggestFromList(self.models)))
                # The other fields depend on the text and its labels, so these come next.
                for name in (CORPUS, GRANULARITY):
                    yield self._field(option(name))
                yield _line(CHECKPOINTS, _entry(CHECKPOINTS, request.revision or "", "main, or a run's last"))
                for one in OPTIONS:
                    if one.name not in (CORPUS, GRANULARITY):
                        yield self._field(one)
            yield Static("", id="hint", markup=False)
            yield Static("", id="problem", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("measure", id="go", variant="primary", compact=True)
                yield Button("cancel", id="leave", compact=True)

    def on_mount(self) -> None:
        """Disable the fields that do not apply to the chosen labels."""
        self._fit_labels()

    def on_input_submitted(self) -> None:
        """Submit the form: enter works in every field."""
        self._answer()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Submit the form, or close it."""
        if event.button.id == "go":
            self._answer()
        else:
            self.dismiss(None)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of the focused field."""
        names = [node.id for node in event.widget.ancestors_with_self if node.id]
        self.query_one("#hint", Static).update(next((said for name in names if (said := self._help(name))), ""))

    @on(Input.Changed, f"#{GRANULARITY}")
    def _labels_chosen(self) -> None:
        self._fit_labels()

    @on(Select.Changed, f"#{PRESET}")
    def _preset_chosen(self, event: Select.Changed) -> None:
        """Write the preset's options into the form, where the user can see and change them."""
        if event.value == self._preset:
            return
        self._preset = str(event.value)
        for name in dict.fromkeys(itertools.chain(*(preset.options for preset in VALUES.values()))):
            one = option(name)
            self._entry(name).value = one.write(VALUES[self._preset].options.get(name, one.default))

    def _fit_labels(self) -> None:
        for name in NOT_OF_PAIRS:
            self._entry(name).disabled = self._takes_pairs
        for name in ONLY_OF_PAIRS:
            self._entry(name).disabled = not self._takes_pairs

    @property
    def _takes_pairs(self) -> bool:
        return LABELS.sample(self._written(GRANULARITY).split(",")[0]) == "pairs"

    def _help(self, name: str) -> str:
        if name == MODEL:
            return f"A hub id, the folder of a model or of a training run, or one of {', '.join(self.models)}."
        if name == CHECKPOINTS:
            return "A branch, tag or commit, all, log:16 (16 spread evenly in log step), stage1, or a glob."
        if name == CORPUS and self._takes_pairs:
            return PREFERENCE_SET
        return next((one.help for one in OPTIONS if one.name == name), "")

    def _answer(self) -> None:
        try:
            order = self._order()
        except InputError as error:
            self.query_one("#problem", Static).update(str(error))
        else:
            self.dismiss(order)

    def _order(self) -> Order:
        values: dict[str, Any] = {one.name: self._read(one) for one in OPTIONS}
        values["temperature"] = tuple(parse_temperature(text).rule for text in values["temperature"])
        check_layers(values["layers"])
        request = MeasurementRequest(
            model=self._written(MODEL),
            revision=self._written(CHECKPOINTS) or None,
            **{one.field: values[one.name] for one in OPTIONS if one.field is not None},
        )
        return Order(request, values[PRESET])

    def _written(self, name: str) -> str:
        return str(self._entry(name).value).strip()

    def _read(self, one: Option) -> object:
        """An option's value in the form; the default if its field is empty or disabled."""
        written = self._written(one.name)
        return one.read(written) if written and not self._entry(one.name).disabled else one.default

    def _entry(self, name: str) -> Input | Select[str]:
        return self.query_one(f"#{name}")  # type: ignore[return-value]

    def _field(self, one: Option) -> Horizontal:
        value = self.latest.preset if one.field is None else getattr(self.latest.request, one.field)
        written = one.write(value)
        offered = _offered(one)
        if not offered:
            suggester = None if one.entries is None else SuggestFromList(one.entries.choices)
            return _line(one.name, _entry(one.name, written, one.write(one.default) or one.metavar, suggester))
        choices = [(choice, choice) for choice in dict.fromkeys([*offered, written])]
        return _line(one.name, Select(choices, value=written, allow_blank=False, id=one.name, compact=True))


def _offered(one: Option) -> list[str]:
    """The choices of a select field, as written: for a list, each choice with all before it; [] for free text."""
    if one.entries is not None and one.kind == "text":
        return list(one.entries)
    if one.kind == "flag":
        return [one.write(False), one.write(True)]
    if one.kind == "texts":
        return [one.write(one.choices[: count + 1]) for count in range(len(one.choices))]
    return list(one.choices)


def _entry(name: str, text: str, placeholder: str, suggester: SuggestFromList | None = None) -> Input:
    return Input(text, placeholder=placeholder, suggester=suggester, id=name, compact=True)


def _line(name: str, entry: Input | Select[str]) -> Horizontal:
    return Horizontal(Label(name), entry, classes="line whole" if name in WIDE else "line")
