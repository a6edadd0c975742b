"""The information plane as data: which measured values are points, in which order, and what bounds them.

Preference information has one side only: its picture shows that side over training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Literal

from estimator.bottleneck.bounds import BOUNDS, DIAGONAL, IB, Bound
from estimator.checkpoints.names import in_training_order, parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve, Corners, Distance, distance_to_bound
from estimator.measurement import MIN_COUNT, Layer, Measurement, Variant, Weights
from estimator.preference import PREFERENCE, CheckpointPreferences
from estimator.request import Preset
from ib_explorer.drawing.axes import Axis, Limits, extent, training_axis
from ib_explorer.drawing.records import COMPLEXITY, EXPRESSIVITY, OF_PREFERENCE, Labels, Record, Row, sample_size, sides
from ib_explorer.drawing.shelf import Same, shelf_of


@dataclass(frozen=True, slots=True)
class View:
    """What of the measurements is shown; ``preset`` chooses the value that is the point: corrected or plug-in.

    ``bound`` names the bound drawn beside the points, which in the paper preset is the diagonal alone.
    """

    layer: Layer | Literal["each"] = "mean"
    granularity: Labels = "token"
    temperature_rule: str = "exact"
    weights: Weights = "frequency"
    preset: Preset = "corrected"
    variant: Variant = "raw"
    min_count: int = MIN_COUNT
    bound: str = IB.name

    @property
    def is_preference(self) -> bool:
        """Whether preference information is shown over training, instead of the plane."""
        return self.granularity == PREFERENCE

    @property
    def drawn_bound(self) -> Bound:
        """The bound that is drawn."""
        return DIAGONAL if self.preset == "paper" else BOUNDS[self.bound]

    def with_labels(self, labels: Labels) -> View:
        """The same view of other labels; preference is measured of raw states only."""
        return replace(self, granularity=labels, variant="raw" if labels == PREFERENCE else self.variant)

    def shows(self, record: Record) -> bool:
        """Whether ``record`` is of the kind that is shown: of preference, or of n-grams."""
        return self.is_preference == isinstance(record, CheckpointPreferences)

    def rows(self, record: Record, layers: Sequence[Layer] | None = None) -> tuple[Row, ...]:
        """The rows of ``record`` at ``layers`` (None: each that is measured) that fit the view, whatever its layer."""
        shelf = shelf_of(record)
        least = 1 if self.weights == "frequency" or self.is_preference else self.min_count
        choice = (self.granularity, self.weights, least, self.variant, self.temperature_rule)
        rows = shelf.rows(choice)
        if layers is None:
            return tuple(rows.values())
        found = (shelf.mean(choice) if layer == "mean" else rows.get(layer) for layer in layers)
        return tuple(row for row in found if row is not None)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What checkpoints joined by a line share: the model, and the sample and anchors it was measured with."""

    model: str
    sample: str
    anchors: int
    anchor_seeds: tuple[int, ...]
    dtype: str
    estimator_version: str

    @classmethod
    def of(cls, checkpoint: Record) -> Trajectory:
        """The trajectory that a measured checkpoint belongs to."""
        return cls(
            checkpoint.model,
            checkpoint.sample,
            checkpoint.anchors,
            checkpoint.anchor_seeds,
            checkpoint.dtype,
            checkpoint.estimator_version,
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement on the plane: ``x`` is I(X;Z) and ``y`` I(Y;Z), fractions of log n.

    Of preference, ``x`` is the place of the checkpoint in training, which has no bracket, and ``y`` I(pref;Z).
    """

    checkpoint: Record
    measurement: Row
    preset: Preset
    x: float
    y: float

    @property
    def x_bracket(self) -> tuple[float, float]:
        """Where I(X;Z) is expected to be: :attr:`estimator.measurement.Information.bracket`."""
        row = self.measurement
        return row.complexity.bracket if isinstance(row, Measurement) else (self.x, self.x)

    @property
    def y_bracket(self) -> tuple[float, float]:
        """The same of I(Y;Z), or of I(pref;Z)."""
        row = self.measurement
        return row.expressivity.bracket if isinstance(row, Measurement) else row.information.bracket

    @property
    def null(self) -> tuple[float, float]:
        """Where the point would lie if its labels had nothing to do with Z."""
        x, *rest = (0.0 if self.preset == "corrected" else side.null for side in sides(self.measurement).values())
        return (x, rest[0]) if rest else (self.x, x)

    @property
    def is_finite(self) -> bool:
        """Whether the point has a place on the plane at all."""
        return math.isfinite(self.x) and math.isfinite(self.y)


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one trajectory at one layer (or the layers' mean), in training order."""

    trajectory: Trajectory
    layer: Layer
    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Plane:
    """What a picture of the information plane shows; ``bound``, where it is not the diagonal, as fractions of log n."""

    view: View
    series: tuple[Series, ...]
    bound: Corners
    limits: Limits
    x_axis: Axis
    y_axis: Axis

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, series by series."""
        return tuple(point for series in self.series for point in series.points)

    def series_of(self, point: Point) -> Series | None:
        """The series that holds ``point``; None when it is not on this plane."""
        layer = point.measurement.layer
        return next((series for series in self.series if series.layer == layer and point in series.points), None)


def plane(records: Iterable[Record], view: View, curve: BoundCurve | None) -> Plane:
    """The plane that ``view`` makes of ``records``, with ``curve`` (bits) divided by log2 n anchors beside it."""
    series: list[Series] = []
    trajectories = _trajectories(record for record in records if view.shows(record))
    checkpoints = {trajectory: checkpoints_of(records) for trajectory, records in trajectories.items()}
    x_axis, y_axis = Axis(COMPLEXITY), Axis(EXPRESSIVITY)
    places: list[Mapping[Revision, float]] = [{} for _ in checkpoints]
    if view.is_preference:
        runs = [[revision_of(parts[0]) for parts in run] for run in checkpoints.values()]
        (x_axis, places), y_axis = training_axis(runs), Axis(OF_PREFERENCE)
    for (trajectory, run), place in zip(checkpoints.items(), places, strict=True):
        layers = tuple(_layers(trajectories[trajectory], view))
        found = [_points(tuple(map(Same, parts)), layers, view, place.get(revision_of(parts[0]))) for parts in run]
        for layer in layers:
            points = tuple(points[layer] for points in found if layer in points)
            if points:
                name = _series_name(trajectory, points[0].checkpoint, layer, view, list(trajectories))
                series.append(Series(trajectory, layer, name, points))
    return Plane(view, tuple(series), _bound(curve, series, view), _limits(series), x_axis, y_axis)


def distance(point: Point, curve: BoundCurve) -> Distance:
    """How far ``point``, as it is drawn, lies under the IB curve of its sample and granularity, in bits."""
    bits = math.log2(point.checkpoint.anchors)
    return distance_to_bound(curve, point.x * bits, point.y * bits)


def checkpoints_of(records: Iterable[Record]) -> list[tuple[Record, ...]]:
    """The checkpoints of one trajectory in training order, each with all records kept of it (one as a rule)."""
    parts: dict[Revision, list[Record]] = {}
    for record in records:
        parts.setdefault(revision_of(record), []).append(record)
    return [tuple(parts[revision]) for revision in in_training_order(parts)]


def by_trajectory(records: tuple[Record, ...]) -> Mapping[Trajectory, tuple[Record, ...]]:
    """The records of each trajectory in training order; remembered for the very tuple."""
    return _by_trajectory(Same(records))


@lru_cache(maxsize=4)
def _by_trajectory(records: Same[tuple[Record, ...]]) -> Mapping[Trajectory, tuple[Record, ...]]:
    groups = _trajectories(records.value)
    return {trajectory: tuple(chain(*checkpoints_of(mine))) for trajectory, mine in groups.items()}


def revision_of(record: Record) -> Revision:
    """The checkpoint that ``record`` measured, as its revision."""
    return _revision(record.model, record.revision, record.commit, record.stage, record.step, record.tokens)


@lru_cache(maxsize=4096)
def _revision(model: str, name: str, commit: str, stage: str | None, step: int | None, tokens: int | None) -> Revision:
    ingredient = parse_checkpoint(model, name, commit).ingredient
    return Revision(model, name, commit=commit, stage=stage, ingredient=ingredient, step=step, tokens=tokens)


def layers_measured(records: Iterable[Record]) -> list[int]:
    """The layers that any of ``records`` has rows of, ascending."""
    return sorted(set[int]().union(*(shelf_of(record).layers for record in records)))


def neighbour(plane: Plane, point: Point, *, along: int = 0, across: int = 0) -> Point:
    """The point ``along`` steps later in its series, or ``across`` series further at the same checkpoint if it can.

    Stays at the ends; a point that is not on the plane is answered by itself.
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


def _trajectories(records: Iterable[Record]) -> dict[Trajectory, list[Record]]:
    groups: dict[Trajectory, list[Record]] = {}
    for record in records:
        groups.setdefault(Trajectory.of(record), []).append(record)
    return groups


def _layers(records: Sequence[Record], view: View) -> list[Layer]:
    if view.layer != "each":
        return [view.layer]
    return [layer for layer in layers_measured(records) if layer != 0] or [0]


@lru_cache(maxsize=2048)
def _points(
    records: tuple[Same[Record], ...], layers: tuple[Layer, ...], view: View, place: float | None
) -> dict[Layer, Point]:
    """One checkpoint's points by layer; where several records have the same row, the first one's counts.

    ``place`` is that of the checkpoint in training, where that is the x axis. Remembered, because a checkpoint that
    arrives leaves the points of all others as they are.
    """
    points: dict[Layer, Point] = {}
    for record in records:
        for row in view.rows(record.value, layers):
            if row.layer not in points:
                points[row.layer] = _point(record.value, row, view, place)
    return points


def _point(record: Record, row: Row, view: View, place: float | None) -> Point:
    drawn = _corrected if view.preset == "corrected" else _plugin
    if isinstance(row, Measurement):
        return Point(record, row, view.preset, drawn(row.complexity), drawn(row.expressivity))
    assert place is not None, "preference is drawn over training"
    return Point(record, row, view.preset, place, drawn(row.information))


_corrected, _plugin = attrgetter("corrected"), attrgetter("plugin")


def _series_name(
    trajectory: Trajectory,
    checkpoint: Record,
    layer: Layer,
    view: View,
    trajectories: Sequence[Trajectory],
) -> str:
    parts = []
    if len(trajectories) > 1 or view.layer != "each":
        parts.append(trajectory.model)
    if sum(other.model == trajectory.model for other in trajectories) > 1:
        parts.append(f"({checkpoint.corpus}, {sample_size(checkpoint)})")
    if view.layer == "each":
        parts.append(f"layer {layer}")
    return " ".join(parts)


def _bound(curve: BoundCurve | None, series: Sequence[Series], view: View) -> Corners:
    if curve is None or not series or view.drawn_bound is DIAGONAL:  # which every plane has
        return ()
    bits = math.log2(series[0].trajectory.anchors)
    return tuple((x / bits, y / bits) for x, y in view.drawn_bound.line(curve))


def _limits(series: Sequence[Series]) -> Limits:
    points = [point for one in series for point in one.points if point.is_finite]
    if not points:
        return Limits((0.0, 1.0), (0.0, 1.0))
    x, y = [point.x for point in points], [point.y for point in points]
    if len(points) == 1:  # nothing else gives a scale: show its bracket
        x += [end for end in points[0].x_bracket if math.isfinite(end)]
        y += [end for end in points[0].y_bracket if math.isfinite(end)]
    return Limits(extent(x), extent(y))
