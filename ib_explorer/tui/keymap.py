"""The commands of the screen and their keys: the source of bindings, footer, help and command palette.

They are those of ``assets/keys.toml``, and one for each tab.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol, cast

from textual.binding import Binding
from textual.keys import key_to_character

from ib_explorer.tui.tabs import TABS


@dataclass(frozen=True, slots=True)
class Key:
    """One command: its keys, its action, and its text in help and footer (``shown``: its keys in the footer).

    With ``{n}`` in its action, each key is a command of its own, with its number from 1 in the place of ``{n}``.
    """

    group: str
    keys: tuple[str, ...]
    action: str
    text: str
    shown: str
    footer: str | None

    @property
    def name(self) -> str:
        """Its name in the configuration file: its text, up to a bracket or colon."""
        return re.split(r"[(:]", self.text)[0].strip()

    @property
    def commands(self) -> list[tuple[str, str, str]]:
        """Each command's keys as shown, its action and its text."""
        if "{n}" not in self.action:
            return [(self.shown, self.action, self.text)]
        return [(key, self.action.format(n=n), f"{self.text}: {n}") for n, key in enumerate(self.keys, 1)]

    @property
    def bindings(self) -> list[Binding]:
        """The Textual bindings; only the first key of a command with a footer text is shown in the footer."""
        if "{n}" in self.action:
            return [Binding(key, action, text, show=False) for key, action, text in self.commands]
        key, *more = self.keys
        named = Binding(
            key, self.action, self.footer or self.text, show=self.footer is not None, key_display=self.shown
        )
        return [named, *(Binding(other, self.action, self.text, show=False) for other in more)]


def keys() -> tuple[Key, ...]:
    """All commands: those of the key map in its order, then the tabs."""
    return *_key_map(), *(Key("Tabs", (tab.key,), tab.action, tab.text, tab.key, None) for tab in TABS.values())


class HasKeys(Protocol):
    """The application, as widgets know it."""

    def key_of(self, action: str) -> str:
        """The key of an action as it is written."""


def key_of(app: object, action: str) -> str:
    """The key of an action in the running application, as it is written."""
    return cast(HasKeys, app).key_of(action)


@cache
def _key_map() -> tuple[Key, ...]:
    document = tomllib.loads(files("assets").joinpath("keys.toml").read_text(encoding="utf-8"))
    return tuple(
        Key(
            group["name"],
            tuple(entry["keys"]),
            entry["action"],
            entry["text"],
            entry.get("shown", " ".join(entry["keys"])),
            entry.get("footer"),
        )
        for group in document["group"]
        for entry in group["keys"]
    )


_SIGNS = {
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "circumflex_accent": "^",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
}


def written(key: str) -> str:
    """A key as it is written on a keyboard."""
    if key in _SIGNS:
        return _SIGNS[key]
    character = key_to_character(key) if "+" not in key else None
    return character if character and character.isprintable() and not character.isspace() else key
