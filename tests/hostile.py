"""Names that would control a terminal, forge lines or be run by a spreadsheet, as others can give them to models."""

from __future__ import annotations

import unicodedata

TITLE = "\x1b]0;owned\x07evil"
NAMES = {
    "title": TITLE,
    "c1": "\x9b31mred",
    "lines": "a\nib-explorer: all is well\r",
    "reversed": "rtl\u202etxt\u2066.\u200f",
    "invisible": "gpt\u200b2\u00ad",
    "markup": "[red]x[/red] \\[bold]",
    "undecodable": "bad\udcff",
    "formula": "=cmd|' /c calc'!A0",
    "separator": "a\u2028b\u2029c",
}


def is_harmless(text: str) -> bool:
    """Whether nothing in ``text`` is a control or format character, except for newlines."""
    kinds = {unicodedata.category(character) for character in text if character != "\n"}
    return not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
