"""Rows of styled cells as an SVG that needs no font of its own.

Braille dots, blocks and lines are drawn as shapes; other text is fitted to the cells with ``textLength``, so that it
stays aligned in whichever monospace font the reader has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

CELL = (9.0, 18.0)
"""Width and height of a cell in pixels."""
_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_DOTS = ((0, 0, 0x01), (0, 1, 0x02), (0, 2, 0x04), (1, 0, 0x08), (1, 1, 0x10), (1, 2, 0x20), (0, 3, 0x40), (1, 3, 0x80))
_ARMS = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru",
    "┼": "lrud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "━": "lr", "╸": "l", "╺": "r",
}  # fmt: skip
_EDGES = {"l": (0.0, 0.5), "r": (1.0, 0.5), "u": (0.5, 0.0), "d": (0.5, 1.0)}
_LEFT = {character: (8 - index) / 8 for index, character in enumerate("█▉▊▋▌▍▎▏")}
_LOWER = {character: (index + 1) / 8 for index, character in enumerate("▁▂▃▄▅▆▇")}
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}


@dataclass(frozen=True, slots=True)
class Span:
    """Adjacent cells of one style; colours as ``#rrggbb``, ``background`` None where it is that of the picture."""

    text: str
    colour: str
    background: str | None = None
    bold: bool = False
    dim: bool = False


def svg(rows: Sequence[Iterable[Span]], width: int, *, background: str, title: str) -> str:
    """The rows of ``width`` cells as the text of an SVG file, with ``title`` for screen readers."""
    across, down = CELL
    size = round(width * across), round(len(rows) * down)
    body = [part for row, spans in enumerate(rows) for part in _row(spans, row * down)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {size[0]} {size[1]}" role="img" font-family="{_FONT}" font-size="15">',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" fill="{background}"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _row(spans: Iterable[Span], top: float) -> Iterable[str]:
    left = 0.0
    for span in spans:
        extent = len(span.text) * CELL[0]
        if span.background is not None:
            yield f'<rect x="{left:g}" y="{top:g}" width="{extent:g}" height="{CELL[1]:g}" fill="{span.background}"/>'
        yield from _span(span, left, top)
        left += extent


def _span(span: Span, left: float, top: float) -> Iterable[str]:
    """The shapes of a span as one path, its shades, and its other text, word by word."""
    faint = ' opacity="0.6"' if span.dim else ""
    fill: list[str] = []
    stroke: list[str] = []
    letters = []
    for index, character in enumerate(span.text):
        x = left + index * CELL[0]
        if character in _ARMS:
            stroke += [_arm(x, top, arm) for arm in _ARMS[character]]
        elif character in _SHADES:
            yield _shade(x, top, span.colour, _SHADES[character])
        elif shape := _shape(character, x, top):
            fill.append(shape)
        else:
            letters.append(character)
            continue
        letters.append(" ")
    if fill:
        yield f'<path d="{"".join(fill)}" fill="{span.colour}"{faint}/>'
    if stroke:
        yield f'<path d="{"".join(stroke)}" stroke="{span.colour}" fill="none"{faint}/>'
    weight = ' font-weight="bold"' if span.bold else ""
    for start, word in _words("".join(letters)):
        x, length = left + start * CELL[0], len(word) * CELL[0]
        yield (
            f'<text x="{x:g}" y="{top + CELL[1] * 0.75:g}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs" '
            f'fill="{span.colour}"{weight}{faint}>{escape(word)}</text>'
        )


def _words(text: str) -> Iterable[tuple[int, str]]:
    start = 0
    for word in text.split(" "):
        if word:
            yield start, word
        start += len(word) + 1


def _arm(x: float, top: float, arm: str) -> str:
    across, down = _EDGES[arm]
    return f"M{x + CELL[0] / 2:g} {top + CELL[1] / 2:g}L{x + CELL[0] * across:g} {top + CELL[1] * down:g}"


def _shade(x: float, top: float, colour: str, share: float) -> str:
    return f'<rect x="{x:g}" y="{top:g}" width="{CELL[0]:g}" height="{CELL[1]:g}" fill="{colour}" opacity="{share:g}"/>'


def _shape(character: str, x: float, top: float) -> str:
    """The path of a braille character, a block or a marker; empty for other characters."""
    across, down = CELL
    if "\u2800" <= character <= "\u28ff":
        bits = ord(character) - 0x2800
        places = [(x + across * (1 + 2 * i) / 4, top + down * (1 + 2 * j) / 8) for i, j, bit in _DOTS if bits & bit]
        return "".join(_circle(*place, 1.2) for place in places)
    if character in _LEFT:
        return _box(x, top, across * _LEFT[character], down)
    if character in _LOWER:
        return _box(x, top + down * (1 - _LOWER[character]), across, down * _LOWER[character])
    middle = x + across / 2, top + down / 2
    if character == "●":
        return _circle(*middle, 4)
    if character == "■":
        return _box(middle[0] - 3.5, middle[1] - 3.5, 7, 7)
    if character in "▲◆":
        x, y = middle
        corners = [(x, y - 4.5), (x + 4.5, y + 3.5), (x - 4.5, y + 3.5)]
        corners = corners if character == "▲" else [(x, y - 5), (x + 4, y), (x, y + 5), (x - 4, y)]
        return "M" + "L".join(f"{a:g} {b:g}" for a, b in corners) + "Z"
    return ""


def _circle(x: float, y: float, radius: float) -> str:
    around = f"a{radius:g} {radius:g} 0 1 0"
    return f"M{x - radius:g} {y:g}{around}{2 * radius:g} 0{around}{-2 * radius:g} 0"


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}Z"
