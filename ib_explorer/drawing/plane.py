"""The information plane as data: the measured points, their order, and their bound.

Labels with one side have no plane: their information is plotted over training.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from estimator.bottleneck.bounds import DIAGONAL
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve, Corners, Distance, distance_to_bound
from estimator.measurement import (
    CheckpointMeasurements,
    Information,
    Layer,
    Measurement,
)
from estimator.text.kinds import LABELS
from estimator.values import Value
from ib_explorer.drawing.axes import SHARE, Axis, Limits, extent, training_axis
from ib_explorer.drawing.branches import Order, line_order
from ib_explorer.drawing.looks import Appearance, appearance
from ib_explorer.drawing.names import short_models
from ib_explorer.drawing.records import sample_size
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import Trajectory, checkpoints_of, grouped, layers_measured, revision_of
from ib_explorer.drawing.view import CONTEXT, View


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement on the plane: ``x`` is I(X;Z) and ``y`` I(Y;Z), fractions of log n.

    ``estimate`` is what ``x`` is a value of. It is None where ``x`` has no bracket: if it is I(context;Z) or, for
    labels with one side, the place of the checkpoint in training; ``y`` is then their information.
    """

    checkpoint: CheckpointMeasurements
    measurement: Measurement
    value: Value
    x: float
    y: float
    estimate: Information | None

    @property
    def x_bracket(self) -> tuple[float, float]:
        """The bracket of I(X;Z): :attr:`estimator.measurement.Information.bracket`."""
        return (self.x, self.x) if self.estimate is None else self.estimate.bracket

    @property
    def y_bracket(self) -> tuple[float, float]:
        """The bracket of I(Y;Z), or of the only side."""
        row = self.measurement
        return (row.expressivity or row.complexity).bracket

    @property
    def null(self) -> tuple[float, float]:
        """The point's expected place if its labels were independent of Z."""
        row = self.measurement
        x = self.x if self.estimate is None else self.value.null(self.estimate)
        return x, self.value.null(row.expressivity or row.complexity)

    @property
    def is_finite(self) -> bool:
        """Whether both coordinates are finite."""
        return math.isfinite(self.x) and math.isfinite(self.y)


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one trajectory at one layer (or the layers' mean), in training order.

    ``order`` is that of the line through them, which branches where training does. ``look`` does not depend on which
    series are hidden.
    """

    trajectory: Trajectory
    layer: Layer
    name: str
    points: tuple[Point, ...]
    order: Order
    look: Appearance


@dataclass(frozen=True, slots=True)
class Plane:
    """A picture of the information plane as data; ``bound``, unless it is the diagonal, as fractions of log n.

    ``low`` is the same line from the low estimate of the curve: the true one lies between the two. ``hidden`` are the
    series that are listed but not drawn, each with its index among all.
    """

    view: View
    series: tuple[Series, ...]
    bound: Corners
    low: Corners
    limits: Limits
    x_axis: Axis
    y_axis: Axis
    hidden: tuple[tuple[int, Series], ...] = ()

    @property
    def listed(self) -> tuple[Series, ...]:
        """All series, also the hidden ones, in the order of the legend."""
        series = list(self.series)
        for index, one in self.hidden:
            series.insert(index, one)
        return tuple(series)

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, series by series."""
        return tuple(point for series in self.series for point in series.points)

    def series_of(self, point: Point) -> Series | None:
        """The series that contains ``point``; None if it is not on this plane."""
        layer = point.measurement.layer
        return next((series for series in self.series if series.layer == layer and point in series.points), None)


def plane(
    records: Iterable[CheckpointMeasurements],
    view: View,
    curve: BoundCurve | None,
    low: BoundCurve | None = None,
    *,
    hidden: Collection[Trajectory] = (),
) -> Plane:
    """The plane of ``records`` in ``view``, with ``curve`` (bits) divided by log2 n anchors as its bound.

    ``low`` is the low estimate of that curve; the series of ``hidden`` trajectories are listed only.
    """
    series: list[Series] = []
    trajectories = grouped(record for record in records if view.shows(record))
    checkpoints = {trajectory: checkpoints_of(records) for trajectory, records in trajectories.items()}
    titles = list(LABELS.titles(view.granularity).values())
    x_axis = Axis(CONTEXT if view.is_of_context else titles[0], unit=SHARE)
    y_axis = Axis(titles[-1], unit=SHARE)
    places: list[Mapping[Revision, float]] = [{} for _ in checkpoints]
    if view.is_over_training:
        runs = [[revision_of(parts[0]) for parts in run] for run in checkpoints.values()]
        x_axis, places = training_axis(runs)
    for (trajectory, run), place in zip(checkpoints.items(), places, strict=True):
        layers = tuple(_layers(trajectories[trajectory], view))
        revisions = [revision_of(parts[0]) for parts in run]
        order = line_order(revisions)
        found = [
            _points(tuple(map(Same, parts)), layers, view, place.get(at))
            for at, parts in zip(revisions, run, strict=True)
        ]
        for layer in layers:
            points = tuple(points[layer] for points in found if layer in points)
            if points:
                name = series_name(trajectory, points[0].checkpoint, layer, view, list(trajectories))
                is_whole = len(points) == len(run)
                mine = order if is_whole else line_order([revision_of(point.checkpoint) for point in points])
                look = appearance(len(series), 1, False)
                series.append(Series(trajectory, layer, name, points, mine, look))
    if view.layer == "each":
        series = [replace(one, look=appearance(at, len(series), True)) for at, one in enumerate(series)]
    upper, lower = (_bound(one, series, view) for one in (curve, low))
    shown = tuple(one for one in series if one.trajectory not in hidden)
    listed = tuple((index, one) for index, one in enumerate(series) if one.trajectory in hidden)
    return Plane(view, shown, upper, lower, _limits(shown), x_axis, y_axis, listed)


def distance(point: Point, curve: BoundCurve) -> Distance:
    """Distance from ``point``, as drawn over I(X;Z), to the IB curve of its sample and granularity, in bits."""
    bits = math.log2(point.checkpoint.anchors)
    return distance_to_bound(curve, point.x * bits, point.y * bits)


def neighbour(plane: Plane, point: Point, *, along: int = 0, across: int = 0) -> Point:
    """The point ``along`` steps later in its series, or ``across`` series further at the same checkpoint if possible.

    Stops at the ends; returns a point that is not on the plane unchanged.
    """
    series = plane.series_of(point)
    if series is None:
        return point
    if across:
        row = plane.series.index(series)
        other = plane.series[min(max(row + across, 0), len(plane.series) - 1)]
        same = [p for p in other.points if revision_of(p.checkpoint) == revision_of(point.checkpoint)]
        fallback = other.points[min(series.points.index(point), len(other.points) - 1)]
        point, series = (same[0] if same else fallback), other
    at = min(max(series.points.index(point) + along, 0), len(series.points) - 1)
    return series.points[at]


def _layers(records: Sequence[CheckpointMeasurements], view: View) -> list[Layer]:
    if view.layer != "each":
        return [view.layer]
    return [layer for layer in layers_measured(records) if layer != 0] or [0]


@lru_cache(maxsize=2048)
def _points(
    records: tuple[Same[CheckpointMeasurements], ...], layers: tuple[Layer, ...], view: View, place: float | None
) -> dict[Layer, Point]:
    """One checkpoint's points by layer; if several records have the same row, the first one wins.

    ``place`` is that of the checkpoint in training, if that is the x axis. Cached, because a new checkpoint does not
    change the points of the others.
    """
    points: dict[Layer, Point] = {}
    for record in records:
        for row in view.rows(record.value, layers):
            if row.layer not in points:
                points[row.layer] = _point(record.value, row, view, place)
    return points


def _point(record: CheckpointMeasurements, row: Measurement, view: View, place: float | None) -> Point:
    value = view.value
    y = value.of(row.expressivity or row.complexity)
    if view.is_of_context:
        return Point(record, row, value, row.ceiling, y, None)
    if row.expressivity is not None:
        return Point(record, row, value, value.of(row.complexity), y, row.complexity)
    assert place is not None, "labels with one side are drawn over training"
    return Point(record, row, value, place, y, None)


def series_name(
    trajectory: Trajectory,
    checkpoint: CheckpointMeasurements,
    layer: Layer,
    view: View,
    trajectories: Sequence[Trajectory],
) -> str:
    """The name of a series: its model, its sample where ``trajectories`` share a model, its layer in a view of each."""
    parts = []
    if len(trajectories) > 1 or view.layer != "each":
        models = tuple(other.model for other in trajectories)
        parts.append(short_models(models, by_size=True)[trajectory.model])
    if sum(other.model == trajectory.model for other in trajectories) > 1:
        parts.append(f"({checkpoint.corpus}, {sample_size(checkpoint)})")
    if view.layer == "each":
        parts.append(f"layer {layer}")
    return " ".join(parts)


def _bound(curve: BoundCurve | None, series: Sequence[Series], view: View) -> Corners:
    if curve is None or not series or view.drawn_bound is DIAGONAL:  # the diagonal is always drawn
        return ()
    if view.weights != "frequency":  # the curve is that of labels as frequent as in the text
        return ()
    bits = math.log2(series[0].trajectory.anchors)
    return tuple((x / bits, y / bits) for x, y in view.drawn_bound.line(curve))


def _limits(series: Sequence[Series]) -> Limits:
    points = [point for one in series for point in one.points if point.is_finite]
    if not points:
        return Limits((0.0, 1.0), (0.0, 1.0))
    x, y = [point.x for point in points], [point.y for point in points]
    if len(points) == 1:  # a single point has no scale of its own: show its bracket
        x += [end for end in points[0].x_bracket if math.isfinite(end)]
        y += [end for end in points[0].y_bracket if math.isfinite(end)]
    return Limits(extent(x), extent(y))
