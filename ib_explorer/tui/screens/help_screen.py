"""The help, generated from the key map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import Static, TabPane

from estimator.bottleneck.bounds import BOUNDS
from ib_explorer.tui.keymap import Key, written
from ib_explorer.tui.screens.dialog import Dialog

_NUMBERS = (
    ("plug-in", "the paper's estimate; biased upward, most for rare labels"),
    ("null", "expected plug-in estimate for labels with the same counts but unrelated to Z"),
    ("adjusted", "what is known beyond documents and chance, scaled to the ceiling; drawn by default"),
    ("corrected", "plug-in minus null: on average not above the truth, documents included"),
    ("±error", "standard error of the drawn value, over groups of documents or shuffled labels"),
    ("docs", "the document part: what labels shuffled within their documents keep"),
    ("length", "of pairs: the part of the null that a difference in length makes; 0 with --match-length"),
    ("low, high", "the bracket, which should contain the value for a new document"),
    ("share", "I(Y;Z) / I(context;Z): the part of all that is retained that tells what follows"),
    ("labels", "number of distinct labels; once: share of positions whose label occurs once"),
    ("ceiling", "plug-in estimate with a distinct label at every position"),
    ("optimality", "I(Y;Z) / I(X;Z); withheld (–) where I(X;Z) is at most 3 errors"),
    ("gap", "bits from the drawn point up to the IB curve at the same I(X;Z): its held-out estimate, the raw curve"),
    ("", "below 0, the point has more: the estimate is low, and Z sees more than X"),
    ("ε", "min over β of (F − F_β)/β for the raw curve, in bits"),
    ("one successor", "share of positions whose X has a single Y; near 100 % the curve is the diagonal"),
)


class HelpScreen(Dialog[None]):
    """All keys by group, and the meaning of the numbers."""

    BINDINGS: ClassVar[list[BindingType]] = [("question_mark,q", "leave", "close")]

    def __init__(self, keys: Sequence[Key], part: Widget | None = None) -> None:
        super().__init__()
        self.keys, self.part = keys, part

    def compose(self) -> ComposeResult:
        """The box."""
        with VerticalScroll(classes="box wide") as box:
            box.border_title = "keys and values"
            yield Static(help_text(self.keys, self.part))


def help_text(keys: Iterable[Key], part: Widget | None = None) -> Text:
    """The keys of the focused ``part``, all ``keys`` by group, and the values."""
    text = Text()
    own = [] if part is None else part_keys(part)
    if own:
        text.append(f"Here: {part_title(part)}\n", style="bold")
        for names, description in own:
            text.append(f"  {names:22}")
            text.append(f"{description}\n", style="dim")
        text.append("\n")
    for group, members in groupby(keys, key=lambda key: key.group):
        text.append(f"{group}\n", style="bold")
        for key in members:
            shown = "  ".join(written(one) for one in key.keys)
            text.append(f"  {shown:22}")
            text.append(f"{key.text}\n", style="dim")
        text.append("\n")
    text.append("Values: fractions of log n for n anchors, except counts\n", style="bold")
    for name, meaning in (*_NUMBERS, *((bound.title, bound.help) for bound in BOUNDS.values())):
        text.append(f"  {name:22}")
        text.append(f"{meaning}\n", style="dim")
    text.rstrip()
    return text


def part_title(part: Widget | None) -> str:
    """What a focused widget is called: its title, or that of its tab."""
    while part is not None:
        if part.border_title:
            return str(part.border_title)
        if isinstance(part, TabPane):
            return str(part._title)
        part = part.parent if isinstance(part.parent, Widget) else None
    return "this part"


def part_keys(part: Widget) -> list[tuple[str, str]]:
    """The keys of a focused widget, as written, with the descriptions of its bindings."""
    found: dict[str, list[str]] = {}
    for kind in type(part).__mro__:
        if kind in (Widget, ScrollView):
            break
        for binding in Binding.make_bindings(kind.__dict__.get("BINDINGS", ())):
            if binding.description:
                found.setdefault(binding.description, []).append(written(binding.key))
    return [("  ".join(names), description.lower()) for description, names in found.items()]
