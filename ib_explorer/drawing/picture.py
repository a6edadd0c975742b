"""The information plane drawn with characters, for the screen, the command line and a pipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import combining, east_asian_width

import numpy as np

from ib_explorer.drawing.axes import Axis, Limits
from ib_explorer.drawing.canvas import Canvas, Colour, Places, Run
from ib_explorer.drawing.plane import Plane, Point, Series
from ib_explorer.drawing.shelf import Same

# Okabe and Ito: colours that colour-blind eyes tell apart, without black, one blue lightened for dark screens.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (64, 140, 215),
)
# Layers have an order, and so have their colours: viridis without its dark end.
ORDERED: tuple[Colour, ...] = ((110, 110, 220), (52, 148, 190), (40, 175, 125), (150, 210, 70), (253, 231, 60))
# Eight markers against seven colours: 56 series differ in at least one, and 8 without any colour.
MARKERS = "●■▲◆○□△◇"
DIAGONAL: Colour = (110, 110, 110)
BOUND: Colour = (160, 160, 200)
SELECTED: Colour = (255, 255, 255)
SMALLEST = (20, 10)
"""Width and height below which there is no room for a picture."""

_DOTS = "·"
_NULL = "×"
_SELECTED = "◉"


@dataclass(frozen=True, slots=True)
class Appearance:
    """How one series looks, everywhere: its colour and its marker."""

    colour: Colour
    marker: str


def appearance(index: int, count: int, ordered: bool) -> Appearance:
    """The appearance of series ``index`` of ``count``; ``ordered`` series (layers) get neighbouring colours."""
    marker = MARKERS[index % len(MARKERS)]
    if not ordered:
        return Appearance(PALETTE[index % len(PALETTE)], marker)
    place = index / max(count - 1, 1) * (len(ORDERED) - 1)
    lower = min(int(place), len(ORDERED) - 2)
    red, green, blue = (
        round(a + (place - lower) * (b - a)) for a, b in zip(ORDERED[lower], ORDERED[lower + 1], strict=True)
    )
    return Appearance((red, green, blue), marker)


def draw_plane(
    plane: Plane,
    width: int,
    height: int,
    *,
    colour: bool,
    selected: Point | None,
    limits: Limits | None = None,
) -> str:
    """The plane as :func:`plane_rows` has it, as text: with ANSI colours if ``colour``, else plain."""
    rows = plane_rows(plane, width, height, selected=selected, limits=limits)
    return "\n".join("".join(_painted(text, shade if colour else None) for text, shade in row) for row in rows)


def plane_rows(
    plane: Plane, width: int, height: int, *, selected: Point | None, limits: Limits | None = None
) -> list[list[Run]]:
    """The plane as ``height`` rows of ``width`` cells.

    The first row holds the legend, the last the title of the x axis. ``selected`` is drawn with its bracket;
    ``limits`` (default: the plane's own) choose the window, outside of which nothing is drawn.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _blank("too small for the plane", width, height)
    window = limits or plane.limits
    rows = height - 4  # less legend, axis, its numbers and its title
    y_ticks = _named_ticks(plane.y_axis, window.y, height // 4, rows)
    margin = min(max((len(name) for name in y_ticks.values()), default=0), width // 2)
    chosen = None if selected is None else plane.series_of(selected)
    canvas = _drawn(Same(plane), window, Same(chosen), width - margin - 1, rows).copy()
    if selected is not None:
        _draw_selected(canvas, plane, window, selected)
    names = (y_ticks.get(row) for row in reversed(range(rows)))
    axis = [f"{name or '':>{margin}}"[:margin] + ("│" if name is None else "┤") for name in names]
    drawn: list[list[Run]] = [[(before, None), *row] for before, row in zip(axis, canvas.rows(), strict=True)]
    x_ticks = _named_ticks(plane.x_axis, window.x, width // 12, canvas.width)
    below = *_x_axis(x_ticks, canvas.width, margin), f"{plane.x_axis.title:>{width}}"
    drawn += [[(line, None)] for line in below]
    return [_legend(plane, width), *drawn]


@lru_cache(maxsize=2)
def _drawn(plane: Same[Plane], window: Limits, chosen: Same[Series | None], width: int, height: int) -> Canvas:
    """Everything inside the axes but the selected point, the ``chosen`` series over the others.

    Remembered: a step along a series moves nothing else.
    """
    canvas, series = Canvas(width, height), plane.value.series
    if not plane.value.view.is_over_training:
        far = max(window.x[1], window.y[1], 0.0)
        canvas.line(_places([(0.0, 0.0), (far, far)], window), DIAGONAL, _DOTS)
    canvas.line(_places(plane.value.bound, window), BOUND)
    for index, one in sorted(enumerate(series), key=lambda numbered: numbered[1] is chosen.value):
        look = appearance(index, len(series), plane.value.view.layer == "each")
        shown = _places([(point.x, point.y) for point in one.points], window)
        canvas.line(shown, look.colour)
        canvas.marks(shown, look.marker, look.colour)
    return canvas


def _draw_selected(canvas: Canvas, plane: Plane, window: Limits, point: Point) -> None:
    """The bracket as a cross of two arms, and the point on top."""
    canvas.line(_places([(end, point.y) for end in point.x_bracket], window), SELECTED, "─")
    canvas.line(_places([(point.x, end) for end in point.y_bracket], window), SELECTED, "│")
    if point.null[1]:
        canvas.marks(_places([point.null], window), _NULL, SELECTED)
    canvas.marks(_places([(point.x, point.y)], window), _SELECTED, SELECTED)


def ticks(lower: float, upper: float, count: int) -> tuple[list[float], list[str]]:
    """At most ``count`` (2 or more) round values from ``lower`` to ``upper``, and how they are written."""
    span = upper - lower
    power = 10.0 ** math.floor(math.log10(span / count))
    for step in (factor * power for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
        if last - first < count:
            break
    values = [index * step for index in range(first, last + 1)]
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e5 or step < 1e-6:
        return values, [f"{value:.1e}" for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return values, [f"{value:.{decimals}f}" for value in values]


def marked(marks: Sequence[tuple[float, str]], lower: float, upper: float, width: int) -> tuple[list[float], list[str]]:
    """The marks from ``lower`` to ``upper`` that stand apart on an axis of ``width`` cells; the last is among them."""
    shown: list[tuple[float, str]] = []
    room = math.inf
    for place, name in reversed(marks):
        cell = (place - lower) / (upper - lower) * width
        right = min(cell + len(name) / 2, width)
        if 0 <= cell <= width and right + 2 <= room:
            shown.insert(0, (place, name))
            room = right - len(name)
    return [place for place, _ in shown], [name for _, name in shown]


def _named_ticks(axis: Axis, ends: tuple[float, float], count: int, cells: int) -> dict[int, str]:
    """The cell of each tick, from the lower end, and what is written there: the axis's marks, or else its values."""
    lower, upper = ends
    values, names = marked(axis.marks, lower, upper, cells) if axis.marks else ticks(lower, upper, max(count, 2))
    shares = [min(max((value - lower) / (upper - lower), 0.0), 1.0) for value in values]
    return {min(int(share * cells), cells - 1): name for share, name in zip(shares, names, strict=True)}


def _x_axis(names: dict[int, str], width: int, margin: int) -> tuple[str, str]:
    """The axis with its ticks and, under it, their names, each under its tick as far as there is room."""
    line = "".join("┬" if cell in names else "─" for cell in range(width))
    written = ""
    for cell, name in names.items():
        start = min(margin + 1 + cell - (len(name) - 1) // 2, margin + 1 + width - len(name))
        if start >= len(written) + bool(written):
            written += " " * (start - len(written)) + name
    return f"{'':{margin}}└{line}", f"{written:{margin + 1 + width}}"


def _places(pairs: Sequence[tuple[float, float]], window: Limits) -> Places:
    """Where values lie in the window, as shares of it; far outside is not finite, hence a gap."""
    (left, right), (bottom, top) = window.x, window.y
    with np.errstate(over="ignore", invalid="ignore"):
        shares = (np.array(pairs, dtype=np.float64).reshape(-1, 2) - (left, bottom)) / (right - left, top - bottom)
    return np.where(np.abs(shares) < 1e12, shares, np.nan)


def _legend(plane: Plane, width: int) -> list[Run]:
    """The title of the y axis, and to the right what is drawn; series that find no room are counted instead."""
    bounds = [
        *([] if plane.view.is_over_training else [("·", "diagonal", DIAGONAL)]),
        *([("⠒", _narrow(plane.view.drawn_bound.title), BOUND)] if plane.bound else []),
    ]
    count = len(plane.series)
    looks = [appearance(index, count, plane.view.layer == "each") for index in range(count)]
    named = [(look.marker, _narrow(series.name), look.colour) for look, series in zip(looks, plane.series, strict=True)]
    title = plane.y_axis.title
    for shown in range(count, -1, -1):
        more = [("+", f"{count - shown} more", DIAGONAL)] if shown < count else []
        entries = bounds + named[:shown] + more
        length = sum(len(symbol) + 1 + len(name) for symbol, name, _ in entries) + 3 * (len(entries) - 1)
        if length <= width - len(title) - 2:
            break
    else:
        entries, length = [], 0
    row: list[Run] = [(title + " " * (width - len(title) - length), None)]
    for index, (symbol, name, shade) in enumerate(entries):
        row += [("   " if index else "", None), (symbol, shade), (f" {name}", None)]
    return row


def _narrow(text: str) -> str:
    """The text with one cell per character: what a terminal draws wider, or not at all, becomes a question mark."""
    return "".join(
        character
        if character.isprintable() and east_asian_width(character) not in "WF" and not combining(character)
        else "?"
        for character in text
    )


def _painted(text: str, colour: Colour | None) -> str:
    return text if colour is None else f"\x1b[38;2;{colour[0]};{colour[1]};{colour[2]}m{text}\x1b[0m"


def _blank(text: str, width: int, height: int) -> list[list[Run]]:
    return [[((text if row == height // 2 else "")[:width].ljust(width), None)] for row in range(height)]
