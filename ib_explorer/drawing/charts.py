"""What a picture shows, whoever paints it: the plane, or information over layers or over training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from unicodedata import combining, east_asian_width

import numpy as np

from estimator.measurement import CheckpointMeasurements, Measurement
from estimator.text.kinds import LABELS
from ib_explorer.drawing.axes import Axis, Limits, extent
from ib_explorer.drawing.branches import line
from ib_explorer.drawing.canvas import Colour, Places, Run
from ib_explorer.drawing.looks import BAND, BOUND, DIAGONAL, appearance
from ib_explorer.drawing.plane import Plane, series_name
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, checkpoints_of
from ib_explorer.drawing.view import CONTEXT, View

Pairs = Sequence[tuple[float, float]]
_DRAWN_WIDE = "㉈㉉㉊㉋㉌㉍㉎㉏"
"""Characters of ambiguous width by Unicode that terminals and plotext draw two cells wide."""
SMALLEST = (20, 10)
"""Width and height below which there is no room for a picture."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart through ``pairs`` of x and y, broken where one is not finite.

    It consists of ``stroke`` characters (None: braille dots), with ``marker`` at each pair (None: no markers).
    """

    name: str
    pairs: Pairs
    colour: Colour
    marker: str | None = None
    stroke: str | None = None

    @property
    def symbol(self) -> str:
        """The line's symbol in the legend."""
        return self.marker or self.stroke or "⠒"


@dataclass(frozen=True, slots=True)
class Band:
    """The area between two lines, each by ascending x, filled with ``stroke`` characters."""

    name: str
    lower: Pairs
    upper: Pairs
    colour: Colour
    stroke: str

    @property
    def symbol(self) -> str:
        """The band's symbol in the legend."""
        return self.stroke

    def filling(self, window: Limits, columns: int) -> Line:
        """The band as a line with a vertical piece in every other of the window's ``columns`` that both lines reach."""
        left, right = window.x
        x = left + (np.arange(0, columns, 2) + 0.5) / columns * (right - left)
        ends = [np.array(line, dtype=np.float64).reshape(-1, 2).T for line in (self.lower, self.upper)]
        x = x[(x >= max(xs[0] for xs, _ in ends)) & (x <= min(xs[-1] for xs, _ in ends))]
        with np.errstate(over="ignore", invalid="ignore"):
            lower, upper = (np.interp(x, *line) for line in ends)
        pieces = np.stack([x, lower, x, upper, x, np.full_like(x, np.nan)], axis=1).reshape(-1, 2)
        return Line(self.name, [(at, height) for at, height in pieces.tolist()], self.colour, stroke=self.stroke)


@dataclass(frozen=True, slots=True)
class Chart:
    """One pair of axes and the lines between them: what puts the series in context, below the ``series`` themselves.

    The ``band`` and the ``bands``, of which the legend lists the first, are below all lines.
    """

    context: tuple[Line, ...]
    series: tuple[Line, ...]
    limits: Limits
    x_axis: Axis
    y_axis: Axis
    band: Band | None = None
    bands: tuple[Band, ...] = ()

    @property
    def areas(self) -> tuple[Band, ...]:
        """All bands."""
        return (*((self.band,) if self.band else ()), *self.bands)

    def below(self, columns: int) -> tuple[Line, ...]:
        """What is drawn before the series on a canvas of ``columns``: the band, and the lines of the context."""
        return *(band.filling(self.limits, columns) for band in self.areas), *self.context


def plane_chart(plane: Plane, limits: Limits | None = None) -> Chart:
    """The plane within ``limits`` (default: its own): its diagonal and bound, and its trajectories."""
    window, view = limits or plane.limits, plane.view
    context = []
    if not view.is_over_training:
        far = max(window.x[1], window.y[1], 0.0)
        name = "diagonal (bound)" if view.is_of_context else "diagonal"
        context.append(Line(name, ((0.0, 0.0), (far, far)), DIAGONAL, stroke="·"))
    if plane.bound:
        context.append(Line(view.drawn_bound.title, plane.bound, BOUND))
    is_between = plane.bound and plane.low
    band = Band("held-out to raw", plane.low, plane.bound, BAND, "░") if is_between else None
    pairs = [line(series.order, [(point.x, point.y) for point in series.points]) for series in plane.series]
    return Chart(tuple(context), _trajectories(plane, pairs), window, plane.x_axis, plane.y_axis, band)


