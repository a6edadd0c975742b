"""Information, a ratio of it and the loss over training: one chart for each, on one axis of steps or tokens."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import positions, segments, stage_rank
from estimator.measurement import MARGIN
from estimator.turn import NoTurn, Turn
from estimator.values import USUAL
from ib_explorer.drawing.axes import Axis, Limits, extent
from ib_explorer.drawing.branches import line
from ib_explorer.drawing.charts import Band, Chart, Line
from ib_explorer.drawing.looks import BAND, BOUND, DIAGONAL
from ib_explorer.drawing.plane import Plane, Point, Series
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.drawing.turns import turn_of

Counted = Literal["step", "tokens"]
COUNTED: tuple[Counted, ...] = ("step", "tokens")
OPTIMALITY, SHARE = "optimality", "predictive share"
QUANTITIES = ("I(X;Z)", "I(Y;Z)", OPTIMALITY, SHARE)
"""The quantities of a row that are drawn over training and layers; the last two are ratios."""
UNIT = "share of log n"
Estimate = tuple[float, float, float]
"""A value and the ends of its bracket; NaN where unknown."""
_UNKNOWN = (math.nan, math.nan, math.nan)
_MOST_BANDS = 3


@dataclass(frozen=True, slots=True)
class Training:
    """The charts, and by series of the plane: the place of each checkpoint, its estimates by chart, and its turn.

    ``said`` are the sentences on the turns, such as ``turn at step 4,000 (1,000-16,000)``; empty where none is claimed.
    """

    charts: tuple[Chart, ...]
    places: tuple[Mapping[Revision, float], ...]
    estimates: tuple[tuple[Mapping[Revision, Estimate], ...], ...]
    turns: tuple[Turn | NoTurn, ...]
    said: tuple[str, ...]


def training(plane: Plane, counted: Counted = "step", ratio: str = OPTIMALITY, chosen: int | None = None) -> Training:
    """The training of the plane's series, with brackets and turn of the ``chosen`` one (None: of the first few)."""
    return _training(Same(plane), counted, ratio, chosen)


def training_charts(plane: Plane, counted: Counted = "step") -> tuple[Chart, ...]:
    """The charts of :func:`training`."""
    return training(plane, counted).charts


@lru_cache(maxsize=8)
def _training(same: Same[Plane], counted: Counted, ratio: str, chosen: int | None) -> Training:
    plane = same.value
    runs = [[revision_of(point.checkpoint) for point in series.points] for series in plane.series]
    axis, places, names = counted_axis(runs, counted)
    turns = [turn_of(series) for series in plane.series]
    said = tuple(_sentence(turn, run, name, axis.title) for turn, run, name in zip(turns, runs, names, strict=True))
    shown = range(len(runs)) if len(runs) <= _MOST_BANDS else range(0)
    marked = shown if chosen is None else range(chosen, chosen + 1)
    quantities = _quantities(plane, ratio)
    charts, estimates = [], []
    for index, (title, of) in enumerate(quantities):
        found = [
            {at: of(point) for at, point in zip(run, series.points, strict=True)}
            for series, run in zip(plane.series, runs, strict=True)
        ]
        if title.startswith("loss") and not any(value == value for one in found for value, *_ in one.values()):
            continue
        of_turn = next((said[one] for one in marked if said[one]), "") if index == 1 and len(quantities) > 2 else ""
        heading = f"{title} · {of_turn}" if of_turn else title
        charts.append(_chart(plane, runs, places, found, turns, marked, axis, heading))
        estimates.append(tuple(found))
    return Training(tuple(charts), tuple(places), tuple(estimates), tuple(turns), said)


def _quantities(plane: Plane, ratio: str) -> list[tuple[str, Callable[[Point], Estimate]]]:
    y = (f"{plane.y_axis.title}, {UNIT}", lambda point: (point.y, *point.y_bracket))
    loss = ("loss, nats per token", lambda point: (_known(point.checkpoint.loss),) * 3)
    if plane.view.is_over_training:
        return [y, loss]
    x = (f"{plane.x_axis.title}, {UNIT}", lambda point: (point.x, *point.x_bracket))
    return [x, y, (ratio, lambda point: ratio_of(point, ratio)), loss]


