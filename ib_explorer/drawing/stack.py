"""Charts below each other on one x axis, painted on canvases for the live screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from ib_explorer.drawing.axes import Axis, marked, ticks
from ib_explorer.drawing.canvas import Canvas, Colour, Run
from ib_explorer.drawing.charts import Chart, legend, shares
from ib_explorer.drawing.shelf import Same

CURSOR: Colour = (255, 255, 255)
_LEAST = 4
"""Rows of a strip with its title."""
_MARGIN = 7
"""Cells of the numbers of the y axes."""


def visible(height: int, count: int) -> int:
    """How many of ``count`` strips fit ``height`` rows, at least one."""
    return max(min((height - _frame(height)) // _LEAST, count), 1)


def stack_rows(
    charts: Sequence[Chart], width: int, height: int, *, cursor: float | None, values: Sequence[tuple[float, str]]
) -> list[list[Run]]:
    """The charts as ``height`` rows of ``width`` cells; the legend above, one x axis below.

    ``cursor`` is the x of the vertical line, and ``values`` are by chart its y there and how that is written.
    """
    columns = width - _MARGIN - 1
    if columns < 10 or height < 4 or not charts:
        return [[(" " * width, None)] for _ in range(height)]
    frame = _frame(height)
    room = height - frame
    rows: list[list[Run]] = []
    if frame > 1:
        rows.append(legend(replace(charts[0], y_axis=Axis(f"{charts[0].x_axis.title} →")), width))
    for index, (chart, (y, said)) in enumerate(zip(charts, values, strict=True)):
        mine = room // len(charts) + (index < room % len(charts))
        rows += _strip(chart, width, mine, cursor, y, said)
    return rows + _axis(charts[0], columns, frame)


def _frame(height: int) -> int:
    """The rows of the legend and of the x axis."""
    return 3 if height >= 7 else 1


def _strip(chart: Chart, width: int, height: int, cursor: float | None, y: float, said: str) -> list[list[Run]]:
    title = f"{chart.y_axis.title}  {said}"
    rows: list[list[Run]] = [[(title[:width].ljust(width), CURSOR if said else None)]]
    cells = height - 1
    canvas = _drawn(Same(chart), width - _MARGIN - 1, cells).copy()
    if cursor is not None:
        canvas.line(shares([(cursor, end) for end in chart.limits.y], chart.limits), CURSOR, "│")
        canvas.marks(shares([(cursor, y)], chart.limits), "◉", CURSOR)
    lower, upper = chart.limits.y
    values, names = ticks(lower, upper, max(cells // 2, 2))
    at = {
        min(int((one - lower) / (upper - lower) * cells), cells - 1): name
        for one, name in zip(values, names, strict=True)
    }
    for row, runs in zip(reversed(range(cells)), canvas.rows(), strict=True):
        name = at.get(row)
        rows.append([(f"{name or '':>{_MARGIN}}"[:_MARGIN] + ("│" if name is None else "┤"), None), *runs])
    return rows


@lru_cache(maxsize=16)
def _drawn(same: Same[Chart], width: int, height: int) -> Canvas:
    """What a chart shows but the cursor; cached, because a step changes only that."""
    chart, canvas = same.value, Canvas(width, height)
    for line in (*chart.below(width), *chart.series):
        places = shares(line.pairs, chart.limits)
        canvas.line(places, line.colour, line.stroke)
        if line.marker is not None:
            canvas.marks(places, line.marker, line.colour)
    return canvas


def _axis(chart: Chart, columns: int, frame: int) -> list[list[Run]]:
    lower, upper = chart.limits.x
    values, names = marked(chart.x_axis.marks, lower, upper, columns)
    cells = [min(max(int((value - lower) / (upper - lower) * columns), 0), columns - 1) for value in values]
    line = ["─"] * columns
    written = [" "] * (_MARGIN + 1 + columns)
    for cell, name in zip(cells, names, strict=True):
        line[cell] = "┬"
        start = max(min(_MARGIN + 1 + cell - (len(name) - 1) // 2, len(written) - len(name)), 0)
        written[start : start + len(name)] = name
    below = [" " * _MARGIN + "└" + "".join(line), "".join(written)]
    return [[(text, None)] for text in below[2 - min(frame, 2) :]]
