"""The information plane as data: which measured values are points, in which order, and what bounds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from estimator.checkpoints import in_training_order, parse_checkpoint
from estimator.curve import BoundCurve, BoundKind, Distance, distance_to_bound
from estimator.measurement import MIN_COUNT, CheckpointMeasurements, Granularity, Layer, Measurement, Variant, Weights
from estimator.request import Preset
from estimator.revision import Revision

PADDING = 0.06
"""Share of the data's extent left free on each side of the suggested limits."""
LEAST_EXTENT = 0.01
"""Both axes span at least this much, so that one point, or noise, is not blown up to a full screen."""


@dataclass(frozen=True, slots=True)
class View:
    """What of the measurements is shown; ``preset`` chooses the value that is the point: corrected or plug-in.

    ``bound`` is the bound drawn beside the points, which in the paper preset is the diagonal alone.
    """

    layer: Layer | Literal["each"] = "mean"
    granularity: Granularity = "token"
    temperature_rule: str = "exact"
    weights: Weights = "frequency"
    preset: Preset = "corrected"
    variant: Variant = "raw"
    min_count: int = MIN_COUNT
    bound: BoundKind = "ib"

    @property
    def drawn_bound(self) -> BoundKind:
        """The bound that is drawn."""
        return "diagonal" if self.preset == "paper" else self.bound

    def rows(self, record: CheckpointMeasurements, layers: Sequence[Layer] | None = None) -> tuple[Measurement, ...]:
        """The rows of ``record`` at ``layers`` (None: each that is measured) that fit the view, whatever its layer."""
        return record.select(
            layers=layers,
            granularity=self.granularity,
            weights=self.weights,
            temperature_rule=self.temperature_rule,
            variant=self.variant,
            min_count=self.min_count,
        )


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
    def of(cls, checkpoint: CheckpointMeasurements) -> Trajectory:
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

    ``x_bracket`` and ``y_bracket`` are where the truth is expected (:attr:`estimator.measurement.Information.bracket`);
    ``null`` is where the point would lie if its labels had nothing to do with Z.
    """

    checkpoint: CheckpointMeasurements
    measurement: Measurement
    x: float
    y: float
    x_bracket: tuple[float, float]
    y_bracket: tuple[float, float]
    null: tuple[float, float]

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
class Limits:
    """The part of the plane that is drawn; both extents are finite and not empty."""

    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Plane:
    """What a picture of the information plane shows; ``bound``, where it is not the diagonal, as fractions of log n."""

    view: View
    series: tuple[Series, ...]
    bound: tuple[tuple[float, float], ...]
    limits: Limits

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, series by series."""
        return tuple(point for series in self.series for point in series.points)

    def series_of(self, point: Point) -> Series | None:
        """The series that holds ``point``; None when it is not on this plane."""
        return next((series for series in self.series if point in series.points), None)


def plane(measurements: Sequence[CheckpointMeasurements], view: View, curve: BoundCurve | None) -> Plane:
    """The plane that ``view`` makes of ``measurements``, with ``curve`` (bits) divided by log2 n anchors beside it."""
    series: list[Series] = []
    trajectories = _trajectories(measurements)
    for trajectory, records in trajectories.items():
        layers = _layers(records, view)
        found = [_points(parts, layers, view) for parts in checkpoints_of(records)]
        for layer in layers:
            points = tuple(points[layer] for points in found if layer in points)
            if points:
                name = _series_name(trajectory, points[0].checkpoint, layer, view, list(trajectories))
                series.append(Series(trajectory, layer, name, points))
    return Plane(view, tuple(series), _bound(curve, series, view), _limits(series))


def distance(point: Point, curve: BoundCurve) -> Distance:
    """How far ``point``, as it is drawn, lies under the IB curve of its sample and granularity, in bits."""
    bits = math.log2(point.checkpoint.anchors)
    return distance_to_bound(curve, point.x * bits, point.y * bits)


def checkpoints_of(records: Iterable[CheckpointMeasurements]) -> list[tuple[CheckpointMeasurements, ...]]:
    """The checkpoints of one trajectory in training order, each with all records kept of it (one as a rule)."""
    parts: dict[Revision, list[CheckpointMeasurements]] = {}
    for record in records:
        parts.setdefault(revision_of(record), []).append(record)
    return [tuple(parts[revision]) for revision in in_training_order(parts)]


