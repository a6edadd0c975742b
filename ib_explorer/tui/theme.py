"""The themes of the screen: colours, and filters that fit all that is drawn to a terminal with fewer of them.

A filter sees every finished line, so that pictures, borders and widgets of other packages need no knowledge of themes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.filter import LineFilter
from textual.theme import Theme

from ib_explorer.tui.filters import Ascii, Contrast, SixteenColours

_SAFE: dict[str, Any] = {
    "secondary": "#009e73",
    "accent": "#e69f00",
    "warning": "#e69f00",
    "error": "#d55e00",
    "success": "#009e73",
}
"""Colours that colour-blind eyes tell apart, on dark ground."""
_DARK: dict[str, Any] = {"foreground": "#d8dce2", "background": "#11141a", "surface": "#161a21", "panel": "#1d222b"}
_ON_DARK: dict[str, Any] = {"footer-key-foreground": "#e69f00", "border": "#3a4250", "border-blurred": "#2b313c"}


@dataclass(frozen=True, slots=True)
class Look:
    """A theme, and the ``filters`` that its lines pass."""

    theme: Theme
    filters: tuple[LineFilter, ...] = ()


THEMES: Mapping[str, Look] = {
    look.theme.name: look
    for look in (
        Look(Theme("dark", primary="#56b4e9", **_SAFE, **_DARK, variables=_ON_DARK)),
        Look(
            Theme(
                "light",
                primary="#00609c",
                secondary="#00714f",
                accent="#9a5b00",
                warning="#9a5b00",
                error="#b03a00",
                success="#00714f",
                foreground="#1c2128",
                background="#fbfbf9",
                surface="#f2f2ee",
                panel="#e4e5e0",
                dark=False,
                variables={"footer-key-foreground": "#9a5b00", "border": "#8a909a", "border-blurred": "#b4b9c0"},
            ),
            (Contrast(4.5),),
        ),
        Look(
            Theme(
                "high-contrast",
                primary="#7fd0ff",
                secondary="#40e0a8",
                accent="#ffc94d",
                warning="#ffc94d",
                error="#ff8a4d",
                success="#40e0a8",
                foreground="#ffffff",
                background="#000000",
                surface="#000000",
                panel="#303030",
                text_alpha=1.0,
                variables={"footer-key-foreground": "#ffc94d", "border": "#ffffff", "border-blurred": "#c0c0c0"},
            ),
            (Contrast(7.0),),
        ),
        Look(
            Theme(
                "16-colours",
                primary="#55ffff",
                secondary="#00aa00",
                accent="#ffff55",
                warning="#ffff55",
                error="#ff5555",
                success="#00aa00",
                foreground="#d8d8d8",
                background="#000000",
                surface="#000000",
                panel="#0000aa",
                variables={"footer-key-foreground": "#ffff55", "border": "#aaaaaa", "border-blurred": "#aaaaaa"},
            ),
            (SixteenColours(),),
        ),
        Look(Theme("ascii", primary="#56b4e9", **_SAFE, **_DARK, variables=_ON_DARK), (Ascii(),)),
    )
}
"""All themes by name; the names are the choices of the option ``theme``."""
