"""The information plane as data: which measured values are points, in which order, and what bounds them.

Preference information has one side only: its picture shows that side over training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from estimator.checkpoints import in_training_order, parse_checkpoint
from estimator.curve import BOUND_KINDS, BoundCurve, BoundKind, Conditionals, Distance, distance_to_bound
from estimator.measurement import MIN_COUNT, Information, Layer, Variant, Weights
from estimator.preference import PREFERENCE, CheckpointPreferences
from estimator.request import Preset
from estimator.revision import Revision
from ib_explorer.axes import Axis, training_axis
from ib_explorer.measured import COMPLEXITY, EXPRESSIVITY, OF_PREFERENCE, Labels, Record, Row, sample_size, sides

PADDING = 0.06
"""Share of the data's extent left free on each side of the suggested limits."""
LEAST_EXTENT = 0.01
"""Both axes span at least this much, so that one point, or noise, is not blown up to a full screen."""

Bound = BoundKind | Literal["held-out"]
BOUNDS: tuple[Bound, ...] = (*BOUND_KINDS, "held-out")
"""What can be drawn beside the points: the bounds of the sample, and its IB curve with p(y|x) held out."""


@dataclass(frozen=True, slots=True)
class View:
    """What of the measurements is shown; ``preset`` chooses the value that is the point: corrected or plug-in.

    ``bound`` is the bound drawn beside the points, which in the paper preset is the diagonal alone.
    """

    layer: Layer | Literal["each"] = "mean"
    granularity: Labels = "token"
    temperature_rule: str = "exact"
    weights: Weights = "frequency"
    preset: Preset = "corrected"
    variant: Variant = "raw"
    min_count: int = MIN_COUNT
    bound: Bound = "ib"

    @property
    def is_preference(self) -> bool:
        """Whether preference information is shown over training, instead of the plane."""
        return self.granularity == PREFERENCE

    @property
    def drawn_bound(self) -> Bound:
        """The bound that is drawn."""
        return "diagonal" if self.preset == "paper" else self.bound

    @property
    def conditionals(self) -> Conditionals:
        """Where p(y|x) of the curve beside the points comes from."""
        return "held-out" if self.drawn_bound == "held-out" else "raw"

    def with_labels(self, labels: Labels) -> View:
        """The same view of other labels; preference is measured of raw states only."""
        return replace(self, granularity=labels, variant="raw" if labels == PREFERENCE else self.variant)

    def shows(self, record: Record) -> bool:
        """Whether ``record`` is of the kind that is shown: of preference, or of n-grams."""
        return self.is_preference == isinstance(record, CheckpointPreferences)

    def rows(self, record: Record, layers: Sequence[Layer] | None = None) -> tuple[Row, ...]:
        """The rows of ``record`` at ``layers`` (None: each that is measured) that fit the view, whatever its layer."""
        if isinstance(record, CheckpointPreferences):
            wanted = (self.granularity, self.weights, self.temperature_rule, self.variant)
            rows = record.select(range(record.depth + 1) if layers is None else layers)
            return tuple(row for row in rows if (PREFERENCE, row.weights, row.temperature_rule, row.variant) == wanted)
        if self.granularity == PREFERENCE:
            return ()
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
    ``x_bracket`` and ``y_bracket`` are where the truth is expected (:attr:`estimator.measurement.Information.bracket`);
    ``null`` is where the point would lie if its labels had nothing to do with Z.
    """

    checkpoint: Record
    measurement: Row
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
    x_axis: Axis
    y_axis: Axis

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, series by series."""
        return tuple(point for series in self.series for point in series.points)

    def series_of(self, point: Point) -> Series | None:
        """The series that holds ``point``; None when it is not on this plane."""
        return next((series for series in self.series if point in series.points), None)


def plane(records: Iterable[Record], view: View, curve: BoundCurve | None) -> Plane:
    """The plane that ``view`` makes of ``records``, with ``curve`` (bits) divided by log2 n anchors beside it."""
    series: list[Series] = []
    trajectories = _trajectories(record for record in records if view.shows(record))
    checkpoints = {trajectory: checkpoints_of(records) for trajectory, records in trajectories.items()}
    x_axis, y_axis, places = Axis(COMPLEXITY), Axis(EXPRESSIVITY), None
    if view.is_preference:
        runs = [[revision_of(parts[0]) for parts in run] for run in checkpoints.values()]
        (x_axis, places), y_axis = training_axis(runs), Axis(OF_PREFERENCE)
    for trajectory, run in checkpoints.items():
        layers = _layers(trajectories[trajectory], view)
        found = [_points(parts, layers, view, places) for parts in run]
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


def revision_of(record: Record) -> Revision:
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


def layers_measured(records: Iterable[Record]) -> list[int]:
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


def _trajectories(records: Iterable[Record]) -> dict[Trajectory, list[Record]]:
    groups: dict[Trajectory, list[Record]] = {}
    for record in records:
        groups.setdefault(Trajectory.of(record), []).append(record)
    return groups


def _layers(records: Sequence[Record], view: View) -> list[Layer]:
    if view.layer != "each":
        return [view.layer]
    return [layer for layer in layers_measured(records) if layer != 0] or [0]


def _points(
    records: Sequence[Record], layers: Sequence[Layer], view: View, places: Mapping[Revision, float] | None
) -> dict[Layer, Point]:
    """One checkpoint's points by layer; where several records have the same row, the first one's counts.

    ``places`` are those of checkpoints in training, where that is the x axis.
    """
    points: dict[Layer, Point] = {}
    for record in records:
        place = None if places is None else places[revision_of(record)]
        for row in view.rows(record, layers):
            if row.layer not in points:
                points[row.layer] = _point(record, row, view, place)
    return points


def _point(record: Record, row: Row, view: View, place: float | None) -> Point:
    coordinates = [_coordinate(side, view.preset) for side in sides(row).values()]
    if place is not None:
        coordinates.insert(0, (place, (place, place), place))
    (x, x_bracket, x_null), (y, y_bracket, y_null) = coordinates
    return Point(record, row, x, y, x_bracket, y_bracket, (x_null, y_null))


def _coordinate(side: Information, preset: Preset) -> tuple[float, tuple[float, float], float]:
    """What is drawn of one side's information, its bracket, and what would be drawn if it were null."""
    return (side.corrected, side.bracket, 0.0) if preset == "corrected" else (side.plugin, side.bracket, side.null)


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


def _bound(curve: BoundCurve | None, series: Sequence[Series], view: View) -> tuple[tuple[float, float], ...]:
    bound = view.drawn_bound
    if curve is None or not series or bound == "diagonal":
        return ()
    bits = math.log2(series[0].trajectory.anchors)
    return tuple((x / bits, y / bits) for x, y in curve.line("ib" if bound == "held-out" else bound))


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
