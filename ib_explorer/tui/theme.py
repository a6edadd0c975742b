"""A dark theme with colour-blind safe colours."""

from __future__ import annotations

from textual.theme import Theme

PLANE = Theme(
    name="plane",
    primary="#56b4e9",
    secondary="#009e73",
    accent="#e69f00",
    warning="#e69f00",
    error="#d55e00",
    success="#009e73",
    foreground="#d8dce2",
    background="#11141a",
    surface="#161a21",
    panel="#1d222b",
    dark=True,
    variables={"footer-key-foreground": "#e69f00", "border": "#3a4250", "border-blurred": "#2b313c"},
)
