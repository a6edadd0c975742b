"""What a picture shows, whoever paints it: the plane, or information over layers or over training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from unicodedata import combining, east_asian_width

import numpy as np

from estimator.measurement import CheckpointMeasurements, Measurement
from estimator.text.kinds import LABELS
from estimator.turn import Turn
from ib_explorer.drawing.axes import SHARE, Axis, Limits, extent
from ib_explorer.drawing.branches import line
from ib_explorer.drawing.canvas import Colour, Places, Run
from ib_explorer.drawing.looks import BAND, BOUND, DIAGONAL, appearance
from ib_explorer.drawing.marks import Label
from ib_explorer.drawing.names import short_place
from ib_explorer.drawing.plane import Plane, Point, Series, series_name
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, checkpoints_of, revision_of
from ib_explorer.drawing.turns import turn_of
from ib_explorer.drawing.view import CONTEXT, View

Pairs = Sequence[tuple[float, float]]
_DRAWN_WIDE = "㉈㉉㉊㉋㉌㉍㉎㉏"
"""Characters of ambiguous width by Unicode that terminals and plotext draw two cells wide."""
LABELLED = 3
"""The most series whose ends are labelled."""
SMALLEST = (20, 10)
"""Width and height below which there is no room for a picture."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart through ``pairs`` of x and y, broken where one is not finite.

    It consists of ``stroke`` characters (None: braille dots), with ``marker`` at each pair (None: no markers); where
    it is ``directed``, the markers of older points are smaller, and arrows show the direction.
    """

    name: str
    pairs: Pairs
    colour: Colour
    marker: str | None = None
    stroke: str | None = None
    directed: bool = False

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

    The ``band`` and the ``bands``, of which the legend lists the first, are below all lines. ``labels`` are written
    where they find room. ``hidden`` are lines that only the legend lists, each with its index among all.
    """

    context: tuple[Line, ...]
    series: tuple[Line, ...]
    limits: Limits
    x_axis: Axis
    y_axis: Axis
    band: Band | None = None
    bands: tuple[Band, ...] = ()
    labels: tuple[Label, ...] = ()
    hidden: tuple[tuple[int, Line], ...] = ()

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
    is_directed = not view.is_over_training
    lines = tuple(replace(one, directed=is_directed) for one in _trajectories(plane, pairs))
    hidden = tuple((index, Line(one.name, (), DIAGONAL, one.look.marker)) for index, one in plane.hidden)
    labels = tuple(_labels(plane)) if is_directed else ()
    return Chart(tuple(context), lines, window, plane.x_axis, plane.y_axis, band, labels=labels, hidden=hidden)


def labelled(series: Series) -> list[tuple[Point, str]]:
    """The points of a series that are labelled on the plane, with their texts: its last, its first, and its turn."""
    turn = turn_of(series)
    texts = {index: "" for index in (len(series.points) - 1, 0)} | (
        {turn.index: "turn "} if isinstance(turn, Turn) else {}
    )
    places = {index: short_place(revision_of(series.points[index].checkpoint)) for index in texts}
    return [(series.points[index], text + places[index]) for index, text in texts.items()]


def _labels(plane: Plane) -> Iterator[Label]:
    """The labels of all series, or of none where they are too many to tell apart."""
    if len(plane.series) <= LABELLED:
        for series in plane.series:
            for point, text in labelled(series):
                yield Label(point.x, point.y, narrow(text), series.look.colour)


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
    y_axis = Axis(titles[0] if len(titles) == 1 else "I", unit=SHARE)
    return Chart((), lines, _limits([line.pairs for line in lines]), x_axis, y_axis)


def legend(chart: Chart, width: int, *, numbered: bool = False) -> list[Run]:
    """The title of the y axis and, to the right, the lines; series that do not fit are counted instead.

    The unit is left out where it would take the room of a line. ``numbered`` series have the digit of the key that
    hides and shows them; hidden ones are dim and in brackets.
    """
    series: list[tuple[str, str, Colour, Colour | None]] = [
        (one.symbol, narrow(one.name), one.colour, None) for one in chart.series
    ]
    for index, one in chart.hidden:
        series.insert(index, (one.symbol, f"({narrow(one.name)})", DIAGONAL, DIAGONAL))
    if numbered:
        series = [
            (f"{at} {symbol}" if at < 10 else symbol, name, colour, named)
            for at, (symbol, name, colour, named) in enumerate(series, 1)
        ]
    drawn: tuple[Line | Band, ...] = (*chart.context, *chart.areas[:1])
    context = [(one.symbol, narrow(one.name), one.colour, None) for one in drawn]
    for title in (narrow(chart.y_axis.caption)[:width], narrow(chart.y_axis.title)[:width]):
        if (length := _length([*context, *series])) <= width - len(title) - 2:
            return _legend(title, [*context, *series], width - len(title) - length)
    for shown in range(len(series) - 1, -1, -1):
        entries = [*context, *series[:shown], ("+", f"{len(series) - shown} more", DIAGONAL, None)]
        if (length := _length(entries)) <= width - len(title) - 2:
            return _legend(title, entries, width - len(title) - length)
    return _legend(title, [], width - len(title))


_Entry = tuple[str, str, Colour, Colour | None]
"""An entry of the legend: its symbol and name, and the colour of each."""


def _length(entries: Sequence[_Entry]) -> int:
    return sum(len(symbol) + 1 + len(name) for symbol, name, *_ in entries) + 3 * max(len(entries) - 1, 0)


def _legend(title: str, entries: Sequence[_Entry], room: int) -> list[Run]:
    row: list[Run] = [(title + " " * room, None)]
    for index, (symbol, name, shade, named) in enumerate(entries):
        row += [("   " if index else "", None), (symbol, shade), (f" {name}", named)]
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
    return tuple(
        Line(series.name, mine, series.look.colour, series.look.marker)
        for series, mine in zip(plane.series, pairs, strict=True)
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
