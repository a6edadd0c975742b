"""The commands of the screen and their keys: the source of bindings, footer, help and command palette.

They are those of ``assets/keys.toml``, and one for each tab.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from textual.binding import Binding

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


def bindings() -> list[Binding]:
    """The bindings of the key map; those of tabs are added to the running application."""
    return [binding for key in _key_map() for binding in key.bindings]
