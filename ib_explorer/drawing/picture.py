"""The information plane painted on our canvas, for the live screen: fast, and unable to end the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ib_explorer.drawing.axes import Axis, Limits, marked, ticks
from ib_explorer.drawing.canvas import Canvas, Colour, Places, Run
from ib_explorer.drawing.charts import LABELLED, Chart, labelled, legend, narrow, plane_chart, shares
from ib_explorer.drawing.looks import GHOST
from ib_explorer.drawing.marks import COVERED, Label, arrows, markers, write_labels
from ib_explorer.drawing.names import short_place
from ib_explorer.drawing.plane import Plane, Point
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import revision_of

LEAST = (20, 8)
"""Width and height below which there is no room for the plane."""
SELECTED: Colour = (255, 255, 255)
_NULL = "×"
_SELECTED, _COMPANION = "◉", "◎"
_ABOVE, _BELOW = 1, 3
"""Lines above the axes (the legend), and below (the axis, its numbers and its title)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the axes of a picture are: ``columns`` by ``rows`` cells right of ``margin`` cells, over ``window``."""

    margin: int
    columns: int
    rows: int
    window: Limits

    def place(self, column: int, row: int) -> tuple[float, float] | None:
        """What lies in the middle of a cell of the whole picture; None outside of the axes."""
        across, down = column - self.margin - 1, row - _ABOVE
        if not (0 <= across < self.columns and 0 <= down < self.rows):
            return None
        (left, right), (bottom, top) = self.window.x, self.window.y
        return (
            left + (across + 0.5) / self.columns * (right - left),
            top - (down + 0.5) / self.rows * (top - bottom),
        )

    def nearest(self, points: Sequence[Point], column: int, row: int) -> Point | None:
        """The point drawn nearest to a cell of the whole picture; None if the cell or all points are outside."""
        place = self.place(column, row)
        if place is None or not points:
            return None
        places = shares([(point.x, point.y) for point in points], self.window)
        apart = (places - shares([place], self.window)) * (self.columns, 2 * self.rows)
        apart = np.where(((places >= 0) & (places <= 1)).all(axis=1), np.hypot(*apart.T), np.inf)
        index = int(np.argmin(apart))
        return points[index] if np.isfinite(apart[index]) else None


def frame(plane: Plane, width: int, height: int, limits: Limits | None = None) -> Frame | None:
    """The frame of the plane in a picture of that size; None if it is too small."""
    if width < LEAST[0] or height < LEAST[1]:
        return None
    window, rows = limits or plane.limits, height - _ABOVE - _BELOW
    names = _named_ticks(plane.y_axis, window.y, height // 4, rows).values()
    margin = min(max(map(len, names), default=0), width // 2)
    return Frame(margin, width - margin - 1, rows, window)


def plane_rows(
    plane: Plane,
    width: int,
    height: int,
    *,
    selected: Point | None,
    companions: Sequence[Point] = (),
    limits: Limits | None = None,
    numbered: bool = False,
) -> list[list[Run]]:
    """The plane as ``height`` rows of ``width`` cells.

    The first row holds the legend, with digits if ``numbered``, the last the title of the x axis. ``selected`` is drawn
    with its bracket, and marked with its ``companions``; ``limits`` (default: the plane's own) set the window, outside
    which nothing is drawn.
    """
    shape = frame(plane, width, height, limits)
    if shape is None:
        return _blank("too small for the plane", width, height)
    chart = _chart(Same(plane), limits)
    margin, rows = shape.margin, shape.rows
    y_ticks = _named_ticks(chart.y_axis, chart.limits.y, height // 4, rows)
    series = None if selected is None else plane.series_of(selected)
    chosen = next((index for index, one in enumerate(plane.series) if one is series), None)
    canvas = _drawn(Same(chart), chosen, shape.columns, rows).copy()
    if selected is not None:
        _draw_selected(canvas, chart.limits, selected)
    _draw_labels(canvas, plane, chart, selected, companions)
    names = (y_ticks.get(row) for row in reversed(range(rows)))
    axis = [f"{name or '':>{margin}}"[:margin] + ("│" if name is None else "┤") for name in names]
    drawn: list[list[Run]] = [[(before, None), *row] for before, row in zip(axis, canvas.rows(), strict=True)]
    x_ticks = _named_ticks(chart.x_axis, chart.limits.x, width // 12, canvas.width)
    below = *_x_axis(x_ticks, canvas.width, margin), f"{chart.x_axis.caption[:width]:>{width}}"
    drawn += [[(line, None)] for line in below]
    return [legend(chart, width, numbered=numbered), *drawn]


@lru_cache(maxsize=2)
def _chart(plane: Same[Plane], limits: Limits | None) -> Chart:
    """The plane's chart, remembered, so that :func:`_drawn` recognises it."""
    return plane_chart(plane.value, limits)


@lru_cache(maxsize=2)
def _drawn(chart: Same[Chart], chosen: int | None, width: int, height: int) -> Canvas:
    """Everything inside the axes but labels and the selected point, series ``chosen`` over the others.

    Cached: a step along a series changes only the selected point.
    """
    canvas = Canvas(width, height)
    draw_lines(canvas, chart.value, chosen)
    return canvas


def draw_lines(canvas: Canvas, chart: Chart, chosen: int | None = None) -> list[tuple[Places, str, Colour]]:
    """Draw the band, all lines, then all markers and arrows, so that no line makes a hole in another; returns those."""
    series = [line for index, line in enumerate(chart.series) if index != chosen]
    above = [] if chosen is None else [chart.series[chosen]]
    lines = [(line, shares(line.pairs, chart.limits)) for line in (*chart.below(canvas.width), *series, *above)]
    drawn: list[tuple[Places, str, Colour]] = []
    for line, places in lines:
        canvas.line(places, line.colour, line.stroke)
    for line, places in lines:
        if line.marker is not None:
            size, crowded = (canvas.width, canvas.height), len(chart.series) > LABELLED and line not in above
            for symbol, at in markers(places, line.marker, *size, ages=line.directed, is_crowded=crowded):
                canvas.marks(at, symbol, line.colour)
                drawn.append((at, symbol, line.colour))
    for line, places in lines:
        if line.directed and (len(chart.series) <= LABELLED or line in above):
            for symbol, at in arrows(places, canvas):
                canvas.marks(at, symbol, line.colour)
                drawn.append((at, symbol, line.colour))
    return drawn


def _draw_selected(canvas: Canvas, window: Limits, point: Point) -> None:
    """The bracket as a cross with end caps, the ghost of unrelated labels with a line to it, and the point on top."""
    place = shares([(point.x, point.y)], window)
    if point.null[1]:
        canvas.line(shares([point.null, (point.x, point.y)], window), GHOST, "⠂", over=COVERED)
    _draw_bracket(canvas, shares([(end, point.y) for end in point.x_bracket], window), 0, "─", "├┤◂▸")
    _draw_bracket(canvas, shares([(point.x, end) for end in point.y_bracket], window), 1, "│", "┴┬▾▴")
    if point.null[1]:
        canvas.marks(shares([point.null], window), _NULL, GHOST)
    canvas.marks(place, _SELECTED, SELECTED)


def _draw_bracket(canvas: Canvas, ends: Places, axis: int, stroke: str, caps: str) -> None:
    """An arm of the bracket, below lines; its ends (low, high) above them, or arrows where it leaves the window."""
    canvas.line(ends, SELECTED, stroke, over=COVERED)
    other = ends[:, 1 - axis]
    size = (canvas.width, canvas.height)[axis]
    if not np.isfinite(ends).all() or not ((other >= 0) & (other <= 1)).all():
        return
    if int(ends[0, axis] * size) == int(ends[1, axis] * size):  # within the point's cell
        return
    for place, cap, arrow, outside in zip(ends, caps[:2], caps[2:], (ends[0] < 0, ends[1] > 1), strict=True):
        leaves = bool(outside[axis])
        canvas.marks(np.clip(place, 0.0, 1.0)[None] if leaves else place[None], arrow if leaves else cap, SELECTED)


def _draw_labels(
    canvas: Canvas, plane: Plane, chart: Chart, selected: Point | None, companions: Sequence[Point]
) -> None:
    """Mark the companions, then write the labels: of the cursor and its companions, then of the ends of the series."""
    marked_points = list(companions) if selected is None else [selected, *companions]
    labels = []
    for point in marked_points:
        series = plane.series_of(point)
        colour = SELECTED if point is selected or series is None else series.look.colour
        if point is not selected:
            canvas.marks(shares([(point.x, point.y)], chart.limits), _COMPANION, colour)
        labels.append(Label(point.x, point.y, narrow(short_place(revision_of(point.checkpoint))), colour))
    own = None if selected is None else plane.series_of(selected)
    ends: list[Label] = list(chart.labels)
    if own is not None and not ends:
        ends = [Label(point.x, point.y, narrow(text), own.look.colour) for point, text in labelled(own)]
    taken = {(label.x, label.y) for label in labels}
    labels += [label for label in ends if (label.x, label.y) not in taken]
    write_labels(canvas, [(shares([(label.x, label.y)], chart.limits), label) for label in labels])


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
