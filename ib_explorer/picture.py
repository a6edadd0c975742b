"""The information plane drawn with characters, for the screen, the command line and a pipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from ib_explorer.axes import Axis
from ib_explorer.plane import Bound, Limits, Plane, Point
from ib_explorer.polyline import Place, clipped, inside, runs, thinned

if TYPE_CHECKING:
    import plotext

Colour = tuple[int, int, int]

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
"""Width and height below which there is no room for a picture; plotext itself fails on less than 20 by 8."""

BOUND_NAMES: dict[Bound, str] = {
    "diagonal": "diagonal",
    "dpi": "data processing",
    "ib": "IB curve",
    "held-out": "held-out IB curve",
}

_LINE = "braille"
_DOTS = "·"
_NULL = "×"
_RESET = "\x1b[0m"


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
    """The plane as ``height`` lines of ``width`` cells, with ANSI colours if ``colour``, else as plain text.

    The first line holds the legend, the last the title of the x axis. ``selected`` is drawn with its bracket;
    ``limits`` (default: the plane's own) choose the window, outside of which nothing is drawn.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _blank("no room for the plane", width, height)
    window = limits or plane.limits
    figure = _empty_figure(width, height - 2, window, (plane.x_axis, plane.y_axis))
    if not plane.view.is_preference:
        _draw_line(figure, [(0.0, 0.0), (_far(window), _far(window))], window, width, _marker(_DOTS, DIAGONAL))
    _draw_line(figure, plane.bound, window, width, _marker(_LINE, BOUND))
    # The series of the selected point comes last, over the others.
    chosen = None if selected is None else plane.series_of(selected)
    for index, series in sorted(enumerate(plane.series), key=lambda numbered: numbered[1] is chosen):
        look = appearance(index, len(plane.series), plane.view.layer == "each")
        places = [(point.x, point.y) for point in series.points]
        _draw_line(figure, places, window, width, _marker(_LINE, look.colour))
        _draw_markers(figure, places, window, width, _marker(look.marker, look.colour))
    if selected is not None:
        _draw_selected(figure, plane, selected, window, width)
    drawn = figure.build().string(not colour).splitlines()
    title = f"{plane.x_axis.title:>{width}}"
    return "\n".join([_legend(plane, width, colour), *drawn[: height - 2], title])


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
        cell = _share(place, lower, upper) * width
        if 0 <= cell <= width and cell + len(name) / 2 + 2 <= room:
            shown.insert(0, (place, name))
            room = cell - len(name) / 2
    return [place for place, _ in shown], [name for _, name in shown]


def _empty_figure(width: int, height: int, window: Limits, axes: tuple[Axis, Axis]) -> plotext.figure:
    """plotext's one figure, cleared; everything is drawn in the unit square, where its kernel is at ease."""
    import plotext  # takes a tenth of a second, which the first frame and --help need not wait for

    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.axes(False, side=1)
    figure.legend(False)
    sizes = (("x", window.x, width, width // 12), ("y", window.y, height, height // 4))
    for axis, (side, (lower, upper), cells, count) in zip(axes, sizes, strict=True):
        ends = lower, upper
        values, names = marked(axis.marks, *ends, cells) if axis.marks else ticks(*ends, max(count, 2))
        ruler = figure.ruler(side, 0)
        ruler.lim(0, 1)
        if values:
            ruler.ticks([min(max(_share(value, lower, upper), 0.0), 1.0) for value in values], names)
        else:
            ruler.frequency(0)
    return figure


def _draw_selected(figure: plotext.figure, plane: Plane, point: Point, window: Limits, width: int) -> None:
    """The bracket as a cross of two arms, and the point on top."""
    bright = _marker("─", SELECTED)
    _draw_line(figure, [(point.x_bracket[0], point.y), (point.x_bracket[1], point.y)], window, width, bright)
    upright = _marker("│", SELECTED)
    _draw_line(figure, [(point.x, point.y_bracket[0]), (point.x, point.y_bracket[1])], window, width, upright)
    if plane.view.preset == "paper":
        _draw_markers(figure, [point.null], window, width, _marker(_NULL, SELECTED))
    _draw_markers(figure, [(point.x, point.y)], window, width, _marker("◉", SELECTED))


def _draw_line(
    figure: plotext.figure, places: Iterable[Place], window: Limits, width: int, marker: plotext.marker
) -> None:
    for stretch in runs(_in_unit_square(place, window) for place in places):
        for part in clipped(stretch):
            thin = thinned(part, 2 * width)
            figure.draw(figure.signal([x for x, _ in thin], [y for _, y in thin], marker=marker).lines())


def _draw_markers(
    figure: plotext.figure, places: Sequence[Place], window: Limits, width: int, marker: plotext.marker
) -> None:
    scaled = (place for stretch in runs(_in_unit_square(place, window) for place in places) for place in stretch)
    shown = thinned([place for place in scaled if inside(place)], 2 * width)
    if shown:
        figure.draw(figure.signal([x for x, _ in shown], [y for _, y in shown], marker=marker))


def _in_unit_square(place: Place, window: Limits) -> Place:
    return _share(place[0], *window.x), _share(place[1], *window.y)


def _share(value: float, lower: float, upper: float) -> float:
    """Where ``value`` lies between the two; far outside answers as not finite, hence as a gap."""
    share = (value - lower) / (upper - lower)
    return share if abs(share) < 1e12 else math.nan


def _far(window: Limits) -> float:
    return max(window.x[1], window.y[1], 0.0)


def _marker(symbol: str, colour: Colour) -> plotext.marker:
    import plotext

    return plotext.marker(symbol, plotext.pixel(colour))


def _legend(plane: Plane, width: int, colour: bool) -> str:
    """The title of the y axis, and to the right what is drawn; series that find no room are counted instead."""
    bounds = [
        *([] if plane.view.is_preference else [("·", "diagonal", DIAGONAL)]),
        *([("⠒", BOUND_NAMES[plane.view.drawn_bound], BOUND)] if plane.bound else []),
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
    parts = [f"{_paint(symbol, shade) if colour else symbol} {name}" for symbol, name, shade in entries]
    return title + " " * (width - len(title) - length) + "   ".join(parts)


def _narrow(text: str) -> str:
    """The text with one cell per character: what a terminal draws wider, or not at all, becomes a question mark."""
    return "".join(
        character
        if character.isprintable() and east_asian_width(character) not in "WF" and not combining(character)
        else "?"
        for character in text
    )


def _paint(text: str, colour: Colour) -> str:
    return f"\x1b[38;2;{colour[0]};{colour[1]};{colour[2]}m{text}{_RESET}"


def _blank(text: str, width: int, height: int) -> str:
    return "\n".join((text if row == height // 2 else "")[:width].ljust(width) for row in range(height))