def ratio_of(point: Point, ratio: str) -> Estimate:
    """The optimality of the plotted value, or the predictive share, with 2 standard errors where they are known."""
    row = point.measurement
    if ratio == SHARE:
        value, error = row.predictive_share, row.predictive_share_se
    else:
        value = point.value.optimality(row)
        error = row.optimality_se if point.value.name == USUAL else None
    if value is None:
        return _UNKNOWN
    room = MARGIN * _known(error)
    return value, value - room, value + room


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def counted_axis(
    runs: Sequence[Sequence[Revision]], counted: Counted
) -> tuple[Axis, list[dict[Revision, float]], list[dict[Revision, str]]]:
    """The axis and, run by run, the place of each checkpoint on it and how that is written.

    Counts are those from the start of training, on a log scale; ``main``, whose count is unknown, follows the
    checkpoint before it. Where a run lacks tokens the axis has steps, and where it lacks those too, ordinals.
    """
    counts = [dict(zip(run, positions(run), strict=True)) for run in runs]
    usable = {kind: all(any(pair[kind] is not None for pair in mine.values()) for mine in counts) for kind in (0, 1)}
    wanted = COUNTED.index(counted)
    kind = next((one for one in (wanted, 0, 1) if usable[one]), None)
    known = [pair[kind] for mine in counts for pair in mine.values() if kind is not None and pair[kind]]
    unit = min((number for number in known if number is not None), default=1) if kind == 1 else 1
    places: list[dict[Revision, float]] = []
    names: list[dict[Revision, str]] = []
    for run, mine in zip(runs, counts, strict=True):
        place: dict[Revision, float] = {}
        name: dict[Revision, str] = {}
        for segment in segments(run):
            before = max(place.values(), default=0.0) if segment.origin is None else place[segment.origin]
            for revision in segment.revisions:
                count = None if kind is None else mine[revision][kind]
                before = before + (1.0 if kind is None else 0.25) if count is None else math.log2(1 + count / unit)
                place[revision] = before
                name[revision] = revision.name if count is None else written(count, kind)
        places.append(place)
        names.append(name)
    marks = {place[one]: name[one] for place, name in zip(places, names, strict=True) for one in place}
    title = "checkpoint" if kind is None else ("training step", "training tokens")[kind]
    return Axis(title, tuple(sorted(marks.items()))), places, names


def written(count: int, kind: int | None) -> str:
    """A count of steps as a number, or of tokens (``kind`` 1) with its unit."""
    if kind != 1:
        return f"{count:,}"
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)


def _sentence(turn: Turn | NoTurn, run: Sequence[Revision], names: Mapping[Revision, str], title: str) -> str:
    if isinstance(turn, NoTurn):
        return ""
    at, first, last = (names[run[index]] for index in (turn.index, turn.first, turn.last))
    return f"turn at {title.removeprefix('training ')} {at} ({first}–{last})"


def _chart(
    plane: Plane,
    runs: Sequence[Sequence[Revision]],
    places: Sequence[Mapping[Revision, float]],
    found: Sequence[Mapping[Revision, Estimate]],
    turns: Sequence[Turn | NoTurn],
    marked: range,
    axis: Axis,
    title: str,
) -> Chart:
    ends: list[float] = []
    lines, bands = [], []
    for index, (series, run) in enumerate(zip(plane.series, runs, strict=True)):
        triples = [found[index][at] for at in run]
        place = [places[index][at] for at in run]
        pairs = line(series.order, [(x, value) for x, (value, _, _) in zip(place, triples, strict=True)])
        lines.append(Line(series.name, pairs, series.look.colour, series.look.marker))
        ends += [value for value, _, _ in triples]
        if index in marked:
            bands += _bands(series, place, triples)
            ends += [end for _, *both in triples for end in both]
    window = Limits(_widest([x for mine in places for x in mine.values()]), _widest(ends))
    context = _verticals(runs, places, turns, marked, window)
    return Chart(tuple(context), tuple(lines), window, axis, Axis(title), bands=tuple(bands))


def _bands(series: Series, place: Sequence[float], triples: Sequence[Estimate]) -> list[Band]:
    """The brackets of a series, one band for each branch."""
    parts = [list(part) for is_gap, part in itertools.groupby(series.order, lambda one: one is None) if not is_gap]
    bands = []
    for part in parts:
        mine = [
            (place[index], *triples[index][1:])
            for index in part
            if index is not None and all(map(math.isfinite, triples[index]))
        ]
        if len(mine) > 1 and any(low < high for _, low, high in mine):
            mine.sort()
            bands.append(Band("bracket", [(x, low) for x, low, _ in mine], [(x, up) for x, _, up in mine], BAND, "░"))
    return bands


def _verticals(
    runs: Sequence[Sequence[Revision]],
    places: Sequence[Mapping[Revision, float]],
    turns: Sequence[Turn | NoTurn],
    marked: range,
    window: Limits,
) -> list[Line]:
    """Vertical lines at the turns and at the ends of stages of the marked series."""
    turned = [places[one][runs[one][turn.index]] for one in marked if isinstance(turn := turns[one], Turn)]
    ends = [place for one in marked for place in _stage_ends(runs[one], places[one])]
    lines = []
    for name, xs, colour, stroke in (("turn", turned, BOUND, "┃"), ("end of stage", ends, DIAGONAL, "┆")):
        pairs = [pair for x in xs for pair in ((x, window.y[0]), (x, window.y[1]), (math.nan, math.nan))]
        if pairs:
            lines.append(Line(name, pairs, colour, stroke=stroke))
    return lines


def _stage_ends(run: Sequence[Revision], place: Mapping[Revision, float]) -> list[float]:
    """The place of the last checkpoint of each stage but the last."""
    last: dict[float, float] = {}
    for one in run:
        if one.is_placed:
            rank = stage_rank(one)
            last[rank] = max(last.get(rank, 0.0), place[one])
    return [last[rank] for rank in sorted(last)][:-1]


def _widest(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    return extent(finite) if finite else (0.0, 1.0)