def revision_of(record: CheckpointMeasurements) -> Revision:
    """The checkpoint that ``record`` measured, as its revision."""
    ingredient = parse_checkpoint(record.model, record.revision, record.commit).ingredient
    return Revision(
        record.model,
        record.revision,
        commit=record.commit,
        stage=record.stage,
        ingredient=ingredient,
        step=record.step,
        tokens=record.tokens,
    )


def layers_measured(records: Iterable[CheckpointMeasurements]) -> list[int]:
    """The layers that any of ``records`` has rows of, ascending."""
    return sorted({row.layer for record in records for row in record.rows if isinstance(row.layer, int)})


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


def _trajectories(
    measurements: Sequence[CheckpointMeasurements],
) -> dict[Trajectory, list[CheckpointMeasurements]]:
    groups: dict[Trajectory, list[CheckpointMeasurements]] = {}
    for record in measurements:
        groups.setdefault(Trajectory.of(record), []).append(record)
    return groups


def _layers(records: Sequence[CheckpointMeasurements], view: View) -> list[Layer]:
    if view.layer != "each":
        return [view.layer]
    return [layer for layer in layers_measured(records) if layer != 0] or [0]


def _points(records: Sequence[CheckpointMeasurements], layers: Sequence[Layer], view: View) -> dict[Layer, Point]:
    """One checkpoint's points by layer; where several records have the same row, the first one's counts."""
    points: dict[Layer, Point] = {}
    for record in records:
        for row in view.rows(record, layers):
            if row.layer not in points:
                points[row.layer] = _point(record, row, view)
    return points


def _point(record: CheckpointMeasurements, row: Measurement, view: View) -> Point:
    sides = (row.complexity, row.expressivity)
    corrected = view.preset == "corrected"
    x, y = (side.corrected if corrected else side.plugin for side in sides)
    x_bracket, y_bracket = (side.bracket for side in sides)
    x_null, y_null = (0.0 if corrected else side.null for side in sides)
    return Point(record, row, x, y, x_bracket, y_bracket, (x_null, y_null))


def _series_name(
    trajectory: Trajectory,
    checkpoint: CheckpointMeasurements,
    layer: Layer,
    view: View,
    trajectories: Sequence[Trajectory],
) -> str:
    parts = []
    if len(trajectories) > 1 or view.layer != "each":
        parts.append(trajectory.model)
    if sum(other.model == trajectory.model for other in trajectories) > 1:
        parts.append(f"({checkpoint.corpus}, {checkpoint.documents} documents)")
    if view.layer == "each":
        parts.append(f"layer {layer}")
    return " ".join(parts)


def _bound(curve: BoundCurve | None, series: Sequence[Series], view: View) -> tuple[tuple[float, float], ...]:
    if curve is None or not series or view.drawn_bound == "diagonal":
        return ()
    bits = math.log2(series[0].trajectory.anchors)
    return tuple((x / bits, y / bits) for x, y in curve.line(view.drawn_bound))


def _limits(series: Sequence[Series]) -> Limits:
    points = [point for one in series for point in one.points if point.is_finite]
    if not points:
        return Limits((0.0, 1.0), (0.0, 1.0))
    x, y = [point.x for point in points], [point.y for point in points]
    if len(points) == 1:  # nothing else gives a scale: show its bracket
        x += [end for end in points[0].x_bracket if math.isfinite(end)]
        y += [end for end in points[0].y_bracket if math.isfinite(end)]
    return Limits(_extent(x), _extent(y))


def _extent(values: Sequence[float]) -> tuple[float, float]:
    """Padded ends, rounded outwards to a twentieth of their size, so that a new point seldom moves them."""
    centre = min(values) / 2 + max(values) / 2
    half = max(max(values) / 2 - min(values) / 2, LEAST_EXTENT / 2, abs(centre) * 1e-9) * (1 + 2 * PADDING)
    if not (abs(centre) < 1e300 and half < 1e300):
        return -1e300, 1e300
    grain = 10.0 ** math.floor(math.log10(half)) / 5
    lower, upper = math.floor((centre - half) / grain) * grain, math.ceil((centre + half) / grain) * grain
    # Information is never below 0 by more than its error: an axis that starts at 0 says so.
    return (0.0 if lower < 0 <= min(values) else lower), upper
