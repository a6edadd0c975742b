"""Charts drawn with plotext as text, for terminals and pipes.

plotext's kernel is C++ and ends the process on input that it does not expect. All that it is given here are finite
places in the unit square, fixed limits, short numbers for the ticks and a size that has room for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotext

from ib_explorer.drawing.axes import Axis, marked, ticks
from ib_explorer.drawing.canvas import Canvas, Colour, Places, clipped
from ib_explorer.drawing.charts import SMALLEST, Chart, Line, legend, narrow, shares
from ib_explorer.drawing.marks import write_labels
from ib_explorer.drawing.picture import draw_lines

_BLANK = "\u00a0"
"""A blank within a label: plotext would draw a space as nothing."""


def draw(charts: Sequence[Chart], width: int, height: int, *, colour: bool) -> str:
    """The charts below each other, as ``height`` lines of ``width`` characters, with ANSI colours if ``colour``.

    Each chart takes at least ``SMALLEST``.
    """
    heights = [height // len(charts) + (index < height % len(charts)) for index in range(len(charts))]
    return "\n".join(_chart(chart, width, mine, colour) for chart, mine in zip(charts, heights, strict=True))


def _chart(chart: Chart, width: int, height: int, colour: bool) -> str:
    """One chart: its legend, plotext's axes and lines, and the title of the x axis."""
    width, height = max(width, SMALLEST[0]), max(height, SMALLEST[1])
    y_ticks = _ticks(chart.y_axis, chart.limits.y, height // 4, height)
    columns = width - 1 - max(map(len, y_ticks[1]), default=0)
    x_ticks = _ticks(chart.x_axis, chart.limits.x, width // 12, columns)
    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.theme("colorless").canvas("default").plot_size(width, height - 2)
    figure.axes(False, axis="x", side="upper").axes(False, axis="y", side="right")
    for axis, side, (places, names) in (("x", "lower", x_ticks), ("y", "left", y_ticks)):
        figure.ruler(axis, side).lim(0, 1).ticks(places, names)
    for line in (*chart.below(columns), *chart.series):
        _draw_line(line, shares(line.pairs, chart.limits))
    canvas = Canvas(columns, height - 4)
    for at, symbol, shade in draw_lines(canvas, chart):
        plotext.figure.draw(_signal(at, symbol, shade))
    placed = [(shares([(label.x, label.y)], chart.limits), label) for label in chart.labels]
    for row, column, label in write_labels(canvas, placed):
        for cell, character in enumerate(label.text, column):
            centre = np.array([[(cell + 0.5) / columns, 1 - (row + 0.5) / (height - 4)]])
            plotext.figure.draw(_signal(centre, character if character != " " else _BLANK, label.colour))
    above = "".join(_painted(text, shade if colour else None) for text, shade in legend(chart, width))
    body = figure.build().string(colorless=not colour).removesuffix("\n").replace(_BLANK, " ")
    return "\n".join((above, body, f"{narrow(chart.x_axis.caption)[:width]:>{width}}"))


def _ticks(axis: Axis, ends: tuple[float, float], count: int, cells: int) -> tuple[list[float], list[str]]:
    """Where the ticks of an axis are, as shares of it, and how they are written."""
    lower, upper = ends
    values, names = marked(axis.marks, lower, upper, cells) if axis.marks else ticks(lower, upper, max(count, 2))
    places = [min(max((value - lower) / (upper - lower), 0.0), 1.0) for value in values]
    return places, [narrow(name) or " " for name in names]


def _draw_line(line: Line, places: Places) -> None:
    """The line within the unit square, lifted at gaps and outside."""
    start, end = clipped(places[:-1], places[1:])
    if len(start):
        goes_on = np.concatenate([[False], (start[1:] == end[:-1]).all(axis=1)])
        corners = np.stack([start, end], axis=1).reshape(-1, 2)
        corners = corners[np.stack([~goes_on, np.ones_like(goes_on)], axis=1).reshape(-1)]
        signal = _signal(corners, line.stroke or "braille", line.colour).lines(True)
        ends = np.cumsum(1 + ~goes_on) - 1
        for index in (ends[~goes_on] - 1).tolist():
            signal.line(index, False)
        plotext.figure.draw(signal)


def _signal(places: Places, symbol: str, colour: Colour) -> plotext.signal:
    marker = plotext.marker(symbol, plotext.pixel(colour))
    return plotext.figure.signal(places[:, 0].tolist(), places[:, 1].tolist(), marker=marker)


def _painted(text: str, colour: Colour | None) -> str:
    return text if colour is None else f"\x1b[38;2;{colour[0]};{colour[1]};{colour[2]}m{text}\x1b[0m"
