"""Replacements for characters that the encoding of a terminal or a pipe lacks."""

from __future__ import annotations

FALLBACK = "ib-explorer.plain"
"""The name of :func:`fallback` as an error handler of codecs."""

_PLAIN = {
    "–": "-",
    "—": "-",
    "…": "...",
    "·": ".",
    "×": "x",
    "±": "+-",
    "β": "beta",
    "ε": "eps",
    "✓": "ok",
    "✗": "x",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    **dict.fromkeys("─━┄┈", "-"),
    **dict.fromkeys("│┃┆┊", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛", "+"),
    **dict(zip("●■▲◆○□△◇", "o#A@cuvx", strict=True)),
    **dict(zip("∘•▫▪▵▴⋄", "..,,''^", strict=True)),
    **dict(zip("←↑→↓↖↗↘↙◂▸▾◉◎", "<^>v\\//\\<>v*@", strict=True)),
    "⠒": "-",
}
_BRAILLE = range(0x2800, 0x2900)


def fallback(error: UnicodeError) -> tuple[str | bytes, int]:
    """Error handler of codecs: similar ASCII characters where there are any, otherwise an escape such as ``\\xe9``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(map(_plain, missing)), error.end


def _plain(character: str) -> str:
    if ord(character) in _BRAILLE:
        dots = (ord(character) - _BRAILLE.start).bit_count()
        return " " if not dots else "." if dots < 3 else ":"
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
