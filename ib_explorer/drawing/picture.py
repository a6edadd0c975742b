"""The information plane painted on our canvas, for the live screen: fast, and unable to end the process."""

from __future__ import annotations

from functools import lru_cache

from ib_explorer.drawing.axes import Axis, Limits, marked, ticks
from ib_explorer.drawing.canvas import Canvas, Colour, Run
from ib_explorer.drawing.charts import SMALLEST, Chart, legend, plane_chart, shares
from ib_explorer.drawing.plane import Plane, Point
from ib_explorer.drawing.shelf import Same

SELECTED: Colour = (255, 255, 255)
_NULL = "×"
_SELECTED = "◉"


def plane_rows(
    plane: Plane, width: int, height: int, *, selected: Point | None, limits: Limits | None = None
) -> list[list[Run]]:
    """The plane as ``height`` rows of ``width`` cells.

    The first row holds the legend, the last the title of the x axis. ``selected`` is drawn with its bracket; ``limits``
    (default: the plane's own) set the window, outside which nothing is drawn.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _blank("too small for the plane", width, height)
    chart = _chart(Same(plane), limits)
    rows = height - 4  # minus the legend, the axis, its numbers and its title
    y_ticks = _named_ticks(chart.y_axis, chart.limits.y, height // 4, rows)
    margin = min(max((len(name) for name in y_ticks.values()), default=0), width // 2)
    series = None if selected is None else plane.series_of(selected)
    chosen = next((index for index, one in enumerate(plane.series) if one is series), None)
    canvas = _drawn(Same(chart), chosen, width - margin - 1, rows).copy()
    if selected is not None:
        _draw_selected(canvas, chart.limits, selected)
    names = (y_ticks.get(row) for row in reversed(range(rows)))
    axis = [f"{name or '':>{margin}}"[:margin] + ("│" if name is None else "┤") for name in names]
    drawn: list[list[Run]] = [[(before, None), *row] for before, row in zip(axis, canvas.rows(), strict=True)]
    x_ticks = _named_ticks(chart.x_axis, chart.limits.x, width // 12, canvas.width)
    below = *_x_axis(x_ticks, canvas.width, margin), f"{chart.x_axis.title:>{width}}"
    drawn += [[(line, None)] for line in below]
    return [legend(chart, width), *drawn]


@lru_cache(maxsize=2)
def _chart(plane: Same[Plane], limits: Limits | None) -> Chart:
    """The plane's chart, remembered, so that :func:`_drawn` recognises it."""
    return plane_chart(plane.value, limits)


@lru_cache(maxsize=2)
def _drawn(chart: Same[Chart], chosen: int | None, width: int, height: int) -> Canvas:
    """Everything inside the axes but the selected point, series ``chosen`` over the others.

    Cached: a step along a series changes only the selected point.
    """
    canvas = Canvas(width, height)
    series = [line for index, line in enumerate(chart.value.series) if index != chosen]
    above = [] if chosen is None else [chart.value.series[chosen]]
    for line in (*chart.value.below(width), *series, *above):
        places = shares(line.pairs, chart.value.limits)
        canvas.line(places, line.colour, line.stroke)
        if line.marker is not None:
            canvas.marks(places, line.marker, line.colour)
    return canvas


def _draw_selected(canvas: Canvas, window: Limits, point: Point) -> None:
    """The bracket as a cross of two arms, and the point on top."""
    canvas.line(shares([(end, point.y) for end in point.x_bracket], window), SELECTED, "─")
    canvas.line(shares([(point.x, end) for end in point.y_bracket], window), SELECTED, "│")
    if point.null[1]:
        canvas.marks(shares([point.null], window), _NULL, SELECTED)
    canvas.marks(shares([(point.x, point.y)], window), _SELECTED, SELECTED)


def _named_ticks(axis: Axis, ends: tuple[float, float], count: int, cells: int) -> dict[int, str]:
    """The cell of each tick, from the lower end, and its text: the axis's marks, or else its values."""
    lower, upper = ends
    values, names = marked(axis.marks, lower, upper, cells) if axis.marks else ticks(lower, upper, max(count, 2))
    shares = [min(max((value - lower) / (upper - lower), 0.0), 1.0) for value in values]
    return {min(int(share * cells), cells - 1): name for share, name in zip(shares, names, strict=True)}


def _x_axis(names: dict[int, str], width: int, margin: int) -> tuple[str, str]:
    """The axis with its ticks and, below it, their labels, each under its tick if there is space."""
    line = "".join("┬" if cell in names else "─" for cell in range(width))
    written = ""
    for cell, name in names.items():
        start = min(margin + 1 + cell - (len(name) - 1) // 2, margin + 1 + width - len(name))
        if start >= len(written) + bool(written):
            written += " " * (start - len(written)) + name
    return f"{'':{margin}}└{line}", f"{written:{margin + 1 + width}}"


def _blank(text: str, width: int, height: int) -> list[list[Run]]:
    return [[((text if row == height // 2 else "")[:width].ljust(width), None)] for row in range(height)]
