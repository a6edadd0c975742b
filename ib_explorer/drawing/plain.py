"""Pictures and text in ASCII, each character replaced by as many cells as it took."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, east_asian_width, normalize

_PLAIN = {
    **dict(zip("–—…·×±βε✓✗‘’“”•◦", "--..x~bevx''\"\"*.", strict=True)),
    **dict.fromkeys("─━┄┈╌═╍", "-"),
    **dict.fromkeys("│┃┆┊║▏▕▎▍", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛╭╮╰╯╔╗╚╝┝┥", "+"),
    **dict(zip("●■▲◆○□△◇◉◎◐∘▫▪▵▴⋄", "o#A@cuvxO0%.,,'*^", strict=True)),
    **dict(zip("←↑→↓↖↗↘↙◂▸▾▶▼▲◀‖", "<^>v\\/\\/<>v>vA<|", strict=True)),
    "░": "`",
    "▒": ":",
    **dict.fromkeys("▓█▌▋▊▉▐", "#"),
    **dict.fromkeys("▁▂▃▄", "_"),
    **dict.fromkeys("▔▀▆▇▅", "#"),
}
_BRAILLE = range(0x2800, 0x2900)


def ascii_cells(text: str) -> str:
    """The text in ASCII, with the width in cells that it had."""
    return "".join(map(_ascii, text))


@lru_cache(4096)
def _ascii(character: str) -> str:
    if character.isascii():
        return character
    if ord(character) in _BRAILLE:
        dots = (ord(character) - _BRAILLE.start).bit_count()
        return " " if not dots else "." if dots < 3 else ":"
    if combining(character):
        return ""
    if east_asian_width(character) in "WF":
        return "??"
    plain = _PLAIN.get(character) or normalize("NFKD", character)[:1]
    return plain if plain.isascii() and plain.isprintable() else "?"