def layers_chart(records: Sequence[CheckpointMeasurements], view: View) -> Chart:
    """The information of each trajectory's last checkpoint in ``records`` over its layers: one line for each side."""
    last: dict[Trajectory, tuple[CheckpointMeasurements, list[Measurement]]] = {}
    for trajectory, run in by_trajectory(tuple(records)).items():
        measured = [(parts[0], rows) for parts in checkpoints_of(run) if (rows := _rows_by_layer(parts, view))]
        if measured:
            last[trajectory] = measured[-1]
    view, titles = replace(view, layer="mean"), list(LABELS.titles(view.granularity).values())
    if view.is_of_context:
        titles[0] = CONTEXT
    named: list[tuple[str, Pairs]] = []
    for trajectory, (record, rows) in last.items():
        model = f"{series_name(trajectory, record, 'mean', view, list(last))} " if len(last) > 1 else ""
        for title in titles:
            values = [
                (float(row.layer), row.ceiling if title == CONTEXT else view.value.of(sides(row)[title]))
                for row in rows
            ]
            named.append((model + title, values))
    looks = [appearance(index, len(named), False) for index in range(len(named))]
    lines = tuple(Line(name, pairs, look.colour, look.marker) for (name, pairs), look in zip(named, looks, strict=True))
    layers = sorted({layer for line in lines for layer, _ in line.pairs})
    shown = ", ".join(f"{record.model}@{record.revision}" for record, _ in last.values())
    x_axis = Axis(f"layer of {shown}", tuple((layer, f"{layer:.0f}") for layer in layers))
    y_axis = Axis(titles[0] if len(titles) == 1 else "I / log n")
    return Chart((), lines, _limits([line.pairs for line in lines]), x_axis, y_axis)


def legend(chart: Chart, width: int) -> list[Run]:
    """The title of the y axis and, to the right, the lines; series that do not fit are counted instead."""
    title = narrow(chart.y_axis.title)[:width]
    count = len(chart.series)
    for shown in range(count, -1, -1):
        more = [("+", f"{count - shown} more", DIAGONAL)] if shown < count else []
        drawn: tuple[Line | Band, ...] = (*chart.context, *chart.areas[:1], *chart.series[:shown])
        entries = [(one.symbol, narrow(one.name), one.colour) for one in drawn] + more
        length = sum(len(symbol) + 1 + len(name) for symbol, name, _ in entries) + 3 * max(len(entries) - 1, 0)
        if length <= width - len(title) - 2:
            break
    else:
        entries, length = [], 0
    row: list[Run] = [(title + " " * (width - len(title) - length), None)]
    for index, (symbol, name, shade) in enumerate(entries):
        row += [("   " if index else "", None), (symbol, shade), (f" {name}", None)]
    return row


def shares(pairs: Pairs, window: Limits) -> Places:
    """Where the pairs lie in the window, as shares of its extents; far outside is not finite, hence a gap."""
    (left, right), (bottom, top) = window.x, window.y
    with np.errstate(over="ignore", invalid="ignore"):
        places = (np.array(pairs, dtype=np.float64).reshape(-1, 2) - (left, bottom)) / (right - left, top - bottom)
    return np.where(np.abs(places) < 1e12, places, np.nan)


def narrow(text: str) -> str:
    """The text with one cell per character: what a terminal draws wider, or not at all, becomes a question mark."""
    return "".join(
        character
        if character.isprintable()
        and east_asian_width(character) not in "WF"
        and character not in _DRAWN_WIDE
        and not combining(character)
        else "?"
        for character in text
    )


def _trajectories(plane: Plane, pairs: Sequence[Pairs]) -> tuple[Line, ...]:
    """The series of the plane through these pairs."""
    looks = [appearance(index, len(pairs), plane.view.layer == "each") for index in range(len(pairs))]
    return tuple(
        Line(series.name, mine, look.colour, look.marker)
        for series, mine, look in zip(plane.series, pairs, looks, strict=True)
    )


def _rows_by_layer(parts: Iterable[CheckpointMeasurements], view: View) -> list[Measurement]:
    """One checkpoint's rows in the view, one for each layer, ascending."""
    rows: dict[int, Measurement] = {}
    for record in parts:
        for row in view.rows(record):
            if isinstance(row.layer, int):
                rows.setdefault(row.layer, row)
    return [rows[layer] for layer in sorted(rows)]


def _limits(lines: Iterable[Pairs]) -> Limits:
    finite = [pair for pairs in lines for pair in pairs if all(map(math.isfinite, pair))]
    if not finite:
        return Limits((0.0, 1.0), (0.0, 1.0))
    return Limits(extent([x for x, _ in finite]), extent([y for _, y in finite]))
